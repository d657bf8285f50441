//! Which partitions are old enough for tiers that change how they are kept, and whether there is where to put them.
//!
//! What is as the policy wants it already gets no step: a change is due by what the server says, not by what was done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::plan::Verdict;

use super::Selection;
use super::domain::{Action, Decision, Domain, Part};
use super::due::Due;
use super::lifecycle::Lifecycle;
use super::reason::Reason;
use super::steps::Steps;
use crate::model::{ArchiveTier, Change, ReallocateTier};
use crate::observe::{Node, PartitionId, Places, Source, Standing};

/// Turns what stays among `verdicts` into what is due, and has what goes archived first where the policy says so.
pub(super) fn decide(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    places: &Places,
    now: DateTime<Utc>,
    selection: &Selection,
    verdicts: &mut [Verdict<Domain>],
) -> Result<()> {
    let tiers: Vec<(Change<'_>, DateTime<Utc>)> = lifecycle
        .changes()
        .map(|change| Ok((change, change.after().before(now, lifecycle.zone)?)))
        .collect::<Result<_>>()?;
    if tiers.is_empty() {
        return Ok(());
    }
    let expired = super::expiry::cutoff(lifecycle, now)?;
    let archive = lifecycle.policy.archive().and_then(ArchiveTier::place).map(|place| Arc::new(place.to_owned()));
    let detached = source.partitions.iter().filter(|partition| partition.detached);
    let detached: BTreeSet<&PartitionId> = detached.filter_map(|partition| partition.id.as_ref()).collect();
    let mut last: Option<Arc<Vec<Due>>> = None;
    for verdict in verdicts {
        if let (Decision::Drop, Reason::EndedBeforeCutoff { archive: first, .. }) =
            (verdict.verdict, &mut verdict.reason)
        {
            first.clone_from(&archive);
            continue;
        }
        // What stays for any other reason is not understood, or not to be touched.
        let stays = matches!(verdict.reason, Reason::EndsAfterCutoff { .. } | Reason::NoExpiry | Reason::Newest);
        let (Decision::Keep, true, Some(end)) = (verdict.verdict, stays, verdict.detail.end) else { continue };
        let starts_before = |from: DateTime<Utc>| verdict.detail.start.is_none_or(|start| start < from);
        if selection.from.is_some_and(starts_before) || selection.until.is_some_and(|until| end > until) {
            continue;
        }
        match &verdict.object.part {
            // What was taken out of its table has been through all of that.
            Part::Partition(id) if !detached.contains(id) => {}
            Part::Slice { .. } => {}
            _ => continue,
        }
        let reached = tiers.iter().filter(|(_, cutoff)| end <= *cutoff).map(|(change, _)| *change);
        // What would be removed from the archive at once is not put there.
        let reached =
            reached.filter(|change| !matches!(change, Change::Archive(_)) || expired.is_none_or(|cutoff| end > cutoff));
        let due = due(reached, source, places, verdict, end);
        if let Some(decision) = due.last().map(Due::decision) {
            let changes = last.take().filter(|known| **known == due).unwrap_or_else(|| Arc::new(due));
            last = Some(Arc::clone(&changes));
            verdict.verdict = decision;
            verdict.reason = Reason::Due { changes };
        }
    }
    Ok(())
}

/// What of the tiers that a partition has reached is not so yet.
fn due<'a>(
    reached: impl Iterator<Item = Change<'a>>,
    source: &Source,
    there: &Places,
    verdict: &Verdict<Domain>,
    end: DateTime<Utc>,
) -> Vec<Due> {
    let default = Standing::default();
    let standing = match &verdict.object.part {
        Part::Partition(id) => source.standing(id).unwrap_or(&default),
        _ => &default,
    };
    let (mut replicas, mut compact, mut place, mut archive) = (None, None, None, None);
    let mut places: Vec<&ReallocateTier> = Vec::new();
    // Of several tiers of one kind the last one says how it is to be.
    for change in reached {
        match change {
            Change::SetReplicas(tier) => replicas = Some(tier),
            Change::Merge(tier) => compact = Some(tier),
            Change::Reallocate(tier) => {
                places.push(tier);
                place = Some(tier);
            }
            Change::Archive(tier) => archive = Some(tier),
        }
    }
    let replicas = replicas
        .filter(|tier| standing.replicas.as_deref() != Some(tier.replicas.as_str()))
        .map(|tier| (tier.after, Due::SetReplicas { replicas: tier.replicas.to_string() }));
    let is_compact = match standing.segments {
        Some(segments) => segments <= 1,
        None => standing.compacted.is_some_and(|at| at >= end),
    };
    let compact = compact.filter(|_| !is_compact).map(|tier| (tier.after, Due::Merge { full: tier.full }));
    let place = place.and_then(|tier| Some((tier.after, move_due(tier, &places, standing, there)?)));
    let archive = archive.and_then(|tier| Some((tier.after, archive_due(tier, source, verdict, standing)?)));
    let mut all: Vec<_> = [replicas, compact, place, archive].into_iter().flatten().collect();
    all.sort_by_key(|(after, _)| after.approximate());
    all.into_iter().map(|(_, due)| due).collect()
}

