//! The ledger of a job, read from a store stretch by stretch.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};

use super::tally::{Rowless, Tally};
use super::{Count, GenerationCount, Ledger};
use crate::civil::Zone;
use crate::control;
use crate::daemon::due::GRACE;
use crate::model::Schedule;
use crate::store::{Generation, RunQuery, ScheduleRecord, Store};

/// How many fires a stretch has at most.
const STRETCH: usize = 4_096;

/// Accounts for the nominal fires of a job within `[from, until)` that were due at `now`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use clusterkeep_scheduler::{Job, MemoryStore, Run, Scheduler, Store, ledger};
/// use std::sync::Arc;
/// let store: Arc<dyn Store> = MemoryStore::new().into();
/// let (from, until) = ("2026-11-01T00:00:00Z".parse().unwrap(), "2026-11-21T00:00:00Z".parse().unwrap());
/// Scheduler::builder()
///     .store(store.clone())
///     .handler("thin-out", |_: Run| async { Ok(()) })
///     .job(Job::named("nightly").run("thin-out").cron("30 3 * * *"))
///     .simulate(from, until)
///     .await?;
/// let ledger = ledger(&*store, ("default", "nightly"), (from, until), until).await?;
/// assert_eq!(ledger.total.to_string(), "20 nominal fires = 20 fired + 0 coalesced + 0 skipped + 0 missed");
/// # Ok::<(), clusterkeep_core::Error>(()) }).unwrap();
/// ```
///
/// # Errors
///
/// A job that the store does not know, or that has no nominal fires; a period that ends before it begins; a store that
/// can't be read.
pub async fn ledger(
    store: &dyn Store,
    (namespace, job): (&str, &str),
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<Ledger> {
    if from >= until {
        return Err(Error::input(format!("the period ends ({until}) before it begins ({from})"))
            .with_hint("`from` is in it, `until` is not"));
    }
    let record = control::known(store, namespace, job).await?;
    // A fire at the present instant is due.
    let until = until.min(now + TimeDelta::microseconds(1)).max(from);
    let pruned = store.deleted_before(namespace).await?;
    let mut generations = Vec::new();
    let mut nominal = false;
    for generation in store.generations(namespace, job).await? {
        let schedule = generation.spec.schedule()?;
        nominal |= schedule.trigger().is_nominal();
        if !schedule.trigger().is_nominal()
            || generation.valid_from >= until
            || generation.valid_until.is_some_and(|end| end < from)
        {
            continue;
        }
        let rowless = Rowless { moved: moved(&record, &schedule), ..rowless(&record, &generation, pruned, now) };
        let tally = Tally::new(generation.generation, from, until, rowless);
        let count = walk(store, &record, &generation, &schedule, tally, from, until).await?;
        let Generation { generation, valid_from, valid_until, .. } = generation;
        generations.push(GenerationCount { generation, valid_from, valid_until, count });
    }
    if !nominal {
        return Err(Error::input(format!("job `{job}` has no nominal fires, so there is nothing to sum up"))
            .with_hint("what fires after its last run, or at the start, is in `schedule history`"));
    }
    let mut total = Count::default();
    generations.iter().for_each(|generation| total.add(&generation.count));
    let (namespace, job) = (namespace.to_owned(), job.to_owned());
    let deleted_before = pruned.filter(|before| *before > from);
    Ok(Ledger { namespace, job, from, until, deleted_before, sums_up: total.sums_up(), total, generations })
}

/// What fires without a row are: of the valid version those behind the mark are still to come.
fn rowless(
    record: &ScheduleRecord,
    generation: &Generation,
    pruned: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Rowless {
    if generation.valid_until.is_some() || generation.generation != record.generation {
        return Rowless { pruned, ..Rowless::default() };
    }
    let (decided, due) = (Some(record.decided()), now.checked_sub_signed(GRACE));
    Rowless { decided, due, paused: record.paused.clone(), pruned, moved: None }
}

/// Up to when fires may have been decided upon by other zone data than this program has.
fn moved(record: &ScheduleRecord, schedule: &Schedule) -> Option<DateTime<Utc>> {
    if schedule.in_zone().spans().is_constant() {
        return None;
    }
    if record.zone_data == Zone::data_version() { record.zone_data_since } else { record.high_water }
}

/// Walks through the period, so many fires at a time.
async fn walk(
    store: &dyn Store,
    record: &ScheduleRecord,
    generation: &Generation,
    schedule: &Schedule,
    mut tally: Tally,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Count> {
    let counts = |at: &DateTime<Utc>| *at < until && generation.valid_until.is_none_or(|end| *at <= end);
    // Fires are later than what is asked with; one at `from` itself belongs to the period.
    let before = (from - TimeDelta::nanoseconds(1)).max(generation.valid_from);
    let mut next = schedule.next_after(before).filter(counts);
    let mut begin = from;
    let mut fires = Vec::with_capacity(STRETCH);
    loop {
        fires.clear();
        while let Some(at) = next.filter(|_| fires.len() < STRETCH) {
            fires.push(at);
            next = schedule.next_after(at).filter(counts);
        }
        let end = next.unwrap_or(until);
        let query = RunQuery::of(&record.namespace, record.spec.name.as_str()).between(begin, end).without_output();
        let rows = store.runs(&query).await?;
        tally.stretch(begin, end, &fires, &rows);
        begin = end;
        if next.is_none() {
            return Ok(tally.done());
        }
    }
}
