//! Numbered cases of guard rails, holds, selectors and tags, on the pure planner.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::{days, years};
use clusterkeep_core::plan::Plan;
use clusterkeep_core::sql::{Ident, TableName, Value};
use clusterkeep_retention::model::{
    Bytes, Hold, HoldScope, Keep, KnownTable, Manifest, Policy, Rollup, Selector, percent, resolve,
};
use clusterkeep_retention::observe::{
    Inventory, Obstacle, Partition, PartitionId, PartitionKey, Removed, Source, Unknown,
};
use clusterkeep_retention::plan::{Action, Decision, Domain, Reason, Selection, plan};
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

/// Days from the first of January 2026 on.
fn day(n: i64) -> DateTime<Utc> {
    at("2026-01-01T00:00:00Z") + TimeDelta::days(n)
}

fn partition(n: i64) -> Partition {
    let name = TableName::bare(Ident::new(format!("p{n:03}")).unwrap());
    Partition {
        id: Some(PartitionId::Table(Arc::new(name))),
        start: Some(day(n)),
        end: Some(day(n + 1)),
        unknown: None,
        rows: Some(5),
        bytes: Some(1000),
        detached: false,
    }
}

fn source(name: &str, count: i64) -> Source {
    Source { partitions: (0..count).map(partition).collect(), native: true, ..Source::empty(table(name)) }
}

fn inventory(sources: Vec<Source>) -> Inventory {
    let tables =
        sources.iter().map(|source| KnownTable { table: source.table.clone(), schema: "public".into() }).collect();
    Inventory { tables, sources, ..Inventory::default() }
}

fn keep_for(age: u32) -> Policy {
    Policy::for_table("raw").time("ts").drop_after(days(age)).max_share(percent(100))
}

fn planned(policy: Policy, inventory: &Inventory, now: DateTime<Utc>) -> Plan<Domain> {
    plan(&Manifest::named("test").policy(policy), inventory, now, &Selection::default()).unwrap()
}

fn dropped(plan: &Plan<Domain>) -> Vec<DateTime<Utc>> {
    plan.verdicts.iter().filter(|v| v.verdict == Decision::Drop).map(|v| v.detail.start.unwrap()).collect()
}

fn reasons(plan: &Plan<Domain>, decision: Decision) -> Vec<&Reason> {
    plan.verdicts.iter().filter(|verdict| verdict.verdict == decision).map(|verdict| &verdict.reason).collect()
}

fn hold(scope: HoldScope, expires_at: Option<DateTime<Utc>>) -> Hold {
    Hold {
        id: "h-1".into(),
        owner: "legal".into(),
        reason: "case 4711".into(),
        scope,
        placed_at: day(0),
        expires_at,
        noticed_at: None,
    }
}

#[test]
fn case_12_five_runs_within_a_day_do_not_drain_a_table() {
    let policy = || Policy::for_table("raw").time("ts").drop_after(days(1)).max_share(percent(25));
    let mut source = source("raw", 12);
    let mut gone = 0;
    // Each run is for a part that is small enough by itself; what went before counts, though.
    for run in 0..5 {
        let inventory = inventory(vec![source.clone()]);
        let selection = Selection { until: Some(day(3 * (run + 1))), ..Selection::default() };
        let made = plan(&Manifest::named("test").policy(policy()), &inventory, day(40), &selection).unwrap();
        let count = dropped(&made).len();
        source.partitions.retain(|partition| !dropped(&made).contains(&partition.start.unwrap()));
        source.removed.partitions += count as u64;
        source.removed.rows += 5 * count as u64;
        gone += count;
    }
    assert_eq!(gone, 3, "a quarter of twelve, however often it runs");
}

