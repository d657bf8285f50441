//! The jobs of one scheduler, brought together with what its store knows of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;

use super::brought::Brought;
use super::core::Core;
use super::due::Passed;
use super::event::{Event, Listener};
use super::handler::{Handler, Handlers};
use super::owed::{Owed, owed};
use crate::civil::Zone;
use crate::model::{Alike, JobBody, JobSpec, Schedule};
use crate::run::{RunKey, RunKind, RunRecord};
use crate::store::kept::{Commons, Kept};
use crate::store::places::Places;
use crate::store::{Advance, Pause, ScheduleRecord, Source, Store};
use crate::trigger::Trigger;

/// A job as the scheduler works with it; there may be a million.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kept: Kept<Work>,
    /// How often what it fires was changed by others.
    pub(crate) lap: u32,
    /// Another scheduler has a later version of it, or has removed it.
    pub(crate) superseded: bool,
    /// It came out of the store, and the program does not have it.
    pub(crate) stored: bool,
    /// The store has not decided upon all that was taken to be decided here.
    pub(crate) behind: bool,
}

/// What a scheduler makes of a job: the same for jobs that say the same, unless that goes by their names.
#[derive(Debug, Clone)]
pub(crate) struct Work(Arc<(Schedule, HandlerOf)>);

impl Work {
    pub(crate) fn of(spec: &JobSpec, handler: Handler) -> Result<Self> {
        Ok(Self(Arc::new((spec.schedule()?, HandlerOf(handler)))))
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.0.0
    }
}

impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A handler, without the closure in debug output.
struct HandlerOf(Handler);

impl std::fmt::Debug for HandlerOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handler")
    }
}

/// Which jobs of its namespace a roster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    All,
    /// Only some.
    Some,
}

/// How many schedules go to the store in one call.
const BATCH: usize = 5_000;

/// All jobs, by their place in the list.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    pub(crate) entries: Vec<Entry>,
    places: Places,
    commons: Commons<Work>,
    /// What jobs have in common that come out of the store.
    alike: Alike,
    /// The places of the jobs that follow a job.
    followers: HashMap<String, Vec<usize>>,
    /// The places of the jobs that fire so long after their last run.
    pub(crate) delayed: BTreeSet<usize>,
    /// What runs the jobs that are taken out of the store, where they are.
    pub(crate) handlers: Option<Arc<Handlers>>,
}

impl Roster {
    /// Compares the jobs with what the store knows, and tells it what is new.
    ///
    /// A changed job begins a new generation at `now`; what its former version has missed until then is accounted for.
    /// Where the jobs are `All` that the namespace has, others are retired.
    pub(crate) async fn load(core: &Core, handlers: &Handlers, specs: Vec<JobSpec>, scope: Scope) -> Result<Self> {
        let (store, listener, namespace, now) = (&*core.store, &core.listener, core.namespace.as_str(), core.now());
        let mut known: HashMap<String, ScheduleRecord> = HashMap::new();
        for record in store.schedules(Some(namespace)).await? {
            known.insert(record.spec.name.as_str().to_owned(), record);
        }
        let mut roster = Self::default();
        roster.reserve(specs.len());
        let mut missed = Owed::default();
        let mut brought = Brought::of(core);
        for spec in specs {
            let work = roster.work(&spec, handlers.of(&spec)?)?;
            let old = if known.is_empty() { None } else { known.remove(spec.name.as_str()) };
            let record = reconcile(old.as_ref(), namespace, spec, work.schedule(), &core.source, now);
            if let Some(old) = &old {
                if old.generation != record.generation {
                    missed.add(owed_by(store, old, "the job was changed before they ran", now).await?);
                } else if old.next_fire != record.next_fire && old.zone_data != record.zone_data {
                    let job = record.spec.name.as_str();
                    listener.hear(&Event::Moved { job, from: old.next_fire, to: record.next_fire });
                }
            }
            brought.job(old.as_ref(), &record);
            let entry = roster.entry(record, work, false);
            roster.push(entry);
        }
        let mut retired = Vec::new();
        for old in known.into_values().filter(|old| scope == Scope::All && old.retired.is_none()) {
            missed.add(owed_by(store, &old, "the job was removed before they ran", now).await?);
            let gone = retire(old, &core.source, now);
            brought.job(None, &gone);
            retired.push(gone);
        }
        brought.intend(now).await?;
        // Stepped over at once, so that no scheduler with the former version decides upon them, too.
        let made = store.fire(&missed.rows(), &missed.steps).await?;
        let mut overtaken = HashSet::new();
        for entries in roster.entries.chunks(BATCH) {
            let records: Vec<_> = entries.iter().map(|entry| entry.kept.record()).collect();
            overtaken.extend(not_put(&records, &store.put(&records).await?));
        }
        overtaken.extend(not_put(&retired, &store.put(&retired).await?));
        brought.came(&overtaken, core.now()).await?;
        for (run, _) in missed.runs.iter().zip(made).filter(|(_, made)| made.is_made()) {
            listener.hear(&Event::Passed(run));
        }
        Ok(roster)
    }

