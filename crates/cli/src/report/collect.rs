//! Reads the plotted column: raw values before a plan is applied, and rollups after it. It only ever selects.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Db, Ident, Row, SqlBuilder, TableName, Value};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::model::{Meaning, Stat};

use super::{Bucket, Series};

/// A column of raw values to read.
#[derive(Debug, Clone)]
pub struct RawColumn {
    /// The table.
    pub table: TableName,
    /// Its time column.
    pub time: Ident,
    /// What the time column's values mean, where their type alone does not say.
    pub meaning: Option<Meaning>,
    /// The column that tells one series from another.
    pub by: Ident,
    /// The column of values.
    pub column: Ident,
}

/// A column of a rollup to read.
#[derive(Debug, Clone)]
pub struct RollupColumn {
    /// The rollup.
    pub table: TableName,
    /// What its buckets' instants mean, where their type alone does not say: the same as in the raw table.
    pub meaning: Option<Meaning>,
    /// The column that tells one series from another.
    pub by: Ident,
    /// The column of raw values that was rolled up.
    pub column: Ident,
    /// The width of its buckets.
    pub every: Every,
    /// The zone that they are civil in.
    pub zone: Tz,
}

/// The raw values of each series by ascending time; rows without a value are left out.
///
/// # Errors
///
/// A column that is not there, a time that is no instant, a value that is no number, or a database that does not answer.
pub async fn collect_raw(db: &Db, source: &RawColumn) -> Result<BTreeMap<String, Vec<(DateTime<Utc>, f64)>>> {
    let mut query = SqlBuilder::new(db.engine());
    query.push("SELECT ").ident(&source.by).push(" AS ").name("series").push(", ").ident(&source.time);
    query.push(" AS ").name("at").push(", ").ident(&source.column).push(" AS ").name("value");
    query.push(" FROM ").table(&source.table).push(" WHERE ").ident(&source.column).push(" IS NOT NULL");
    query.push(" ORDER BY 1, 2");
    let mut series: BTreeMap<String, Vec<(DateTime<Utc>, f64)>> = BTreeMap::new();
    for row in db.query(query.build()).await?.rows() {
        let at = instant(source.meaning.as_ref(), row.value("at")?, &source.table)?;
        series.entry(name(row.value("series")?)).or_default().push((at, number(row, "value")?));
    }
    Ok(series)
}

/// What a rollup keeps of each series, by ascending time; a bucket of no values is left out.
///
/// # Errors
///
/// As [`collect_raw`].
pub async fn collect_rollup(db: &Db, rollup: &RollupColumn) -> Result<BTreeMap<String, Vec<Bucket>>> {
    let mut query = SqlBuilder::new(db.engine());
    query.push("SELECT ").ident(&rollup.by).push(" AS ").name("series").push(", ").name("bucket");
    for stat in Stat::ALL {
        let column = Ident::new(format!("{}_{}", rollup.column.as_str(), stat.suffix()))?;
        query.push(", ").ident(&column).push(" AS ").name(stat.suffix());
    }
    query.push(" FROM ").table(&rollup.table).push(" ORDER BY 1, 2");
    let mut series: BTreeMap<String, Vec<Bucket>> = BTreeMap::new();
    for row in db.query(query.build()).await?.rows() {
        let count = row.get(Stat::Count.suffix())?;
        if count == 0 {
            continue;
        }
        let start = instant(rollup.meaning.as_ref(), row.value("bucket")?, &rollup.table)?;
        let bucket = Bucket {
            start,
            end: rollup.every.end_of(rollup.zone, start),
            count,
            sum: number(row, Stat::Sum.suffix())?,
            min: number(row, Stat::Min.suffix())?,
            max: number(row, Stat::Max.suffix())?,
        };
        series.entry(name(row.value("series")?)).or_default().push(bucket);
    }
    Ok(series)
}

