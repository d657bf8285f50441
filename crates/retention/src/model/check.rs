//! The rules that a manifest must obey, each with a name; checked before any I/O. Those of rollups are in `cascade`.

use chrono_tz::Tz;
use clusterkeep_core::{Error, Result};

use super::{Manifest, Policy, Tier, cascade};

/// Checks a manifest.
///
/// # Errors
///
/// The first rule that is broken, by name, with the table that breaks it.
pub fn check(manifest: &Manifest) -> Result<()> {
    if manifest.name.trim().is_empty() {
        return Err(Error::input("the manifest has no name").with_hint("`name` is what plans and schedules call it"));
    }
    if manifest.tables.is_empty() {
        return Err(broken("no-policy", manifest.name.clone(), "it has no policy for any table")
            .with_hint("a manifest without policies would do nothing; name at least one table"));
    }
    manifest.tables.iter().try_for_each(|policy| check_policy(policy, manifest.zone_of(policy)))
}

pub(super) fn broken(rule: &str, table: String, what: impl std::fmt::Display) -> Error {
    Error::input(format!("{table}: {what} (rule {rule})"))
}

fn check_policy(policy: &Policy, zone: Tz) -> Result<()> {
    let fail = |rule, what: String| Err(broken(rule, policy.about(), what));
    let mut problems = policy.problems.iter().chain(policy.rollups().flat_map(|rollup| rollup.problems.iter()));
    if let Some(first) = problems.next() {
        let others: Vec<_> = problems.collect();
        return fail("builder", std::iter::once(first).chain(others).collect::<Vec<_>>().join("; "));
    }
    match (&policy.table, &policy.select) {
        (Some(_), Some(_)) | (None, None) => {
            let what = if policy.table.is_some() { "it has a `table` and a `select`" } else { "it names no table" };
            return Err(broken("one-subject", policy.about(), what)
                .with_hint("name one table with `table`, or several with `select`"));
        }
        (None, Some(selector)) => selector.check()?,
        (Some(_), None) => {}
    }
    if policy.tiers.is_empty() {
        return fail("no-tier", "its policy has no tier, so it would do nothing".into());
    }
    if policy.tiers.iter().filter(|tier| matches!(tier, Tier::Drop(_))).count() > 1 {
        return fail("one-drop", "it is dropped twice".into());
    }
    if let Some(at) = policy.tiers.iter().position(|tier| matches!(tier, Tier::Drop(_)))
        && at + 1 != policy.tiers.len()
    {
        return fail("drop-last", "something comes after the drop, when nothing is left".into());
    }
    let (detach, drop) = (policy.detached_after(), policy.dropped_after());
    if policy.tiers.iter().filter(|tier| matches!(tier, Tier::Detach(_))).count() > 1 {
        return fail("one-detach", "it is detached twice".into());
    }
    if let Some((detach, drop)) = detach.zip(drop)
        && detach.approximate() >= drop.approximate()
    {
        let what = format!("partitions are detached after {detach}, and dropped after {drop} already");
        return fail("ages-ascend", what);
    }
    super::check_tiers::check(policy)?;
    cascade::check(policy, zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Extra, Policy, Rollup, percent};
    use clusterkeep_core::age::{Age, days, hours, minutes, months, years};
    use clusterkeep_core::civil::Every;

    fn check_tiers(rollups: Vec<Rollup>, drop: Option<Age>) -> Result<()> {
        let mut policy = Policy::for_table("raw").time("ts");
        for rollup in rollups {
            policy = policy.downsample(rollup);
        }
        if let Some(age) = drop {
            policy = policy.drop_after(age);
        }
        Manifest::named("test").policy(policy).check()
    }

    fn rule(result: Result<()>) -> String {
        let text = result.unwrap_err().to_string();
        text.rsplit_once("(rule ").map(|(_, rule)| rule.trim_end_matches(')').to_owned()).unwrap_or(text)
    }

    #[test]
    fn case_40_each_broken_cascade_is_refused_by_the_name_of_its_rule() {
        let part = |n| Rollup::every(Every::Minutes(n)).of(["v"]);
        let five_to_ten = vec![part(10).into("a"), Rollup::every(Every::Minutes(15)).from("a").into("b")];
        assert_eq!(rule(check_tiers(five_to_ten, None)), "finer-divides-coarser");
        let coarse_first =
            vec![Rollup::hourly().of(["v"]).into("a"), Rollup::every(Every::Minutes(30)).from("a").into("b")];
        assert_eq!(rule(check_tiers(coarse_first, None)), "finer-divides-coarser");
        let shorter = vec![
            Rollup::daily().of(["v"]).into("a").keep(years(2)),
            Rollup::monthly().from("a").into("b").keep(years(1)),
        ];
        assert_eq!(rule(check_tiers(shorter, None)), "coarser-covers-longer");
        let twice = vec![Rollup::daily().of(["v"]).into("a"), Rollup::daily().of(["v"]).into("b")];
        assert_eq!(rule(check_tiers(twice, None)), "no-duplicate-width");
        let same_table = vec![Rollup::daily().of(["v"]).into("a"), Rollup::monthly().from("a").into("a")];
        assert_eq!(rule(check_tiers(same_table, None)), "own-table");
        let too_short = vec![
            Rollup::daily().of(["v"]).into("a").keep(days(20)),
            Rollup::monthly().from("a").into("b").keep(years(1)),
        ];
        assert_eq!(rule(check_tiers(too_short, None)), "feeds-the-next");
        let raw_too_short = vec![Rollup::daily().of(["v"]).into("a")];
        assert_eq!(rule(check_tiers(raw_too_short, Some(hours(6)))), "feeds-the-next");
        assert_eq!(rule(check_tiers(vec![Rollup::daily().of(["v"]).from("b").into("a")], None)), "from-an-earlier");
        assert_eq!(rule(check_tiers(vec![], None)), "no-tier");
    }

    #[test]
    fn case_40_what_waits_for_late_rows_lives_longer() {
        let hourly = || Rollup::hourly().of(["v"]).into("hourly").keep(days(2));
        let daily = || Rollup::daily().from("hourly").into("daily");
        let with = |wait: Age| {
            let policy = Policy::for_table("raw").time("ts").downsample(hourly()).downsample(daily());
            Manifest::named("test").policy(policy.drop_after(days(2)).wait_for_late(wait)).check()
        };
        with(hours(1)).unwrap_err();
        let long = || Rollup::hourly().of(["v"]).into("hourly").keep(days(4));
        check_tiers(vec![long(), daily()], Some(days(2))).unwrap();
        let policy = Policy::for_table("raw").time("ts").downsample(long()).downsample(daily());
        let late = policy.drop_after(days(2));
        Manifest::named("test").policy(late.clone().wait_for_late(hours(1))).check().unwrap();
        assert_eq!(rule(Manifest::named("test").policy(late.wait_for_late(days(3))).check()), "feeds-the-next");
    }

    #[test]
    fn case_40_five_minutes_do_not_make_seven() {
        assert!("7 min".parse::<Every>().is_err(), "no width at all");
        let odd = vec![
            Rollup::every(Every::Minutes(4)).of(["v"]).into("a"),
            Rollup::every(Every::Minutes(10)).from("a").into("b"),
        ];
        assert_eq!(rule(check_tiers(odd, None)), "finer-divides-coarser");
    }

    #[test]
    fn case_40_ages_ascend() {
        let policy = Policy::for_table("raw").time("ts").detach_after(days(30)).drop_after(days(20));
        assert_eq!(rule(Manifest::named("test").policy(policy).check()), "ages-ascend");
        let policy = Policy::for_table("raw").time("ts").detach_after(days(10)).drop_after(days(20));
        Manifest::named("test").policy(policy).check().unwrap();
    }

    #[test]
    fn case_40_a_rollup_has_at_most_the_extras_of_the_finer_one() {
        let daily = |extras: &[Extra]| Rollup::daily().of(["v"]).with(extras.iter().copied()).into("daily");
        let monthly = |extras: &[Extra]| Rollup::monthly().from("daily").with(extras.iter().copied()).into("monthly");
        let check = |fine: &[Extra], coarse: &[Extra]| check_tiers(vec![daily(fine), monthly(coarse)], None);
        check(&[Extra::First, Extra::Last], &[Extra::Last]).unwrap();
        check(&[Extra::First], &[]).unwrap();
        assert_eq!(rule(check(&[Extra::First], &[Extra::Variance])), "extras-of-the-finer");
        assert_eq!(rule(check(&[Extra::First, Extra::First], &[])), "extras-once");
        let clash = Rollup::daily().of(["v", "v_first"]).with([Extra::First]).into("a");
        check_tiers(vec![clash], None).unwrap();
        let clash = Policy::for_table("raw").time("ts").by(["v_m2"]);
        let clash = clash.downsample(Rollup::daily().of(["v"]).with([Extra::Variance]).into("a"));
        assert_eq!(rule(Manifest::named("test").policy(clash).check()), "names-once");
    }

    #[test]
    fn case_40_coverage_feeds_nothing() {
        let daily = |step| Rollup::daily().of(["v"]).min_coverage(percent(50), step).into("daily");
        check_tiers(vec![daily(minutes(5))], None).unwrap();
        let fed = vec![daily(minutes(5)), Rollup::monthly().from("daily").into("monthly")];
        assert_eq!(rule(check_tiers(fed, None)), "coverage-feeds-nothing");
        assert_eq!(rule(check_tiers(vec![daily(days(2))], None)), "coverage-step");
        assert_eq!(rule(check_tiers(vec![daily(months(1))], None)), "coverage-step");
        let merged = Policy::for_table("raw").time("ts").downsample(daily(minutes(5))).merge_late();
        assert_eq!(rule(Manifest::named("test").policy(merged).check()), "coverage-or-merge");
    }

    #[test]
    fn case_40_zones_share_their_boundaries() {
        let check = |zone: &str| {
            let hourly = Rollup::hourly().of(["v"]).into("hourly");
            check_tiers(vec![hourly, Rollup::daily().zone(zone).from("hourly").into("daily")], None)
        };
        check("Europe/Berlin").unwrap();
        assert_eq!(rule(check("Asia/Kolkata")), "zones-share-boundaries");
        let text = check("Asia/Kolkata").unwrap_err().to_string();
        assert!(text.contains("18:30:00 UTC") && text.contains("Asia/Kolkata"), "{text}");
        // Days of two zones are no duplicates.
        let hourly = Rollup::hourly().of(["v"]).into("hourly");
        let daily = |zone: &str, into: &str| Rollup::daily().zone(zone).from("hourly").into(into);
        check_tiers(vec![hourly, daily("Europe/Berlin", "a"), daily("America/New_York", "b")], None).unwrap();
    }

    #[test]
    fn a_sound_cascade_passes() {
        let rollups = vec![
            Rollup::daily().of(["v"]).into("daily").keep(years(2)),
            Rollup::monthly().from("daily").into("monthly"),
        ];
        check_tiers(rollups, Some(days(90))).unwrap();
    }

    #[test]
    fn what_a_builder_could_not_take_is_refused_when_it_is_used() {
        let policy = Policy::for_table("a.b.c").time("ts").zone("Mars/Olympus").drop_after(days(1));
        let text = Manifest::named("test").policy(policy).check().unwrap_err().to_string();
        assert!(text.contains("a.b.c") && text.contains("Mars/Olympus"), "{text}");
    }
}
