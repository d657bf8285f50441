//! Tiers that change how partitions are kept: what is due, and what can't be done, decided without a database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Plan;
use clusterkeep_core::sql::{Ident, Value};
use clusterkeep_retention::model::{KnownTable, Manifest, Policy, Tier, percent};
use clusterkeep_retention::observe::{
    Archive, Inventory, Node, Obstacle, Partition, PartitionId, PartitionKey, Places, Repository, Source, Standing,
};
use clusterkeep_retention::plan::{Action, Decision, Domain, Due, Selection, plan};

const NOW: &str = "2026-02-01T00:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn id(n: i64) -> PartitionId {
    PartitionId::Key(Arc::new(PartitionKey {
        ident: format!("p{n}"),
        values: vec![(Ident::literal("day"), Value::Int(n))],
    }))
}

/// Daily partitions that ended `ages` days before [`NOW`], with one copy of 100 bytes on the hot node.
fn world(ages: impl IntoIterator<Item = i64>) -> Inventory {
    let table: clusterkeep_core::sql::TableName = "t".parse().unwrap();
    let mut source = Source { native: true, ..Source::empty(table.clone()) };
    for age in ages {
        let end = at(NOW) - TimeDelta::days(age);
        source.partitions.push(Partition {
            id: Some(id(age)),
            start: Some(end - TimeDelta::days(1)),
            end: Some(end),
            unknown: None,
            rows: Some(10),
            bytes: Some(100),
            detached: false,
        });
        let standing = Standing {
            replicas: Some("1".into()),
            require: BTreeMap::from([("storage".to_owned(), "hot".to_owned())]),
            copies: vec![("n0".into(), 100)],
            segments: Some(5),
            content: Some(format!("c{age}")),
            ..Standing::default()
        };
        source.standing.insert(id(age), standing);
    }
    let node = |name: &str, storage: &str, room| Node {
        name: name.into(),
        attributes: BTreeMap::from([("storage".to_owned(), storage.to_owned())]),
        room: Some(room),
    };
    let repository = |name: &str, read_only| Repository { name: name.into(), kind: "fs".into(), read_only };
    Inventory {
        tables: vec![KnownTable { table, schema: "doc".into() }],
        sources: vec![source],
        places: Places {
            nodes: Some(vec![node("n0", "hot", 1_000), node("n1", "warm", 1_000), node("n2", "cold", 1_000)]),
            repositories: Some(vec![repository("r", false), repository("ro", true)]),
            tablespaces: Some(BTreeSet::from(["slow".to_owned()])),
            ..Places::default()
        },
        ..Inventory::default()
    }
}

fn policy() -> Policy {
    Policy::for_table("t").time("ts").max_share(percent(100))
}

fn planned(policy: Policy, inventory: &Inventory) -> Plan<Domain> {
    plan(&Manifest::named("test").policy(policy), inventory, at(NOW), &Selection::default()).unwrap()
}

fn said(plan: &Plan<Domain>) -> Vec<String> {
    plan.verdicts.iter().map(|verdict| format!("{}: {}", verdict.verdict, verdict.reason)).collect()
}

fn steps(plan: &Plan<Domain>) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {} {:?}", step.objects[0], step.action, step.needs.len())).collect()
}

#[test]
fn each_partition_gets_what_its_age_asks_for_in_order() {
    let policy = policy()
        .set_replicas_after(days(5), "0")
        .merge_after(days(10))
        .reallocate_after(days(20), "storage", "warm")
        .reallocate_after(days(30), "storage", "cold")
        .archive_after(days(40), "r");
    let plan = planned(policy, &world([1, 7, 12, 25, 35, 45]));
    assert_eq!(
        said(&plan),
        [
            "archive: old enough: set number_of_replicas to 0, then make it compact, then move to nodes with storage=cold, then archive in r",
            "move: old enough: set number_of_replicas to 0, then make it compact, then move to nodes with storage=cold",
            "move: old enough: set number_of_replicas to 0, then make it compact, then move to nodes with storage=warm",
            "compact: old enough: set number_of_replicas to 0, then make it compact",
            "replicas: old enough: set number_of_replicas to 0",
            "keep: newest slice",
        ]
    );
    // Of one partition one after the other; of several beside one another.
    assert_eq!(plan.steps.len(), 4 + 3 + 3 + 2 + 1);
    assert_eq!(plan.steps.iter().filter(|step| step.needs.is_empty()).count(), 5);
}

