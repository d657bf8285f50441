//! The work of a plan: rollups first, then what may go, in small units; and the hash over all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{PlanHash, PlanHasher, Step, StepId, Verdict};
use clusterkeep_core::sql::TableName;

use super::domain::{Action, Build, Decision, Domain, Object, Part};
use super::lifecycle::Lifecycle;
use super::rollups::Buckets;
use super::verdicts::Times;
use crate::observe::{PartitionId, Source};

/// The most slices that one step deletes, and the most rows unless a slice alone has more.
const SLICES: usize = 32;
const ROWS: u64 = 20_000;

/// The most partitions that one statement names: one statement for many is several times as fast as one for each, and one
/// that names thousands would be no small unit.
const PARTITIONS: usize = 200;

/// The most buckets that one step makes.
const BUCKETS: usize = 1024;

/// The first instant of a partition and the first one after it, where they are known.
type Bounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

type Spans = Vec<(DateTime<Utc>, DateTime<Utc>)>;

/// Collects steps: first those that make rollups, then those that let go.
pub(super) struct Steps {
    pub(super) hasher: PlanHasher,
    /// The steps that make each rollup.
    builds: BTreeMap<TableName, Vec<StepId>>,
    /// The buckets that they make.
    spans: BTreeMap<TableName, Spans>,
    /// The step that archives each partition which goes after it.
    pub(super) archives: BTreeMap<Object, StepId>,
    steps: Vec<Step<Domain>>,
}

impl Steps {
    pub(super) const fn new(hasher: PlanHasher) -> Self {
        Self { hasher, builds: BTreeMap::new(), spans: BTreeMap::new(), archives: BTreeMap::new(), steps: Vec::new() }
    }