    /// Makes room for so many more jobs, and no more than that.
    fn reserve(&mut self, more: usize) {
        self.entries.reserve_exact(more);
        let entries = &self.entries;
        self.places.reserve(more, |place| entries.get(place).map(Entry::name));
    }

    /// What to make of a job.
    pub(crate) fn work(&self, spec: &JobSpec, handler: Handler) -> Result<Work> {
        // Where it goes by names, a job that says the same is of no use.
        let known = self.commons.of(spec.body()).filter(|_| !spec.goes_by_name());
        match known {
            Some(common) => Ok(common.with.clone()),
            None => Work::of(spec, handler),
        }
    }

    /// A job, to be put into its place.
    pub(crate) fn entry(&mut self, record: ScheduleRecord, work: Work, stored: bool) -> Entry {
        Entry { kept: self.commons.keep(record, work), lap: 0, superseded: false, stored, behind: false }
    }

    /// The same job, with what it has in common with others.
    pub(crate) fn share(&mut self, spec: JobSpec) -> JobSpec {
        self.alike.share(spec)
    }

    /// Adds a job, and gives its place.
    pub(crate) fn push(&mut self, entry: Entry) -> usize {
        let place = self.entries.len();
        self.follow(place, &entry);
        self.entries.push(entry);
        let entries = &self.entries;
        self.places.add(place, |place| entries.get(place).map(Entry::name));
        place
    }

    /// Puts another version in the place of a job.
    pub(crate) fn replace(&mut self, place: usize, entry: Entry) {
        for followers in self.followers.values_mut() {
            followers.retain(|follower| *follower != place);
        }
        self.follow(place, &entry);
        if let Some(known) = self.entries.get_mut(place) {
            let lap = known.lap + 1;
            *known = Entry { lap, ..entry };
        }
    }

    fn follow(&mut self, place: usize, entry: &Entry) {
        if matches!(entry.schedule().trigger(), Trigger::Delay(_)) {
            self.delayed.insert(place);
        } else {
            self.delayed.remove(&place);
        }
        for parent in entry.body().following().into_iter().flat_map(|following| following.jobs().iter()) {
            self.followers.entry(parent.clone()).or_default().push(place);
        }
    }

    /// The place of a job.
    pub(crate) fn find(&self, job: &str) -> Option<usize> {
        self.places.find(Some(job), |place| self.entries.get(place).is_some_and(|entry| entry.name() == job))
    }

    /// The places of the jobs that follow a job.
    pub(crate) fn followers(&self, job: &str) -> &[usize] {
        self.followers.get(job).map_or(&[], Vec::as_slice)
    }

    /// The jobs that others follow.
    pub(crate) fn followed(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.followers.iter().map(|(job, followers)| (job.as_str(), followers.as_slice()))
    }

    pub(crate) fn get(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }
}

impl Entry {
    pub(crate) fn name(&self) -> &str {
        self.kept.name()
    }

    /// What the job says.
    pub(crate) fn body(&self) -> &JobBody {
        &self.kept.common().body
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.kept.common().with.0.0
    }

    pub(crate) fn handler(&self) -> &Handler {
        &self.kept.common().with.0.1.0
    }

    pub(crate) fn paused(&self) -> Option<&Pause> {
        self.kept.common().paused.as_ref()
    }

    pub(crate) fn generation(&self) -> u32 {
        self.kept.common().generation
    }

    /// Whether it fires here.
    pub(crate) fn fires(&self) -> bool {
        !self.superseded && self.paused().is_none()
    }

    /// A step over fires that were decided upon while it was not paused.
    pub(crate) fn advance(&self, high_water: DateTime<Utc>, next_fire: Option<DateTime<Utc>>) -> Advance {
        Advance {
            namespace: self.kept.common().namespace.clone(),
            job: self.name().to_owned(),
            generation: self.generation(),
            paused: false,
            high_water,
            next_fire,
        }
    }