/// Puts what was read together, series by series in the order of their names.
#[must_use]
pub fn into_series(
    raw: BTreeMap<String, Vec<(DateTime<Utc>, f64)>>,
    daily: BTreeMap<String, Vec<Bucket>>,
    monthly: BTreeMap<String, Vec<Bucket>>,
) -> Vec<Series> {
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for (name, raw) in raw {
        all.entry(name).or_default().raw = raw;
    }
    for (name, daily) in daily {
        all.entry(name).or_default().daily = daily;
    }
    for (name, monthly) in monthly {
        all.entry(name).or_default().monthly = monthly;
    }
    all.into_iter().map(|(name, series)| Series { name, ..series }).collect()
}

fn instant(meaning: Option<&Meaning>, value: &Value, table: &TableName) -> Result<DateTime<Utc>> {
    // A type that is a point in time speaks for itself; what the policy says of it is for the others.
    let meant = || meaning.and_then(|meaning| meaning.instant(value));
    value.as_timestamp().or_else(meant).ok_or_else(|| Error::failed(format!("a time of `{table}` is no point in time")))
}

/// A number of whatever type the engine keeps it in: it is drawn, and so the nearest float will do.
fn number(row: &Row, column: &str) -> Result<f64> {
    let value = row.value(column)?.as_f64();
    value.ok_or_else(|| Error::failed(format!("`{column}` of the report's plot holds a value that is no number")))
}

fn name(value: &Value) -> String {
    if value.is_null() { "(none)".to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::sql::{ConnectOptions, sql};

    use super::*;

    #[tokio::test]
    async fn values_are_read_with_their_instants() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db", folder.path().display()).parse().unwrap();
        let db = Db::connect_with(&url, ConnectOptions::default().create()).await.unwrap();
        db.execute(sql("CREATE TABLE raw (\"or\"\"igin\" TEXT, at INTEGER, temp REAL)")).await.unwrap();
        db.execute(sql("INSERT INTO raw VALUES ('b', 7200, 2), ('b', 3600, 1), ('a', 0, NULL), (NULL, 0, 3)"))
            .await
            .unwrap();
        let raw = RawColumn {
            table: "raw".parse().unwrap(),
            time: Ident::literal("at"),
            meaning: Some(Meaning::EpochSeconds),
            by: Ident::literal("or\"igin"),
            column: Ident::literal("temp"),
        };
        let read = collect_raw(&db, &raw).await.unwrap();
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert_eq!(read["b"], [(at(3600), 1.0), (at(7200), 2.0)]);
        assert_eq!(read["(none)"], [(at(0), 3.0)]);
        assert!(!read.contains_key("a"), "a series without a value has no line");
        let unknown = RawColumn { meaning: None, ..raw };
        assert!(collect_raw(&db, &unknown).await.is_err(), "a number alone is no instant");

        let create = "CREATE TABLE daily (origin TEXT, bucket INTEGER, temp_count INTEGER, temp_sum REAL, temp_min REAL, temp_max REAL)";
        db.execute(sql(create)).await.unwrap();
        db.execute(sql(
            "INSERT INTO daily VALUES ('a', 1362891600, 23, 46, 1, 3), ('a', 1362974400, 0, NULL, NULL, NULL)",
        ))
        .await
        .unwrap();
        let rollup = RollupColumn {
            table: "daily".parse().unwrap(),
            meaning: Some(Meaning::EpochSeconds),
            by: Ident::literal("origin"),
            column: Ident::literal("temp"),
            every: Every::Day,
            zone: chrono_tz::America::New_York,
        };
        let daily = collect_rollup(&db, &rollup).await.unwrap();
        let (start, end) = (at(1_362_891_600), at(1_362_891_600 + 23 * 3600));
        // The day on which clocks go forward; the one without a value is left out.
        assert_eq!(daily["a"], [Bucket { start, end, count: 23, sum: 46.0, min: 1.0, max: 3.0 }]);
        let series = into_series(read, daily, BTreeMap::new());
        assert_eq!(series.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["(none)", "a", "b"]);
    }
}
