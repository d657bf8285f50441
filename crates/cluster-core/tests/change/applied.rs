//! What is approved is done, once, and seen to be done.

use std::time::Duration;

use clusterkeep_core::audit::{JsonlAudit, Sink};
use clusterkeep_core::change::{Change, Decision, Reason};
use clusterkeep_core::cloud::{Restore, RestoreWhat, SnapshotRange};
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::{Error, ExitCode};
use clusterkeep_testkit::cloud::{Fault, Fixture, Kind};

use crate::world::{GIB, PASSWORD, World, is_drifted};

/// Plans, applies, and looks whether a field of the cluster is as it should be; a second plan has nothing to do.
async fn goes(world: &World, change: Change, field: &str, value: serde_json::Value) {
    let planned = world.plan(&change).await;
    assert_eq!(planned.steps.len(), 1, "{planned}");
    assert_ne!(world.field(field), value);
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(world.field(field), value);
    let again = world.plan(&change).await;
    assert!(again.is_empty() && again.refused().next().is_none(), "{again}");
    assert_eq!(again.verdicts[0].reason, Reason::AsWanted);
}

#[tokio::test]
async fn scale() {
    let world = World::new().await;
    let change = Change::Scale { cluster: world.id, unit: 2 };
    let planned = world.plan(&change).await;
    let verdict = &planned.verdicts[0];
    assert_eq!(verdict.reason, Reason::MoreNodes);
    assert_eq!(verdict.detail.from.as_deref(), Some("1 node, unit 0"));
    assert_eq!(verdict.detail.to.as_deref(), Some("3 nodes, unit 2"));
    assert!(verdict.detail.month_then.unwrap() > verdict.detail.month_now.unwrap(), "{planned}");
    goes(&world, change, "num_nodes", 3.into()).await;
    let down = world.plan(&Change::Scale { cluster: world.id, unit: 0 }).await;
    assert_eq!(down.verdicts[0].reason, Reason::FewerNodes);
}

#[tokio::test]
async fn another_product() {
    let world = World::new().await;
    goes(&world, Change::ChangeProduct { cluster: world.id, product: "cr2".into() }, "product_name", "cr2".into())
        .await;
}

#[tokio::test]
async fn upgrade() {
    let world = World::with(Fixture::named("staging").version("6.0.1")).await;
    let client = world.client();
    let offered = client.available_upgrades(world.id).await.unwrap().stable.unwrap().version.unwrap();
    goes(&world, Change::Upgrade { cluster: world.id, version: offered.clone() }, "crate_version", offered.into())
        .await;
}

#[tokio::test]
async fn larger_disks() {
    let world = World::new().await;
    let change = Change::ExpandStorage { cluster: world.id, bytes: 256 * GIB };
    let planned = world.plan(&change).await;
    assert_eq!(planned.verdicts[0].detail.to.as_deref(), Some("256.0 GiB a node"));
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(world.field("hardware_specs")["disk_size_per_node_bytes"], 256 * GIB);
}

