//! Tables of random rows, and what is asked of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::{Outcome, Report};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Ident, Statement, Value, sql};
use clusterkeep_core::state::State;
use clusterkeep_retention::model::{Manifest, Meaning, Policy};
use clusterkeep_retention::plan::Domain;
use clusterkeep_retention::{Planned, Retention};
use proptest::prelude::*;

/// A row: its series, the seconds since 1970, a whole number and a floating-point one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raw {
    pub(crate) series: Option<&'static str>,
    pub(crate) at: i64,
    pub(crate) i: Option<i64>,
    pub(crate) x: Option<f64>,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A database in a file that goes with it; one in memory takes no second session while it is written to.
pub(crate) struct Lite {
    db: Db,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for Lite {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

pub(crate) async fn sqlite() -> Lite {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/cascade.db", folder.path().display()).parse().unwrap();
    let db = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
    Lite { db, _folder: folder }
}

/// An empty table `raw`.
pub(crate) async fn create(db: &Db) {
    let table = match db.engine() {
        Engine::Sqlite => sql("CREATE TABLE raw (series TEXT, ts INTEGER, i INTEGER, x REAL)"),
        Engine::Mysql => sql("CREATE TABLE raw (series varchar(20), ts bigint, i bigint, x double)"),
        Engine::Cratedb => {
            sql("CREATE TABLE raw (series TEXT, ts TIMESTAMP WITH TIME ZONE, i BIGINT, x DOUBLE PRECISION)")
        }
        _ => sql("CREATE TABLE raw (series text, ts timestamptz, i bigint, x float8)"),
    };
    db.execute(table).await.unwrap();
    if db.engine() != Engine::Cratedb {
        db.execute(sql("CREATE INDEX raw_ts ON raw (ts)")).await.unwrap();
    }
}

pub(crate) async fn insert(db: &Db, rows: &[Raw]) {
    let instant = |seconds| match db.engine() {
        Engine::Postgres | Engine::Cratedb => Value::from(DateTime::from_timestamp(seconds, 0).unwrap()),
        _ => Value::Int(seconds),
    };
    let rows: Vec<Vec<Value>> =
        rows.iter().map(|row| vec![row.series.into(), instant(row.at), row.i.into(), row.x.into()]).collect();
    let insert = sql("INSERT INTO raw (series, ts, i, x) VALUES (?, ?, ?, ?)");
    db.session().await.unwrap().execute_many(&insert, &rows).await.unwrap();
    if db.engine() == Engine::Cratedb {
        db.execute(sql("REFRESH TABLE raw")).await.unwrap();
    }
}

pub(crate) fn policy() -> Policy {
    Policy::for_table("raw").time("ts").meaning(Meaning::EpochSeconds).by(["series"])
}

pub(crate) fn retention(db: &Db, name: &str, policy: Policy) -> Retention {
    let retention = Retention::new(db.clone()).manifest(Manifest::named(name).policy(policy));
    if db.engine() != Engine::Cratedb {
        return retention;
    }
    // There the state is of the whole server, and the database of a test is a schema: each has its own.
    let schema = db.address().rsplit('/').next().map(str::to_owned).unwrap();
    retention.state(State::of(db.clone()).named(Ident::new(format!("{schema}_state")).unwrap()))
}

/// Plans and applies; everything must be done.
pub(crate) async fn run(retention: &Retention, now: DateTime<Utc>) -> (Planned, Report<Domain>) {
    let plan = retention.plan(now).await.unwrap();
    let report = retention.apply(&plan, plan.hash.into()).await.unwrap();
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, ExitCode::Done, "{bad:?}\n{plan}");
    assert_eq!(report.count(Outcome::Done), report.outcomes.len());
    (plan, report)
}

/// A bucket, as seconds since 1970, and a series.
pub(crate) type Key = (i64, String);

/// The rows of a rollup, by bucket and series: each column by its name.
pub(crate) async fn rollup(db: &Db, table: &str) -> BTreeMap<Key, BTreeMap<String, Value>> {
    let query = Statement::assert_safe(format!("SELECT * FROM {table}"));
    let records = db.query(query).await.unwrap();
    let mut rows = BTreeMap::new();
    for row in records.rows() {
        let bucket = seconds(row.value("bucket").unwrap());
        let key = (bucket, format!("{:?}", row.value("series").unwrap()));
        let names = row.columns().iter().map(|column| column.name.clone());
        let mut columns: BTreeMap<_, _> = names.zip(row.values().iter().cloned()).collect();
        // Of CrateDB alone: how often it was made, which is another matter than what.
        columns.remove("made");
        columns.remove("series_key");
        assert!(rows.insert(key.clone(), columns).is_none(), "{table} has {key:?} twice");
    }
    rows
}

pub(crate) fn seconds(value: &Value) -> i64 {
    match value {
        Value::Int(n) => *n,
        Value::Timestamp(at) => at.timestamp(),
        other => panic!("{other:?} is no instant"),
    }
}

pub(crate) async fn count(db: &Db, query: &str) -> i64 {
    db.query(Statement::assert_safe(query)).await.unwrap().scalar::<Option<i64>>().unwrap().unwrap_or(0)
}

/// Sums without rounding: Shewchuk's partials, as Python's `math.fsum` does it.
pub(crate) fn fsum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for mut x in values {
        let mut kept = Vec::new();
        for &y in &partials {
            let (big, small) = if x.abs() < y.abs() { (y, x) } else { (x, y) };
            let high = big + small;
            let low = small - (high - big);
            if low != 0.0 {
                kept.push(low);
            }
            x = high;
        }
        kept.push(x);
        partials = kept;
    }
    partials.iter().rev().sum()
}

/// Values that columns have: NULL, small and huge ones of either sign, and NaN where the engine holds it.
fn float(nan: bool) -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        8 => (-1000_i64..1000).prop_map(|n| Some(n as f64 / 7.0)),
        1 => Just(Some(-0.0)),
        1 => (1e9_f64..1.0001e9).prop_map(Some),
        1 => (-1e15_f64..1e15).prop_map(Some),
        1 => Just(if nan { Some(f64::NAN) } else { None }),
    ]
}

/// Rows over some weeks around the change of clocks in Berlin, and some before 1970: with gaps, and instants that come twice.
pub(crate) fn rows(nan: bool, most: usize) -> impl Strategy<Value = Vec<Raw>> {
    let spring = at("2025-03-10T00:00:00Z").timestamp();
    let instant = prop_oneof![
        12 => (0_i64..40 * 24).prop_map(move |hour| spring + hour * 3600),
        6 => (0_i64..40 * 86_400).prop_map(move |second| spring + second),
        1 => (-86_400_i64 * 40..0).prop_map(|second| second),
    ];
    let series = prop::sample::select(vec![Some("a"), Some("A"), Some("b"), None, Some("")]);
    let whole =
        prop_oneof![1 => Just(None), 6 => (-50_i64..50).prop_map(Some), 1 => (-1_i64 << 40..1 << 40).prop_map(Some)];
    let row = (series, instant, whole, float(nan)).prop_map(|(series, at, i, x)| Raw { series, at, i, x });
    prop::collection::vec(row, 1..most)
}