#[test]
fn what_is_so_already_gets_no_step() {
    let policy = || {
        policy()
            .set_replicas_after(days(5), "0-1")
            .merge_after(days(5))
            .reallocate_after(days(5), "storage", "cold")
            .archive_after(days(5), "r")
    };
    let mut inventory = world([7]);
    let archive = Archive {
        files: false,
        partition: "p7".into(),
        columns: vec!["day".into()],
        repository: "r".into(),
        snapshot: "s".into(),
        content: "c7".into(),
        start: None,
        end: at(NOW) - TimeDelta::days(7),
        rows: 10,
        shards: 1,
        archived_at: at(NOW),
        listed: Some(true),
    };
    inventory.sources[0].archives = vec![archive.clone()];
    let standing = Standing {
        replicas: Some("0-1".into()),
        require: BTreeMap::from([("storage".to_owned(), "cold".to_owned())]),
        copies: vec![("n2".into(), 100)],
        segments: Some(1),
        content: Some("c7".into()),
        ..Standing::default()
    };
    let with = |standing: Standing, archive: Archive| {
        let mut inventory = inventory.clone();
        inventory.sources[0].standing.insert(id(7), standing);
        inventory.sources[0].archives = vec![archive];
        said(&planned(policy(), &inventory)).remove(0)
    };
    assert_eq!(with(standing.clone(), archive.clone()), "keep: newest slice");
    let moving = "move: old enough: move to nodes with storage=cold";
    let on_the_way = Standing { copies: vec![("n0".into(), 100)], ..standing.clone() };
    assert_eq!(with(on_the_way, archive.clone()), moving, "the setting is there, the shards are not");
    assert_eq!(with(Standing { unsettled: 1, ..standing.clone() }, archive.clone()), moving);
    let archiving = "archive: old enough: archive in r";
    assert_eq!(with(Standing { content: Some("other".into()), ..standing.clone() }, archive.clone()), archiving);
    assert_eq!(with(Standing { content: None, ..standing.clone() }, archive.clone()), archiving);
    for gone in [
        Archive { listed: Some(false), ..archive.clone() },
        Archive { listed: None, ..archive.clone() },
        Archive { repository: "elsewhere".into(), ..archive.clone() },
        Archive { partition: "p8".into(), ..archive.clone() },
    ] {
        assert_eq!(with(standing.clone(), gone), archiving);
    }
}

#[test]
fn what_an_earlier_tier_had_it_need_is_lifted_and_nothing_else() {
    let policy = policy().reallocate_after(days(5), "storage", "hot").reallocate_after(days(6), "rack", "r2");
    let mut inventory = world([7]);
    let standing = inventory.sources[0].standing.get_mut(&id(7)).unwrap();
    standing.require.insert("zone".into(), "eu".into());
    for node in inventory.places.nodes.iter_mut().flatten() {
        node.attributes.insert("rack".into(), "r2".into());
    }
    inventory.sources[0].standing.get_mut(&id(7)).unwrap().replicas = Some("0".into());
    let plan = planned(policy, &inventory);
    let Action::Change { due, .. } = &plan.steps[0].action else { panic!("{:?}", plan.steps) };
    let expected = Due::Reallocate { attribute: "rack".into(), value: "r2".into(), release: vec!["storage".into()] };
    assert_eq!(**due, expected);
}

