//! What the tests of PostgreSQL share.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::plan::Report;
use clusterkeep_core::sql::{Db, Statement};
use clusterkeep_retention::model::{Policy, percent};
use clusterkeep_retention::plan::{Decision, Domain};
use clusterkeep_retention::{Planned, Retention};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Runs a script of the test's own.
pub(crate) async fn script(db: &Db, text: impl Into<String>) {
    let script = Statement::assert_safe(text.into());
    db.session().await.unwrap().execute_script(&script).await.unwrap();
}

/// A number that a query of the test's own gives.
pub(crate) async fn number(db: &Db, text: impl Into<String>) -> i64 {
    db.query(Statement::assert_safe(text.into())).await.unwrap().scalar().unwrap()
}

/// Drops what is older than so many days, and asks no guard.
pub(crate) fn dropped(table: &str, age: u32) -> Policy {
    Policy::for_table(table).time("ts").drop_after(days(age)).max_share(percent(100))
}

pub(crate) fn retention(db: &Db, policy: Policy) -> Retention {
    Retention::new(db.clone()).policy(policy)
}

/// What a plan says of each partition, by its name without the schema: `start .. end`, or why its end is not known.
pub(crate) fn seen(plan: &Planned) -> BTreeMap<String, String> {
    let text = |at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%S%.f").to_string())
    };
    let one = |verdict: &clusterkeep_core::plan::Verdict<Domain>| {
        let detail = &verdict.detail;
        let name = detail.partition.as_ref()?.to_string();
        let name = name.rsplit_once('.').map_or(name.clone(), |(_, name)| name.to_owned());
        let said = match detail.end {
            Some(_) => format!("{} .. {}", text(detail.start), text(detail.end)),
            None => verdict.reason.to_string(),
        };
        Some((name, said))
    };
    plan.verdicts.iter().filter_map(one).collect()
}

/// The names of what a plan drops.
pub(crate) fn drops(plan: &Planned) -> Vec<String> {
    let gone = plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
    gone.map(|verdict| verdict.detail.partition.as_ref().unwrap().to_string().replace("public.", "")).collect()
}

#[track_caller]
pub(crate) fn assert_done(report: &Report<Domain>) {
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, clusterkeep_core::ExitCode::Done, "{bad:?}");
}

/// Plans as of `now` and applies that.
pub(crate) async fn apply(retention: &Retention, now: &str) -> Report<Domain> {
    let plan = retention.plan(at(now)).await.unwrap();
    retention.apply(&plan, plan.hash.into()).await.unwrap()
}
