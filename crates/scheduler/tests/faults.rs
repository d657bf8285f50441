//! A store that fails, before or after it has done what it was asked, at each of its calls in turn.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{
    Advance, Beat, Cancelled, Claim, Event, Fired, Generation, Job, MemoryStore, NewRun, Overlap, Pause, Report, Run,
    RunEnd, RunKey, RunQuery, RunRecord, RunState, ScheduleRecord, Scheduler, SchedulerBuilder, Store, Worker,
};
use uuid::Uuid;

/// When a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It was not reached.
    Before,
    /// It did it, and the answer was lost.
    After,
}

/// Fails at the calls from `first` on, as many as `count`.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Store>,
    calls: AtomicUsize,
    first: usize,
    count: usize,
    fault: Fault,
    /// Fails at all of them, as long as it is set.
    away: Arc<AtomicBool>,
    /// Somebody else begins what waits whenever runs are looked at.
    overtakes: bool,
}

impl Faulty {
    fn over(inner: &Arc<dyn Store>, first: usize, count: usize, fault: Fault) -> Arc<dyn Store> {
        Arc::new(Self {
            inner: inner.clone(),
            calls: AtomicUsize::new(0),
            first,
            count,
            fault,
            away: Arc::default(),
            overtakes: false,
        })
    }

    /// One that is away while this is set.
    fn while_set(inner: &Arc<dyn Store>, away: &Arc<AtomicBool>) -> Arc<dyn Store> {
        let (inner, away) = (inner.clone(), away.clone());
        Arc::new(Self {
            inner,
            calls: AtomicUsize::new(0),
            first: 0,
            count: 0,
            fault: Fault::Before,
            away,
            overtakes: false,
        })
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fails = (self.first..self.first.saturating_add(self.count)).contains(&number);
        if fails && self.fault == Fault::Before || self.away.load(Ordering::SeqCst) {
            return Err(Error::failed("reach the store"));
        }
        let done = call.await;
        if fails { Err(Error::failed("hear the store's answer")) } else { done }
    }
}

#[async_trait]
impl Store for Faulty {
    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>> {
        self.call(self.inner.put(schedules)).await
    }
    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        self.call(self.inner.schedules(namespace)).await
    }
    async fn changed(&self, namespace: &str, since: Option<i64>) -> Result<(Vec<ScheduleRecord>, i64)> {
        self.call(self.inner.changed(namespace, since)).await
    }
    async fn generations(&self, namespace: &str, job: &str) -> Result<Vec<Generation>> {
        self.call(self.inner.generations(namespace, job)).await
    }
    async fn pause(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool> {
        self.call(self.inner.pause(namespace, job, pause)).await
    }
    async fn fire(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        self.call(self.inner.fire(runs, advances)).await
    }
    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        self.call(self.inner.claim(claims)).await
    }
    async fn report(&self, key: &RunKey, attempt: u32, report: Report<'_>) -> Result<bool> {
        self.call(self.inner.report(key, attempt, report)).await
    }
    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        self.call(self.inner.finish(ends)).await
    }
    async fn cancel(&self, key: &RunKey, why: &str, at: DateTime<Utc>) -> Result<Cancelled> {
        self.call(self.inner.cancel(key, why, at)).await
    }
    async fn renew(&self, key: &RunKey) -> Result<bool> {
        self.call(self.inner.renew(key)).await
    }
    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        if self.overtakes {
            let waiting = self.inner.runs(&RunQuery::all().in_states([RunState::Pending])).await?;
            let (worker, at_once) = (Uuid::from_u128(9), u32::MAX);
            let claim = |run: RunRecord| {
                let (attempt, at, earlier) = (run.attempt, run.key.nominal, run.earlier);
                Claim { attempt, at, key: run.key, worker, at_once, earlier }
            };
            self.inner.claim(&waiting.into_iter().map(claim).collect::<Vec<_>>()).await?;
        }
        self.call(self.inner.runs(query)).await
    }
    async fn waiting(&self, namespace: &str, but: &[String], at: DateTime<Utc>, limit: u32) -> Result<Vec<RunRecord>> {
        self.call(self.inner.waiting(namespace, but, at, limit)).await
    }
    async fn orphans(&self, namespace: &str) -> Result<Vec<RunRecord>> {
        self.call(self.inner.orphans(namespace)).await
    }
    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        self.call(self.inner.prune(namespace, before)).await
    }
    async fn deleted_before(&self, namespace: &str) -> Result<Option<DateTime<Utc>>> {
        self.call(self.inner.deleted_before(namespace)).await
    }
    async fn beat(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat> {
        self.call(self.inner.beat(namespace, worker, place, lease)).await
    }
    async fn to_cancel(&self, worker: Uuid) -> Result<Vec<(RunKey, u32, String)>> {
        self.call(self.inner.to_cancel(worker)).await
    }
    async fn leave(&self, worker: Uuid) -> Result<()> {
        self.call(self.inner.leave(worker)).await
    }
    async fn workers(&self) -> Result<Vec<Worker>> {
        self.call(self.inner.workers()).await
    }
}

