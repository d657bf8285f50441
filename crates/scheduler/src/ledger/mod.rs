//! Whether every nominal fire is accounted for: what the schedule says should have fired, against the rows that there are.
//!
//! It reads and never writes. Fires are computed anew, from each version of the job as it was then, and compared one by
//! one with the rows, a stretch of time after the other: a year of seconds takes no more memory than an hour. What has no
//! nominal fires (fixed delays, starts, runs by hand) is outside of it.

mod read;
mod tally;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::run::{RunRecord, RunState};

pub use read::ledger;

/// What became of the nominal fires of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ledger {
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// Where the period begins: the first instant in it.
    pub from: DateTime<Utc>,
    /// Where it ends: the first instant behind it; the present, where that comes earlier.
    pub until: DateTime<Utc>,
    /// Set where rows of fires before this instant, which lies in the period, may have been removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_before: Option<DateTime<Utc>>,
    /// Whether each fire that was due is accounted for, and nothing else is there.
    pub sums_up: bool,
    /// All versions together.
    pub total: Count,
    /// Each version of the job that counted in the period.
    pub generations: Vec<GenerationCount>,
}

/// What became of the fires of one version of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GenerationCount {
    /// The version.
    pub generation: u32,
    /// Its fires count from behind this instant.
    pub valid_from: DateTime<Utc>,
    /// Its fires count up to this instant; `null` for the version that is valid.
    pub valid_until: Option<DateTime<Utc>>,
    /// Its fires.
    #[serde(flatten)]
    pub count: Count,
}

/// How many fires there were, and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Count {
    /// Nominal fires that were due.
    pub expected: u64,
    /// Those that became a run, whatever came of it.
    pub fired: u64,
    /// Those that a later fire ran for.
    pub coalesced: u64,
    /// Those that did not run because of a policy or a pause.
    pub skipped: u64,
    /// The same, by reason.
    pub skipped_for: BTreeMap<String, u64>,
    /// Those whose time passed while no scheduler was there.
    pub missed: u64,
    /// The same, by reason.
    pub missed_for: BTreeMap<String, u64>,
    /// Those that are due and that no scheduler has decided upon yet: the next one will.
    pub undecided: u64,
    /// Those of the undecided that have been due for more than a minute: nobody has come to them. There should be none.
    pub overdue: u64,
    /// Those whose rows the retention of the run history has removed.
    pub pruned: u64,
    /// Those that nothing is known of. There should be none.
    pub lost: u64,
    /// The first of those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first_lost: Vec<DateTime<Utc>>,
    /// Rows, and fires in them, that no nominal fire accounts for. There should be none.
    pub unexpected: u64,
    /// Those that were recorded for another instant, which they had by the zone data of then. They are counted as what they
    /// became.
    #[serde(skip_serializing_if = "is_none")]
    pub moved: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// So many reasons are told apart; further ones are counted together.
const MOST_REASONS: usize = 20;

impl Count {
    /// Whether each fire that was due is accounted for, and nothing else is there.
    ///
    /// ```
    /// use clusterkeep_scheduler::Count;
    /// let count = Count { expected: 3, fired: 2, missed: 1, ..Count::default() };
    /// assert!(count.sums_up());
    /// assert!(!Count { lost: 1, ..count.clone() }.sums_up());
    /// assert!(!Count { undecided: 1, expected: 4, overdue: 1, ..count }.sums_up());
    /// ```
    #[must_use]
    pub const fn sums_up(&self) -> bool {
        let known = self.fired + self.coalesced + self.skipped + self.missed + self.undecided + self.pruned;
        self.lost == 0 && self.unexpected == 0 && self.overdue == 0 && known == self.expected
    }

    /// The sum of rows that were made beforehand, by [`rehearse`](crate::rehearse): what is pending there is not decided.
    #[must_use]
    pub fn of(rows: &[RunRecord]) -> Self {
        let mut count = Self::default();
        for run in rows {
            count.expected += run.fires();
            match run.state {
                RunState::Pending => count.undecided += run.fires(),
                _ => count.account(run, run.fires()),
            }
        }
        count
    }

    /// Counts so many fires of a row.
    fn account(&mut self, run: &RunRecord, fires: u64) {
        let why = run.reason.as_deref().unwrap_or("no reason given");
        match run.state {
            RunState::Coalesced => self.coalesced += fires,
            RunState::Missed => {
                self.missed += fires;
                because(&mut self.missed_for, why, fires);
            }
            RunState::Skipped => {
                self.skipped += fires;
                because(&mut self.skipped_for, why, fires);
            }
            // It waited for its turn, and was cancelled before that came.
            RunState::Cancelled if run.attempt == 0 => {
                self.skipped += fires;
                because(&mut self.skipped_for, why, fires);
            }
            _ => self.fired += fires,
        }
    }

    fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.fired += other.fired;
        self.coalesced += other.coalesced;
        self.skipped += other.skipped;
        self.missed += other.missed;
        self.undecided += other.undecided;
        self.overdue += other.overdue;
        self.pruned += other.pruned;
        self.lost += other.lost;
        self.first_lost.extend(&other.first_lost);
        self.unexpected += other.unexpected;
        self.moved += other.moved;
        for (reason, fires) in &other.skipped_for {
            because(&mut self.skipped_for, reason, *fires);
        }
        for (reason, fires) in &other.missed_for {
            because(&mut self.missed_for, reason, *fires);
        }
    }
}

/// Counts fires under their reason.
fn because(reasons: &mut BTreeMap<String, u64>, reason: &str, fires: u64) {
    let reason = if reasons.len() < MOST_REASONS || reasons.contains_key(reason) { reason } else { "other reasons" };
    *reasons.entry(reason.to_owned()).or_default() += fires;
}

/// The sum on one line: `20 nominal fires = 18 fired + 1 coalesced + 1 skipped (why) + 0 missed`.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fires = if self.expected == 1 { "fire" } else { "fires" };
        write!(f, "{} nominal {fires} = {} fired + {} coalesced", self.expected, self.fired, self.coalesced)?;
        let mut part = |count: u64, what: &str, reasons: &BTreeMap<String, u64>| {
            write!(f, " + {count} {what}")?;
            if reasons.is_empty() {
                return Ok(());
            }
            let one = reasons.len() == 1;
            let reasons = reasons.iter().map(|(why, n)| if one { why.clone() } else { format!("{n} {why}") });
            write!(f, " ({})", reasons.collect::<Vec<_>>().join(", "))
        };
        part(self.skipped, "skipped", &self.skipped_for)?;
        part(self.missed, "missed", &self.missed_for)?;
        let none = BTreeMap::new();
        let rest =
            [(self.undecided, "not decided upon yet"), (self.pruned, "removed from the history"), (self.lost, "LOST")];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            part(count, what, &none)?;
        }
        if self.moved > 0 {
            write!(f, "; {} moved by zone data since", self.moved)?;
        }
        if self.overdue > 0 {
            write!(f, "; {} OVERDUE", self.overdue)?;
        }
        if self.unexpected > 0 {
            write!(f, "; {} UNEXPECTED", self.unexpected)?;
        }
        Ok(())
    }
}