    /// Takes over what the store has; says whether its next fire has to be looked for again.
    pub(crate) fn take_over(&mut self, record: ScheduleRecord, listener: &Listener) -> bool {
        let superseded = record.generation > self.generation()
            || (record.generation == self.generation()
                && (record.spec != self.kept.spec() || record.retired.is_some()));
        if superseded && !self.superseded {
            let job = record.spec.name.as_str();
            listener.hear(&match record.retired {
                None => Event::Superseded { job, generation: record.generation },
                Some(_) => Event::Removed { job, by: record.source.as_ref().map(|source| source.by.as_str()) },
            });
        }
        let as_before = superseded == self.superseded
            && record.paused.is_some() == self.paused().is_some()
            && record.high_water <= self.kept.high_water()
            && record.valid_from == self.kept.common().valid_from
            && !self.behind;
        if std::mem::take(&mut self.behind) {
            self.kept.set_high_water(record.high_water);
        }
        self.superseded = superseded;
        if superseded {
            self.lap += 1;
            return false;
        }
        if record.paused.as_ref() != self.paused() {
            self.kept.own().paused = record.paused;
        }
        if as_before {
            return false;
        }
        self.lap += 1;
        self.kept.set_high_water(self.kept.high_water().max(record.high_water));
        self.kept.own().valid_from = record.valid_from;
        self.kept.set_next_fire(if self.schedule().trigger().is_nominal() {
            self.schedule().next_after(self.kept.decided())
        } else {
            record.next_fire
        });
        true
    }

    /// What kind of run its trigger brings about.
    pub(crate) fn kind(&self) -> RunKind {
        match self.schedule().trigger() {
            Trigger::Delay(_) | Trigger::Startup | Trigger::Following => RunKind::Event,
            _ => RunKind::Scheduled,
        }
    }
}

/// The jobs of which the store has a later version.
fn not_put<'a>(records: &'a [ScheduleRecord], put: &'a [bool]) -> impl Iterator<Item = String> + 'a {
    let late = records.iter().zip(put).filter(|(_, put)| !**put);
    late.map(|(record, _)| record.spec.name.as_str().to_owned())
}

/// A row for fires that never ran.
pub(crate) fn passed_run(key: RunKey, passed: Passed, reason: &str, now: DateTime<Utc>) -> RunRecord {
    let several = (passed.missed.count > 1).then_some(passed.missed);
    RunRecord {
        missed: several,
        reason: Some(reason.to_owned()),
        finished: Some(now),
        ..RunRecord::new(key, passed.state)
    }
}

/// The row of a job that is removed.
pub(crate) fn retire(old: ScheduleRecord, source: &Source, now: DateTime<Utc>) -> ScheduleRecord {
    ScheduleRecord { retired: Some(now), next_fire: None, source: Some(source.clone()), ..old }
}

/// The job's row, from what the store had.
pub(crate) fn reconcile(
    old: Option<&ScheduleRecord>,
    namespace: &str,
    spec: JobSpec,
    schedule: &Schedule,
    source: &Source,
    now: DateTime<Utc>,
) -> ScheduleRecord {
    let source = Some(source.clone());
    let (generation, valid_from) = match old {
        Some(old) if old.spec == spec && old.retired.is_none() => (old.generation, old.valid_from),
        Some(old) => (old.generation.saturating_add(1), now),
        None => (1, now),
    };
    let high_water = old.and_then(|old| old.high_water);
    // The rows are computed anew each time: what is stored may rest on other zone data.
    let decided = high_water.map_or(valid_from, |mark| mark.max(valid_from));
    // A delay does not wait for a clock to come to where it was before somebody set it.
    let counts_from = if matches!(schedule.trigger(), Trigger::Delay(_)) { decided.min(now) } else { decided };
    let next_fire = schedule.next_after(counts_from);
    let zone_data = Zone::data_version().to_owned();
    let paused = old.and_then(|old| old.paused.clone());
    let (namespace, retired) = (namespace.to_owned(), None);
    ScheduleRecord {
        namespace,
        spec,
        generation,
        valid_from,
        next_fire,
        high_water,
        zone_data,
        // The store knows.
        zone_data_since: old.and_then(|old| old.zone_data_since),
        retired,
        paused,
        source,
    }
}

/// What a former version of a job has not decided upon until `now`, when it was changed or removed.
pub(crate) async fn owed_by(store: &dyn Store, old: &ScheduleRecord, why: &str, now: DateTime<Utc>) -> Result<Owed> {
    if old.retired.is_some() {
        return Ok(Owed::default());
    }
    owed(store, old, &old.spec.schedule()?, why, now).await
}
