//! Retention on MariaDB: plain tables, partitions by every expression of time, and what may come between.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

mod job;

#[path = "mariadb/between.rs"]
mod between;
#[path = "mariadb/bounds.rs"]
mod bounds;
#[path = "mariadb/faults.rs"]
mod faults;
#[path = "mariadb/partitions.rs"]
mod partitions;
#[path = "mariadb/plain.rs"]
mod plain;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{Db, Statement, sql};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_retention::model::{Policy, percent};
use clusterkeep_retention::plan::{Decision, Domain};
use clusterkeep_retention::{Planned, Retention};
use clusterkeep_testkit::servers::TestDatabase;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn script(db: &Db, text: &'static str) {
    db.session().await.unwrap().execute_script(&sql(text)).await.unwrap();
}

async fn number(db: &Db, query: impl Into<Statement> + Send) -> i64 {
    db.query(query).await.unwrap().scalar().unwrap()
}

/// Everything that is old enough goes: the cap is a matter of other tests.
fn all_of(policy: Policy) -> Policy {
    policy.max_share(percent(100))
}

/// What is decided of each partition, by name, with the reason as text.
fn decided(plan: &Planned) -> Vec<(String, Decision, String)> {
    let one = |verdict: &clusterkeep_core::plan::Verdict<Domain>| {
        let name = verdict.detail.partition.as_ref().map_or_else(String::new, ToString::to_string);
        (name, verdict.verdict, verdict.reason.to_string())
    };
    plan.verdicts.iter().map(one).collect()
}

/// The names of what goes.
fn goes(plan: &Planned) -> Vec<String> {
    decided(plan).into_iter().filter(|(_, verdict, _)| *verdict == Decision::Drop).map(|(name, ..)| name).collect()
}

async fn apply(retention: &Retention, now: DateTime<Utc>) -> Result<ExitCode> {
    let plan = retention.plan(now).await?;
    Ok(retention.apply(&plan, Approval::WithinGuards).await?.exit_code())
}

async fn database() -> Option<(TestDatabase, Db)> {
    let database = clusterkeep_testkit::servers::mariadb().await?;
    let db = database.connect().await;
    Some((database, db))
}
