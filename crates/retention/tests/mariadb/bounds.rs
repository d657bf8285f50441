//! What the catalogue is read to say is where the server really puts a row.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use clusterkeep_core::age::days;
use clusterkeep_core::sql::{Db, Value, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Count, CountUnit, Format, Meaning, Policy};

use super::{at, database, script};

/// Tables `t0`, `t1`, ...: each with how its time is meant, its smallest step, and the value for an instant.
type Form = (&'static str, &'static str, Option<Meaning>, TimeDelta, fn(DateTime<Utc>) -> Value);

fn civil(at: DateTime<Utc>) -> Value {
    Value::DateTime(at.naive_utc())
}

fn berlin(at: DateTime<Utc>) -> Value {
    Value::DateTime(at.with_timezone(&Berlin).naive_local())
}

fn date(at: DateTime<Utc>) -> Value {
    Value::Date(at.date_naive())
}

fn forms() -> Vec<Form> {
    let micro = TimeDelta::microseconds(1);
    let format = |text: &str| Some(Meaning::Format(Format { format: text.into(), zone: chrono_tz::UTC }));
    let days_since = Count { unit: CountUnit::Days, since: at("2000-01-01T00:00:00Z") };
    vec![
        (
            "datetime(6)",
            "RANGE (to_days(ts)) | (to_days('1969-12-31')) | (to_days('2024-02-29')) | (to_days('2024-03-01'))",
            Some(Meaning::Utc),
            micro,
            civil,
        ),
        (
            "datetime(6)",
            "RANGE (to_seconds(ts)) | (to_seconds('1969-12-31 23:59:59')) | (to_seconds('2024-02-29 12:00:00'))",
            Some(Meaning::Utc),
            micro,
            civil,
        ),
        ("datetime(6)", "RANGE (year(ts)) | (1970) | (2024) | (2025)", Some(Meaning::Utc), micro, civil),
        (
            "datetime(6)",
            "RANGE (year(ts) * 100 + month(ts)) | (196913) | (202400) | (202402) | (202412) | (202499)",
            Some(Meaning::Utc),
            micro,
            civil,
        ),
        ("datetime(6)", "RANGE (extract(year_month from ts)) | (201912) | (202001)", Some(Meaning::Utc), micro, civil),
        (
            "datetime(6)",
            "RANGE COLUMNS (ts) | ('1969-12-31 23:59:59.5') | ('2024-02-29') | ('2024-03-01 00:00')",
            Some(Meaning::Utc),
            micro,
            civil,
        ),
        (
            "datetime(6)",
            "RANGE (to_days(ts)) | (to_days('2026-03-29')) | (to_days('2026-03-30')) | (to_days('2026-10-25'))",
            Some(Meaning::Zone(Berlin)),
            micro,
            berlin,
        ),
        (
            "timestamp(6) NOT NULL DEFAULT current_timestamp(6)",
            "RANGE (unix_timestamp(ts)) | (1) | (1709164800) | (1709251200)",
            None,
            micro,
            |at| Value::Timestamp(at),
        ),
        (
            "date",
            "RANGE (to_days(ts)) | (to_days('1969-12-31')) | (to_days('2024-02-29')) | (to_days('2024-03-01'))",
            Some(Meaning::Utc),
            TimeDelta::days(1),
            date,
        ),
        (
            "date",
            "RANGE (year(ts) * 100 + month(ts)) | (202401) | (202402)",
            Some(Meaning::Utc),
            TimeDelta::days(1),
            date,
        ),
        ("date", "RANGE COLUMNS (ts) | ('2024-02-29') | ('2024-03-01')", Some(Meaning::Utc), TimeDelta::days(1), date),
        (
            "bigint",
            "RANGE (ts) | (-5) | (0) | (1709164800)",
            Some(Meaning::EpochSeconds),
            TimeDelta::seconds(1),
            |at| at.timestamp().into(),
        ),
        (
            "bigint unsigned",
            "RANGE (ts) | (5) | (1709164800000)",
            Some(Meaning::EpochMillis),
            TimeDelta::milliseconds(1),
            |at| at.timestamp_millis().into(),
        ),
        ("int", "RANGE COLUMNS (ts) | (-3) | (8000)", Some(Meaning::Count(days_since)), TimeDelta::days(1), |at| {
            (at.timestamp().div_euclid(86_400) - 10_957).into()
        }),
        ("int", "RANGE (ts) | (202401) | (202402)", format("%Y%m"), TimeDelta::days(31), |at| {
            at.format("%Y%m").to_string().parse::<i64>().unwrap().into()
        }),
        (
            "varchar(10)",
            "RANGE COLUMNS (ts) | ('2024-02-29') | ('2024-03-01')",
            format("%Y-%m-%d"),
            TimeDelta::days(1),
            |at| at.format("%Y-%m-%d").to_string().into(),
        ),
        (
            "datetime(6)",
            "RANGE (to_days(ts)) SUBPARTITION BY HASH (day(ts)) SUBPARTITIONS 3 | (to_days('2024-02-29')) | (to_days('2024-03-01'))",
            Some(Meaning::Utc),
            micro,
            civil,
        ),
    ]
}

