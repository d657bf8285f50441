//! Faults at every statement of an apply, to the data and to the state: whatever is lost, the next run ends where an
//! undisturbed one ends, nothing is lost, and nothing is done twice.
//!
//! There are no transactions, so a crash can leave anything between two statements; only their order keeps it whole.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db, Value, sql};
use clusterkeep_core::state::State;
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Keep, Manifest, Policy, Rollup, percent};
use clusterkeep_testkit::audited;
use clusterkeep_testkit::fault::{Fault, Trap, faulty, is_due};

use super::world::{World, at};

const NOW: &str = "2026-04-04T10:00:00Z";

fn policy(table: &str) -> Policy {
    Policy::for_table(table)
        .time("ts")
        .zone("Europe/Berlin")
        .by(["series"])
        .downsample(Rollup::daily().of(["v"]).into("daily").keep(Keep::Forever))
        .downsample(Rollup::monthly().from("daily").into("monthly").keep(Keep::Forever))
        .drop_after(days(3))
        .max_share(percent(100))
}

/// Six days over the change of clocks in Berlin, two series, a value every six hours.
async fn prepare(world: &World, partitioned: bool) {
    for table in ["raw", "daily", "monthly"] {
        world.drop_table(table).await;
    }
    let create = if partitioned {
        sql("CREATE TABLE raw (series TEXT, ts TIMESTAMP WITH TIME ZONE, v INTEGER, day TIMESTAMP WITH TIME ZONE \
             GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (day)")
    } else {
        sql("CREATE TABLE raw (series TEXT, ts TIMESTAMP WITH TIME ZONE, v INTEGER) CLUSTERED INTO 1 SHARDS")
    };
    world.run(create).await;
    let start: DateTime<Utc> = at("2026-03-28T00:00:00Z");
    let rows: Vec<Vec<Value>> = (0..24_i64)
        .flat_map(|n| {
            ["a", "b"].map(|series| {
                vec![series.into(), Value::Timestamp(start + TimeDelta::hours(6 * n)), (n * 37 % 101).into()]
            })
        })
        .collect();
    world.insert("raw", sql("INSERT INTO raw (series, ts, v) VALUES (?, ?, ?)"), &rows).await;
}

async fn run(db: Db, state: State) -> clusterkeep_core::Result<ExitCode> {
    let retention = Retention::new(db).state(state).manifest(Manifest::named("faults").policy(policy("raw")));
    let plan = retention.plan(at(NOW)).await?;
    Ok(retention.apply(&plan, Approval::WithinGuards).await?.exit_code())
}

/// All that the tables hold, as text.
async fn contents(world: &World) -> String {
    let mut text = String::new();
    for (table, query) in [
        ("raw", sql("SELECT series, ts, v FROM raw ORDER BY ts, series")),
        ("daily", sql("SELECT series, bucket, v_count, v_sum, v_min, v_max FROM daily ORDER BY bucket, series")),
        ("monthly", sql("SELECT series, bucket, v_count, v_sum, v_min, v_max FROM monthly ORDER BY bucket, series")),
    ] {
        world.refresh(table).await;
        text.push_str(&world.db.query(query).await.unwrap().csv().unwrap());
    }
    text
}

async fn check_audit(db: &Db, state: &State) {
    audited::nothing_removed_twice(&*Retention::new(db.clone()).state(state.clone()).audit_sink()).await;
}

async fn sqlite() -> Db {
    Db::connect_with(&"sqlite::memory:".parse().unwrap(), ConnectOptions::default().create()).await.unwrap()
}

async fn converge(db: &Db, state: &State) {
    for _ in 0..2 {
        assert_eq!(run(db.clone(), state.clone()).await.unwrap(), ExitCode::Done);
    }
}

/// The state lies in memory here: what it does on CrateDB under faults is for the tests of the state.
async fn every_statement(partitioned: bool) {
    let Some(world) = World::new().await else { return };
    prepare(&world, partitioned).await;
    let state = State::of(sqlite().await);
    converge(&world.db, &state).await;
    let wanted = contents(&world).await;
    assert!(wanted.lines().count() < 48, "something went: {wanted}");

    let mut met = 0;
    let faults = (1..).flat_map(|at| [(at, Fault::Lost), (at, Fault::AnswerLost)]);
    for (at, fault) in faults.filter(|(at, fault)| is_due(*at, *fault)) {
        prepare(&world, partitioned).await;
        let kept = sqlite().await;
        let trap = Trap::at(at, fault);
        let trapped = State::of(faulty(kept.clone(), Arc::clone(&trap)));
        let disturbed = run(faulty(world.db.clone(), Arc::clone(&trap)), trapped).await;
        if !trap.sprung() {
            assert_eq!(disturbed.unwrap(), ExitCode::Done);
            break;
        }
        met += 1;
        let state = State::of(kept.clone());
        converge(&world.db, &state).await;
        assert_eq!(contents(&world).await, wanted, "after {fault:?} at statement {at}");
        check_audit(&world.db, &state).await;
    }
    assert!(met > 50, "only {met} faults were met");
}

#[tokio::test]
async fn case_20_a_lost_statement_or_answer_with_partitions() {
    every_statement(true).await;
}

#[tokio::test]
async fn case_20_a_lost_statement_or_answer_with_slices() {
    every_statement(false).await;
}