fn move_due(tier: &ReallocateTier, all: &[&ReallocateTier], standing: &Standing, there: &Places) -> Option<Due> {
    if let Some(tablespace) = &tier.tablespace {
        let there = standing.tablespaces.len() == 1 && standing.tablespaces.contains(tablespace.as_str());
        return (!there).then(|| Due::Tablespace { tablespace: tablespace.as_str().to_owned() });
    }
    let (attribute, value) = tier.nodes()?;
    // What an earlier tier of this policy had it need would hold it where it is; what others have said is theirs.
    let release: Vec<String> = all
        .iter()
        .filter_map(|other| other.nodes())
        .filter(|(other, value)| *other != attribute && standing.require.get(*other).is_some_and(|is| is == value))
        .map(|(other, _)| other.to_owned())
        .collect();
    let is_set = standing.require.get(attribute).is_some_and(|is| is == value);
    let settled = is_set && release.is_empty() && standing.unsettled == 0;
    let settled = settled && standing.elsewhere(there, attribute, value).0 == 0;
    (!settled).then(|| Due::Reallocate { attribute: attribute.to_owned(), value: value.to_owned(), release })
}

fn archive_due(tier: &ArchiveTier, source: &Source, verdict: &Verdict<Domain>, standing: &Standing) -> Option<Due> {
    if let Some(to) = &tier.to {
        let (name, detail) = (verdict.object.part.to_string(), &verdict.detail);
        let rows = detail.rows().filter(|rows| *rows > 0)?;
        // The start of a partition moves back by itself where those before it went (MariaDB/MySQL).
        let starts = |start: Option<DateTime<Utc>>| start.zip(detail.start).is_none_or(|(then, now)| then == now);
        let is_archived = source.archives.iter().any(|archive| {
            archive.files
                && archive.repository == *to
                && archive.listed != Some(false)
                && archive.partition == name
                && (archive.rows, Some(archive.end)) == (rows, detail.end)
                && starts(archive.start)
        });
        return (!is_archived).then(|| Due::ArchiveFiles { to: to.clone() });
    }
    let repository = tier.repository.as_deref()?;
    let Part::Partition(PartitionId::Key(key)) = &verdict.object.part else { return None };
    let is_archived = source.archives.iter().any(|archive| {
        !archive.files
            && archive.partition == key.ident
            && archive.repository == repository
            && standing.content.as_ref() == Some(&archive.content)
            && archive.listed == Some(true)
    });
    (!is_archived).then(|| Due::Archive { repository: repository.to_owned() })
}

/// How much may still be moved to nodes, over all tables of a plan.
#[derive(Debug)]
pub(super) struct Room<'a> {
    places: &'a Places,
    /// What this plan moves to nodes with an attribute and value.
    moved: BTreeMap<(String, String), u64>,
}

impl<'a> Room<'a> {
    pub(super) const fn of(places: &'a Places) -> Self {
        Self { places, moved: BTreeMap::new() }
    }

    /// Why a partition that is kept like this can't be moved to nodes with the attribute.
    fn obstacle(&mut self, attribute: &str, value: &str, copies: u64, bytes: u64) -> Option<String> {
        let nodes: Vec<&Node> = self.places.nodes.iter().flatten().filter(|node| node.has(attribute, value)).collect();
        if nodes.is_empty() {
            return Some(format!("no node has {attribute}={value}"));
        }
        if (nodes.len() as u64) < copies {
            let there = if nodes.len() == 1 { "is 1".to_owned() } else { format!("are {}", nodes.len()) };
            return Some(format!("{copies} copies need as many nodes with {attribute}={value}, and there {there}"));
        }
        let room: Option<u64> = nodes.iter().map(|node| node.room).sum();
        let moved = self.moved.entry((attribute.to_owned(), value.to_owned())).or_default();
        *moved += bytes;
        let (room, moved) = (room?, *moved);
        (moved > room).then(|| {
            format!(
                "nodes with {attribute}={value} have room for {}, and {} would move there",
                crate::text::size(room),
                crate::text::size(moved)
            )
        })
    }

    /// Why so many copies can't be kept: a node holds one of a shard at most.
    fn too_few(&self, copies: u64) -> Option<String> {
        let there = self.places.nodes.as_ref().map(|nodes| nodes.len() as u64)?;
        let are = if there == 1 { "is 1".to_owned() } else { format!("are {there}") };
        (there < copies).then(|| format!("{copies} copies need as many nodes, and there {are}"))
    }

