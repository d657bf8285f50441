//! What became of every nominal fire of a period: each was made, or the reason is known, or it was lost.
//!
//! The fires are computed anew from the versions of the job that the store keeps, and each is looked for among the rows;
//! the scheduler's own arithmetic of what it has made is never trusted. It reads and changes nothing.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::run::{RunKind, RunRecord, RunState};
use crate::store::{Generation, RunQuery, Store};

/// How many fires that were lost are listed; all are counted.
const LISTED: usize = 20;

/// The sums of a job's nominal fires within a period.
///
/// Fires of a fixed delay, of starts and of somebody's hand have no nominal instant, and are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ledger {
    /// The namespace.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// The first instant of the period.
    pub from: DateTime<Utc>,
    /// The first instant behind it.
    pub until: DateTime<Utc>,
    /// How many fires there were.
    pub expected: u64,
    /// Those that were made: they have run, are running or wait.
    pub fired: u64,
    /// Those that a later one ran for.
    pub coalesced: u64,
    /// Those that were skipped, by the reason.
    pub skipped: BTreeMap<String, u64>,
    /// Those whose time had passed while no scheduler was there, by the reason.
    pub missed: BTreeMap<String, u64>,
    /// Those that lie behind the mark of the schedule and have no row.
    pub lost: u64,
    /// The first of those that were lost.
    pub first_lost: Vec<DateTime<Utc>>,
    /// Those that no scheduler has come to yet.
    pub due: u64,
    /// Rows of fires that there should not be.
    pub unexpected: u64,
    /// Where history before an instant was deleted: from when on it is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_before: Option<DateTime<Utc>>,
}

impl Ledger {
    /// Whether every fire is accounted for, and there is none that should not be.
    #[must_use]
    pub const fn sums_up(&self) -> bool {
        self.lost == 0 && self.unexpected == 0
    }

    fn count(&mut self, run: &RunRecord) {
        let reason = || run.reason.clone().unwrap_or_default();
        match run.state {
            RunState::Coalesced => self.coalesced += 1,
            RunState::Skipped => *self.skipped.entry(reason()).or_default() += 1,
            RunState::Missed => *self.missed.entry(reason()).or_default() += 1,
            _ => self.fired += 1,
        }
    }

