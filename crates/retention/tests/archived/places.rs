//! Places that are not there, or that nothing can be put at: refused in the plan, and the rows stay.

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::sql;
use clusterkeep_retention::Retention;
use clusterkeep_retention::archive::verify;
use clusterkeep_retention::model::{Meaning, Policy};
use clusterkeep_testkit::objects::{self, Keys, Limits, ObjectServer};

use crate::world::{Kind, NOW, World, archives, assert_done, at, policy_at};

async fn refused(world: &World, to: &str) -> String {
    let retention = Retention::new(world.db.clone()).policy(policy_at(world.kind, to));
    let before = world.rows().await;
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert!(plan.steps.is_empty(), "{plan}");
    let why = plan.refused().next().unwrap().reason.to_string();
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert_eq!((report.exit_code, world.rows().await == before), (ExitCode::Refused, true));
    why
}

#[tokio::test]
async fn a_folder_that_can_not_be_made() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    let missing = world.folder.path().join("no/where").display().to_string();
    let why = refused(&world, &missing).await;
    assert!(why.contains("there is no folder that"), "{why}");
    let file = world.folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let why = refused(&world, &file.display().to_string()).await;
    assert!(why.contains("is no folder"), "{why}");
}

#[tokio::test]
async fn a_store_that_does_not_know_the_keys() {
    let Some(server) = objects::s3().await else { return };
    assert!(server.bucket("cold").is_dir());
    let world = World::new(Kind::Sqlite).await.unwrap();
    // Variables that every process has, and whose values are no keys of this server.
    let to = format!(
        "s3://cold/x?endpoint=http://127.0.0.1:{}&access_key_id=env:HOME&secret_access_key=env:PATH",
        server.port()
    );
    let why = refused(&world, &to).await;
    assert!(why.contains("can't be archived at s3://cold/x"), "{why}");
    assert!(!why.contains(&std::env::var("PATH").unwrap()), "{why}");
}

#[tokio::test]
async fn names_of_another_engine_are_refused() {
    let world = World::new(Kind::Sqlite).await.unwrap();
    let policy = Policy::for_table("raw").time("ts").meaning(Meaning::EpochSeconds);
    let policy = policy.archive_after(days(3), "a_repository");
    let refused = Retention::new(world.db.clone()).policy(policy).plan(at(NOW)).await.unwrap_err();
    assert_eq!(ExitCode::from(&refused), ExitCode::BadInput);
    assert!(refused.hint().unwrap().contains("`to`"), "{refused}: {:?}", refused.hint());
}

/// A server with limits whose keys are variables that Cargo sets for tests: nothing can be added to one's own.
async fn limited(limits: Limits<'_>) -> Option<(ObjectServer, String)> {
    let names = ["CARGO_PKG_NAME", "CARGO_PKG_RUST_VERSION"];
    let [Ok(access), Ok(version)] = names.map(std::env::var) else { return None };
    let server = objects::s3_with(limits, Keys { access, secret: version }).await?;
    let place = format!(
        "s3://cold/x?endpoint={}&access_key_id=env:{}&secret_access_key=env:{}",
        server.endpoint(),
        names[0],
        names[1]
    );
    Some((server, place))
}

/// Nothing goes, and once it is archived elsewhere it does.
async fn nothing_goes(world: &World, to: &str, exit_codes: &[ExitCode]) -> String {
    let before = world.rows().await;
    let retention = Retention::new(world.db.clone()).policy(policy_at(world.kind, to)).parallel(1);
    let plan = retention.plan(at(NOW)).await.unwrap();
    assert!(!plan.steps.is_empty(), "it can't be known beforehand: {plan}");
    let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
    assert!(world.rows().await == before, "nothing goes: {report:?}");
    assert!(exit_codes.contains(&report.exit_code), "{report:?}");
    let skipped = report.outcomes.iter().filter(|one| one.outcome == Outcome::Skipped).count();
    assert_eq!(skipped, 3, "what was to go waits: {report:?}");
    for one in archives(&to.parse().unwrap()).await {
        verify(&to.parse().unwrap(), &one.name).await.unwrap();
    }
    let said = report.outcomes.iter().find(|one| one.outcome == Outcome::Failed).and_then(|one| one.message.clone());
    assert_done(&world.apply().await);
    assert_eq!(world.rows().await.lines().count(), 1 + 145 - 72);
    said.unwrap()
}

#[tokio::test]
async fn a_bucket_that_nothing_may_be_written_to() {
    let Some((server, to)) = limited(Limits::ReadOnly).await else { return };
    assert!(server.bucket("cold").is_dir());
    let world = World::new(Kind::Sqlite).await.unwrap();
    let said = nothing_goes(&world, &to, &[ExitCode::Failed]).await;
    assert!(said.contains("write") && said.contains("AccessDenied"), "{said}");
    assert!(!said.contains(server.secret_key()), "{said}");
}

#[tokio::test]
async fn a_bucket_that_is_full() {
    let Some((server, to)) = limited(Limits::Room { bytes: 5 << 19, bucket: "cold" }).await else { return };
    let world = World::new(Kind::Sqlite).await.unwrap();
    // About a mebibyte for each day, of what can't be made smaller.
    world.db.execute(sql("UPDATE raw SET note = hex(randomblob(40000))")).await.unwrap();
    let said = nothing_goes(&world, &to, &[ExitCode::Partial, ExitCode::Failed]).await;
    assert!(said.contains("write"), "{said}");
    assert!(!said.contains(server.secret_key()), "{said}");
}

/// Tiers that an engine, or a table without partitions, has nothing for are refused by name when a plan is made.
#[tokio::test]
async fn tiers_that_have_no_meaning_are_never_passed_over() {
    let policy = |kind| {
        let policy = Policy::for_table("raw").time("ts");
        if kind == Kind::Sqlite { policy.meaning(Meaning::EpochSeconds) } else { policy }
    };
    for kind in [Kind::Sqlite, Kind::Plain, Kind::Partitions, Kind::MariadbPlain, Kind::Mariadb] {
        let Some(world) = World::new(kind).await else { continue };
        let policy = || policy(kind);
        let mut tiers = vec![
            ("set_replicas", policy().set_replicas_after(days(3), "0")),
            ("reallocate", policy().reallocate_after(days(3), "storage", "cold")),
            ("archive", policy().archive_after(days(3), "a_repository")),
        ];
        if kind != Kind::Partitions {
            tiers.push(("reallocate", policy().tablespace_after(days(3), "slow")));
        }
        if !matches!(kind, Kind::Partitions | Kind::Mariadb) {
            tiers.push(("merge", policy().merge_after(days(3))));
        }
        for (name, policy) in tiers {
            // Also where something else would be done by it.
            let retention = Retention::new(world.db.clone()).policy(policy.drop_after(days(20)));
            let refused = retention.plan(at(NOW)).await.unwrap_err();
            assert_eq!(ExitCode::from(&refused), ExitCode::BadInput, "{kind:?}: {refused}");
            assert!(refused.to_string().contains(&format!("tier `{name}`")), "{kind:?}: {refused}");
            assert!(refused.hint().is_some(), "{kind:?}: {refused}");
        }
    }
}
