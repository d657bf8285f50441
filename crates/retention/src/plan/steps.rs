//! The work of a plan: rollups first, then what may go, in small units; and the hash over all of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{PlanHash, PlanHasher, Step, StepId, Verdict};
use clusterkeep_core::sql::TableName;

use super::domain::{Action, Decision, Domain, Object, Part};
use super::rollups::{Buckets, Lifecycle};
use crate::observe::Source;

/// The most slices that one step deletes, and the most rows unless a slice alone has more.
const SLICES: usize = 32;
const ROWS: u64 = 20_000;

/// The most buckets that one step makes.
const BUCKETS: usize = 1024;

type Spans = Vec<(DateTime<Utc>, DateTime<Utc>)>;

/// Collects steps.
pub(super) struct Steps {
    hasher: PlanHasher,
    /// The steps that make each rollup.
    builds: BTreeMap<TableName, Vec<usize>>,
    /// The buckets that they make.
    spans: BTreeMap<TableName, Spans>,
    build_steps: Vec<Pending>,
    drop_steps: Vec<Pending>,
}

/// A step whose number is not known yet.
struct Pending {
    action: Action,
    objects: Vec<Object>,
    /// The rollups that must be made before.
    after: Vec<TableName>,
}

impl Steps {
    pub(super) const fn new(hasher: PlanHasher) -> Self {
        Self {
            hasher,
            builds: BTreeMap::new(),
            spans: BTreeMap::new(),
            build_steps: Vec::new(),
            drop_steps: Vec::new(),
        }
    }

    /// Takes the cutoff of a table into the hash.
    pub(super) fn cutoff(&mut self, lifecycle: &Lifecycle<'_>, cutoff: Option<DateTime<Utc>>) {
        self.hasher.text(&lifecycle.table.to_string()).text(lifecycle.zone.name());
        self.hasher.optional(cutoff, |hasher, at| {
            hasher.instant(at);
        });
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
        let table = std::sync::Arc::new(buckets.target.clone());
        for (from, until, count) in runs {
            self.builds.entry(buckets.target.clone()).or_default().push(self.build_steps.len());
            self.build_steps.push(Pending {
                action: Action::Downsample {
                    source: lifecycle.table.clone(),
                    target: buckets.target.clone(),
                    from,
                    until,
                    buckets: count,
                },
                objects: vec![Object {
                    table: std::sync::Arc::clone(&table),
                    part: Part::Slice { start: from, end: until },
                }],
                after: lifecycle.rolled.map(|rollup| rollup.target.clone()).into_iter().collect(),
            });
        }
        self.spans.insert(buckets.target.clone(), buckets.build.clone());
    }

    /// Adds the steps that let go what was decided to go.
    pub(super) fn drops(&mut self, lifecycle: &Lifecycle<'_>, source: &Source, verdicts: &[Verdict<Domain>]) {
        let after: Vec<TableName> = lifecycle.rollups.iter().map(|rollup| rollup.target.clone()).collect();
        let drops = verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
        let table_text = lifecycle.table.to_string();
        let mut open: Option<(Vec<Object>, u64)> = None;
        let mut count = 0;
        for verdict in drops {
            count += 1;
            self.fact(&table_text, verdict);
            if let Part::Partition(partition) = &verdict.object.part {
                let action = Action::DropPartition { table: lifecycle.table.clone(), partition: (**partition).clone() };
                self.drop_steps.push(Pending { action, objects: vec![verdict.object.clone()], after: after.clone() });
                continue;
            }
            let rows = verdict.detail.rows.unwrap_or(ROWS);
            if let Some((objects, sum)) = &mut open
                && objects.len() < SLICES
                && *sum + rows <= ROWS
            {
                objects.push(verdict.object.clone());
                *sum += rows;
                continue;
            }
            if let Some((objects, _)) = open.replace((vec![verdict.object.clone()], rows)) {
                self.delete(lifecycle, objects, &after);
            }
        }
        if let Some((objects, _)) = open {
            self.delete(lifecycle, objects, &after);
        }
        self.hasher.number(count).number(u64::from(source.native));
    }

    fn delete(&mut self, lifecycle: &Lifecycle<'_>, objects: Vec<Object>, after: &[TableName]) {
        let action = Action::DeleteSlices { table: lifecycle.table.clone() };
        self.drop_steps.push(Pending { action, objects, after: after.to_vec() });
    }

    /// Takes the facts in that a drop rests on: identity, bounds and the number of rows.
    fn fact(&mut self, table: &str, verdict: &Verdict<Domain>) {
        self.hasher.text(table);
        if let Part::Partition(name) = &verdict.object.part {
            self.hasher.optional(name.schema.as_ref(), |hasher, schema| {
                hasher.text(schema.as_str());
            });
            self.hasher.text(name.name.as_str());
        }
        for bound in [verdict.detail.start, verdict.detail.end] {
            self.hasher.optional(bound, |hasher, at| {
                hasher.instant(at);
            });
        }
        self.hasher.optional(verdict.detail.rows, |hasher, rows| {
            hasher.number(rows);
        });
    }

    /// Numbers the steps and closes the hash.
    pub(super) fn finish(self) -> (Vec<Step<Domain>>, PlanHash) {
        let builds = self.builds;
        let number = |at: usize| StepId(u32::try_from(at + 1).unwrap_or(u32::MAX));
        let steps = self.build_steps.into_iter().chain(self.drop_steps).enumerate().map(|(at, pending)| {
            let needs = pending.after.iter().filter_map(|table| builds.get(table)).flatten().map(|at| number(*at));
            let needs = needs.collect();
            Step { id: number(at), action: pending.action, objects: pending.objects, needs, sql: None }
        });
        (steps.collect(), self.hasher.finish())
    }
}