#[test]
fn case_12_limits_in_rows_partitions_and_bytes_count_what_went_before() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    let now = day(8);
    let with = |set: fn(&mut Policy)| {
        let mut policy = keep_for(2);
        set(&mut policy);
        policy
    };
    // Six days are old enough: 30 rows, 6 partitions, 6,000 bytes.
    assert_eq!(dropped(&planned(keep_for(2), &inventory, now)).len(), 6);
    type Limit = (fn(&mut Policy), fn(&mut Policy));
    let limits: [Limit; 3] = [
        (|policy| policy.guard.max_rows = Some(30), |policy| policy.guard.max_rows = Some(29)),
        (|policy| policy.guard.max_partitions = Some(6), |policy| policy.guard.max_partitions = Some(5)),
        (|policy| policy.guard.max_bytes = Some(Bytes(6000)), |policy| policy.guard.max_bytes = Some(Bytes(5999))),
    ];
    for (enough, too_few) in limits {
        inventory.sources[0].removed = Removed::default();
        assert_eq!(dropped(&planned(with(enough), &inventory, now)).len(), 6);
        let refused = planned(with(too_few), &inventory, now);
        assert_eq!((dropped(&refused).len(), refused.exit_code(false)), (0, ExitCode::Refused));
        inventory.sources[0].removed = Removed { rows: 1, partitions: 1, bytes: 1 };
        assert_eq!(dropped(&planned(with(enough), &inventory, now)).len(), 0, "what went before counts");
    }
    inventory.sources[0].partitions[0].bytes = None;
    let unknown = planned(with(|policy| policy.guard.max_bytes = Some(Bytes(u64::MAX))), &inventory, now);
    assert!(matches!(reasons(&unknown, Decision::Refuse)[..], [Reason::NotMeasured { .. }, ..]));
}

#[test]
fn case_13_a_hold_on_a_part_keeps_all_of_a_partition() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    let now = day(9);
    let scope = |from, until| HoldScope { table: Some(table("raw")), from, until, tag: None };
    let noon = |n| Some(day(n) + TimeDelta::hours(12));
    let kept = |inventory: &Inventory| {
        let plan = planned(keep_for(2), inventory, now);
        reasons(&plan, Decision::Keep).iter().filter(|reason| matches!(reason, Reason::Held { .. })).count()
    };
    inventory.holds = vec![hold(scope(noon(1), noon(3)), None)];
    assert_eq!(kept(&inventory), 3, "from noon of the second day to noon of the fourth");
    inventory.holds = vec![hold(scope(Some(day(1)), Some(day(2))), None)];
    assert_eq!(kept(&inventory), 1, "half-open: the day that it ends before is not held");
    inventory.holds = vec![hold(scope(None, None), None)];
    assert_eq!(kept(&inventory), 7);
    inventory.holds = vec![hold(HoldScope { table: Some(table("public.raw")), ..HoldScope::default() }, None)];
    assert_eq!(kept(&inventory), 7, "with its schema or without");
    inventory.holds = vec![hold(HoldScope { table: Some(table("other")), ..HoldScope::default() }, None)];
    assert_eq!(kept(&inventory), 0);
    // One that nothing is known of is held by any.
    inventory.holds = vec![hold(scope(Some(day(500)), None), None)];
    inventory.sources[0].partitions[0].end = None;
    assert_eq!(kept(&inventory), 0, "it stays for its unknown end");
}

#[test]
fn case_13_a_hold_that_has_expired_keeps_for_one_more_run() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    let scope = HoldScope { table: Some(table("raw")), ..HoldScope::default() };
    let expires = day(8);
    inventory.holds = vec![hold(scope, Some(expires))];
    let held = planned(keep_for(2), &inventory, day(7));
    assert!(reasons(&held, Decision::Keep).iter().any(|reason| matches!(reason, Reason::Held { .. })));
    let expired = planned(keep_for(2), &inventory, day(9));
    assert_eq!(dropped(&expired).len(), 0);
    assert!(reasons(&expired, Decision::Keep).iter().any(|reason| matches!(reason, Reason::HoldExpired { .. })));
    inventory.holds[0].noticed_at = Some(day(9));
    assert_eq!(dropped(&planned(keep_for(2), &inventory, day(9))).len(), 7);
    assert_eq!(dropped(&planned(keep_for(2), &inventory, day(7))).len(), 0, "before its end it holds in any case");
}

#[test]
fn case_13_a_hold_by_tag_covers_every_table_of_the_tag() {
    let mut inventory = inventory(vec![source("raw", 10), source("other", 10)]);
    inventory.holds = vec![hold(HoldScope { tag: Some("acme".parse().unwrap()), ..HoldScope::default() }, None)];
    let mut manifest = Manifest::named("test");
    manifest.tags.insert("acme".parse().unwrap(), vec!["oth*".parse().unwrap()]);
    for name in ["raw", "other"] {
        manifest = manifest.policy(Policy::for_table(name).time("ts").drop_after(days(2)).max_share(percent(100)));
    }
    let made = plan(&manifest, &inventory, day(9), &Selection::default()).unwrap();
    let goes = |name| made.verdicts.iter().any(|v| *v.detail.table == table(name) && v.verdict == Decision::Drop);
    assert!(goes("raw") && !goes("other"));
}