#[tokio::test]
async fn the_allow_list_is_replaced_network_by_network() {
    let world = World::with(Fixture::named("staging").allow(&["10.0.0.0/8", "127.0.0.0/8"])).await;
    let list = |texts: &[&str]| Change::Allow {
        cluster: world.id,
        networks: texts.iter().map(|text| text.parse().unwrap()).collect(),
    };
    let change = list(&["10.0.0.0/8", "192.0.2.0/24"]);
    let planned = world.plan(&change).await;
    let decided: Vec<_> = planned.verdicts.iter().map(|one| (one.object.to_string(), one.verdict)).collect();
    let network = |text: &str, decision| (format!("network {text}"), decision);
    assert_eq!(
        decided,
        [
            ("cluster staging".to_owned(), Decision::Change),
            network("10.0.0.0/8", Decision::Keep),
            network("127.0.0.0/8", Decision::Remove),
            network("192.0.2.0/24", Decision::Add),
        ]
    );
    // The local Cloud sees its callers at the address of this machine.
    let own = world.client().ip_address().await.unwrap().ip.parse().unwrap();
    assert_eq!(planned.verdicts[0].reason, Reason::Restricts { locks_out: Some(own) });
    let report = world.apply(&planned).await.unwrap();
    assert_eq!((report.exit_code(), report.outcomes.len()), (ExitCode::Done, 3), "{report:?}");
    assert_eq!(world.field("ip_whitelist").as_array().unwrap().len(), 2);

    let open = world.plan(&list(&[])).await;
    assert_eq!(open.verdicts[0].reason, Reason::OpensToAll);
    assert!(open.to_string().contains("opens the cluster to everyone"), "{open}");
    assert_eq!(world.apply(&open).await.unwrap().exit_code(), ExitCode::Done);
    assert_eq!(world.field("ip_whitelist").as_array().unwrap().len(), 0);
    assert_eq!(world.plan(&list(&["0.0.0.0/0"])).await.verdicts[0].reason, Reason::OpensToAll);
}

#[tokio::test]
async fn protection_on_and_off_and_then_the_end() {
    let world = World::new().await;
    goes(&world, Change::Protect { cluster: world.id, on: true }, "deletion_protected", true.into()).await;
    let delete = Change::Delete { cluster: world.id };
    assert_eq!(world.refused(&delete).await, Reason::Protected);
    goes(&world, Change::Protect { cluster: world.id, on: false }, "deletion_protected", false.into()).await;
    let planned = world.plan(&delete).await;
    assert!(planned.to_string().contains("its backups too"), "{planned}");
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert!(world.cloud.cluster(world.id).is_null());
}

#[tokio::test]
async fn suspend() {
    let world = World::new().await;
    goes(&world, Change::Suspend { cluster: world.id }, "suspended", true.into()).await;
}

#[tokio::test]
async fn create_once_and_without_its_password_anywhere() {
    let world = World::new().await;
    let change = world.new_cluster("fresh");
    let planned = world.plan(&change).await;
    let shown = planned.to_string();
    assert!(shown.contains("billed from its creation on"), "{shown}");
    assert!(planned.verdicts[0].detail.month_then.is_some(), "{shown}");
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(world.cloud.clusters().len(), 2);
    let written =
        format!("{shown}{planned:?}{report:?}{}{}", world.audit(), serde_json::to_string(&planned.plan).unwrap());
    assert!(!written.contains(PASSWORD) && written.contains("fresh"));

    // Run again: it is there, and there is no second one.
    let again = world.plan(&change).await;
    assert!(again.is_empty() && matches!(again.verdicts[0].reason, Reason::Exists { .. }), "{again}");
}

#[tokio::test]
async fn the_audit_tells_what_was_meant_and_what_became_of_it() {
    let world = World::new().await;
    let planned = world.plan(&Change::Suspend { cluster: world.id }).await;
    assert_eq!(world.audit(), "", "a plan leaves nothing");
    let report = world.apply(&planned).await.unwrap();
    let audit = JsonlAudit::at(world.folder.path().join("changes.jsonl"));
    let records = audit.read(1, 10).await.unwrap();
    clusterkeep_core::audit::verify(None, &records).unwrap();
    let events: Vec<_> = records.iter().map(|record| record.entry().unwrap().event).collect();
    use clusterkeep_core::audit::Event::{Began, Ended, Intent, Outcome as Became};
    assert_eq!(events, [Began, Intent, Became, Ended]);
    assert_eq!(report.audit_head.unwrap(), audit.head().await.unwrap().unwrap().to_string());
    assert!(records[1].body.contains(&world.id.to_string()));
}

