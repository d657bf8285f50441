//! The rules of tiers that change how partitions are kept: their order, and that each says what it needs to.

use clusterkeep_core::Result;
use clusterkeep_core::age::Age;

use super::check::broken;
use super::{ArchiveTier, Change, Policy, ReallocateTier, Tier};

/// Checks the tiers of a policy that change how partitions are kept.
pub(super) fn check(policy: &Policy) -> Result<()> {
    let fail = |rule, what: String| Err(broken(rule, policy.about(), what));
    if let Err((earlier, later)) = ages_ascend(policy) {
        return fail("ages-ascend", format!("{later} comes after {earlier}, and is due before it"));
    }
    for (rule, name) in [("one-merge", "merge"), ("one-archive", "archive")] {
        if policy.changes().filter(|change| change.name() == name).count() > 1 {
            return fail(rule, format!("it has the tier `{name}` twice"));
        }
    }
    let detached = policy.tiers.iter().position(|tier| matches!(tier, Tier::Detach(_)));
    if let Some(after) =
        detached.and_then(|at| policy.tiers.get(at..)).and_then(|rest| rest.iter().find_map(Tier::change))
    {
        let what =
            format!("the tier `{}` comes after `detach`, when its partitions are tables of their own", after.name());
        return fail("changes-before-detach", what);
    }
    if let Some(tier) = policy.archive()
        && let Some(super::Keep::For(keep)) = tier.keep
    {
        let least = policy.dropped_after().unwrap_or(tier.after);
        if keep.approximate() <= least.approximate() {
            let what = format!("archives are kept for {keep}, and what is in them stays for {least} anyway");
            return fail("archive-outlives", what);
        }
    } else if policy.archive().is_some_and(|tier| tier.keep_newest.is_some()) {
        return fail(
            "archive-outlives",
            "`keep_newest` of archives says nothing where `keep` does not let any go".into(),
        );
    }
    if policy.archive().is_some_and(|tier| tier.to.is_some()) && policy.late.rows == super::LateRows::Merge {
        let what = "rows that come late would be merged and deleted (`late: { rows: merge }`), and be in no archive";
        return fail("archive-late", what.into());
    }
    policy.changes().try_for_each(|change| match change {
        Change::Reallocate(tier) => target(tier).or_else(|what| fail("reallocate-target", what)),
        Change::Archive(tier) => archive(tier).or_else(|(rule, what)| fail(rule, what)),
        Change::SetReplicas(_) | Change::Merge(_) => Ok(()),
    })
}

/// Each tier is due no earlier than the one before it; else what it is and which one that is.
fn ages_ascend(policy: &Policy) -> Result<(), (String, String)> {
    let mut last: Option<(Age, String)> = None;
    for tier in &policy.tiers {
        let (age, what) = match tier {
            Tier::Downsample(_) => continue,
            Tier::Detach(detach) => (detach.after, format!("`detach` after {}", detach.after)),
            Tier::Drop(drop) => match drop.after {
                super::Keep::For(age) => (age, format!("`drop` after {age}")),
                super::Keep::Forever => continue,
            },
            other => match other.change() {
                Some(change) => (change.after(), format!("`{}` after {}", change.name(), change.after())),
                None => continue,
            },
        };
        if let Some((earlier, named)) = &last
            && age.approximate() < earlier.approximate()
        {
            return Err((named.clone(), what));
        }
        last = Some((age, what));
    }
    Ok(())
}

fn target(tier: &ReallocateTier) -> Result<(), String> {
    match (&tier.attribute, &tier.value, &tier.tablespace) {
        (None, None, Some(_)) if tier.wait.is_none() => Ok(()),
        (None, None, Some(_)) => Err("`wait` is for nodes: a tablespace is there when the statement ends".into()),
        (Some(attribute), Some(value), None) => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if attribute.is_empty() || !attribute.chars().all(is_plain) {
                Err(format!("`{attribute}` can't be the attribute of a node"))
            } else if value.is_empty() || value.contains(',') {
                // With a comma it would be several values, and any of them would do.
                Err(format!("`{value}` can't be the value of an attribute"))
            } else {
                Ok(())
            }
        }
        _ => Err("`reallocate` names an `attribute` with its `value`, or a `tablespace`".into()),
    }
}