    pub(super) fn push(&mut self, action: Action, objects: Vec<Object>, needs: Vec<StepId>) -> StepId {
        let id = StepId(u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX));
        self.steps.push(Step { id, action, objects, needs, sql: None });
        id
    }

    /// The steps that make a rollup.
    fn that_make(&self, table: &TableName) -> Vec<StepId> {
        self.builds.get(table).cloned().unwrap_or_default()
    }

    /// Takes the cutoffs of a table into the hash.
    pub(super) fn cutoffs(&mut self, lifecycle: &Lifecycle<'_>, times: Times) {
        self.hasher.text(&lifecycle.table.to_string()).text(lifecycle.zone.name());
        for cutoff in [times.drop, times.detach] {
            self.hasher.optional(cutoff, |hasher, at| {
                hasher.instant(at);
            });
        }
    }

    /// The buckets of `table` that this plan makes.
    pub(super) fn built(&self, table: &TableName) -> &[(DateTime<Utc>, DateTime<Utc>)] {
        self.spans.get(table).map_or(&[], Vec::as_slice)
    }

    /// Adds the steps that make `buckets`: runs of neighbours together.
    pub(super) fn build(&mut self, lifecycle: &Lifecycle<'_>, buckets: &Buckets) {
        // The span as a whole: which of its buckets have rows is a matter of data that stays.
        if let (Some(first), Some(last)) = (buckets.build.first(), buckets.build.last()) {
            self.hasher.text("build").text(&buckets.target.to_string()).instant(first.0).instant(last.1);
        }
        let mut runs: Vec<(DateTime<Utc>, DateTime<Utc>, usize)> = Vec::new();
        for (start, end) in &buckets.build {
            match runs.last_mut() {
                Some((_, until, count)) if until == start && *count < BUCKETS => {
                    *until = *end;
                    *count += 1;
                }
                _ => runs.push((*start, *end, 1)),
            }
        }
        let (source, table) = (Arc::new(lifecycle.table.clone()), Arc::new(buckets.target.clone()));
        let needs = lifecycle.rolled.map(|rollup| self.that_make(&rollup.target)).unwrap_or_default();
        for (from, until, count) in runs {
            let part = Part::Slice { start: from, end: until };
            let objects = vec![Object { table: Arc::clone(&table), part }];
            let (source, target) = (Arc::clone(&source), Arc::clone(&table));
            let action = Action::Downsample(Box::new(Build { source, target, from, until, buckets: count }));
            let id = self.push(action, objects, needs.clone());
            self.builds.entry(buckets.target.clone()).or_default().push(id);
        }
        self.spans.insert(buckets.target.clone(), buckets.build.clone());
    }

    /// Adds the steps that let go what was decided to go.
    pub(super) fn drops(&mut self, lifecycle: &Lifecycle<'_>, source: &Source, verdicts: &[Verdict<Domain>]) {
        let needs: Vec<StepId> = lifecycle.rollups.iter().flat_map(|rollup| self.that_make(&rollup.target)).collect();
        self.merges(lifecycle, verdicts);
        let drops = verdicts.iter().filter(|verdict| matches!(verdict.verdict, Decision::Drop | Decision::Detach));
        let table = Arc::new(lifecycle.table.clone());
        let mut together: Vec<Vec<Object>> = Vec::new();
        let mut archived: Vec<(Bounds, Vec<Object>, Vec<StepId>)> = Vec::new();
        let mut bounds = None;
        let detached = source.partitions.iter().filter(|partition| partition.detached);
        let gone: BTreeSet<_> = detached.filter_map(|partition| partition.id.as_ref()).collect();
        self.hasher.text(&lifecycle.table.to_string()).number(u64::from(source.native));
        let mut open: Option<(Vec<Object>, u64)> = None;
        let mut count = 0;
        for verdict in drops {
            count += 1;
            self.fact(verdict);
            if let Part::Partition(id) = &verdict.object.part {
                match id {
                    PartitionId::Table(partition) => {
                        let detached = gone.contains(id);
                        let action = of_table(&table, verdict, partition, detached);
                        let own = self.archives.get(&verdict.object).copied();
                        let needs = needs.iter().copied().chain(own).collect();
                        self.push(action, vec![verdict.object.clone()], needs);
                    }
                    // One that is archived first waits for its own copy, and for those of what goes with it.
                    PartitionId::Key(_) | PartitionId::Name(_)
                        if let Some(archive) = self.archives.get(&verdict.object).copied() =>
                    {
                        let span = (verdict.detail.start, verdict.detail.end);
                        match archived.last_mut() {
                            Some((known, objects, needs)) if *known == span && !lifecycle.rollups.is_empty() => {
                                objects.push(verdict.object.clone());
                                needs.push(archive);
                            }
                            _ => archived.push((span, vec![verdict.object.clone()], vec![archive])),
                        }
                    }
                    PartitionId::Name(_) | PartitionId::Key(_) => {
                        // What is of the same time goes at the same time: a rollup was made of all of it.
                        let span = (verdict.detail.start, verdict.detail.end);
                        let same = bounds.replace(span) == Some(span) && !lifecycle.rollups.is_empty();
                        match together.last_mut() {
                            Some(objects) if same || objects.len() < PARTITIONS => objects.push(verdict.object.clone()),
                            _ => together.push(vec![verdict.object.clone()]),
                        }
                    }
                }
                continue;
            }
            let rows = verdict.detail.rows().unwrap_or(ROWS);
            if let Some((objects, sum)) = &mut open
                && objects.len() < SLICES
                && *sum + rows <= ROWS
            {
                objects.push(verdict.object.clone());
                *sum += rows;
                continue;
            }
            if let Some((objects, _)) = open.replace((vec![verdict.object.clone()], rows)) {
                self.slices(&table, objects, &needs);
            }
        }
        if let Some((objects, _)) = open {
            self.slices(&table, objects, &needs);
        }
        for (_, objects, copies) in archived {
            let action = Action::DropPartitions { table: Arc::clone(&table) };
            let needs = needs.iter().copied().chain(copies).collect();
            self.push(action, objects, needs);
        }
        for objects in together {
            let action = Action::DropPartitions { table: Arc::clone(&table) };
            self.push(action, objects, needs.clone());
        }
        self.hasher.number(count);
    }

    /// Adds a step that deletes slices: after what makes rollups of them, and after the copy of each that is archived first.
    fn slices(&mut self, table: &Arc<TableName>, objects: Vec<Object>, needs: &[StepId]) {
        let own = objects.iter().filter_map(|object| self.archives.get(object));
        let needs = needs.iter().chain(own).copied().collect();
        self.push(Action::DeleteSlices { table: Arc::clone(table) }, objects, needs);
    }

    /// Adds the steps that merge late rows: after all rollups of the policy were made, which they change.
    fn merges(&mut self, lifecycle: &Lifecycle<'_>, verdicts: &[Verdict<Domain>]) {
        let late: Vec<_> = verdicts.iter().filter(|verdict| verdict.verdict == Decision::Merge).collect();
        for verdict in &late {
            self.hasher.text("merge");
            self.fact(verdict);
        }
        let needs: Vec<StepId> = lifecycle.policy.rollups().flat_map(|rollup| self.that_make(&rollup.target)).collect();
        for verdicts in late.chunks(SLICES) {
            let objects = verdicts.iter().map(|verdict| verdict.object.clone()).collect();
            self.push(Action::MergeLate { source: Arc::new(lifecycle.table.clone()) }, objects, needs.clone());
        }
    }

    /// Takes the facts in that a drop rests on: identity, bounds and the number of rows.
    pub(super) fn fact(&mut self, verdict: &Verdict<Domain>) {
        self.hasher.number(u64::from(verdict.verdict == Decision::Detach));
        match &verdict.object.part {
            Part::Partition(PartitionId::Table(name)) => {
                self.hasher.optional(name.schema.as_ref(), |hasher, schema| {
                    hasher.text(schema.as_str());
                });
                self.hasher.text(name.name.as_str());
            }
            Part::Partition(PartitionId::Name(name)) => {
                self.hasher.text(name.as_str());
            }
            Part::Partition(PartitionId::Key(key)) => {
                self.hasher.text(&key.ident);
            }
            Part::Slice { .. } | Part::Whole | Part::Archive(_) => {}
        }
        for bound in [verdict.detail.start, verdict.detail.end] {
            self.hasher.optional(bound, |hasher, at| {
                hasher.instant(at);
            });
        }
        self.hasher.optional(verdict.detail.rows(), |hasher, rows| {
            hasher.number(rows);
        });
    }

    /// Closes the hash.
    pub(super) fn finish(self) -> (Vec<Step<Domain>>, PlanHash) {
        (self.steps, self.hasher.finish())
    }
}

/// What is done to a partition that is a table of its own.
fn of_table(table: &Arc<TableName>, verdict: &Verdict<Domain>, partition: &Arc<TableName>, detached: bool) -> Action {
    let (table, partition) = (Arc::clone(table), Arc::clone(partition));
    if verdict.verdict == Decision::Detach {
        return Action::DetachPartition { table, partition };
    }
    Action::DropPartition { table, partition, detached }
}