#[test]
fn case_16_a_hold_changes_the_hash_where_it_keeps_something_that_would_go() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    let before = planned(keep_for(2), &inventory, day(9)).hash;
    let from = |n| HoldScope { from: Some(day(n)), ..HoldScope::default() };
    inventory.holds = vec![hold(from(9), None)];
    assert_eq!(planned(keep_for(2), &inventory, day(9)).hash, before, "it is about what stays anyway");
    inventory.holds = vec![hold(from(5), None)];
    assert_ne!(planned(keep_for(2), &inventory, day(9)).hash, before);
}

#[test]
fn case_17_what_matches_nothing_is_a_mistake() {
    let inventory = inventory(vec![source("raw", 10)]);
    let failed = |manifest: &Manifest, selection: &Selection| {
        ExitCode::from(&plan(manifest, &inventory, day(9), selection).unwrap_err())
    };
    let manifest = Manifest::named("test").policy(keep_for(2));
    let tables = Selection { tables: vec![table("nothing")], ..Selection::default() };
    assert_eq!(failed(&manifest, &tables), ExitCode::BadInput);
    let tags = Selection { tags: vec!["nobody".parse().unwrap()], ..Selection::default() };
    assert_eq!(failed(&manifest, &tags), ExitCode::BadInput);
    let by_pattern = |pattern| {
        Manifest::named("test").policy(Policy::for_tables(Selector::name(pattern)).time("ts").drop_after(days(2)))
    };
    assert_eq!(failed(&by_pattern("metrics_*"), &Selection::default()), ExitCode::BadInput);
    assert_eq!(failed(&by_pattern(""), &Selection::default()), ExitCode::BadInput);
    let of_all = Policy::for_tables(Selector::default()).time("ts").drop_after(days(2));
    assert_eq!(failed(&Manifest::named("test").policy(of_all), &Selection::default()), ExitCode::BadInput);
}

#[test]
fn a_newly_matched_table_waits_until_somebody_acknowledges_it() {
    let mut inventory = inventory(vec![source("m_a", 10), source("m_b", 10)]);
    let manifest = Manifest::named("test")
        .policy(Policy::for_tables(Selector::name("m_*")).time("ts").drop_after(days(2)).max_share(percent(100)));
    let make = |inventory: &Inventory, unattended| {
        plan(&manifest, inventory, day(9), &Selection { unattended, ..Selection::default() }).unwrap()
    };
    assert_eq!(dropped(&make(&inventory, false)).len(), 14, "a person looks at the first plan");
    let scheduled = make(&inventory, true);
    assert!(reasons(&scheduled, Decision::Refuse).iter().all(|reason| **reason == Reason::NewlyMatched));
    assert_eq!((dropped(&scheduled).len(), scheduled.refused().count()), (0, 14));
    inventory.acknowledged = Some([table("m_a")].into());
    for unattended in [false, true] {
        let made = make(&inventory, unattended);
        assert_eq!((dropped(&made).len(), made.refused().count()), (7, 7), "one of them alone");
    }
    // One that a policy names needs no acknowledgement.
    let named =
        Manifest::named("test").policy(Policy::for_table("m_b").time("ts").drop_after(days(2)).max_share(percent(100)));
    let made = plan(&named, &inventory, day(9), &Selection { unattended: true, ..Selection::default() }).unwrap();
    assert_eq!(dropped(&made).len(), 7);
}

#[test]
fn clocks_that_differ_and_known_bad_servers_stop_everything() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    inventory.clock_ahead = Some(TimeDelta::minutes(-4));
    assert_eq!(dropped(&planned(keep_for(2), &inventory, day(9))).len(), 7);
    for minutes in [-6, 6] {
        inventory.clock_ahead = Some(TimeDelta::minutes(minutes));
        let made = planned(keep_for(2), &inventory, day(9));
        assert!(matches!(reasons(&made, Decision::Refuse)[0], Reason::ClocksDiffer { .. }));
        assert_eq!(dropped(&made).len(), 0);
    }
    inventory.clock_ahead = None;
    for obstacle in [Obstacle::NoIndex, Obstacle::BadServer { what: "6.0.0 damages it".into() }] {
        inventory.sources[0].obstacle = Some(obstacle);
        assert_eq!(planned(keep_for(2), &inventory, day(9)).exit_code(false), ExitCode::Refused);
    }
}