#[test]
fn nothing_goes_before_its_own_copy() {
    let policy = policy().archive_after(days(10), "r").drop_after(days(30));
    let plan = planned(policy, &world([1, 35, 40, 12]));
    assert_eq!(
        steps(&plan),
        [
            "t/day=40 t: archive in r 0",
            "t/day=35 t: archive in r 0",
            "t/day=12 t: archive in r 0",
            "t/day=40 drop partitions of t 1",
            "t/day=35 drop partitions of t 1",
        ]
    );
    for (drop, archive) in [(3, 0), (4, 1)] {
        assert_eq!(plan.steps[drop].needs, [plan.steps[archive].id]);
    }
}

#[test]
fn what_can_not_be_done_is_refused_and_leaves_nothing_half_done() {
    let refused = |policy: Policy, inventory: &Inventory| {
        let plan = planned(policy, inventory);
        let refused = plan.refused().map(|verdict| verdict.reason.to_string()).next();
        let refused = refused.unwrap_or_else(|| panic!("{:?}", said(&plan)));
        assert!(plan.steps.is_empty() && plan.verdicts.iter().all(|v| v.verdict != Decision::Drop), "{refused}");
        refused
    };
    let inventory = || world([1, 35]);
    assert_eq!(refused(policy().reallocate_after(days(5), "storage", "icy"), &inventory()), "no node has storage=icy");
    let many = policy().set_replicas_after(days(5), "3-all");
    assert_eq!(refused(many, &inventory()), "4 copies need as many nodes, and there are 3");
    assert_eq!(planned(policy().set_replicas_after(days(5), "0-all"), &inventory()).refused().count(), 0);
    let copies = policy().reallocate_after(days(5), "storage", "cold");
    assert_eq!(refused(copies, &inventory()), "2 copies need as many nodes with storage=cold, and there is 1");
    let moving = || policy().set_replicas_after(days(5), "0").reallocate_after(days(5), "storage", "cold");
    assert_eq!(planned(moving(), &inventory()).refused().count(), 0);
    let mut small = inventory();
    small.places.nodes.as_mut().unwrap()[2].room = Some(99);
    assert!(refused(moving(), &small).contains("have room for"));
    // Several that would fit one by one, and not together.
    let mut small = world(5..12);
    small.places.nodes.as_mut().unwrap()[2].room = Some(650);
    let plan = planned(moving(), &small);
    assert_eq!(plan.refused().count(), 1, "{:?}", said(&plan));
    assert_eq!(refused(policy().archive_after(days(5), "x"), &inventory()), "there is no repository x");
    let dropped = policy().archive_after(days(5), "ro").drop_after(days(30));
    assert_eq!(refused(dropped, &inventory()), "repository ro is read-only");
    assert_eq!(refused(policy().tablespace_after(days(5), "x"), &inventory()), "there is no tablespace x");
    let mut bad = inventory();
    bad.sources[0].obstacle = Some(Obstacle::BadServer { what: "this server damages it".into() });
    assert_eq!(refused(policy().set_replicas_after(days(5), "0"), &bad), "this server damages it");
}