fn archive(tier: &ArchiveTier) -> Result<(), (&'static str, String)> {
    match (&tier.repository, &tier.to) {
        (Some(_), Some(_)) => {
            Err(("archive-target", "`archive` names a `repository` and a place for files (`to`): one of them".into()))
        }
        (None, None) => Err(("archive-target", "`archive` names neither a `repository` nor a place `to`".into())),
        (None, Some(_)) if tier.wait.is_some() => {
            Err(("archive-target", "`wait` is for snapshots: files are there when the step ends".into()))
        }
        (None, Some(to)) => files(to).map_err(|what| ("archive-target", what)),
        (Some(name), None) if name.trim().is_empty() || name.contains('\0') => {
            Err(("archive-target", format!("`{name}` can't be the name of a repository")))
        }
        (Some(_), None) => Ok(()),
    }
}

/// Reads where files are to go. A folder that is not named from the root would be another one for each who runs this.
#[cfg(feature = "archive")]
fn files(to: &str) -> Result<(), String> {
    if !to.contains("://") && !std::path::Path::new(to).is_absolute() {
        return Err(format!("the folder `{}` of archives is not named from the root", to.escape_debug()));
    }
    match to.parse::<crate::archive::Location>() {
        Ok(_) => Ok(()),
        Err(e) => Err(match e.hint() {
            Some(hint) => format!("{e}; {hint}"),
            None => e.to_string(),
        }),
    }
}