#[test]
fn side_effects_are_allowed_by_name_and_no_other_way() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    for partition in &mut inventory.sources[0].partitions {
        partition.id = None;
    }
    inventory.sources[0].native = false;
    inventory.sources[0].side_effects = vec!["trigger audit".into(), "trigger other".into()];
    let allow = |names: &[&str]| {
        let mut policy = keep_for(2);
        policy.guard.allow = names.iter().map(|name| (*name).to_owned()).collect();
        planned(policy, &inventory, day(9)).refused().count()
    };
    assert_eq!((allow(&[]), allow(&["trigger audit"]), allow(&["trigger audit", "trigger other"])), (7, 7, 0));
}

#[test]
fn partitions_are_detached_first_and_dropped_later() {
    let mut inventory = inventory(vec![source("raw", 10)]);
    let policy =
        || Policy::for_table("raw").time("ts").detach_after(days(2)).drop_after(days(5)).max_share(percent(100));
    inventory.sources[0].partitions[3].detached = true;
    let made = planned(policy(), &inventory, day(9));
    // Up to the fourth day is old enough to go, up to the seventh to be detached.
    assert_eq!(dropped(&made).len(), 4);
    let detached: Vec<_> =
        made.verdicts.iter().filter(|v| v.verdict == Decision::Detach).map(|v| v.detail.start.unwrap()).collect();
    assert_eq!(detached, [day(4), day(5), day(6)]);
    let of_detached =
        made.steps.iter().filter(|step| matches!(step.action, Action::DropPartition { detached: true, .. }));
    assert_eq!(of_detached.count(), 1);
}

#[test]
fn several_policies_of_one_table_are_one_life_cycle_and_the_longest_keep_wins() {
    let known = [KnownTable { table: table("metrics_a"), schema: "public".into() }];
    let wide = || Policy::for_tables(Selector::name("metrics_*")).time("ts").drop_after(days(30));
    let narrow = || Policy::for_table("public.metrics_a").time("ts");
    let drop_of = |a: Policy, b: Policy| {
        let resolved = resolve(&Manifest::named("test").policy(a).policy(b), &known).unwrap();
        assert_eq!(resolved.len(), 1);
        assert_eq!(resolved[0].table, table("metrics_a"));
        assert!(!resolved[0].by_selector, "a policy names it");
        resolved[0].policy.dropped_after()
    };
    assert_eq!(drop_of(wide(), narrow().drop_after(years(1))), Some(years(1)));
    assert_eq!(drop_of(narrow().drop_after(days(7)), wide()), Some(days(30)));
    assert_eq!(drop_of(wide(), narrow().drop_after(Keep::Forever)), None);

    let conflict = |other: Policy| {
        let manifest = Manifest::named("test").policy(wide()).policy(other);
        resolve(&manifest, &known).unwrap_err().to_string()
    };
    assert!(conflict(narrow().zone("Europe/Berlin").drop_after(days(1))).contains("zone"));
    assert!(conflict(Policy::for_table("metrics_a").time("at").drop_after(days(1))).contains("column of time"));
    let daily = |columns: &[&str]| Rollup::daily().of(columns).into("daily");
    let manifest =
        Manifest::named("test").policy(narrow().downsample(daily(&["a"]))).policy(narrow().downsample(daily(&["b"])));
    assert!(resolve(&manifest, &known).unwrap_err().to_string().contains("rollup"));
}

#[test]
fn the_strictest_guard_of_several_policies_holds() {
    let policy = |share, newest| {
        Policy::for_table("raw").time("ts").drop_after(days(2)).max_share(percent(share)).keep_newest(newest)
    };
    let manifest = Manifest::named("test").policy(policy(100, 1)).policy(policy(10, 3));
    let resolved = resolve(&manifest, &[]).unwrap();
    assert_eq!(resolved[0].policy.guard.max_share, percent(10));
    assert_eq!(resolved[0].policy.guard.keep_newest.get(), 3);
}