#[tokio::test]
async fn what_changed_meanwhile_is_drift() {
    let world = World::new().await;
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 2 }).await;
    world.client().change_product(world.id, "cr2").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = world.apply(&planned).await.unwrap_err();
    assert!(is_drifted(&error), "{error}");
    assert_eq!(world.field("num_nodes"), 1);

    // A cluster that was suspended when its end was planned and runs now may be in use.
    let planned = world.plan(&Change::Delete { cluster: world.id }).await;
    let wait = clusterkeep_core::cloud::Wait::default().pauses(Duration::from_millis(10), Duration::from_millis(50));
    world.client().suspend(world.id, &wait).await.unwrap();
    assert!(is_drifted(&world.apply(&planned).await.unwrap_err()));
    assert!(!world.cloud.cluster(world.id).is_null());
}

#[tokio::test]
async fn what_is_going_on_is_announced_waited_for_and_looked_at_again() {
    let world = World::new().await;
    world.cloud.set_operation_time(Duration::from_millis(300));
    let client = world.client();
    client.set_allow_list(world.id, &["10.0.0.0/8".parse().unwrap()]).await.unwrap();
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 1 }).await;
    assert!(planned.to_string().contains("note: allowed cidr update is in progress on it"), "{planned}");
    assert!(planned.verdicts[0].detail.waits_for.is_some());
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(world.field("num_nodes"), 2);

    // One that makes it another plan.
    client.scale_cluster(world.id, 3).await.unwrap();
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 2 }).await;
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.outcomes[0].outcome, Outcome::Refused, "{report:?}");
    assert!(report.outcomes[0].message.as_deref().unwrap().contains("after scale had ended"), "{report:?}");
    assert_eq!(world.field("num_nodes"), 4);
}

#[tokio::test]
async fn a_conflict_that_comes_in_between_is_waited_for() {
    let world = World::new().await;
    world.cloud.inject(Fault::on("PUT", "/clusters/*/scale/").conflict(409).times(1));
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 1 }).await;
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
}

#[tokio::test]
async fn a_failed_operation_is_a_failed_outcome_with_the_services_own_words() {
    let world = World::new().await;
    world.cloud.fail_next_operation(Kind::Scale, Some("no room in the zone"));
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 1 }).await;
    let report = world.apply(&planned).await.unwrap();
    assert_eq!((report.exit_code(), report.outcomes[0].outcome), (ExitCode::Failed, Outcome::Failed));
    assert!(report.outcomes[0].message.as_deref().unwrap().contains("no room in the zone"), "{report:?}");
    assert!(world.audit().contains("no room in the zone"));
    assert_eq!(world.field("num_nodes"), 1);
    // Once more.
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
}

#[tokio::test]
async fn one_run_at_a_time_for_each_cluster() {
    let world = World::new().await;
    world.cloud.set_operation_time(Duration::from_millis(500));
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 1 }).await;
    let (first, second) = tokio::join!(world.apply(&planned), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.apply(&planned).await
    });
    assert_eq!(first.unwrap().exit_code(), ExitCode::Done);
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
}

#[tokio::test]
async fn without_waiting_it_ends_when_it_is_accepted() {
    let world = World::new().await;
    world.cloud.set_operation_time(Duration::from_secs(60));
    let planned = world.plan(&Change::Scale { cluster: world.id, unit: 1 }).await;
    let changes = world.changes().without_waiting();
    let report = changes.apply(&planned, planned.hash.into()).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(
        (world.field("num_nodes"), world.cloud.operations(world.id)[0]["type"].clone()),
        (1.into(), "SCALE".into())
    );
}

#[tokio::test]
async fn a_creation_that_fails_names_the_cluster_that_may_be_billed() {
    let world = World::new().await;
    world.cloud.fail_next_operation(Kind::Create, Some("no room in the zone"));
    let planned = world.plan(&world.new_cluster("fresh")).await;
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Failed);
    let message = report.outcomes[0].message.clone().unwrap();
    let id = world.cloud.clusters()[1]["id"].as_str().unwrap().to_owned();
    assert!(message.contains("no room in the zone") && message.contains(&id), "{message}");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_cluster() {
    let world = World::new().await;
    world.cloud.inject(Fault::on("POST", "/organizations/*/clusters/").lose_answer().times(1));
    let planned = world.plan(&world.new_cluster("fresh")).await;
    let report = world.apply(&planned).await.unwrap();
    assert_eq!(report.exit_code(), ExitCode::Done, "{report:?}");
    assert_eq!(world.cloud.clusters().len(), 2);
}

