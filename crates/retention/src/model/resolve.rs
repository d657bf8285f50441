//! From policies as they are written to one policy for each table: pure, given the tables that there are.
//!
//! A selector becomes the tables that it holds for. Several policies on one table become one: the longest keep wins, the
//! strictest guard holds, and what they can't both be right about is refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use clusterkeep_core::age::Age;
use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_core::{Error, Result};

use super::{DropTier, Guard, Keep, KnownTable, Manifest, Policy, Tag, Tier};

/// The one policy of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePolicy {
    /// The table.
    pub table: TableName,
    /// The zone of its days and months.
    pub zone: Tz,
    /// The tags of the table, and of the policies that are about it.
    pub tags: BTreeSet<Tag>,
    /// Whether a pattern or a tag has matched it, and no policy names it.
    pub by_selector: bool,
    /// What is to become of it; its `table` is the one above.
    pub policy: Policy,
}

/// In a rollup's `into`, what stands for the name of the table that the policy is about.
const TABLE: &str = "{table}";

/// Finds the tables that each policy of `manifest` is about, and merges policies that are about the same.
///
/// `known` are the tables that there are. A table that a policy names need not be among them: whether it is there is
/// seen when it is observed.
///
/// # Errors
///
/// A selector that matches nothing; policies of one table that differ in what they can't both be right about.
pub fn resolve(manifest: &Manifest, known: &[KnownTable]) -> Result<Vec<TablePolicy>> {
    let mut resolved: Vec<TablePolicy> = Vec::new();
    let mut at: BTreeMap<TableName, usize> = BTreeMap::new();
    for policy in &manifest.tables {
        for found in tables_of(manifest, policy, known)? {
            match at.get(&found.table) {
                Some(at) => merge(&mut resolved[*at], found)?,
                None => {
                    at.insert(found.table.clone(), resolved.len());
                    resolved.push(found);
                }
            }
        }
    }
    targets_once(&resolved)?;
    Ok(resolved)
}

fn tables_of(manifest: &Manifest, policy: &Policy, known: &[KnownTable]) -> Result<Vec<TablePolicy>> {
    let zone = manifest.zone_of(policy);
    let concrete = |table: TableName, schema: &str, by_selector| -> Result<TablePolicy> {
        let mut tags: BTreeSet<Tag> = manifest.tags_of(&table, schema).into_iter().cloned().collect();
        tags.extend(policy.tags.iter().cloned());
        let mut policy = policy.clone();
        policy.table = Some(table.clone());
        policy.select = None;
        for tier in &mut policy.tiers {
            if let Tier::Downsample(rollup) = tier {
                rollup.target = placed(&rollup.target, &table)?;
                rollup.from = rollup.from.as_ref().map(|from| placed(from, &table)).transpose()?;
            }
        }
        Ok(TablePolicy { table, zone, tags, by_selector, policy })
    };
    let Some(selector) = &policy.select else {
        let Some(table) = &policy.table else { return Ok(Vec::new()) };
        let found = known.iter().find(|known| known.is(table));
        let (table, schema) = match found {
            Some(found) => (found.table.clone(), found.schema.as_str()),
            None => (table.clone(), table.schema.as_ref().map_or("", Ident::as_str)),
        };
        return Ok(vec![concrete(table, schema, false)?]);
    };
    let targets = manifest.targets(known)?;
    let matched = known.iter().filter(|known| {
        let tags = manifest.tags_of(&known.table, &known.schema);
        // What the manifest itself makes is no raw data.
        !targets.contains(&known.table) && selector.matches(known.table.name.as_str(), &known.schema, &tags)
    });
    let matched =
        matched.map(|known| concrete(known.table.clone(), &known.schema, true)).collect::<Result<Vec<_>>>()?;
    if matched.is_empty() {
        return Err(Error::input(format!("no table is {selector}"))
            .with_hint("a selector that matches nothing is taken for a mistake; check its patterns and tags"));
    }
    Ok(matched)
}

/// A rollup's table for a policy of several tables: `{table}` in it is the table's name; its schema where it has none.
fn placed(name: &TableName, table: &TableName) -> Result<TableName> {
    if !name.name.as_str().contains(TABLE) {
        return Ok(name.clone());
    }
    let placed = Ident::new(name.name.as_str().replace(TABLE, table.name.as_str()))?;
    Ok(match name.schema.as_ref().or(table.schema.as_ref()) {
        Some(schema) => TableName::within(schema.clone(), placed),
        None => TableName::bare(placed),
    })
}

impl Manifest {
    /// The tags that the manifest gives a table.
    fn tags_of(&self, table: &TableName, schema: &str) -> Vec<&Tag> {
        let full = format!("{schema}.{}", table.name.as_str());
        let has = |patterns: &[super::Pattern]| {
            patterns.iter().any(|pattern| pattern.matches(table.name.as_str()) || pattern.matches(&full))
        };
        self.tags.iter().filter(|(_, patterns)| has(patterns)).map(|(tag, _)| tag).collect()
    }

    /// The tables that rollups of this manifest are kept in.
    fn targets(&self, known: &[KnownTable]) -> Result<BTreeSet<TableName>> {
        let mut targets = BTreeSet::new();
        for rollup in self.tables.iter().flat_map(Policy::rollups) {
            if rollup.target.name.as_str().contains(TABLE) {
                for known in known {
                    targets.insert(placed(&rollup.target, &known.table)?);
                }
            } else {
                let found = known.iter().find(|known| known.is(&rollup.target));
                targets.insert(found.map_or_else(|| rollup.target.clone(), |found| found.table.clone()));
            }
        }
        Ok(targets)
    }
}

