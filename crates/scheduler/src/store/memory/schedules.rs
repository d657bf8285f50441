//! The schedules of a store in memory.

use std::collections::HashMap;

use super::super::gate::{self, JobKey, Mark};
use super::super::kept::{Commons, Kept};
use super::super::places::Places;
use super::super::{Advance, Generation, Pause, ScheduleRecord};

/// All schedules, with what was changed about them when.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    rows: Vec<Row>,
    places: Places,
    commons: Commons<()>,
    /// The versions of those schedules that have had several, or whose only one is not as it was put first.
    versions: HashMap<usize, Vec<Generation>>,
    /// How often something was changed.
    changes: i64,
}

#[derive(Debug)]
struct Row {
    kept: Kept<()>,
    changed: i64,
}

impl Schedules {
    pub(super) const fn changes(&self) -> i64 {
        self.changes
    }

    /// Those of a namespace, or of all, whose last change is later than `since` and up to `until`; by their names.
    pub(super) fn list(&self, namespace: Option<&str>, since: i64, until: i64) -> Vec<ScheduleRecord> {
        if since >= self.changes {
            return Vec::new();
        }
        let of = |row: &&Row| {
            row.changed > since
                && row.changed <= until
                && namespace.is_none_or(|namespace| row.kept.common().namespace == namespace)
        };
        let mut rows: Vec<&Row> = self.rows.iter().filter(of).collect();
        rows.sort_unstable_by(|a, b| name_of(a).cmp(&name_of(b)));
        rows.into_iter().map(|row| row.kept.record()).collect()
    }

    pub(super) fn put(&mut self, schedule: &ScheduleRecord) -> bool {
        let place = self.find(&schedule.namespace, schedule.spec.name.as_str());
        let known = place.and_then(|place| self.rows.get(place)).map(|row| row.kept.record());
        self.changes += 1;
        let Some(record) = gate::replaced(known.as_ref(), schedule) else { return false };
        if let Some((place, known)) = place.zip(known) {
            self.put_version(place, &known, &ScheduleRecord { source: schedule.source.clone(), ..record.clone() });
        }
        let row = Row { kept: self.commons.keep(record, ()), changed: self.changes };
        match place.and_then(|place| self.rows.get_mut(place)) {
            Some(there) => *there = row,
            None => {
                self.rows.push(row);
                let rows = &self.rows;
                self.places.add(rows.len() - 1, |place| rows.get(place).map(name_of));
            }
        }
        true
    }

    fn put_version(&mut self, place: usize, known: &ScheduleRecord, put: &ScheduleRecord) {
        let same = known.generation == put.generation;
        if same && known.retired == put.retired {
            return;
        }
        let versions = self.versions.entry(place).or_insert_with(|| vec![version(known)]);
        if let Some(last) = versions.last_mut() {
            last.valid_until = if same { put.retired } else { last.valid_until.or(Some(put.valid_from)) };
        }
        if !same {
            versions.push(version(put));
        }
    }

    pub(super) fn generations(&self, namespace: &str, job: &str) -> Vec<Generation> {
        let Some(place) = self.find(namespace, job) else { return Vec::new() };
        let only = || self.rows.get(place).map(|row| version(&row.kept.record())).into_iter().collect();
        self.versions.get(&place).cloned().unwrap_or_else(only)
    }

    pub(super) fn pause(&mut self, namespace: &str, job: &str, pause: Option<&Pause>) -> bool {
        self.changes += 1;
        let changed = self.changes;
        let Some(row) = self.row(namespace, job) else { return false };
        row.kept.own().paused = pause.cloned();
        row.changed = changed;
        true
    }

    pub(super) fn mark(&self, (namespace, job): &JobKey) -> Option<Mark> {
        let kept = &self.rows.get(self.find(namespace, job)?)?.kept;
        let (generation, paused) = (kept.common().generation, kept.common().paused.is_some());
        Some(Mark { generation, high_water: kept.high_water(), paused })
    }

    pub(super) fn advance(&mut self, advance: &Advance) {
        let Some(Row { kept, .. }) = self.row(&advance.namespace, &advance.job) else { return };
        if (kept.common().generation, kept.common().paused.is_some()) != (advance.generation, advance.paused) {
            return;
        }
        let mark = kept.high_water();
        kept.set_high_water(mark.max(Some(advance.high_water)));
        if mark.is_none_or(|mark| mark <= advance.high_water) {
            kept.set_next_fire(advance.next_fire);
        }
    }

    fn find(&self, namespace: &str, job: &str) -> Option<usize> {
        let name = (namespace, job);
        self.places.find(Some(name), |place| self.rows.get(place).is_some_and(|row| name_of(row) == name))
    }

    fn row(&mut self, namespace: &str, job: &str) -> Option<&mut Row> {
        let place = self.find(namespace, job)?;
        self.rows.get_mut(place)
    }
}

fn name_of(row: &Row) -> (&str, &str) {
    (row.kept.common().namespace.as_str(), row.kept.name())
}

/// A version as it is when it is put.
fn version(schedule: &ScheduleRecord) -> Generation {
    Generation {
        generation: schedule.generation,
        spec: schedule.spec.clone(),
        valid_from: schedule.valid_from,
        valid_until: schedule.retired,
        source: schedule.source.clone(),
    }
}