#[tokio::test]
async fn restore_table_by_table_of_the_same_and_of_another_cluster() {
    let world = World::with(Fixture::named("staging").tables(&["doc.a", "doc.b"])).await;
    let newest = world.client().snapshots(world.id, &SnapshotRange::default()).await.unwrap().remove(0);
    let restore = Restore::new(newest.repository.unwrap(), newest.snapshot.unwrap());
    let change = |cluster, restore| Change::Restore { cluster, restore };
    let planned = world.plan(&change(world.id, restore.clone())).await;
    let objects: Vec<_> = planned.verdicts.iter().map(|verdict| verdict.object.to_string()).collect();
    assert_eq!(objects, ["cluster staging", "table doc.a", "table doc.b"]);
    let report = world.apply(&planned).await.unwrap();
    assert_eq!((report.exit_code(), report.outcomes.len()), (ExitCode::Done, 3), "{report:?}");

    let some = restore.clone().what(RestoreWhat::Tables(vec!["doc.a".into(), "doc.z".into()]));
    assert_eq!(world.refused(&change(world.id, some)).await, Reason::NotInSnapshot);

    // Into another cluster of the same project, and into one of another organization.
    let other = world.cloud.add_cluster(Fixture::named("copy")).unwrap();
    let of = restore.of_cluster(world.id);
    let planned = world.plan(&change(other, of.clone())).await;
    assert_eq!(world.apply(&planned).await.unwrap().exit_code(), ExitCode::Done);
    let organization = world.cloud.add_organization("elsewhere");
    let project = world.cloud.add_project(organization, "elsewhere");
    let far = world.cloud.add_cluster(Fixture::named("far").project(project)).unwrap();
    assert_eq!(world.refused(&change(far, of)).await, Reason::Elsewhere);
}

#[tokio::test]
async fn the_end_of_a_cluster_is_told_with_its_backups() {
    let world = World::with(Fixture::named("staging").nodes(3).tables(&["doc.a", "doc.b"])).await;
    let planned = world.plan(&Change::Delete { cluster: world.id }).await;
    let Reason::DeletesAll { bytes, backups, newest, tables } = planned.verdicts[0].reason.clone() else {
        panic!("{planned}");
    };
    assert_eq!((bytes, tables), (Some(3 * 32 * GIB), Some(2)));
    assert!(backups > 0 && newest.is_some(), "{planned}");
    assert!(
        planned.to_string().contains("all data goes (2 tables in the newest backup), disks of 96.0 GiB"),
        "{planned}"
    );
}

/// What people see; the id, the instant and the hash are others each time.
#[tokio::test]
async fn plans_read_well() {
    let id = uuid::Uuid::from_u128(0x3f2e_1b9c_0d4a_4c55_9a57_0c1b_6ad0_f191);
    let world = World::with(Fixture::named("staging").id(id).allow(&["10.0.0.0/8"])).await;
    let at = "2026-11-21T06:00:00Z".parse().unwrap();
    let mut shown = String::new();
    for change in [
        Change::Scale { cluster: id, unit: 2 },
        Change::Allow { cluster: id, networks: vec!["192.0.2.0/24".parse().unwrap()] },
        Change::Protect { cluster: id, on: true },
        Change::Upgrade { cluster: id, version: "7.0.0".into() },
    ] {
        let planned = world.changes().plan(&change, at).await.unwrap();
        shown.push_str(&planned.to_string().replace(&planned.hash.short(), "HASH"));
        shown.push('\n');
    }
    insta::assert_snapshot!(shown);
}
