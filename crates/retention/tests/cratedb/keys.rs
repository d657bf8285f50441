//! What the keys of partitions tell of time: by type, by expression, by the policy, by the data, and never by a guess.

use clusterkeep_core::age::{days, months, years};
use clusterkeep_core::civil::Every;
use clusterkeep_core::sql::{Value, sql};
use clusterkeep_retention::Planned;
use clusterkeep_retention::model::{Format, Meaning, Policy};

use super::world::{World, assert_done, at, dropped, verdicts};

fn format(text: &str) -> Meaning {
    Meaning::Format(Format { format: text.into(), zone: chrono_tz::UTC })
}

fn days_of(from: &str, count: i64) -> Vec<Vec<Value>> {
    (0..count)
        .map(|n| vec![Value::Timestamp(at(from) + chrono::TimeDelta::days(n) + chrono::TimeDelta::hours(7))])
        .collect()
}

#[tokio::test]
async fn case_01_a_month_is_kept_until_its_end_has_expired() {
    let Some(world) = World::new().await else { return };
    world
        .run(sql("CREATE TABLE readings (ts TIMESTAMP WITH TIME ZONE, month TIMESTAMP WITH TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('month', ts)) PARTITIONED BY (month)"))
        .await;
    world.insert("readings", sql("INSERT INTO readings (ts) VALUES (?)"), &days_of("2023-03-01T00:00:00Z", 430)).await;
    let policy = || Policy::for_table("readings").time("ts").drop_after(days(360));

    // The tool before this one drops 2023-05 here, with rows of the 22nd and the 29th that are inside the retention.
    let (plan, report) = world.apply(policy(), "2024-05-15T09:00:00Z").await;
    assert_eq!(dropped(&plan), ["readings/month=1677628800000", "readings/month=1680307200000"]);
    assert_done(&report);
    let left = world.keys("readings").await;
    assert_eq!((left.len(), left[0].as_str()), (13, r#"{"month":1682899200000}"#));

    // By the key itself it is the same.
    let by_key = Policy::for_table("readings").time("month").drop_after(days(360));
    let plan = world.retention(by_key.clone()).plan(at("2024-05-25T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), Vec::<String>::new(), "cutoff 2023-05-31");
    let plan = world.retention(by_key).plan(at("2024-05-26T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), ["readings/month=1682899200000"], "cutoff 2023-06-01");
}

#[tokio::test]
async fn case_02_a_day_that_ends_at_the_cutoff_goes() {
    let Some(world) = World::new().await else { return };
    world
        .run(sql("CREATE TABLE readings (ts TIMESTAMP WITH TIME ZONE, day TIMESTAMP WITH TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('day', 'Europe/Berlin', ts)) PARTITIONED BY (day)"))
        .await;
    world.insert("readings", sql("INSERT INTO readings (ts) VALUES (?)"), &days_of("2026-03-27T00:00:00Z", 6)).await;
    // The 29th of March has 23 hours in Berlin: it ends at 22:00 UTC.
    let policy = |zone| Policy::for_table("readings").time("ts").zone(zone).drop_after(days(2));
    let plan = world.retention(policy("Europe/Berlin")).plan(at("2026-03-31T22:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 3, "{plan}");
    let plan = world.retention(policy("Europe/Berlin")).plan(at("2026-03-31T21:59:59Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 2, "{plan}");
    let plan = world.retention(policy("UTC")).plan(at("2026-04-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 3, "the cutoff is two hours after its end: {plan}");
}

#[tokio::test]
async fn case_03_what_has_no_meaning_no_value_or_another_form_is_kept() {
    let Some(world) = World::new().await else { return };
    world.run(sql("CREATE TABLE by_number (v INTEGER, month INTEGER) PARTITIONED BY (month)")).await;
    let months = [202_609, 202_610, 202_611, 202_699].map(|n| vec![n.into()]);
    world.insert("by_number", sql("INSERT INTO by_number (month) VALUES (?)"), &months).await;
    world.insert("by_number", sql("INSERT INTO by_number (month) VALUES (?)"), &[vec![Value::Null]]).await;
    let policy = || Policy::for_table("by_number").time("month").drop_after(years(10));

    // Read as milliseconds since 1970, as the tool before this one does, each of them is fifty years old.
    let (plan, report) = world.apply(policy(), "2026-11-01T00:00:00Z").await;
    assert_eq!(dropped(&plan), Vec::<String>::new());
    let why = |plan: &Planned, what| verdicts(plan).iter().filter(|verdict| verdict.contains(what)).count();
    assert_eq!(why(&plan, "no point in time by its type"), 4, "{plan}");
    assert_eq!((report.outcomes.len(), world.keys("by_number").await.len()), (0, 5));

    // With a meaning and no width they tell their start alone.
    let meant = || policy().meaning(format("%Y%m"));
    let plan = world.retention(meant()).plan(at("2047-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), Vec::<String>::new());
    assert_eq!(why(&plan, "say how long it is with `time.width`"), 3, "{plan}");

    let plan = world.retention(meant().width(Every::Month)).plan(at("2036-11-01T00:00:00Z")).await.unwrap();
    let mut shown = verdicts(&plan);
    shown.sort();
    assert_eq!(
        shown,
        [
            "by_number/month=202609: drop, ended at or before the cutoff",
            "by_number/month=202610: drop, ended at or before the cutoff",
            "by_number/month=202611: keep, newest slice",
            "by_number/month=202699: keep, its end is not known: its key is not of the form that the policy says",
            "by_number/month=null: keep, its end is not known: its key is NULL",
        ]
    );
}

#[tokio::test]
async fn case_03_text_needs_a_format() {
    let Some(world) = World::new().await else { return };
    world.run(sql("CREATE TABLE by_text (v INTEGER, day TEXT) PARTITIONED BY (day)")).await;
    let keys = ["2026-01-01", "2026-01-02", "2026-01-03", "1767225600000", "x'; DROP"].map(|day| vec![day.into()]);
    world.insert("by_text", sql("INSERT INTO by_text (day) VALUES (?)"), &keys).await;
    let policy = || Policy::for_table("by_text").time("day").width(Every::Day).drop_after(days(1));
    let plan = world.retention(policy()).plan(at("2026-06-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), Vec::<String>::new());

    let (plan, report) = world.apply(policy().meaning(format("%Y-%m-%d")), "2026-06-01T00:00:00Z").await;
    assert_eq!(dropped(&plan), ["by_text/day=\"2026-01-01\"", "by_text/day=\"2026-01-02\""]);
    assert_done(&report);
    assert_eq!(world.keys("by_text").await.len(), 3);
}

#[tokio::test]
async fn case_04_what_the_expression_does_not_tell_the_data_does() {
    let Some(world) = World::new().await else { return };
    world
        .run(sql("CREATE TABLE readings (ts TIMESTAMP WITH TIME ZONE, month TEXT \
                  GENERATED ALWAYS AS date_format('%Y-%m', ts)) PARTITIONED BY (month)"))
        .await;
    world.insert("readings", sql("INSERT INTO readings (ts) VALUES (?)"), &days_of("2023-03-20T00:00:00Z", 60)).await;
    let policy = || Policy::for_table("readings").time("ts").drop_after(days(30));
    // The last row of March is of the 31st, 07:00: it, and so the partition, has expired a millisecond later.
    let plan = world.retention(policy()).plan(at("2023-04-30T12:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), Vec::<String>::new(), "cutoff 2023-03-31: {plan}");
    let (plan, report) = world.apply(policy(), "2023-05-01T12:00:00Z").await;
    assert_eq!(dropped(&plan), ["readings/month=\"2023-03\""]);
    assert_eq!(plan.verdicts[0].detail.end, Some(at("2023-03-31T07:00:00.001Z")));
    assert_done(&report);

    // The text itself with a format: then the base column tells the end, too.
    let by_text = Policy::for_table("readings").time("month").meaning(format("%Y-%m")).drop_after(days(30));
    let plan = world.retention(by_text).plan(at("2023-06-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), ["readings/month=\"2023-04\""], "{plan}");
}

#[tokio::test]
async fn case_05_each_partition_of_a_composite_key_goes_once_and_none_of_another_tenant() {
    let Some(world) = World::new().await else { return };
    world
        .run(sql("CREATE TABLE readings (ts TIMESTAMP WITH TIME ZONE, tenant TEXT, day TIMESTAMP WITH TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('day', ts)) CLUSTERED INTO 1 SHARDS PARTITIONED BY (day, tenant)"))
        .await;
    let rows: Vec<Vec<Value>> = days_of("2026-01-01T00:00:00Z", 4)
        .into_iter()
        .flat_map(|day| {
            let tenant = |tenant: Value| vec![day[0].clone(), tenant];
            [tenant("a".into()), tenant("b".into()), tenant(Value::Null)]
        })
        // One tenant alone has a fifth day.
        .chain([vec![Value::Timestamp(at("2026-01-05T00:00:00Z")), "a".into()]])
        .collect();
    world.insert("readings", sql("INSERT INTO readings (ts, tenant) VALUES (?, ?)"), &rows).await;
    let policy = Policy::for_table("readings").time("ts").drop_after(days(1));
    let (plan, report) = world.apply(policy, "2026-01-04T00:00:00Z").await;
    let dropped = dropped(&plan);
    assert_eq!(dropped.len(), 6, "two days, three tenants: {plan}");
    assert!(dropped.contains(&"readings/day=1767225600000,tenant=null".to_owned()), "{dropped:?}");
    let mut objects: Vec<_> = plan.steps.iter().flat_map(|step| &step.objects).collect();
    objects.sort();
    objects.dedup();
    assert_eq!((plan.steps.len(), objects.len()), (1, 6), "each in one step");
    assert_done(&report);
    let left = world.keys("readings").await;
    assert_eq!(left.len(), 7);
    assert!(left.iter().all(|key| !key.contains("1767225600000") && !key.contains("1767312000000")), "{left:?}");
}

#[tokio::test]
async fn a_day_by_itself_needs_a_width_and_another_key_stays() {
    let Some(world) = World::new().await else { return };
    world.run(sql("CREATE TABLE plain (v INTEGER, day TIMESTAMP WITH TIME ZONE) PARTITIONED BY (day)")).await;
    let rows: Vec<Vec<Value>> =
        (0..4).map(|n| vec![Value::Timestamp(at("2026-01-01T00:00:00Z") + chrono::TimeDelta::days(n))]).collect();
    world.insert("plain", sql("INSERT INTO plain (day) VALUES (?)"), &rows).await;
    let policy = || Policy::for_table("plain").time("day").drop_after(days(1));
    let plan = world.retention(policy()).plan(at("2026-02-01T00:00:00Z")).await.unwrap();
    assert!(verdicts(&plan).iter().all(|v| v.contains("it tells its start alone")), "{plan}");
    let plan = world.retention(policy().width(Every::Day)).plan(at("2026-02-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 3);
    let plan = world.retention(policy().width(Every::Month)).plan(at("2026-02-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan).len(), 0, "a month that begins on the 4th ends in February");

    world
        .run(sql("CREATE TABLE other (ts TIMESTAMP WITH TIME ZONE, o OBJECT AS (p TEXT)) PARTITIONED BY (o['p'])"))
        .await;
    world.run(sql("INSERT INTO other (ts, o) VALUES ('2020-01-01', {p = 'a'})")).await;
    let policy = Policy::for_table("other").time("ts").drop_after(days(1));
    let plan = world.retention(policy).plan(at("2026-02-01T00:00:00Z")).await.unwrap();
    assert!(verdicts(&plan)[0].contains("a column of its key lies within an object"), "{plan}");
}

#[tokio::test]
async fn a_column_without_a_zone_needs_one_and_then_ends_by_it() {
    let Some(world) = World::new().await else { return };
    world
        .run(sql("CREATE TABLE readings (ts TIMESTAMP WITHOUT TIME ZONE, week TIMESTAMP WITHOUT TIME ZONE \
                  GENERATED ALWAYS AS date_trunc('week', ts)) PARTITIONED BY (week)"))
        .await;
    world.insert("readings", sql("INSERT INTO readings (ts) VALUES (?)"), &days_of("2026-01-05T00:00:00Z", 21)).await;
    let policy = || Policy::for_table("readings").time("ts").drop_after(days(7));
    let plan = world.retention(policy()).plan(at("2026-03-01T00:00:00Z")).await.unwrap();
    assert_eq!(dropped(&plan), Vec::<String>::new());
    let policy = policy().meaning(Meaning::Zone(chrono_tz::America::New_York)).zone("UTC");
    let plan = world.retention(policy).plan(at("2026-01-20T00:00:00Z")).await.unwrap();
    assert_eq!(plan.verdicts[0].detail.end, Some(at("2026-01-12T05:00:00Z")), "midnight in New York");
    assert_eq!(dropped(&plan).len(), 1, "{plan}");
}

#[tokio::test]
async fn bins_and_closed_partitions() {
    let Some(world) = World::new().await else { return };
    world
        .run(sql(
            "CREATE TABLE readings (ts TIMESTAMP WITH TIME ZONE, bin TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS \
                  date_bin('10 days'::INTERVAL, ts, '2026-01-01'::TIMESTAMP)) PARTITIONED BY (bin)",
        ))
        .await;
    world.insert("readings", sql("INSERT INTO readings (ts) VALUES (?)"), &days_of("2026-01-01T00:00:00Z", 40)).await;
    world.run(sql("ALTER TABLE readings PARTITION (bin = 1767225600000) CLOSE")).await;
    let policy = Policy::for_table("readings").time("ts").drop_after(months(1));
    let plan = world.retention(policy).plan(at("2026-03-02T00:00:00Z")).await.unwrap();
    let shown = verdicts(&plan);
    assert!(shown[0].contains("keep, its end is not known: it is closed"), "{plan}");
    assert_eq!(dropped(&plan), ["readings/bin=1768089600000", "readings/bin=1768953600000"], "{plan}");
}
