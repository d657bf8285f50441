//! Retention: look at what would go and why, approve exactly that, and read what became of it.
//!
//!     cargo run -p clusterkeep-examples --example plan_and_apply

use chrono::{DateTime, Duration, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Meaning, Policy, percent};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|e| Error::caused("make a temporary directory", e))?;
    let url = format!("sqlite://{}/requests.db", folder.path().display()).parse()?;
    let db = Db::connect_with(&url, ConnectOptions::default().create()).await?;

    // `now` is an argument: the same call gives the same plan whenever it is made.
    let now: DateTime<Utc> = "2014-01-15T00:00:00Z".parse().map_err(|e| Error::caused("read an instant", e))?;
    load(&db, now).await?;

    // A policy is a sentence about a table. An integer alone is no point in time, so it has to say what it means; and
    // more than a quarter of a table in one day goes only where that is said, too.
    let policy = Policy::for_table("requests")
        .time("at")
        .meaning(Meaning::EpochSeconds)
        .zone("America/New_York")
        .drop_after(days(30))
        .max_share(percent(50));
    let retention = Retention::new(db.clone()).policy(policy);

    // Planning only reads. Every slice has a verdict with its reason, also those that stay.
    let plan = retention.plan(now).await?;
    println!("{plan}");

    // What was looked at is what is done: had anything that the plan rests on moved since, this would be
    // `Error::Drifted`, and nothing gone.
    let report = retention.apply(&plan, Approval::from(plan.hash)).await?;
    println!("{} slices are gone, exit code {}", report.count(Outcome::Done), report.exit_code().code());
    let left = db.query(sql("SELECT count(*) AS n FROM requests")).await?.scalar::<i64>()?;
    println!("{left} rows are left");
    println!("the audit ends with {}", report.audit_head.as_deref().unwrap_or("nothing"));

    // Who looks again finds nothing to do.
    let again = retention.plan(now).await?;
    println!("and again: {} steps", again.steps.len());
    db.close().await;
    Ok(())
}

/// A table with a row per hour of the last 45 days.
async fn load(db: &Db, now: DateTime<Utc>) -> Result<()> {
    db.execute(sql("CREATE TABLE requests (at INTEGER NOT NULL, path TEXT NOT NULL)")).await?;
    let rows: Vec<_> = (1..=45 * 24)
        .map(|hours| vec![(now - Duration::hours(hours)).timestamp().into(), "/index.html".into()])
        .collect();
    db.session().await?.execute_many(&sql("INSERT INTO requests VALUES (?, ?)"), &rows).await?;
    Ok(())
}