#[cfg(not(feature = "archive"))]
fn files(_: &str) -> Result<(), String> {
    Err("this program was built without archives in files (`to`)".into())
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::age::{days, months};

    use super::*;
    use crate::model::{Manifest, MergeTier, resolve};

    fn rule(policy: Policy) -> Option<String> {
        let text = Manifest::named("test").policy(policy).check().err()?.to_string();
        Some(text.rsplit_once("(rule ").map(|(_, rule)| rule.trim_end_matches(')').to_owned()).unwrap_or(text))
    }

    fn policy() -> Policy {
        Policy::for_table("raw").time("ts")
    }

    fn reallocate(attribute: Option<&str>, value: Option<&str>, tablespace: Option<&str>) -> Tier {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Tier::Reallocate(ReallocateTier {
            after: days(1),
            attribute: text(attribute),
            value: text(value),
            tablespace: tablespace.map(|name| clusterkeep_core::sql::Ident::new(name).unwrap()),
            wait: None,
            on_failure: crate::model::OnFailure::Keep,
        })
    }

    #[test]
    fn tiers_come_in_the_order_of_their_ages() {
        let whole = || policy().set_replicas_after(days(7), "0-1").merge_after(days(7));
        let whole = || whole().reallocate_after(days(30), "storage", "cold").archive_after(days(90), "r");
        assert_eq!(rule(whole().drop_after(days(90))), None, "archived and dropped at one age");
        assert_eq!(rule(whole().drop_after(days(89))).as_deref(), Some("ages-ascend"));
        assert_eq!(rule(policy().archive_after(months(4), "r").drop_after(days(90))).as_deref(), Some("ages-ascend"));
        assert_eq!(
            rule(policy().reallocate_after(days(30), "storage", "cold").merge_after(days(7))).as_deref(),
            Some("ages-ascend")
        );
        assert_eq!(rule(policy().drop_after(days(9)).archive_after(days(9), "r")).as_deref(), Some("drop-last"));
    }

    #[test]
    fn each_tier_says_what_it_needs_to() {
        let with = |tier| {
            let mut policy = policy();
            policy.tiers.push(tier);
            rule(policy)
        };
        assert_eq!(with(reallocate(Some("storage"), Some("cold"), None)), None);
        assert_eq!(with(reallocate(None, None, Some("slow"))), None);
        for (attribute, value, tablespace) in [
            (None, None, None),
            (Some("storage"), None, None),
            (Some("storage"), Some("cold"), Some("slow")),
            (Some("a\"b"), Some("cold"), None),
            (Some("storage"), Some("cold,hot"), None),
            (Some("storage"), Some(""), None),
        ] {
            assert_eq!(with(reallocate(attribute, value, tablespace)).as_deref(), Some("reallocate-target"));
        }
        let archive = |repository: Option<&str>, to: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let (repository, to) = (text(repository), text(to));
            with(Tier::Archive(ArchiveTier {
                after: days(1),
                repository,
                to,
                keep: None,
                keep_newest: None,
                wait: None,
            }))
        };
        assert_eq!(archive(Some("r"), None), None);
        #[cfg(feature = "archive")]
        for to in ["/srv/cold", "file:///srv/cold", "s3://b/x?region=eu"] {
            assert_eq!(archive(None, Some(to)), None, "{to}");
        }
        for (repository, to) in [
            (None, None),
            (Some("r"), Some("s3://b")),
            (Some(" "), None),
            (None, Some("")),
            (None, Some("cold")),
            (None, Some("ftp://host/x")),
            (None, Some("s3://key:secret@b")),
        ] {
            assert_eq!(archive(repository, to).as_deref(), Some("archive-target"));
        }
        assert_eq!(rule(policy().set_replicas_after(days(1), "many")).as_deref(), Some("builder"));
        assert_eq!(rule(policy().merge_after(days(1)).merge_after(days(2))).as_deref(), Some("one-merge"));
        let twice = policy().archive_after(days(1), "r").archive_after(days(2), "s");
        assert_eq!(rule(twice).as_deref(), Some("one-archive"));
        let late = policy().detach_after(days(1));
        let mut late = late.drop_after(days(3));
        late.tiers.insert(1, Tier::Merge(MergeTier { after: days(2), full: false }));
        assert_eq!(rule(late).as_deref(), Some("changes-before-detach"));
    }

    #[test]
    fn late_rows_are_not_merged_where_all_is_archived_in_files() {
        let mut late = policy().archive_to_after(days(9), "/srv/cold").drop_after(days(30));
        late.late.rows = crate::model::LateRows::Merge;
        assert_eq!(rule(late).as_deref(), Some("archive-late"));
    }

    #[test]
    fn archives_outlive_what_is_in_them() {
        let keep = |keep| rule(policy().archive_after(days(9), "r").keep_archives(keep).drop_after(days(30)));
        assert_eq!((keep(days(31)), keep(days(30)).as_deref()), (None, Some("archive-outlives")));
        assert_eq!(rule(policy().keep_archives(days(9)).drop_after(days(3))).as_deref(), Some("builder"));
    }

    #[test]
    fn policies_of_one_table_agree_on_where_it_is_archived() {
        let both = |a: Policy, b: Policy| resolve(&Manifest::named("test").policy(a).policy(b), &[]);
        let text =
            both(policy().archive_after(days(9), "r"), policy().archive_after(days(9), "s")).unwrap_err().to_string();
        assert!(text.contains("where partitions are archived (rule one-life-cycle)"), "{text}");
        let text =
            both(policy().merge_after(days(9)), policy().set_replicas_after(days(9), "0")).unwrap_err().to_string();
        assert!(text.contains("how partitions are kept"), "{text}");
        // Who archives is not dropped from sooner for the sake of another.
        let archived = policy().merge_after(days(2)).archive_after(days(9), "r").drop_after(days(99));
        let resolved = both(policy().drop_after(days(3)), archived).unwrap();
        let names: Vec<_> = resolved[0].policy.changes().map(Change::name).collect();
        assert_eq!((names, resolved[0].policy.dropped_after()), (vec!["merge", "archive"], Some(days(99))));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let yaml = "tiers:
- set_replicas: { after: 7 days, replicas: 0 }
- merge: { after: 7 days }
- reallocate: { after: 30 days, attribute: storage, value: cold, on_failure: reset }
- archive: { after: 90 days, repository: archive, keep: 2 years }
- drop: { after: 90 days }
table: raw
time: { column: ts }";
        let read = |yaml: &str| {
            let text = format!("kind: Retention\nname: n\ntables:\n  - {}", yaml.replace('\n', "\n    "));
            let manifest: Manifest = clusterkeep_core::manifest::read_str(&text, "n.yaml").unwrap().remove(0).value;
            manifest.check().unwrap();
            let json = serde_json::to_string(&manifest).unwrap();
            assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
            (manifest, json)
        };
        let (_, json) = read(yaml);
        assert!(json.contains(r#""replicas":"0""#), "{json}");
        #[cfg(feature = "archive")]
        {
            let (manifest, json) = read(&yaml.replace("repository: archive", "to: /srv/cold"));
            assert!(json.contains(r#""to":"/srv/cold""#), "{json}");
            let built = Policy::for_table("raw").time("ts").archive_to_after(days(90), "/srv/cold");
            let built = built.keep_archives("2 years".parse::<Age>().unwrap()).drop_after(days(90));
            assert_eq!(manifest.tables[0].archive(), built.archive());
        }
    }
}
