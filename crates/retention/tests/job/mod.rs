//! The main job on the bundled weather, and what it must come to.
//!
//! Every number of every rollup is recomputed from the file, with the file's own civil days.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::{days, years};
use clusterkeep_core::plan::{Outcome, Report};
use clusterkeep_core::sql::{Db, Value, sql};
use clusterkeep_retention::model::{Keep, Manifest, Meaning, Policy, Rollup, percent};
use clusterkeep_retention::plan::Decision;
use clusterkeep_retention::{Planned, Retention};
use clusterkeep_testkit::weather;

pub(crate) const ROLLED: [&str; 5] = ["temp", "humid", "wind_speed", "precip", "pressure"];

pub(crate) fn manifest() -> Manifest {
    let policy = Policy::for_table("observations")
        .time("time_hour")
        .meaning(Meaning::EpochSeconds)
        .zone("America/New_York")
        .by(["origin"])
        .downsample(Rollup::daily().of(ROLLED).into("observations_daily").keep(years(2)))
        .downsample(Rollup::monthly().from("observations_daily").into("observations_monthly").keep(Keep::Forever))
        .drop_after(days(90))
        .max_share(percent(90));
    Manifest::named("weather").policy(policy)
}

pub(crate) fn now() -> DateTime<Utc> {
    "2014-01-15T00:00:00Z".parse().unwrap()
}

pub(crate) fn drops(plan: &Planned) -> (usize, u64) {
    let drops = || plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
    (drops().count(), drops().map(|verdict| verdict.detail.rows().unwrap()).sum())
}

pub(crate) fn assert_done(report: &Report<clusterkeep_retention::plan::Domain>) {
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, ExitCode::Done, "{bad:?}");
}

/// What one bucket must hold, per rolled-up column: count, exact sum, minimum and maximum.
pub(crate) type Bucket = [(i64, f64, f64, f64); 5];

/// Recomputes a rollup from the file, whose own year, month and day say which bucket a row is in.
pub(crate) fn oracle(monthly: bool) -> BTreeMap<(String, NaiveDate), Bucket> {
    let mut values: BTreeMap<(String, NaiveDate), [Vec<f64>; 5]> = BTreeMap::new();
    for row in weather::observations().unwrap() {
        let [year, month, day, _] = row.local;
        let day = if monthly { 1 } else { day };
        let date = NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32).unwrap();
        let bucket = values.entry((row.origin.clone(), date)).or_default();
        for (nth, name) in ROLLED.iter().enumerate() {
            let column = weather::NUMBERS.iter().position(|number| number == name).unwrap();
            bucket[nth].extend(row.numbers[column]);
        }
    }
    let summed = |values: &Vec<f64>| {
        let mut sum = ExactSum::default();
        values.iter().for_each(|x| sum.add(*x));
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (values.len() as i64, sum.total(), min, max)
    };
    values.iter().map(|(key, columns)| (key.clone(), [0, 1, 2, 3, 4].map(|nth| summed(&columns[nth])))).collect()
}

/// Sums without rounding: Shewchuk's partials, as Python's `math.fsum` does it.
#[derive(Default)]
struct ExactSum(Vec<f64>);

impl ExactSum {
    fn add(&mut self, mut x: f64) {
        let mut kept = Vec::new();
        for &y in &self.0 {
            let (big, small) = if x.abs() < y.abs() { (y, x) } else { (x, y) };
            let high = big + small;
            let low = small - (high - big);
            if low != 0.0 {
                kept.push(low);
            }
            x = high;
        }
        kept.push(x);
        self.0 = kept;
    }

    fn total(&self) -> f64 {
        self.0.iter().rev().sum()
    }
}

pub(crate) async fn check_rollup(db: &Db, table: &'static str, monthly: bool) {
    let query = match table {
        "observations_daily" => sql("SELECT * FROM observations_daily"),
        _ => sql("SELECT * FROM observations_monthly"),
    };
    let rows = db.query(query).await.unwrap();
    let mut wanted = oracle(monthly);
    for row in rows.rows() {
        let bucket = match row.value("bucket").unwrap() {
            Value::Int(seconds) => DateTime::from_timestamp(*seconds, 0).unwrap(),
            Value::Timestamp(at) => *at,
            other => panic!("bucket {other:?}"),
        };
        let civil = bucket.with_timezone(&chrono_tz::America::New_York).naive_local();
        assert_eq!(civil.time(), chrono::NaiveTime::MIN, "a bucket begins at midnight in New York");
        let origin: String = row.get("origin").unwrap();
        let expected =
            wanted.remove(&(origin.clone(), civil.date())).unwrap_or_else(|| panic!("no {origin} {civil} in the file"));
        for (name, (count, sum, min, max)) in ROLLED.iter().zip(expected) {
            let get = |stat: &str| row.value(format!("{name}_{stat}").as_str()).unwrap().clone();
            assert_eq!(get("count").as_i64(), Some(count), "{table} {origin} {civil} {name}");
            if count == 0 {
                assert!(get("sum").is_null() && get("min").is_null() && get("max").is_null(), "nothing is no zero");
                continue;
            }
            assert_eq!(
                (get("min").as_f64(), get("max").as_f64()),
                (Some(min), Some(max)),
                "{table} {origin} {civil} {name}"
            );
            let stored = get("sum").as_f64().unwrap();
            let magnitude = sum.abs().max(1e-300);
            assert!((stored - sum).abs() <= 1e-9 * magnitude, "{table} {origin} {civil} {name}: {stored} is not {sum}");
        }
    }
    assert!(wanted.is_empty(), "{table} lacks {} buckets", wanted.len());
}

pub(crate) async fn main_job(db: Db) {
    let retention = Retention::new(db.clone()).manifest(manifest());
    let plan = retention.plan(now()).await.unwrap();
    assert_eq!(drops(&plan), (288, 20_698), "{plan}");
    assert_eq!(db.query(sql("SELECT count(*) AS n FROM observations")).await.unwrap().scalar::<i64>().unwrap(), 26_115);

    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    assert_done(&report);
    assert_eq!(report.count(Outcome::Done), report.outcomes.len());

    let left = db.query(sql("SELECT count(*) AS n FROM observations")).await.unwrap().scalar::<i64>().unwrap();
    assert_eq!(left, 26_115 - 20_698);
    check_rollup(&db, "observations_daily", false).await;
    check_rollup(&db, "observations_monthly", true).await;

    let again = retention.plan(now()).await.unwrap();
    assert!(again.is_empty(), "{again}");
    let report = retention.apply(&again, again.hash.into()).await.unwrap();
    assert_eq!((report.exit_code, report.outcomes.len()), (ExitCode::Done, 0));
}
