//! Partitions are vacuumed, and move into tablespaces with their indexes.

use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Outcome;
use clusterkeep_core::sql::Db;
use clusterkeep_retention::model::{Policy, Tier};
use clusterkeep_retention::plan::Decision;
use clusterkeep_testkit::servers;

use super::world::{apply, assert_done, at, number, retention, script};

const NOW: &str = "2026-02-01T00:00:00Z";

fn policy() -> Policy {
    Policy::for_table("t").time("ts")
}

/// Three partitions, of which two ended long ago, in a schema whose name is odd; each with two indexes.
async fn prepare(db: &Db) {
    script(
        db,
        "CREATE TABLE t (ts timestamptz NOT NULL, x int, PRIMARY KEY (ts, x)) PARTITION BY RANGE (ts);
         CREATE SCHEMA \"o'd\"\"d\";
         CREATE TABLE \"o'd\"\"d\".\"P 1\" PARTITION OF t FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z');
         CREATE TABLE p2 PARTITION OF t FOR VALUES FROM ('2026-01-02Z') TO ('2026-01-03Z');
         CREATE TABLE p3 PARTITION OF t FOR VALUES FROM ('2026-01-31Z') TO ('2026-02-01Z');
         CREATE INDEX ON t (x);
         INSERT INTO t SELECT '2026-01-01Z'::timestamptz + n * interval '1 hour', n FROM generate_series(0, 47) n;
         INSERT INTO t VALUES ('2026-01-31Z', 0);
         DELETE FROM t WHERE x < 10 AND ts < '2026-01-02Z'",
    )
    .await;
}

/// How many tables and indexes of `t` are in the tablespace.
async fn within(db: &Db, space: &str) -> i64 {
    let query = "SELECT count(*) FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE s.spcname = ";
    number(db, format!("{query}'{space}'")).await
}

#[tokio::test]
async fn partitions_move_with_their_indexes_and_no_further_time() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    prepare(&db).await;
    let space = format!("slow_{}", database.name());
    let policy = || policy().tablespace_after(days(10), &space);
    let plan = retention(&db, policy()).plan(at(NOW)).await.unwrap();
    let refused: Vec<_> = plan.refused().map(|verdict| verdict.reason.to_string()).collect();
    assert_eq!((refused.len(), refused[0].clone()), (2, format!("there is no tablespace {space}")), "{plan}");

    let create = format!("SET allow_in_place_tablespaces = on; CREATE TABLESPACE {space} LOCATION ''");
    for statement in create.split("; ").map(str::to_owned).collect::<Vec<_>>().chunks(2) {
        let mut session = db.session().await.unwrap();
        for text in statement {
            session.execute(&clusterkeep_core::sql::Statement::assert_safe(text.clone())).await.unwrap();
        }
    }
    let plan = retention(&db, policy()).plan(at(NOW)).await.unwrap();
    let decided: Vec<_> = plan.verdicts.iter().map(|verdict| verdict.verdict).collect();
    assert_eq!(decided, [Decision::Move, Decision::Move, Decision::Keep], "{plan}");
    // Somebody reads it for longer than all attempts: it stays where it is, and the other one moves.
    let mut reader = db.session().await.unwrap();
    reader.begin().await.unwrap();
    reader.query(&clusterkeep_core::sql::sql("SELECT count(*) FROM p2")).await.unwrap();
    let report = apply(&retention(&db, policy()), NOW).await;
    assert_eq!((report.exit_code, report.count(Outcome::Failed)), (ExitCode::Partial, 1), "{report:?}");
    assert_eq!(within(&db, &space).await, 3, "one with its two indexes");
    reader.rollback().await.unwrap();
    assert_done(&apply(&retention(&db, policy()), NOW).await);
    assert_eq!((within(&db, &space).await, number(&db, "SELECT count(*) FROM t").await), (6, 39));
    assert!(retention(&db, policy()).plan(at(NOW)).await.unwrap().is_empty());
    // An index that lies elsewhere is no partition that has moved.
    script(&db, "CREATE INDEX late ON p2 (x)").await;
    let plan = retention(&db, policy()).plan(at(NOW)).await.unwrap();
    assert_eq!(plan.steps.len(), 1, "{plan}");
    assert_done(&apply(&retention(&db, policy()), NOW).await);
    assert_eq!(within(&db, &space).await, 7);
}

#[tokio::test]
async fn partitions_are_vacuumed_once_each() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    prepare(&db).await;
    for full in [false, true] {
        script(&db, "DROP SCHEMA IF EXISTS clusterkeep CASCADE").await;
        let mut policy = policy().merge_after(days(10));
        if let Some(Tier::Merge(tier)) = policy.tiers.first_mut() {
            tier.full = full;
        }
        let node = "SELECT relfilenode::bigint FROM pg_class WHERE relname = 'P 1'";
        let before = number(&db, node).await;
        let report = apply(&retention(&db, policy.clone()), NOW).await;
        assert_done(&report);
        assert_eq!(report.outcomes.len(), 2, "{report:?}");
        assert_eq!(number(&db, node).await != before, full, "only a full one writes the table anew");
        assert!(retention(&db, policy).plan(at(NOW)).await.unwrap().is_empty());
        assert_eq!(number(&db, "SELECT count(*) FROM t").await, 39);
    }
}

#[tokio::test]
async fn what_is_for_cratedb_is_refused_by_name() {
    let Some(database) = servers::postgres().await else { return };
    let db = database.connect().await;
    prepare(&db).await;
    script(&db, "CREATE TABLE plain (ts timestamptz)").await;
    for (policy, why) in [
        (policy().set_replicas_after(days(1), "0"), "the tier `set_replicas` of `t` does not work on PostgreSQL"),
        (policy().archive_after(days(1), "r"), "the tier `archive` of `t` does not work on PostgreSQL"),
        (policy().reallocate_after(days(1), "storage", "cold"), "the tier `reallocate` of `t`"),
        (Policy::for_table("plain").time("ts").merge_after(days(1)), "`plain` has no partitions"),
    ] {
        let refused = retention(&db, policy).plan(at(NOW)).await.unwrap_err();
        assert_eq!(ExitCode::from(&refused), ExitCode::BadInput, "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}
