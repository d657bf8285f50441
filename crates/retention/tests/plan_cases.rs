//! Numbered cases of selection and guard rails, on the pure planner.

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
use clusterkeep_core::age::{Age, days, hours};
use clusterkeep_core::civil::Every;
use clusterkeep_core::plan::Plan;
use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_retention::model::{Manifest, Policy, Rollup, Share, percent};
use clusterkeep_retention::observe::{Inventory, Partition, PartitionId, Piece, Removed, RollupState, Source};
use clusterkeep_retention::plan::{Action, Decision, Domain, Reason, Selection, plan};
use proptest::prelude::*;

const NONE: [DateTime<Utc>; 0] = [];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

fn partition(start: &str, end: &str, rows: u64) -> Partition {
    Partition {
        id: Some(PartitionId::Table(Arc::new(TableName::bare(Ident::new(format!("p_{start}")).unwrap())))),
        unknown: None,
        detached: false,
        start: Some(at(start)),
        end: Some(at(end)),
        rows: Some(rows),
        bytes: Some(rows * 100),
    }
}

fn daily(from: &str, count: i64, rows: u64) -> Vec<Partition> {
    (0..count)
        .map(|n| {
            let start = at(from) + TimeDelta::days(n);
            partition(&start.to_rfc3339(), &(start + TimeDelta::days(1)).to_rfc3339(), rows)
        })
        .collect()
}

fn inventory(partitions: Vec<Partition>) -> Inventory {
    let source = Source { partitions, native: true, ..Source::empty(table("raw")) };
    Inventory { sources: vec![source], ..Inventory::default() }
}

fn policy(age: Age) -> Policy {
    Policy::for_table("raw").time("ts").drop_after(age).max_share(percent(100))
}

fn planned(policy: Policy, inventory: &Inventory, now: &str) -> Plan<Domain> {
    plan(&Manifest::named("test").policy(policy), inventory, at(now), &Selection::default()).unwrap()
}

fn dropped(plan: &Plan<Domain>) -> Vec<DateTime<Utc>> {
    plan.verdicts.iter().filter(|v| v.verdict == Decision::Drop).map(|v| v.detail.start.unwrap()).collect()
}

