//! Days of a zone from hours of another, and what can't be told apart in the hour that comes twice.

use clusterkeep_core::ExitCode;
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_retention::model::{Extra, Meaning, Policy, Rollup};

use super::kit::{Raw, at, count, create, insert, policy, retention, rollup, run, sqlite};

/// Every half hour over the two days of Berlin in which the clocks change, and the days beside them.
fn halves() -> Vec<Raw> {
    let spans = [("2025-03-27T00:00:00Z", "2025-04-01T00:00:00Z"), ("2025-10-23T00:00:00Z", "2025-10-28T00:00:00Z")];
    let mut rows = Vec::new();
    for (from, until) in spans {
        let (from, until) = (at(from).timestamp(), at(until).timestamp());
        rows.extend((from..until).step_by(1800).map(|at| Raw {
            series: Some("a"),
            at,
            i: Some(at % 977),
            x: Some(1.0),
        }));
    }
    rows
}

async fn berlin(db: &Db) {
    create(db).await;
    let raw = halves();
    insert(db, &raw).await;
    let policy = policy()
        .zone("UTC")
        .downsample(Rollup::hourly().of(["i", "x"]).with([Extra::Last]).into("hourly"))
        .downsample(Rollup::daily().zone("Europe/Berlin").from("hourly").into("daily"));
    run(&retention(db, "berlin", policy), at("2025-12-01T00:00:00Z")).await;
    let (hourly, daily) = (rollup(db, "hourly").await, rollup(db, "daily").await);
    let hours_of = |day: &str, hours: i64| {
        let start = at(day).timestamp();
        let own: Vec<_> = hourly
            .iter()
            .filter(|((hour, _), _)| (start..start + hours * 3600).contains(hour))
            .map(|(_, row)| row)
            .collect();
        let whole = daily.iter().find(|((bucket, _), _)| *bucket == start).map(|(_, row)| row).unwrap();
        assert_eq!(own.len() as i64, hours, "{day}");
        let sum = |name: &str| own.iter().map(|row| row[name].as_i64().unwrap()).sum::<i64>();
        assert_eq!(
            (whole["i_count"].as_i64(), whole["i_sum"].as_i64()),
            (Some(hours * 2), Some(sum("i_sum"))),
            "{day}"
        );
        assert_eq!(whole["i_last"], own.last().unwrap()["i_last"]);
    };
    hours_of("2025-03-29T23:00:00Z", 23);
    hours_of("2025-03-30T22:00:00Z", 24);
    hours_of("2025-10-25T22:00:00Z", 25);
    hours_of("2025-10-26T23:00:00Z", 24);
    // 02:30 in Berlin came twice: at half past midnight and half past one in UTC.
    for (hour, last) in
        [("2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z"), ("2025-10-26T01:00:00Z", "2025-10-26T01:30:00Z")]
    {
        let row = hourly.iter().find(|((bucket, _), _)| *bucket == at(hour).timestamp()).map(|(_, row)| row).unwrap();
        assert_eq!(row["i_count"].as_i64(), Some(2));
        assert_eq!(row["i_last"].as_i64(), Some(at(last).timestamp() % 977));
    }
    assert_eq!(count(db, "SELECT sum(i_count) FROM daily").await, raw.len() as i64);
}

#[tokio::test]
async fn case_39_days_of_berlin_from_hours_of_utc_on_sqlite() {
    berlin(&*sqlite().await).await;
}

#[tokio::test]
async fn case_39_days_of_berlin_from_hours_of_utc_on_postgres() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    berlin(&database.connect().await).await;
}

#[tokio::test]
async fn case_39_days_of_berlin_from_hours_of_utc_on_mariadb() {
    let Some(database) = clusterkeep_testkit::servers::mariadb().await else { return };
    berlin(&database.connect().await).await;
}

#[tokio::test]
async fn case_39_hours_of_civil_time_are_refused_and_its_days_are_right() {
    let Some(database) = clusterkeep_testkit::servers::postgres().await else { return };
    let db = database.connect().await;
    let script = sql("CREATE TABLE civil (ts timestamp, v bigint);
         CREATE INDEX ON civil (ts);
         INSERT INTO civil SELECT timezone('Europe/Berlin', '2025-03-25T23:00:00Z'::timestamptz + make_interval(mins => 30 * n)), 1
           FROM generate_series(0, 48 * 300) AS n;
         CREATE TABLE dates (day date, v bigint);
         CREATE INDEX ON dates (day);
         INSERT INTO dates SELECT '2025-03-26'::date + n, n FROM generate_series(0, 299) AS n;");
    db.session().await.unwrap().execute_script(&script).await.unwrap();
    let of = |rollup: Rollup| {
        Policy::for_table("civil")
            .time("ts")
            .meaning(Meaning::Zone(chrono_tz::Europe::Berlin))
            .zone("Europe/Berlin")
            .downsample(rollup)
    };
    let hourly = of(Rollup::hourly().of(["v"]).into("hours"));
    let error = retention(&db, "hours", hourly).plan(at("2026-02-01T00:00:00Z")).await.unwrap_err();
    assert_eq!(ExitCode::from(&error), ExitCode::BadInput);
    assert!(error.to_string().contains("rule time-tells-buckets-apart"), "{error}");
    for (into, extras) in [("pushed", &[][..]), ("streamed", &[Extra::First][..])] {
        let daily = of(Rollup::daily().of(["v"]).with(extras.iter().copied()).into(into));
        run(&retention(&db, into, daily), at("2026-02-01T00:00:00Z")).await;
        let lengths = format!(
            "SELECT count(*) FILTER (WHERE v_count = 46) * 1000000 + count(*) FILTER (WHERE v_count = 50) * 1000 \
                               + count(*) FILTER (WHERE v_count = 48) FROM {into}"
        );
        let lengths = count(&db, &lengths).await;
        assert_eq!(lengths / 1000, 1001, "a day of 23 hours, and one of 25");
        assert!(lengths % 1000 >= 297, "{lengths}");
    }
    // A column of dates has whole days, and weeks and months of them.
    let of = |rollup: Rollup| {
        Policy::for_table("dates")
            .time("day")
            .meaning(Meaning::Zone(chrono_tz::Europe::Berlin))
            .zone("Europe/Berlin")
            .downsample(rollup)
    };
    let hours = of(Rollup::hourly().of(["v"]).into("date_hours"));
    retention(&db, "date_hours", hours).plan(at("2026-02-01T00:00:00Z")).await.unwrap_err();
    let policy = of(Rollup::daily().of(["v"]).into("date_days"))
        .downsample(Rollup::monthly().from("date_days").into("date_months"));
    run(&retention(&db, "dates", policy), at("2026-02-01T00:00:00Z")).await;
    assert_eq!(count(&db, "SELECT count(*) FROM date_days WHERE v_count = 1").await, 300);
    assert_eq!(count(&db, "SELECT sum(v_sum)::bigint FROM date_months").await, 299 * 300 / 2);
    assert_eq!(count(&db, "SELECT v_count FROM date_months WHERE bucket = '2025-10-01'").await, 31);
}
