//! The runs of a store in memory: what is asked for at every fire does not depend on how many have ended.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::super::gate::JobKey;
use crate::run::{RunKey, RunKind, RunRecord, RunState};

/// All runs, and by their states those that have not ended.
#[derive(Debug, Default)]
pub(super) struct Runs {
    all: BTreeMap<RunKey, RunRecord>,
    /// Those that wait or are going.
    open: BTreeSet<RunKey>,
    /// Those that wait, in the order in which they go.
    waiting: BTreeSet<(Reverse<i16>, DateTime<Utc>, RunKey)>,
}

impl Runs {
    pub(super) fn contains(&self, key: &RunKey) -> bool {
        self.all.contains_key(key)
    }

    /// Adds one that is not there.
    pub(super) fn add(&mut self, run: RunRecord) {
        self.note(&run.key, run.priority, None, Some(run.state));
        self.all.insert(run.key.clone(), run);
    }

    /// Changes one; `None` where there is none.
    pub(super) fn change<R>(&mut self, key: &RunKey, change: impl FnOnce(&mut RunRecord) -> R) -> Option<R> {
        let run = self.all.get_mut(key)?;
        let before = run.state;
        let answer = change(run);
        let (after, priority) = (run.state, run.priority);
        self.note(key, priority, Some(before), Some(after));
        Some(answer)
    }

    /// Keeps the lists as they are to be where a run's state changes.
    fn note(&mut self, key: &RunKey, priority: i16, before: Option<RunState>, after: Option<RunState>) {
        if before == after {
            return;
        }
        let open = |state: Option<RunState>| state.is_some_and(|state| !state.is_final());
        match (open(before), open(after)) {
            (false, true) => drop(self.open.insert(key.clone())),
            (true, false) => drop(self.open.remove(key)),
            _ => {}
        }
        let place = || (Reverse(priority), key.nominal, key.clone());
        if before == Some(RunState::Pending) {
            self.waiting.remove(&place());
        }
        if after == Some(RunState::Pending) {
            self.waiting.insert(place());
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &RunRecord> {
        self.all.values()
    }

    /// All of one job.
    pub(super) fn of_job<'a>(&'a self, namespace: &'a str, job: &'a str) -> impl Iterator<Item = &'a RunRecord> {
        let runs = self.all.range(first(namespace, job)..).map(|(_, run)| run);
        runs.take_while(move |run| run.key.namespace == namespace && run.key.job == job)
    }

    /// Those of one job that have not ended.
    pub(super) fn open_of_job<'a>(&'a self, (namespace, job): &'a JobKey) -> impl Iterator<Item = &'a RunRecord> {
        let keys = self.open.range(first(namespace, job)..);
        keys.take_while(move |key| key.namespace == *namespace && key.job == *job).filter_map(|key| self.all.get(key))
    }

    /// Those that are going.
    pub(super) fn running(&self) -> impl Iterator<Item = &RunRecord> {
        self.open.iter().filter_map(|key| self.all.get(key)).filter(|run| run.state == RunState::Running)
    }

    /// Those that wait, in the order in which they go.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &RunRecord> {
        self.waiting.iter().filter_map(|(_, _, key)| self.all.get(key))
    }

    /// Deletes those that have ended and are not to be kept; returns how many.
    pub(super) fn delete_ended(&mut self, keep: impl Fn(&RunRecord) -> bool) -> u64 {
        let count = self.all.len();
        self.all.retain(|_, run| !run.state.is_final() || keep(run));
        (count - self.all.len()) as u64
    }
}

/// What no key of the job comes before.
fn first(namespace: &str, job: &str) -> RunKey {
    RunKey {
        nominal: DateTime::<Utc>::MIN_UTC,
        kind: RunKind::Scheduled,
        generation: 0,
        namespace: namespace.to_owned(),
        job: job.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [RunState; 5] =
        [RunState::Pending, RunState::Running, RunState::Succeeded, RunState::Skipped, RunState::Failed];

    proptest! {
        #[test]
        fn lists_say_what_the_rows_say(steps in proptest::collection::vec((0_i64..6, 0_usize..5, 0_i16..3), 1..60)) {
            let mut runs = Runs::default();
            for (second, state, priority) in steps {
                let nominal = DateTime::from_timestamp(second / 2, 0).unwrap();
                let job = if second % 2 == 0 { "a" } else { "b" };
                let key = RunKey { namespace: "n".into(), job: job.into(), nominal, kind: RunKind::Scheduled, generation: 1 };
                if runs.change(&key, |run| run.state = STATES[state]).is_none() {
                    runs.add(RunRecord { priority, ..RunRecord::new(key, STATES[state]) });
                }
                let count = |state| runs.all().filter(|run| run.state == state).count();
                prop_assert_eq!(runs.waiting().count(), count(RunState::Pending));
                prop_assert_eq!(runs.running().count(), count(RunState::Running));
                let of_a = runs.of_job("n", "a").filter(|run| !run.state.is_final()).count();
                prop_assert_eq!(runs.open_of_job(&("n".into(), "a".into())).count(), of_a);
                let order: Vec<_> = runs.waiting().map(|run| (Reverse(run.priority), run.key.nominal)).collect();
                prop_assert!(order.is_sorted());
            }
        }
    }
}