#[test]
fn each_table_of_a_selector_has_rollups_of_its_own() {
    let known = ["m_a", "m_b", "m_a_daily"].map(|name| KnownTable { table: table(name), schema: "public".into() });
    let policy = |target| {
        Policy::for_tables(Selector::name("m_*"))
            .time("ts")
            .downsample(Rollup::daily().of(["v"]).into(target))
            .drop_after(days(2))
    };
    let resolved = resolve(&Manifest::named("test").policy(policy("{table}_daily")), &known).unwrap();
    let targets: Vec<_> = resolved.iter().flat_map(|of| of.policy.rollups()).map(|r| r.target.to_string()).collect();
    assert_eq!(targets, ["m_a_daily", "m_b_daily"], "what the manifest makes is no raw data");
    let shared = resolve(&Manifest::named("test").policy(policy("daily")), &known).unwrap_err().to_string();
    assert!(shared.contains("own-table"), "{shared}");
}

#[test]
fn selectors_combine() {
    let known = |schema: &str, name: &str| KnownTable {
        table: TableName::within(Ident::new(schema).unwrap(), Ident::new(name).unwrap()),
        schema: schema.into(),
    };
    let all = [known("a", "metrics"), known("a", "metrics_x"), known("b", "metrics_x"), known("b", "logs")];
    let mut manifest = Manifest::named("test");
    manifest.tags.insert("acme".parse().unwrap(), vec!["b.*".parse().unwrap()]);
    let matched = |selector: Selector| {
        let manifest = Manifest { tables: Vec::new(), ..manifest.clone() }
            .policy(Policy::for_tables(selector).time("ts").drop_after(days(1)));
        let resolved = resolve(&manifest, &all).unwrap();
        resolved.iter().map(|of| of.table.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(matched(Selector::name("metrics*")), ["a.metrics", "a.metrics_x", "b.metrics_x"]);
    assert_eq!(matched(Selector::name("metrics?x").in_schema("a")), ["a.metrics_x"]);
    assert_eq!(matched(Selector::tag("acme")), ["b.metrics_x", "b.logs"]);
    assert_eq!(matched(Selector::name("*").except(Selector::tag("acme"))), ["a.metrics", "a.metrics_x"]);
    let either = Selector::default().or(Selector::name("logs")).or(Selector::name("metrics"));
    assert_eq!(matched(either), ["a.metrics", "b.logs"]);
}

#[test]
fn case_05_each_key_of_several_columns_goes_once_and_none_of_another_tenant() {
    let key = |n: i64, tenant: &str| {
        let values = vec![
            (Ident::literal("day"), Value::Int(day(n).timestamp_millis())),
            (Ident::literal("tenant"), Value::from(tenant)),
        ];
        Some(PartitionId::Key(Arc::new(PartitionKey { ident: format!("{n}{tenant}"), values })))
    };
    let of = |n, tenant| Partition { id: key(n, tenant), ..partition(n) };
    let mut source = source("raw", 0);
    source.partitions = (0..10).flat_map(|n| [of(n, "a"), of(n, "b")]).collect();
    source.partitions.extend((0..900).map(|n| Partition { id: key(n, "old"), ..partition(-1000 + n) }));
    // A tenant whose key is no point in time stays.
    source.partitions.push(Partition { end: None, unknown: Some(Unknown::NullKey), ..of(0, "null") });
    let made = planned(keep_for(2), &inventory(vec![source]), day(9));
    let objects: Vec<_> = made.steps.iter().flat_map(|step| &step.objects).collect();
    let once: std::collections::BTreeSet<_> = objects.iter().collect();
    assert_eq!((objects.len(), once.len()), (914, 914));
    assert!(made.steps.iter().all(|step| (1..=500).contains(&step.objects.len())), "bounded statements");
    assert!(!objects.iter().any(|object| object.to_string().contains("null")));
}

proptest! {
    #[test]
    fn case_14_an_extra_hold_never_adds_drops(from in 0_i64..40, width in 1_i64..10, age in 1_u32..30, now in 0_i64..60) {
        let mut inventory = inventory(vec![source("raw", 40)]);
        let before = dropped(&planned(keep_for(age), &inventory, day(now)));
        let scope = HoldScope { from: Some(day(from)), until: Some(day(from + width)), ..HoldScope::default() };
        inventory.holds = vec![hold(scope, None)];
        let after = dropped(&planned(keep_for(age), &inventory, day(now)));
        prop_assert!(after.iter().all(|start| before.contains(start)));
        prop_assert!(after.iter().all(|start| *start < day(from) || *start >= day(from + width)));
    }
}