type Attempts = Arc<Mutex<BTreeMap<DateTime<Utc>, u32>>>;

/// Counts how often each fire was attempted.
fn counting(store: Arc<dyn Store>, attempts: &Attempts) -> SchedulerBuilder {
    let attempts = Arc::clone(attempts);
    Scheduler::builder().store(store).action("count", move |run: Run| {
        let attempts = Arc::clone(&attempts);
        async move {
            *attempts.lock().unwrap().entry(run.nominal()).or_default() += 1;
            run.message("counted").await;
            Ok(())
        }
    })
}

#[tokio::test]
async fn a_simulation_that_is_cut_off_anywhere_goes_on_without_loss() {
    let (from, until) = ("2026-03-27T00:00:00Z".parse().unwrap(), "2026-03-31T00:00:00Z".parse().unwrap());
    let job = || Job::named("nightly").run("count").cron("30 2 * * *").zone("Europe/Berlin");
    for fault in [Fault::Before, Fault::After] {
        for first in 0.. {
            let (inner, attempts): (Arc<dyn Store>, Attempts) = (MemoryStore::new().into(), Attempts::default());
            let faulty = Faulty::over(&inner, first, usize::MAX, fault);
            let cut_off = counting(faulty, &attempts).job(job()).simulate(from, until).await;
            counting(inner.clone(), &attempts).job(job()).simulate(from, until).await.unwrap();
            let runs = inner.runs(&RunQuery::all()).await.unwrap();
            assert_eq!(runs.len(), 4, "one row per fire, cut off {fault:?} call {first}: {runs:#?}");
            assert!(
                runs.iter().all(|run| run.state == RunState::Succeeded),
                "cut off {fault:?} call {first}: {runs:#?}"
            );
            let attempts = attempts.lock().unwrap();
            assert_eq!(attempts.len(), 4, "each was attempted");
            assert!(attempts.values().sum::<u32>() <= 5, "and one of them twice at most");
            if cut_off.is_ok() {
                assert!(first > 8, "the faults were met");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_makes_the_scheduler_wait_and_loses_nothing() {
    let mut tasks = tokio::task::JoinSet::new();
    for fault in [Fault::Before, Fault::After] {
        // The first calls are those of the start, which reports a failure instead of waiting.
        for first in 7..19 {
            tasks.spawn(away_for_two_calls(first, fault));
        }
    }
    tasks.join_all().await;
}

async fn away_for_two_calls(first: usize, fault: Fault) {
    let (inner, attempts): (Arc<dyn Store>, Attempts) = (MemoryStore::new().into(), Attempts::default());
    let heard = Arc::new(AtomicUsize::new(0));
    let failures = Arc::clone(&heard);
    let scheduler = counting(Faulty::over(&inner, first, 2, fault), &attempts)
        .job(Job::named("tick").run("count").cron("@every 100ms"))
        .job(Job::named("tock").run("count").cron("@after 100ms"))
        .on_event(move |event| match event {
            Event::StoreFailed(_) => drop(failures.fetch_add(1, Ordering::SeqCst)),
            Event::Overtaken(run) => panic!("nobody else is there: {run:?}"),
            _ => {}
        })
        .start()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(4_000)).await;
    scheduler.drain().await.unwrap();
    let mut ticks = inner.runs(&RunQuery::of("default", "tick")).await.unwrap();
    ticks.reverse();
    for pair in ticks.windows(2) {
        assert_eq!((pair[1].key.nominal - pair[0].key.nominal).num_milliseconds(), 100, "no fire is missing");
    }
    let tocks = inner.runs(&RunQuery::of("default", "tock")).await.unwrap();
    assert!(ticks.len() > 15 && tocks.len() > 5, "{} {}", ticks.len(), tocks.len());
    for run in ticks.iter().chain(&tocks) {
        assert!(run.state.is_final(), "{fault:?} {first}: {run:#?}");
    }
}

/// A scheduler whose runs go on for so long.
fn slow(store: Arc<dyn Store>, name: &str, takes: Duration) -> SchedulerBuilder {
    Scheduler::builder()
        .store(store)
        .handler("work", move |_: Run| async move {
            tokio::time::sleep(takes).await;
            Ok(())
        })
        .job(waits(name))
}

/// A job that nothing but a hand runs.
fn waits(name: &str) -> Job {
    Job::named(name).run("work").cron("@at 2100-01-01T00:00:00Z")
}

async fn running(inner: &Arc<dyn Store>, runs: usize) {
    let going = RunQuery::all().in_states([RunState::Running]);
    while inner.runs(&going).await.unwrap().len() < runs {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_comes_back_finds_nobody_taken_for_dead() {
    let (inner, away): (Arc<dyn Store>, Arc<AtomicBool>) = (MemoryStore::new().into(), Arc::default());
    let mut schedulers = Vec::new();
    for (name, other) in [("one", "two"), ("two", "one")] {
        let builder = slow(Faulty::while_set(&inner, &away), name, Duration::from_secs(6)).job(waits(other));
        let builder = builder.lease(Duration::from_millis(3_900)).grace(Duration::from_secs(9));
        schedulers.push(builder.start().await.unwrap());
    }
    for (scheduler, job) in schedulers.iter().zip(["one", "two"]) {
        scheduler.trigger(job).await.unwrap();
    }
    running(&inner, 2).await;
    away.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(4)).await;
    away.store(false, Ordering::SeqCst);
    for scheduler in schedulers {
        scheduler.drain().await.unwrap();
    }
    for run in inner.runs(&RunQuery::all()).await.unwrap() {
        assert_eq!((run.state, run.attempt), (RunState::Succeeded, 1), "{run:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_within_the_grace_is_recorded_when_the_store_is_back() {
    let (inner, away): (Arc<dyn Store>, Arc<AtomicBool>) = (MemoryStore::new().into(), Arc::default());
    let store = Faulty::while_set(&inner, &away);
    let scheduler =
        slow(store, "one", Duration::from_millis(300)).grace(Duration::from_secs(20)).start().await.unwrap();
    scheduler.trigger("one").await.unwrap();
    running(&inner, 1).await;
    away.store(true, Ordering::SeqCst);
    let back = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        away.store(false, Ordering::SeqCst);
    });
    let report = scheduler.drain().await.unwrap();
    assert_eq!((report.finished, report.cut_off), (1, 0));
    back.await.unwrap();
    assert_eq!(inner.runs(&RunQuery::all()).await.unwrap()[0].state, RunState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fire_that_takes_the_place_of_others_does_not_cancel_itself() {
    let inner: Arc<dyn Store> = MemoryStore::new().into();
    let (away, calls) = (Arc::default(), AtomicUsize::new(0));
    let store = Faulty { inner: inner.clone(), calls, first: 0, count: 0, fault: Fault::Before, away, overtakes: true };
    let store: Arc<dyn Store> = Arc::new(store);
    let scheduler = Scheduler::builder()
        .store(store)
        .grace(Duration::ZERO)
        .handler("work", |_: Run| std::future::pending())
        .job(Job::named("tick").run("work").cron("@every 300ms").overlap(Overlap::Replace))
        .start()
        .await
        .unwrap();
    let began = RunQuery::all();
    let ours = |runs: &[RunRecord]| runs.iter().filter(|run| run.worker == Some(Uuid::from_u128(9))).count();
    while ours(&inner.runs(&began).await.unwrap()) < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let runs = inner.runs(&began).await.unwrap();
    let latest = runs.iter().find(|run| run.worker == Some(Uuid::from_u128(9))).unwrap();
    assert_eq!((latest.state, &latest.cancel), (RunState::Running, &None), "{runs:#?}");
    scheduler.drain().await.unwrap();
}
