//! The rules that a manifest must obey, each with a name; checked before any I/O.
//!
//! The cascade rules are Whisper's: no two rollups alike, the finer divides the coarser, the coarser covers longer, and
//! each keeps enough to feed the next (<https://graphite.readthedocs.io/en/latest/whisper.html>).

use std::time::Duration;

use clusterkeep_core::{Error, Result};

use super::{Keep, Manifest, Policy, Rollup, Tier};

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
    manifest.tables.iter().try_for_each(check_policy)
}

fn broken(rule: &str, table: String, what: impl std::fmt::Display) -> Error {
    Error::input(format!("{table}: {what} (rule {rule})"))
}

fn check_policy(policy: &Policy) -> Result<()> {
    let fail = |rule, what: String| Err(broken(rule, policy.about(), what));
    let mut problems = policy.problems.iter().chain(policy.rollups().flat_map(|rollup| rollup.problems.iter()));
    if let Some(first) = problems.next() {
        let others: Vec<_> = problems.collect();
        return fail("builder", std::iter::once(first).chain(others).collect::<Vec<_>>().join("; "));
    }
    match (&policy.table, &policy.select) {
        (Some(_), Some(_)) => return fail("one-subject", "it has a `table` and a `select`: one of them".into()),
        (None, None) => return fail("one-subject", "it says neither `table` nor `select`".into()),
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
    let mut earlier: Vec<&Rollup> = Vec::new();
    for rollup in policy.rollups() {
        check_rollup(policy, rollup, &earlier)?;
        earlier.push(rollup);
    }
    Ok(())
}

fn check_rollup(policy: &Policy, rollup: &Rollup, earlier: &[&Rollup]) -> Result<()> {
    let name = &rollup.target;
    let fail = |rule, what: String| Err(broken(rule, policy.about(), what));
    if policy.table.as_ref() == Some(name) || earlier.iter().any(|other| other.target == *name) {
        return fail("own-table", format!("rollup `{name}` would be kept in a table that is taken"));
    }
    if earlier.iter().any(|other| other.every == rollup.every && other.from == rollup.from) {
        return fail("no-duplicate-width", format!("rollup `{name}` has the same buckets as an earlier one"));
    }
    let Some(from) = &rollup.from else {
        if rollup.of.is_empty() {
            return fail("columns", format!("rollup `{name}` names no columns in `of`"));
        }
        if let (Some(after), width) = (policy.dropped_after(), rollup.every.approximate())
            && after.approximate() < width
        {
            return fail(
                "feeds-the-next",
                format!(
                    "raw data goes after {after}, before a bucket of rollup `{name}` ({}) is complete",
                    rollup.every
                ),
            );
        }
        return Ok(());
    };
    let Some(source) = earlier.iter().find(|other| other.target == *from) else {
        return fail("from-an-earlier", format!("rollup `{name}` is made from `{from}`, which is no earlier rollup"));
    };
    if !source.every.divides(rollup.every) {
        let what = format!(
            "a {} of rollup `{name}` is not made of whole buckets of `{from}` ({})",
            rollup.every, source.every
        );
        return fail("finer-divides-coarser", what);
    }
    let columns = policy.columns_of(source);
    if let Some(column) = rollup.of.iter().find(|column| !columns.contains(column)) {
        return fail("columns", format!("rollup `{name}` wants `{column}`, which `{from}` does not have"));
    }
    match (source.keep, rollup.keep) {
        (Keep::Forever, Keep::For(age)) => {
            let what = format!("rollup `{name}` is kept for {age}, the finer `{from}` for ever");
            fail("coarser-covers-longer", what)
        }
        (Keep::For(fine), Keep::For(coarse)) if coarse.approximate() < fine.approximate() => {
            let what = format!("rollup `{name}` is kept for {coarse}, the finer `{from}` for {fine}");
            fail("coarser-covers-longer", what)
        }
        (Keep::For(fine), _) if fine.approximate() < rollup.every.approximate() + Duration::from_secs(86_400) => {
            let what = format!("`{from}` is kept for {fine}, too short for a {} of rollup `{name}`", rollup.every);
            fail("feeds-the-next", what)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Policy, Rollup};
    use clusterkeep_core::age::{Age, days, hours, years};
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
        let minutes = |n| Rollup::every(Every::Minutes(n)).of(["v"]);
        let five_to_ten = vec![minutes(10).into("a"), Rollup::every(Every::Minutes(15)).from("a").into("b")];
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