async fn create(db: &Db, kind: &str, form: &str) {
    let mut parts = form.split(" | ");
    let by = parts.next().unwrap();
    let bounds = parts.enumerate().map(|(nth, bound)| format!("PARTITION p{nth} VALUES LESS THAN {bound}"));
    let bounds: Vec<_> = bounds.collect();
    let text = format!(
        "CREATE OR REPLACE TABLE t (id int, ts {kind}) PARTITION BY {by} ({}, PARTITION rest VALUES LESS THAN {})",
        bounds.join(", "),
        if by.starts_with("RANGE COLUMNS") { "(MAXVALUE)" } else { "MAXVALUE" }
    );
    db.execute(clusterkeep_core::sql::Statement::assert_safe(text)).await.unwrap();
}

#[tokio::test]
async fn case_01_bounds_are_where_the_server_puts_rows() {
    let Some((_database, db)) = database().await else { return };
    for (kind, form, meaning, step, value) in forms() {
        create(&db, kind, form).await;
        let mut policy = Policy::for_table("t").time("ts").drop_after(days(1));
        if let Some(meaning) = meaning {
            policy = policy.meaning(meaning);
        }
        let plan = Retention::new(db.clone()).policy(policy).plan(at("1950-01-01T00:00:00Z")).await.unwrap();
        let bounds: Vec<_> = plan
            .verdicts
            .iter()
            .map(|verdict| {
                (verdict.detail.partition.as_ref().unwrap().to_string(), verdict.detail.start, verdict.detail.end)
            })
            .collect();
        let wanted = form.split(" | ").count();
        assert_eq!(bounds.len(), wanted, "{kind} {form}: {plan}");
        let ends = bounds.iter().filter_map(|(.., end)| *end);
        let ends: Vec<_> = ends.collect();
        assert_eq!(ends.len(), wanted - 1, "all but MAXVALUE are read: {kind} {form}: {plan}");
        // Rows right around each bound, and well away from it.
        let around =
            |end: DateTime<Utc>| [end - step * 2, end - step, end, end + step, end - step * 1000, end + step * 1000];
        let earliest =
            if kind.starts_with("timestamp") { at("1970-01-01T00:00:01Z") } else { at("1900-01-01T00:00:00Z") };
        let unsigned = kind.contains("unsigned");
        let rows: Vec<_> = ends
            .iter()
            .flat_map(|end| around(*end))
            .filter(|at| *at >= earliest && (!unsigned || at.timestamp_millis() >= 0))
            .collect();
        let values: Vec<_> = (0_i64..).zip(&rows).map(|(id, at)| vec![id.into(), value(*at)]).collect();
        db.session().await.unwrap().execute_many(&sql("INSERT INTO t (id, ts) VALUES (?, ?)"), &values).await.unwrap();
        let mut found = 0;
        for (name, start, end) in &bounds {
            let mut query = clusterkeep_core::sql::SqlBuilder::new(db.engine());
            query
                .push("SELECT id FROM t PARTITION (")
                .ident(&clusterkeep_core::sql::Ident::new(name).unwrap())
                .push(")");
            for row in db.query(query.build()).await.unwrap().rows() {
                found += 1;
                let time = rows[usize::try_from(row.get::<i64>("id").unwrap()).unwrap()];
                assert!(start.is_none_or(|start| start <= time), "{kind} {form}: {time} in {name} from {start:?}");
                assert!(end.is_none_or(|end| time < end), "{kind} {form}: {time} in {name} to {end:?}");
            }
        }
        assert_eq!(found, rows.len(), "each row is in exactly one");
    }
    script(&db, "DROP TABLE t").await;
}