    fn repository(&self, name: &str) -> Option<String> {
        match self.places.repositories.iter().flatten().find(|repository| repository.name == name) {
            None => Some(format!("there is no repository {name}")),
            Some(repository) if repository.read_only => Some(format!("repository {name} is read-only")),
            Some(_) => None,
        }
    }

    fn location(&self, to: &str) -> Option<String> {
        self.places.locations.get(to).cloned().flatten()
    }

    fn tablespace(&self, name: &str) -> Option<String> {
        let is_there = self.places.tablespaces.as_ref().is_some_and(|there| there.contains(name));
        (!is_there).then(|| format!("there is no tablespace {name}"))
    }
}

/// Turns what can't be done, as far as that can be known, into refusals.
pub(super) fn check_places(
    lifecycle: &Lifecycle<'_>,
    source: &Source,
    room: &mut Room<'_>,
    verdicts: &mut [Verdict<Domain>],
) {
    if lifecycle.changes().next().is_none() {
        return;
    }
    for verdict in verdicts {
        let obstacle = match (&verdict.reason, verdict.verdict) {
            (Reason::EndedBeforeCutoff { archive: Some(place), .. }, Decision::Drop) => match lifecycle.files() {
                Some(to) => room.location(to),
                None => room.repository(place),
            },
            (Reason::Due { changes }, decision) if decision != Decision::Refuse => {
                let standing = match &verdict.object.part {
                    Part::Partition(id) => source.standing(id),
                    _ => None,
                };
                changes.iter().find_map(|due| of_change(due, changes, standing, room))
            }
            // What can't be looked for does not count as removed.
            (Reason::ArchiveExpired { .. }, Decision::Remove) => match &verdict.object.part {
                Part::Archive(place) if room.places.repositories.is_some() => room.repository(&place.0),
                Part::Archive(place) => room.location(&place.0),
                _ => None,
            },
            _ => None,
        };
        if let Some(what) = obstacle {
            verdict.verdict = Decision::Refuse;
            verdict.reason = Reason::Unfit { what: Arc::new(what) };
        }
    }
}

fn of_change(due: &Due, all: &[Due], standing: Option<&Standing>, room: &mut Room<'_>) -> Option<String> {
    match due {
        Due::Reallocate { attribute, value, .. } => {
            let set = all.iter().find_map(|due| match due {
                Due::SetReplicas { replicas } => Some(replicas.as_str()),
                _ => None,
            });
            let replicas = set.or_else(|| standing.and_then(|standing| standing.replicas.as_deref()));
            let least = replicas.and_then(least);
            let bytes = standing.map_or(0, |standing| standing.elsewhere(room.places, attribute, value).1);
            room.obstacle(attribute, value, 1 + least.unwrap_or(0), bytes)
        }
        Due::Tablespace { tablespace } => room.tablespace(tablespace),
        Due::Archive { repository } => room.repository(repository),
        Due::ArchiveFiles { to } => room.location(to),
        Due::SetReplicas { replicas } => room.too_few(1 + least(replicas).unwrap_or(0)),
        Due::Merge { .. } => None,
    }
}

/// How many copies there are at least beside the first one, of what the server writes as `1`, `0-1` or `1-all`.
fn least(replicas: &str) -> Option<u64> {
    replicas.split('-').next().and_then(|least| least.parse().ok())
}

impl Steps {
    /// Adds the steps that change how partitions are kept: of each one after the other, each partition on its own.
    pub(super) fn changes(&mut self, lifecycle: &Lifecycle<'_>, verdicts: &[Verdict<Domain>]) {
        if lifecycle.changes().next().is_none() {
            return;
        }
        let table = Arc::new(lifecycle.table.clone());
        let mut shared: BTreeMap<String, Arc<Due>> = BTreeMap::new();
        for verdict in verdicts {
            let archive;
            let changes: &[Due] = match &verdict.reason {
                Reason::Due { changes } if verdict.verdict != Decision::Refuse => changes,
                Reason::EndedBeforeCutoff { archive: Some(repository), .. } if verdict.verdict == Decision::Drop => {
                    archive = [match lifecycle.files() {
                        Some(to) => Due::ArchiveFiles { to: to.to_owned() },
                        None => Due::Archive { repository: repository.to_string() },
                    }];
                    &archive
                }
                _ => continue,
            };
            self.hasher.text("change");
            self.fact(verdict);
            let mut needs = Vec::new();
            for due in changes {
                let text = serde_json::to_string(due).unwrap_or_else(|_| due.to_string());
                self.hasher.text(&text);
                let due = shared.entry(text).or_insert_with(|| Arc::new(due.clone()));
                let action = Action::Change { table: Arc::clone(&table), due: Arc::clone(due) };
                let id = self.push(action, vec![verdict.object.clone()], needs);
                needs = vec![id];
                if verdict.verdict == Decision::Drop {
                    self.archives.insert(verdict.object.clone(), id);
                }
            }
        }
    }
}