#[test]
fn case_01_a_partition_is_judged_by_its_end() {
    let partitions = vec![
        partition("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", 10),
        partition("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 10),
    ];
    let inventory = inventory(partitions);
    assert_eq!(dropped(&planned(policy(days(30)), &inventory, "2026-11-20T12:00:00Z")), NONE);
    assert_eq!(dropped(&planned(policy(days(30)), &inventory, "2026-11-30T12:00:00Z")), NONE);
    assert_eq!(dropped(&planned(policy(days(30)), &inventory, "2026-12-01T00:00:00Z")), [at("2026-10-01T00:00:00Z")]);
}

#[test]
fn case_02_an_end_at_the_cutoff_goes_and_a_millisecond_later_stays() {
    let mut partitions = daily("2026-01-01T00:00:00Z", 5, 1);
    let now = "2026-02-01T12:00:00Z";
    let policy = || policy(days(30));
    assert_eq!(dropped(&planned(policy(), &inventory(partitions.clone()), now)), [at("2026-01-01T00:00:00Z")]);
    partitions[0].end = Some(at("2026-01-02T00:00:00.001Z"));
    assert_eq!(dropped(&planned(policy(), &inventory(partitions), now)), NONE);
}

#[test]
fn case_03_what_has_no_known_end_stays_and_says_so() {
    let mut partitions = daily("2026-01-01T00:00:00Z", 3, 1);
    partitions[0].end = None;
    let plan = planned(policy(days(1)), &inventory(partitions), "2026-06-01T00:00:00Z");
    let unknown = plan.verdicts.iter().find(|v| matches!(v.reason, Reason::UnknownEnd { .. })).unwrap();
    assert_eq!(unknown.verdict, Decision::Keep);
}

#[test]
fn case_04_a_wide_partition_is_judged_by_its_own_bounds() {
    let mut partitions = daily("2026-01-01T00:00:00Z", 3, 1);
    partitions[0].end = Some(at("2026-07-01T00:00:00Z"));
    let dropped = dropped(&planned(policy(days(30)), &inventory(partitions), "2026-06-01T00:00:00Z"));
    assert!(!dropped.contains(&at("2026-01-01T00:00:00Z")));
}

#[test]
fn case_08_the_future_is_never_chosen_and_a_clock_that_went_back_is_refused() {
    let mut inventory = inventory(daily("2026-01-01T00:00:00Z", 400, 1));
    let plan_now = planned(policy(days(30)), &inventory, "2026-06-01T00:00:00Z");
    assert!(dropped(&plan_now).iter().all(|start| *start < at("2026-05-02T00:00:00Z")));
    inventory.last_applied = Some(at("2026-06-02T00:00:00Z"));
    let behind = planned(policy(days(30)), &inventory, "2026-06-01T00:00:00Z");
    assert_eq!((dropped(&behind).len(), behind.exit_code(false)), (0, ExitCode::Refused));
    let nothing_to_do = planned(policy(days(30)), &inventory, "2026-01-15T00:00:00Z");
    assert_eq!(nothing_to_do.exit_code(false), ExitCode::Done, "a plan without steps is never refused");
}

#[test]
fn case_11_the_newest_stays_however_old_it_is() {
    let one = inventory(daily("2020-01-01T00:00:00Z", 1, 5));
    assert_eq!(dropped(&planned(policy(days(30)), &one, "2026-01-01T00:00:00Z")), NONE);
    let ten = inventory(daily("2020-01-01T00:00:00Z", 10, 5));
    assert_eq!(dropped(&planned(policy(days(30)).keep_newest(3), &ten, "2026-01-01T00:00:00Z")).len(), 7);
    // Partitions made ahead of their time don't stand in for the data.
    let mut ahead = daily("2020-01-01T00:00:00Z", 3, 5);
    ahead.extend(daily("2020-01-04T00:00:00Z", 2, 0));
    let kept = planned(policy(days(30)), &inventory(ahead), "2026-01-01T00:00:00Z");
    assert!(!dropped(&kept).contains(&at("2020-01-03T00:00:00Z")));
}

#[test]
fn case_12_more_than_the_cap_is_refused_as_a_whole() {
    let default_cap = |age| Policy::for_table("raw").time("ts").drop_after(age);
    let now = "2026-01-11T00:00:00Z";
    let three_of_ten = planned(default_cap(days(7)), &inventory(daily("2026-01-01T00:00:00Z", 10, 5)), now);
    assert_eq!(dropped(&three_of_ten).len(), 0);
    assert_eq!((three_of_ten.refused().count(), three_of_ten.steps.len()), (3, 0));
    assert_eq!(three_of_ten.exit_code(false), ExitCode::Refused);

    let one_of_three = inventory(daily("2026-01-01T00:00:00Z", 3, 5));
    assert_eq!(dropped(&planned(default_cap(days(2)), &one_of_three, "2026-01-04T00:00:00Z")).len(), 1);

    // What went in the last 24 hours counts, so that many small runs don't drain a table.
    let mut again = inventory(daily("2026-01-02T00:00:00Z", 9, 5));
    again.sources[0].removed = Removed { rows: 5, partitions: 1, bytes: 0 };
    assert_eq!(dropped(&planned(default_cap(days(8)), &again, now)).len(), 1, "2 of 10 within the window");
    again.sources[0].removed = Removed { rows: 10, partitions: 2, bytes: 0 };
    assert_eq!(dropped(&planned(default_cap(days(8)), &again, now)).len(), 0, "3 of 11 within the window");
}

fn with_rollup(partitions: Vec<Partition>, recorded: Vec<Piece>) -> Inventory {
    let piece = |p: &Partition| Piece {
        start: p.start.unwrap(),
        end: p.end.unwrap(),
        rows: p.rows.unwrap(),
        facts: None,
        dropped: false,
    };
    let now = partitions.iter().map(piece).collect();
    let mut inventory = inventory(partitions);
    inventory.sources[0].rollups =
        vec![RollupState { target: table("rolled"), exists: !recorded.is_empty(), now, recorded }];
    inventory
}

fn rolled_policy() -> Policy {
    policy(days(2)).downsample_first(Rollup::daily().of(["v"]).into("rolled"))
}

trait First {
    fn downsample_first(self, rollup: Rollup) -> Self;
}

impl First for Policy {
    fn downsample_first(mut self, rollup: Rollup) -> Self {
        self.tiers.insert(0, clusterkeep_retention::model::Tier::Downsample(rollup));
        self
    }
}

#[test]
fn case_38_raw_goes_only_after_the_steps_that_build_its_rollups() {
    let plan =
        planned(rolled_policy(), &with_rollup(daily("2026-01-01T00:00:00Z", 10, 5), vec![]), "2026-01-11T06:00:00Z");
    let builds: Vec<_> =
        plan.steps.iter().filter(|s| matches!(s.action, Action::Downsample(_))).map(|s| s.id).collect();
    let drops: Vec<_> = plan.steps.iter().filter(|s| matches!(s.action, Action::DropPartition { .. })).collect();
    assert_eq!((builds.len(), drops.len()), (1, 8));
    assert!(drops.iter().all(|step| step.needs == builds));
}

#[test]
fn case_36_a_bucket_is_never_made_again_from_what_is_left() {
    let rolled = |rows, dropped| Piece {
        start: at("2026-01-01T00:00:00Z"),
        end: at("2026-01-02T00:00:00Z"),
        rows,
        facts: None,
        dropped,
    };
    let now = "2026-01-11T06:00:00Z";
    let decide = |recorded| {
        let days = daily("2026-01-01T00:00:00Z", 1, 5).into_iter().chain(daily("2026-01-10T00:00:00Z", 1, 5)).collect();
        let mut inventory = with_rollup(days, vec![recorded]);
        inventory.sources[0].rollups[0].now.pop();
        let plan = planned(rolled_policy(), &inventory, now);
        let builds = plan.steps.iter().filter(|s| matches!(s.action, Action::Downsample(_))).count();
        let verdict = plan
            .verdicts
            .iter()
            .find(|v| v.detail.start == Some(at("2026-01-01T00:00:00Z")) && v.detail.partition.is_some());
        (builds, verdict.unwrap().reason.clone())
    };
    assert!(matches!(decide(rolled(5, false)), (0, Reason::EndedBeforeCutoff { .. })), "as recorded");
    assert!(matches!(decide(rolled(4, false)), (1, Reason::EndedBeforeCutoff { .. })), "a row came: made again first");
    assert!(
        matches!(decide(rolled(9, false)), (0, Reason::SourceChanged { recorded: 9, now: 5, .. })),
        "rows vanished"
    );
    assert!(matches!(decide(rolled(5, true)), (0, Reason::Late { rows: 5, .. })), "rows came after the drop");
}

#[test]
fn a_bucket_that_is_not_complete_holds_its_source() {
    let monthly = policy(days(40)).downsample_first(Rollup::monthly().of(["v"]).into("rolled"));
    let plan = planned(monthly, &with_rollup(daily("2026-01-20T00:00:00Z", 60, 5), vec![]), "2026-03-20T00:00:00Z");
    assert!(dropped(&plan).iter().all(|start| *start < at("2026-02-08T00:00:00Z")));
    let early = policy(hours(30 * 24 + 1)).downsample_first(Rollup::monthly().of(["v"]).into("rolled"));
    let manifest = Manifest::named("test").policy(early);
    let checked =
        plan_of(&manifest, &with_rollup(daily("2026-01-01T00:00:00Z", 31, 5), vec![]), "2026-01-31T23:00:00Z");
    assert!(checked.is_err(), "an age below a bucket's width is refused before anything is looked at");
}

fn plan_of(manifest: &Manifest, inventory: &Inventory, now: &str) -> clusterkeep_core::Result<Plan<Domain>> {
    plan(manifest, inventory, at(now), &Selection::default())
}

#[test]
fn case_17_an_inventory_that_does_not_know_a_rollup_is_no_ground_for_a_plan() {
    let bare = inventory(daily("2026-01-01T00:00:00Z", 10, 5));
    assert!(plan_of(&Manifest::named("test").policy(rolled_policy()), &bare, "2026-01-11T00:00:00Z").is_err());
    assert!(plan_of(&Manifest::named("empty"), &bare, "2026-01-11T00:00:00Z").is_err());
}

fn partitions() -> impl Strategy<Value = Vec<Partition>> {
    let one = (0_i64..2_000, 1_i64..40, 0_u64..50);
    prop::collection::vec(one, 1..60).prop_map(|spans| {
        let span = |(nth, (start, width, rows)): (usize, (i64, i64, u64))| {
            let from = at("2020-01-01T00:00:00Z") + TimeDelta::hours(start * 7);
            let name = TableName::bare(Ident::new(format!("p{nth}")).unwrap());
            Partition {
                id: Some(PartitionId::Table(Arc::new(name))),
                unknown: None,
                detached: false,
                start: Some(from),
                end: Some(from + TimeDelta::hours(width)),
                rows: Some(rows),
                bytes: None,
            }
        };
        spans.into_iter().enumerate().map(span).collect()
    })
}

proptest! {
    #[test]
    fn case_01_nothing_that_may_be_needed_is_ever_dropped(parts in partitions(), age in 1_u32..400, day in 0_i64..900, zone in 0_usize..3) {
        let zone = ["UTC", "Europe/Berlin", "Pacific/Auckland"][zone];
        let now = at("2020-01-01T10:30:00Z") + TimeDelta::days(day);
        let policy = policy(days(age)).zone(zone);
        let cutoff = days(age).before(now, zone.parse().unwrap()).unwrap();
        let made = plan(&Manifest::named("test").policy(policy), &inventory(parts), now, &Selection::default()).unwrap();
        for verdict in made.verdicts.iter().filter(|v| v.verdict == Decision::Drop) {
            prop_assert!(verdict.detail.end.unwrap() <= cutoff);
        }
        prop_assert!(made.verdicts.iter().any(|v| v.verdict != Decision::Drop) || made.verdicts.iter().all(|v| v.detail.rows() == Some(0)));
    }

    #[test]
    fn case_15_the_order_of_the_inventory_does_not_matter(parts in partitions(), seed in any::<u64>()) {
        let mut shuffled = parts.clone();
        let len = shuffled.len();
        for at in 0..len {
            shuffled.swap(at, (seed.rotate_left(at as u32) as usize) % len);
        }
        let now = "2020-06-01T00:00:00Z";
        let one = planned(policy(days(10)), &inventory(parts.clone()), now);
        let other = planned(policy(days(10)), &inventory(shuffled), now);
        prop_assert_eq!(one.hash, other.hash);
        prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
        // The hash changes if what would go changes, and only then.
        let mut grown = parts;
        for part in grown.iter_mut().filter(|part| part.end.unwrap() > at("2020-05-22T00:00:00Z")) {
            part.rows = part.rows.map(|rows| rows + 1);
        }
        let kept_grew = planned(policy(days(10)), &inventory(grown.clone()), now);
        if dropped(&kept_grew) == dropped(&one) {
            prop_assert_eq!(kept_grew.hash, one.hash);
        }
        if let Some(first) = grown.iter_mut().find(|part| dropped(&one).contains(&part.start.unwrap()) && part.rows > Some(0)) {
            first.rows = first.rows.map(|rows| rows + 1);
            prop_assert_ne!(planned(policy(days(10)), &inventory(grown), now).hash, one.hash);
        }
    }

    #[test]
    fn case_14_caution_never_adds_drops(parts in partitions(), age in 1_u32..300, more in 1_u32..300, newest in 1_u32..9, share in 1_u32..100) {
        let now = "2020-12-01T00:00:00Z";
        let inventory = inventory(parts);
        let base = dropped(&planned(policy(days(age)), &inventory, now));
        let within = |policy| dropped(&planned(policy, &inventory, now)).iter().all(|start| base.contains(start));
        prop_assert!(within(policy(days(age + more))), "a longer age");
        prop_assert!(within(policy(days(age)).keep_newest(newest)), "a bigger minimum");
        prop_assert!(within(policy(days(age)).max_share(percent(share))), "a smaller share");
    }
}

#[test]
fn slices_go_in_bounded_steps() {
    let slice = |n: i64, rows| Partition {
        id: None,
        unknown: None,
        detached: false,
        start: Some(at("2020-01-01T00:00:00Z") + TimeDelta::days(n)),
        end: Some(at("2020-01-02T00:00:00Z") + TimeDelta::days(n)),
        rows: Some(rows),
        bytes: None,
    };
    let mut parts: Vec<_> = (0..100).map(|n| slice(n, 10)).collect();
    parts.push(slice(100, 1_000_000));
    parts.push(slice(101, 1_000_000));
    parts.push(slice(102, 1));
    let mut inventory = inventory(parts);
    inventory.sources[0].native = false;
    let plan = planned(policy(days(10)).slice(Every::Day), &inventory, "2026-01-01T00:00:00Z");
    let sizes: Vec<_> = plan.steps.iter().map(|step| step.objects.len()).collect();
    assert_eq!(sizes, [32, 32, 32, 4, 1, 1]);
}

#[test]
fn shares_are_not_guessed_from_rows_that_nobody_counted() {
    let mut parts = daily("2026-01-01T00:00:00Z", 10, 5);
    parts[9].rows = None;
    let plan = planned(
        Policy::for_table("raw").time("ts").drop_after(days(7)).max_share(Share::DEFAULT),
        &inventory(parts),
        "2026-01-11T00:00:00Z",
    );
    let refused = plan.refused().next().unwrap();
    assert!(matches!(refused.reason, Reason::ShareExceeded { part: 3, whole: 10, .. }), "{:?}", refused.reason);
}