    fn lose(&mut self, at: DateTime<Utc>) {
        self.lost += 1;
        if self.first_lost.len() < LISTED {
            self.first_lost.push(at);
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |parts: &BTreeMap<String, u64>| parts.values().sum::<u64>();
        write!(f, "{}  {} nominal fires = {} fired", self.job, self.expected, self.fired)?;
        write!(f, " + {} coalesced + {} skipped", self.coalesced, sum(&self.skipped))?;
        if !self.skipped.is_empty() {
            let parts: Vec<String> = self.skipped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            write!(f, " ({})", parts.join("; "))?;
        }
        write!(f, " + {} missed", sum(&self.missed))?;
        if self.due > 0 {
            write!(f, " + {} that are due", self.due)?;
        }
        if self.lost > 0 {
            write!(f, " + {} LOST", self.lost)?;
        }
        if self.unexpected > 0 {
            write!(f, "; {} rows of fires that there should not be", self.unexpected)?;
        }
        Ok(())
    }
}

/// Accounts for the nominal fires of a job within `[from, until)`; what lies behind `now` is not counted.
///
/// # Errors
///
/// A job that the store does not know; a store that can't be read.
pub async fn ledger(
    store: &dyn Store,
    (namespace, job): (&str, &str),
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<Ledger> {
    let schedules = store.schedules(Some(namespace)).await?;
    let Some(schedule) = schedules.into_iter().find(|known| known.spec.name.as_str() == job) else {
        return Err(Error::input(format!("job `{job}` of namespace `{namespace}` is unknown"))
            .with_hint("`clusterkeep schedule list` shows those that there are"));
    };
    let deleted_before = store.deleted_before(namespace).await?.filter(|before| *before > from);
    let from = deleted_before.unwrap_or(from);
    let until = until.min(now + TimeDelta::microseconds(1)).max(from);
    let mut ledger = Ledger {
        namespace: namespace.to_owned(),
        job: job.to_owned(),
        from,
        until,
        expected: 0,
        fired: 0,
        coalesced: 0,
        skipped: BTreeMap::new(),
        missed: BTreeMap::new(),
        lost: 0,
        first_lost: Vec::new(),
        due: 0,
        unexpected: 0,
        deleted_before,
    };
    let paused = schedule.paused.as_ref().map(|pause| (pause.since, pause.to_string()));
    for generation in store.generations(namespace, job).await? {
        let mut rows = Rows::new(store, namespace, job, &generation, (from, until));
        for_each_fire(&generation, (from, until), &mut ledger, &mut rows, |ledger, at| {
            if schedule.high_water.is_some_and(|mark| at <= mark) {
                ledger.lose(at);
            } else if let Some((_, why)) = paused.as_ref().filter(|(since, _)| at >= *since) {
                *ledger.skipped.entry(why.clone()).or_default() += 1;
            } else if generation.valid_until.is_some() {
                ledger.lose(at);
            } else {
                ledger.due += 1;
            }
        })
        .await?;
    }
    Ok(ledger)
}

/// Goes through the fires of one version and through its rows side by side; `without` gets each fire that has no row.
async fn for_each_fire(
    generation: &Generation,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    ledger: &mut Ledger,
    rows: &mut Rows<'_>,
    mut without: impl FnMut(&mut Ledger, DateTime<Utc>),
) -> Result<()> {
    let schedule = generation.spec.schedule()?;
    if !schedule.trigger().is_nominal() {
        return Ok(());
    }
    let after = generation.valid_from.max(from - TimeDelta::nanoseconds(1));
    let last = generation.valid_until.unwrap_or(until);
    let mut next = schedule.next_after(after).filter(|at| *at <= last && *at < until);
    let mut row = rows.next().await?;
    while next.is_some() || row.is_some() {
        match (next, &row) {
            (Some(at), Some(run)) if run.key.nominal <= at && at <= run.last_fire() => {
                ledger.expected += 1;
                ledger.count(run);
                // A single row is used up; a range as soon as its last fire has come.
                if at >= run.last_fire() {
                    row = rows.next().await?;
                }
            }
            (Some(at), Some(run)) if at < run.key.nominal => {
                ledger.expected += 1;
                without(ledger, at);
            }
            (_, Some(run)) => {
                // A range that began before the period, or that ends behind it, is used up without a fire of its own.
                if run.missed.is_none() && run.key.nominal >= from {
                    ledger.unexpected += 1;
                }
                row = rows.next().await?;
                continue;
            }
            (Some(at), None) => {
                ledger.expected += 1;
                without(ledger, at);
            }
            (None, None) => {}
        }
        next = next.and_then(|at| schedule.next_after(at)).filter(|at| *at <= last && *at < until);
    }
    Ok(())
}

/// The scheduled rows of one version of a job, the earliest first, a window of time after the other.
struct Rows<'a> {
    store: &'a dyn Store,
    query: RunQuery,
    generation: u32,
    /// The window that is read next begins here.
    at: DateTime<Utc>,
    until: DateTime<Utc>,
    window: TimeDelta,
    read: Vec<RunRecord>,
}

impl<'a> Rows<'a> {
    fn new(
        store: &'a dyn Store,
        namespace: &str,
        job: &str,
        generation: &Generation,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        // What lies outside the version's time has no rows of it, but for ranges that begin before `from`.
        let query = RunQuery::of(namespace, job);
        let generation = generation.generation;
        Self { store, query, generation, at: from, until, window: TimeDelta::hours(1), read: Vec::new() }
    }

    async fn next(&mut self) -> Result<Option<RunRecord>> {
        while self.read.is_empty() && self.at < self.until {
            let end = self.at.checked_add_signed(self.window).unwrap_or(self.until).min(self.until);
            let rows = self.store.runs(&self.query.clone().between(self.at, end)).await?;
            // Some thousand rows at a time, whatever the rate.
            self.window = match rows.len() {
                0..1_000 => self.window * 2,
                0..10_000 => self.window,
                _ => self.window / 2,
            }
            .min(TimeDelta::days(3_650));
            let generation = self.generation;
            // A range that reaches over several windows comes with each of them; its fires are counted once, since those
            // that were counted are behind.
            self.read = rows
                .into_iter()
                .filter(|run| run.key.kind == RunKind::Scheduled && run.key.generation == generation)
                .collect();
            self.at = end;
        }
        Ok(self.read.pop())
    }
}