/// Takes a further policy of the same table in.
fn merge(into: &mut TablePolicy, other: TablePolicy) -> Result<()> {
    let table = into.table.clone();
    let conflict = |what: &str| {
        Err(Error::input(format!("{table}: its policies differ in {what} (rule one-life-cycle)"))
            .with_hint("several policies may be about one table, but for that they must say the same"))
    };
    if into.zone != other.zone {
        return conflict("their zone");
    }
    let (mine, theirs) = (&mut into.policy, other.policy);
    if mine.time != theirs.time {
        return conflict("their column of time");
    }
    if mine.slice != theirs.slice {
        return conflict("their slices");
    }
    if mine.by != theirs.by && mine.rollups().next().is_some() && theirs.rollups().next().is_some() {
        return conflict("what tells series apart (`by`)");
    }
    if mine.late != theirs.late {
        return conflict("how late rows may come");
    }
    if mine.by.is_empty() {
        mine.by.clone_from(&theirs.by);
    }
    let theirs_drop = drop_of(&theirs);
    let theirs_detach = theirs.detached_after();
    for rollup in theirs.rollups() {
        // How long it is kept may differ no more than what is in it: two answers would take turns.
        let same = mine.rollups().find(|known| known.target == rollup.target).map(|known| known == rollup);
        match same {
            Some(true) => {}
            Some(false) => return conflict(&format!("their rollup `{}`", rollup.target)),
            None => {
                let end = mine.tiers.iter().position(|tier| !matches!(tier, Tier::Downsample(_)));
                mine.tiers.insert(end.unwrap_or(mine.tiers.len()), Tier::Downsample(rollup.clone()));
            }
        }
    }
    let Some(changes) = agreed_changes(mine, &theirs) else {
        return conflict("how partitions are kept (`set_replicas`, `merge`, `reallocate`)");
    };
    if mine.archive().zip(theirs.archive()).is_some_and(|(a, b)| a != b) {
        return conflict("where partitions are archived");
    }
    let drop = longest(drop_of(mine), theirs_drop);
    let detach = match (mine.detached_after(), theirs_detach) {
        (Some(a), Some(b)) => Some(if b.approximate() > a.approximate() { b } else { a }),
        (a, b) => a.or(b),
    };
    mine.tiers.retain(|tier| matches!(tier, Tier::Downsample(_)));
    mine.tiers.extend(changes);
    mine.tiers.extend(detach.map(|after| Tier::Detach(super::DetachTier { after })));
    mine.tiers.extend(drop.map(|after| Tier::Drop(DropTier { after })));
    mine.guard = strictest(&mine.guard, &theirs.guard);
    into.tags.extend(other.tags);
    into.by_selector &= other.by_selector;
    Ok(())
}

/// The tiers that change how partitions are kept, where both policies can be right about them.
fn agreed_changes(mine: &Policy, theirs: &Policy) -> Option<Vec<Tier>> {
    fn of(policy: &Policy, archives: bool) -> Vec<Tier> {
        let is_wanted = |tier: &&Tier| tier.change().is_some() && matches!(tier, Tier::Archive(_)) == archives;
        policy.tiers.iter().filter(is_wanted).cloned().collect()
    }
    let mut agreed = match (of(mine, false), of(theirs, false)) {
        (a, b) if a == b || b.is_empty() => a,
        (a, b) if a.is_empty() => b,
        _ => return None,
    };
    let (mut archives, others) = (of(mine, true), of(theirs, true));
    if archives.is_empty() {
        archives = others;
    }
    agreed.extend(archives);
    agreed.sort_by_key(|tier| tier.change().map(|change| change.after().approximate()));
    Some(agreed)
}

fn drop_of(policy: &Policy) -> Option<Keep> {
    policy.tiers.iter().find_map(|tier| match tier {
        Tier::Drop(DropTier { after }) => Some(*after),
        _ => None,
    })
}

/// The longest keep wins; a policy without one says nothing about it.
fn longest(a: Option<Keep>, b: Option<Keep>) -> Option<Keep> {
    let length = |age: Age| age.approximate();
    match (a, b) {
        (Some(Keep::For(a)), Some(Keep::For(b))) => Some(Keep::For(if length(b) > length(a) { b } else { a })),
        (Some(_), Some(_)) => Some(Keep::Forever),
        (a, b) => a.or(b),
    }
}

/// What both guards let go.
fn strictest(a: &Guard, b: &Guard) -> Guard {
    fn least<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
        a.into_iter().chain(b).min()
    }
    Guard {
        keep_newest: a.keep_newest.max(b.keep_newest),
        max_share: a.max_share.min(b.max_share),
        max_rows: least(a.max_rows, b.max_rows),
        max_partitions: least(a.max_partitions, b.max_partitions),
        max_bytes: least(a.max_bytes, b.max_bytes),
        allow: a.allow.iter().filter(|name| b.allow.contains(name)).cloned().collect(),
    }
}

/// No two tables may be rolled up into one, and none into one that another policy is about as raw data.
fn targets_once(resolved: &[TablePolicy]) -> Result<()> {
    let mut taken: BTreeMap<&TableName, &TableName> = resolved.iter().map(|raw| (&raw.table, &raw.table)).collect();
    for (raw, rollup) in resolved.iter().flat_map(|raw| raw.policy.rollups().map(move |rollup| (raw, rollup))) {
        if let Some(other) = taken.insert(&rollup.target, &raw.table) {
            let what =
                format!("{}: its rollup `{}` is in a table of `{other}` (rule own-table)", raw.table, rollup.target);
            return Err(Error::input(what).with_hint("with a policy for several tables, write `into: '{table}_daily'`"));
        }
    }
    Ok(())
}