#[test]
fn copies_go_by_the_end_of_what_is_in_them() {
    let policy = || policy().archive_after(days(5), "r").keep_archives(days(50)).drop_after(days(10));
    let mut inventory = world([1]);
    inventory.sources[0].archives = (0..6)
        .map(|n| Archive {
            files: false,
            partition: format!("q{n}"),
            columns: vec!["day".into()],
            repository: "r".into(),
            snapshot: format!("s{n}"),
            content: "c".into(),
            start: None,
            end: at(NOW) - TimeDelta::days(47 + n),
            rows: 10,
            shards: 1,
            archived_at: at(NOW),
            listed: Some(true),
        })
        .collect();
    let plan = planned(policy(), &inventory);
    assert_eq!(
        steps(&plan),
        ["t@r/s5 remove the archive r/s5 0", "t@r/s4 remove the archive r/s4 0", "t@r/s3 remove the archive r/s3 0"]
    );
    // The newest stay, however old they are, and what is not there any more is none of them.
    let mut newest = policy();
    for tier in &mut newest.tiers {
        if let Tier::Archive(tier) = tier {
            tier.keep_newest = std::num::NonZeroU32::new(4);
        }
    }
    assert_eq!(steps(&planned(newest.clone(), &inventory)).len(), 2);
    let mut lost = inventory.clone();
    lost.sources[0].archives[0].listed = Some(false);
    assert_eq!(steps(&planned(newest, &lost)), ["t@r/s5 remove the archive r/s5 0"]);
    // The share that may go within 24 hours is one of copies, too, with those that went already.
    let refused = planned(policy().max_share(percent(25)), &inventory);
    assert_eq!((refused.refused().count(), refused.steps.len()), (3, 0));
    inventory.sources[0].removed_archives = 3;
    assert_eq!(planned(policy().max_share(percent(60)), &inventory).refused().count(), 3);
    // What would be removed at once is not put there.
    let mut late = world([1, 60]);
    late.sources[0].partitions[1].rows = Some(1);
    let plan = planned(policy(), &late);
    assert_eq!(plan.steps.len(), 2, "it goes, and is archived before that: {:?}", steps(&plan));
    let alone = self::policy().archive_after(days(5), "r").keep_archives(days(50));
    assert!(planned(alone, &late).steps.is_empty());
}

#[cfg(feature = "archive")]
#[test]
fn slices_go_after_the_files_of_all_of_them() {
    let policy = || policy().archive_to_after(days(10), "/srv/cold").drop_after(days(30));
    let mut inventory = world([1, 35, 40, 12]);
    inventory.sources[0].native = false;
    inventory.sources[0].partitions.iter_mut().for_each(|partition| partition.id = None);
    let plan = planned(policy(), &inventory);
    let what: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    let archiving = "t: archive in files at /srv/cold";
    assert_eq!(what, [archiving, archiving, archiving, "delete slices of t"]);
    let ids = |steps: &[usize]| steps.iter().map(|at| plan.steps[*at].id).collect::<Vec<_>>();
    assert_eq!(plan.steps[3].needs, ids(&[0, 1]), "not after that of what stays");

    // What is on record with the same rows and bounds at the same place is archived.
    let stays = plan.verdicts.iter().find(|verdict| verdict.verdict == Decision::Archive).unwrap();
    let archive = Archive {
        files: true,
        partition: stays.object.part.to_string(),
        columns: Vec::new(),
        repository: "/srv/cold".into(),
        snapshot: "s".into(),
        content: "c".into(),
        start: stays.detail.start,
        end: stays.detail.end.unwrap(),
        rows: 10,
        shards: 0,
        archived_at: at(NOW),
        listed: None,
    };
    let with = |archive: Archive| {
        let mut inventory = inventory.clone();
        inventory.sources[0].archives = vec![archive];
        planned(policy(), &inventory).steps.len()
    };
    assert_eq!(with(archive.clone()), 3, "what goes is archived anew, which uses the files that there are");
    for other in [
        Archive { rows: 9, ..archive.clone() },
        Archive { files: false, ..archive.clone() },
        Archive { repository: "/srv/other".into(), ..archive.clone() },
        Archive { listed: Some(false), ..archive.clone() },
        Archive { end: archive.end + TimeDelta::days(1), ..archive.clone() },
    ] {
        assert_eq!(with(other), 4);
    }

    let why = "it can't be archived at /srv/cold: nobody knows why".to_owned();
    inventory.places.locations.insert("/srv/cold".into(), Some(why.clone()));
    let plan = planned(policy(), &inventory);
    assert!(plan.steps.is_empty());
    assert_eq!(
        plan.refused().map(|verdict| verdict.reason.to_string()).collect::<Vec<_>>(),
        [why.clone(), why.clone(), why]
    );
}
