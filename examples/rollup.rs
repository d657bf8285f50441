//! Retention: raw rows go, and every number that they gave is kept, per day and per month.
//!
//!     cargo run -p clusterkeep-examples --example rollup

use chrono::{DateTime, Duration, Utc};
use clusterkeep_core::age::{days, years};
use clusterkeep_core::sql::{ConnectOptions, Db, sql};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Keep, Meaning, Policy, Rollup, percent};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|e| Error::caused("make a temporary directory", e))?;
    let url = format!("sqlite://{}/weather.db", folder.path().display()).parse()?;
    let db = Db::connect_with(&url, ConnectOptions::default().create()).await?;
    load(&db).await?;
    let raw = averages_of_raw(&db).await?;

    // Days and months are those of the zone, so that the day on which the clock goes forward has 23 hours. The months
    // are made from the days: what is kept of a day, count, sum, minimum and maximum, can be added up exactly, which an
    // average can't.
    let policy = Policy::for_table("observations")
        .time("time_hour")
        .meaning(Meaning::EpochSeconds)
        .zone("America/New_York")
        .by(["origin"])
        .downsample(Rollup::daily().of(["temp"]).into("observations_daily").keep(years(2)))
        .downsample(Rollup::monthly().from("observations_daily").into("observations_monthly").keep(Keep::Forever))
        .drop_after(days(30))
        .max_share(percent(90));
    let retention = Retention::new(db.clone()).policy(policy);

    // Raw rows go only after every rollup that is made from them was verified: the steps need one another.
    let now = instant("2013-06-01T04:00:00Z")?;
    let plan = retention.plan(now).await?;
    for step in &plan.steps {
        let needs: Vec<String> = step.needs.iter().map(|need| need.0.to_string()).collect();
        println!(
            "step {}: {} (needs {})",
            step.id.0,
            step.action,
            if needs.is_empty() { "nothing".into() } else { needs.join(", ") }
        );
    }
    let report = retention.apply(&plan, plan.hash.into()).await?;
    println!("exit code {}", report.exit_code().code());

    println!("the day on which the clock went forward, and its neighbours:");
    let days = sql("SELECT datetime(bucket, 'unixepoch') AS begins, temp_count, temp_min, temp_max \
                    FROM observations_daily WHERE bucket BETWEEN ? AND ? ORDER BY bucket")
    .bind(instant("2013-03-09T00:00:00Z")?.timestamp())
    .bind(instant("2013-03-12T00:00:00Z")?.timestamp());
    println!("{}", db.query(days).await?);

    // An average is a sum divided by a count, at whatever width.
    println!("average of each month, from what is kept:");
    let kept = sql("SELECT strftime('%Y-%m', bucket, 'unixepoch') AS month, temp_sum / temp_count AS average \
                    FROM observations_monthly ORDER BY bucket");
    let kept = db.query(kept).await?;
    println!("{kept}");
    let same =
        kept.rows().zip(&raw).all(|(row, raw)| row.get::<f64>("average").is_ok_and(|kept| (kept - raw).abs() < 1e-9));
    let left = db.query(sql("SELECT count(*) AS n FROM observations")).await?.scalar::<i64>()?;
    println!("{left} raw rows are left; the averages are {} they were", if same { "what" } else { "NOT what" });
    db.close().await;
    Ok(())
}

fn instant(text: &str) -> Result<DateTime<Utc>> {
    text.parse().map_err(|e| Error::caused(format!("read the instant {text}"), e))
}

/// What the raw rows say, while they are all there: the average of each month of New York, worked out beside the database.
async fn averages_of_raw(db: &Db) -> Result<Vec<f64>> {
    let mut months = std::collections::BTreeMap::<String, (f64, f64)>::new();
    for row in db.query(sql("SELECT time_hour, temp FROM observations")).await?.rows() {
        let at = DateTime::from_timestamp(row.get("time_hour")?, 0).unwrap_or_default();
        let month = at.with_timezone(&chrono_tz::America::New_York).format("%Y-%m").to_string();
        let (sum, count) = months.entry(month).or_default();
        (*sum, *count) = (*sum + row.get::<f64>("temp")?, *count + 1.0);
    }
    Ok(months.into_values().map(|(sum, count)| sum / count).collect())
}

/// A row per hour from March to May at one airport: a cold spring that gets warmer, and warmer days than nights.
async fn load(db: &Db) -> Result<()> {
    db.execute(sql("CREATE TABLE observations (origin TEXT NOT NULL, time_hour INTEGER NOT NULL, temp REAL)")).await?;
    let (start, end) = (instant("2013-03-01T05:00:00Z")?, instant("2013-06-01T04:00:00Z")?);
    let rows: Vec<_> = (0..(end - start).num_hours())
        .map(|hour| {
            let temp = 30.0 + hour as f64 / 70.0 + 8.0 * (hour as f64 * std::f64::consts::TAU / 24.0).sin();
            let at = start + Duration::hours(hour);
            vec!["JFK".into(), at.timestamp().into(), ((temp * 100.0).round() / 100.0).into()]
        })
        .collect();
    db.session().await?.execute_many(&sql("INSERT INTO observations VALUES (?, ?, ?)"), &rows).await?;
    Ok(())
}
