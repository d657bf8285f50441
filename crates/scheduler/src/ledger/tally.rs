//! The counting itself: fires and rows of one stretch of time after the other. Pure.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Count, because};
use crate::run::{RunKind, RunRecord, RunState};
use crate::store::Pause;

/// How many of the fires that were lost are listed; all are counted.
const LISTED: usize = 20;

/// What to think of fires that have no row.
#[derive(Debug, Clone, Default)]
pub(super) struct Rowless {
    /// Fires behind this mark are not decided upon yet; `None` where all are.
    pub(super) decided: Option<DateTime<Utc>>,
    /// The pause that goes on.
    pub(super) paused: Option<Pause>,
    /// The rows of fires before this instant may have been removed.
    pub(super) pruned: Option<DateTime<Utc>>,
}

/// Counts the fires of one version of a job.
#[derive(Debug)]
pub(super) struct Tally {
    generation: u32,
    /// The period, to know which rows lie wholly in it.
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    rowless: Rowless,
    count: Count,
    /// Rows for several fires that reach into the next stretch, and how many fires they have accounted for by now.
    open: HashMap<DateTime<Utc>, u64>,
}

impl Tally {
    pub(super) fn new(generation: u32, from: DateTime<Utc>, until: DateTime<Utc>, rowless: Rowless) -> Self {
        Self { generation, from, until, rowless, count: Count::default(), open: HashMap::new() }
    }

    /// Counts a stretch `[from, until)`: its fires, in order, and all rows that have to do with it.
    pub(super) fn stretch(
        &mut self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        fires: &[DateTime<Utc>],
        rows: &[RunRecord],
    ) {
        let ours = |run: &&RunRecord| run.key.kind == RunKind::Scheduled && run.key.generation == self.generation;
        let (ranges, singles): (Vec<_>, Vec<_>) = rows.iter().filter(ours).partition(|run| run.missed.is_some());
        let mut singles: HashMap<DateTime<Utc>, &RunRecord> =
            singles.into_iter().map(|run| (run.key.nominal, run)).collect();
        for fire in fires {
            self.count.expected += 1;
            let covering = ranges.iter().find(|run| run.key.nominal <= *fire && *fire <= run.last_fire());
            if let Some(run) = covering {
                *self.open.entry(run.key.nominal).or_default() += 1;
            }
            match (singles.remove(fire), covering) {
                (Some(run), covering) => {
                    self.accounted(run);
                    // Both a run and among those that never ran: counted twice.
                    self.count.unexpected += u64::from(covering.is_some());
                }
                (None, Some(run)) => self.accounted(run),
                (None, None) => self.without_row(*fire),
            }
        }
        let stray = singles.keys().filter(|at| (from..until).contains(*at)).count();
        self.count.unexpected += stray as u64;
        for run in ranges {
            // What begins before the period or ends behind it is not counted as a whole.
            let whole = run.key.nominal >= self.from && run.last_fire() < self.until;
            if run.last_fire() < until {
                let covered = self.open.remove(&run.key.nominal).unwrap_or_default();
                self.count.unexpected += if whole { run.fires().abs_diff(covered) } else { 0 };
            }
        }
    }

    /// What was counted.
    pub(super) fn done(self) -> Count {
        self.count
    }

    fn accounted(&mut self, run: &RunRecord) {
        let why = run.reason.as_deref().unwrap_or("no reason given");
        let count = &mut self.count;
        match run.state {
            RunState::Coalesced => count.coalesced += 1,
            RunState::Missed => {
                count.missed += 1;
                because(&mut count.missed_for, why, 1);
            }
            RunState::Skipped => {
                count.skipped += 1;
                because(&mut count.skipped_for, why, 1);
            }
            // It waited for its turn, and was cancelled before that came.
            RunState::Cancelled if run.attempt == 0 => {
                count.skipped += 1;
                because(&mut count.skipped_for, why, 1);
            }
            _ => count.fired += 1,
        }
    }

    fn without_row(&mut self, fire: DateTime<Utc>) {
        let Rowless { decided, paused, pruned } = &self.rowless;
        let undecided = decided.is_some_and(|mark| fire > mark);
        match paused.as_ref().filter(|pause| undecided && fire > pause.since) {
            Some(pause) => {
                self.count.skipped += 1;
                because(&mut self.count.skipped_for, &pause.to_string(), 1);
            }
            None if undecided => self.count.undecided += 1,
            None if pruned.is_some_and(|before| fire < before) => self.count.pruned += 1,
            None => {
                self.count.lost += 1;
                if self.count.first_lost.len() < LISTED {
                    self.count.first_lost.push(fire);
                }
            }
        }
    }
}
