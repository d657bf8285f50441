//! Several schedulers on one store, and what runs go through: killed, held up, attempted again, replaced, cancelled.
//!
//! Two schedulers on one [`MemoryStore`] are to each other what two daemons on one server are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clusterkeep_core::{Error, age};
use clusterkeep_scheduler::{
    Event, Gate, Job, MemoryStore, Misfire, NewRun, Overlap, Pause, Retry, Run, RunEnd, RunKey, RunKind, RunQuery,
    RunRecord, RunState, Scheduler, SchedulerBuilder, Store,
};

const LEASE: Duration = Duration::from_millis(600);

fn shared() -> Arc<dyn Store> {
    MemoryStore::new().into()
}

fn scheduler(store: &Arc<dyn Store>) -> SchedulerBuilder {
    Scheduler::builder().store(store.clone()).lease(LEASE).grace(Duration::ZERO)
}

async fn until(store: &Arc<dyn Store>, wanted: impl Fn(&[RunRecord]) -> bool) -> Vec<RunRecord> {
    for _ in 0..1_000 {
        let mut runs = store.runs(&RunQuery::all()).await.unwrap();
        runs.reverse();
        if wanted(&runs) {
            return runs;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within twenty seconds: {:#?}", store.runs(&RunQuery::all()).await.unwrap());
}

fn count(runs: &[RunRecord], state: RunState) -> usize {
    runs.iter().filter(|run| run.state == state).count()
}

fn soon() -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(1)
}

fn once(at: DateTime<Utc>) -> Job {
    Job::named("once").run("work").at(at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_run_each_fire_once() {
    let store = shared();
    let calls: Arc<Mutex<HashMap<DateTime<Utc>, u32>>> = Arc::default();
    let start = || {
        let calls = Arc::clone(&calls);
        scheduler(&store)
            .grace(Duration::from_secs(10))
            .handler("work", move |run: Run| {
                *calls.lock().unwrap().entry(run.nominal()).or_default() += 1;
                async { Ok(()) }
            })
            .job(Job::named("tick").run("work").cron("@every 50ms").overlap(Overlap::Queue))
            .start()
    };
    let (one, two) = (start().await.unwrap(), start().await.unwrap());
    until(&store, |runs| count(runs, RunState::Succeeded) >= 40).await;
    one.drain().await.unwrap();
    two.drain().await.unwrap();
    let all = until(&store, |_| true).await;
    let apart: Vec<_> =
        all.windows(2).map(|pair| (pair[1].key.nominal - pair[0].key.nominal).num_milliseconds()).collect();
    assert!(apart.iter().all(|apart| *apart == 50), "a fire is lost or doubled: {apart:?}");
    let calls = calls.lock().unwrap();
    assert!(calls.values().all(|count| *count == 1), "{calls:?}");
    assert_eq!(calls.len(), count(&all, RunState::Succeeded));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_run_of_a_killed_scheduler_is_taken_over_and_its_late_end_refused() {
    let store = shared();
    let at = soon();
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let first = scheduler(&store).action("work", |_: Run| std::future::pending::<Result<(), Error>>()).job(once(at));
    let first = doomed.spawn(async move { first.start().await.unwrap() }).await.unwrap();
    let second = scheduler(&store).action("work", |_: Run| async { Ok(()) });
    let going = until(&store, |runs| count(runs, RunState::Running) == 1).await;
    // Its tasks are gone, and nothing is told to anybody.
    std::mem::forget(first);
    doomed.shutdown_background();
    let second = second.job(once(at)).start().await.unwrap();
    let done = until(&store, |runs| count(runs, RunState::Succeeded) == 1).await;
    assert_eq!((done.len(), done[0].attempt), (1, 2));
    assert_ne!(done[0].worker, going[0].worker);
    let late = RunEnd {
        key: going[0].key.clone(),
        attempt: 1,
        state: RunState::Failed,
        error: None,
        at: Utc::now(),
        not_before: None,
        exit: None,
        result: None,
        output: None,
    };
    assert_eq!(store.finish(&[late]).await.unwrap(), [false]);
    second.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_is_held_up_for_longer_than_its_lease_is_overtaken() {
    let store = shared();
    let at = soon();
    let (overtaken, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (heard, lease) = (Arc::clone(&overtaken), Arc::clone(&lost));
    let held_up = scheduler(&store)
        // The one thread that it has: nothing of this scheduler goes on meanwhile.
        .action("work", |_: Run| async {
            std::thread::sleep(LEASE * 4);
            Ok(())
        })
        .on_event(move |event| match event {
            Event::Overtaken(_) => heard.store(true, Ordering::SeqCst),
            Event::LeaseLost => lease.store(true, Ordering::SeqCst),
            _ => {}
        })
        .job(once(at));
    let (both, done) = (Arc::clone(&overtaken), Arc::clone(&lost));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let scheduler = held_up.start().await.unwrap();
            for _ in 0..500 {
                if both.load(Ordering::SeqCst) && done.load(Ordering::SeqCst) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            scheduler.drain().await.unwrap();
        });
    });
    until(&store, |runs| count(runs, RunState::Running) == 1).await;
    let other = scheduler(&store).action("work", |_: Run| async { Ok(()) }).job(once(at)).start().await.unwrap();
    let runs = until(&store, |runs| count(runs, RunState::Succeeded) == 1).await;
    thread.join().unwrap();
    assert!(overtaken.load(Ordering::SeqCst), "its late end was refused");
    assert!(lost.load(Ordering::SeqCst), "it has heard of its lease");
    assert_eq!(runs[0].attempt, 2);
    assert_eq!(until(&store, |_| true).await, runs, "the late end changed nothing");
    other.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_is_attempted_again_then_dead_and_by_hand_renewed() {
    let store = shared();
    let calls = Arc::new(AtomicU32::new(0));
    let called = Arc::clone(&calls);
    let scheduler = scheduler(&store)
        .handler("work", move |_: Run| {
            let call = called.fetch_add(1, Ordering::SeqCst);
            async move { if call < 2 { Err(Error::failed("no")) } else { Ok(()) } }
        })
        .job(once(soon()).retry(Retry::times(2).first(age::seconds(1)).most(age::seconds(1))))
        .start()
        .await
        .unwrap();
    let dead = until(&store, |runs| count(runs, RunState::Dead) == 1).await;
    assert_eq!((dead[0].attempt, calls.load(Ordering::SeqCst)), (2, 2));
    assert_eq!(dead[0].error.as_deref(), Some("no"));
    assert!(store.renew(&dead[0].key).await.unwrap());
    let done = until(&store, |runs| count(runs, RunState::Succeeded) == 1).await;
    assert_eq!((done.len(), done[0].attempt), (1, 3));
    scheduler.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fire_takes_the_place_of_the_run_before_it() {
    let store = shared();
    let scheduler = scheduler(&store)
        .handler("work", |_: Run| std::future::pending())
        .job(Job::named("tick").run("work").cron("@every 200ms").overlap(Overlap::Replace))
        .start()
        .await
        .unwrap();
    let runs = until(&store, |runs| count(runs, RunState::Cancelled) >= 3 && count(runs, RunState::Running) == 1).await;
    let replaced = runs.iter().find(|run| run.state == RunState::Cancelled).unwrap();
    assert!(replaced.error.as_deref().unwrap().contains("took its place"), "{replaced:?}");
    scheduler.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_cancelled_from_elsewhere() {
    let store = shared();
    let scheduler =
        scheduler(&store).handler("work", |_: Run| std::future::pending()).job(once(soon())).start().await.unwrap();
    let going = until(&store, |runs| count(runs, RunState::Running) == 1).await;
    store.cancel(&going[0].key, "enough", Utc::now()).await.unwrap();
    let cancelled = until(&store, |runs| count(runs, RunState::Cancelled) == 1).await;
    assert_eq!(cancelled[0].error.as_deref(), Some("enough"));
    scheduler.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_is_no_room_the_greatest_priority_goes_first() {
    let store = shared();
    let order: Arc<Mutex<Vec<String>>> = Arc::default();
    let (seen, free) = (Arc::clone(&order), Arc::new(tokio::sync::Notify::new()));
    let wait = Arc::clone(&free);
    let never = Utc::now() + TimeDelta::days(1);
    let job = |name: &str, priority| Job::named(name).run("work").at(never).priority(priority);
    let scheduler = scheduler(&store)
        .at_once(1)
        .handler("work", move |run: Run| {
            seen.lock().unwrap().push(run.job().to_owned());
            let wait = Arc::clone(&wait);
            async move {
                if run.job() == "blocks" {
                    wait.notified().await;
                }
                Ok(())
            }
        })
        .job(job("blocks", 0))
        .job(job("low", -1))
        .job(job("high", 1))
        .start()
        .await
        .unwrap();
    for name in ["blocks", "low", "high"] {
        scheduler.trigger(name).await.unwrap();
    }
    until(&store, |runs| count(runs, RunState::Pending) == 2 && count(runs, RunState::Running) == 1).await;
    free.notify_one();
    until(&store, |runs| count(runs, RunState::Succeeded) == 3).await;
    assert_eq!(*order.lock().unwrap(), ["blocks", "high", "low"]);
    scheduler.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_job_makes_nothing_until_it_is_resumed() {
    let store = shared();
    let scheduler = scheduler(&store)
        .handler("work", |_: Run| async { Ok(()) })
        .job(Job::named("tick").run("work").cron("@every 100ms"))
        .start()
        .await
        .unwrap();
    let before = until(&store, |runs| count(runs, RunState::Succeeded) >= 3).await;
    let namespace = before[0].key.namespace.clone();
    let pause = Pause { since: Utc::now(), by: "somebody".to_owned(), note: None };
    assert!(store.pause(&namespace, "tick", Some(&pause)).await.unwrap());
    let paused = until(&store, |runs| count(runs, RunState::Running) == 0).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(until(&store, |_| true).await.len(), paused.len());
    assert!(store.pause(&namespace, "tick", None).await.unwrap());
    until(&store, |runs| count(runs, RunState::Succeeded) > count(&paused, RunState::Succeeded) + 2).await;
    scheduler.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_version_of_a_job_wins() {
    let store = shared();
    let superseded = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&superseded);
    let tick = |every: &'static str| Job::named("tick").run("work").cron(every);
    let quiet = || scheduler(&store).handler("work", |_: Run| async { Ok(()) });
    let old = quiet()
        .on_event(move |event| {
            heard.fetch_or(matches!(event, Event::Superseded { generation: 2, .. }), Ordering::SeqCst);
        })
        .job(tick("@every 100ms"))
        .start()
        .await
        .unwrap();
    until(&store, |runs| count(runs, RunState::Succeeded) >= 2).await;
    let new = quiet().job(tick("@every 70ms")).start().await.unwrap();
    let later = |runs: &[RunRecord]| runs.iter().filter(|run| run.key.generation == 2).count();
    let runs = until(&store, |runs| later(runs) >= 30 && superseded.load(Ordering::SeqCst)).await;
    let since = runs.iter().find(|run| run.key.generation == 2).unwrap().key.nominal;
    assert!(!runs.iter().any(|run| run.key.generation == 1 && run.key.nominal > since), "{runs:#?}");
    old.drain().await.unwrap();
    new.drain().await.unwrap();
}

/// A clock that people set.
#[derive(Debug, Clone)]
struct SetClock(Arc<Mutex<TimeDelta>>);

#[async_trait::async_trait]
impl clusterkeep_core::clock::Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        while self.now() < instant {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_steps_an_hour_makes_no_storm_and_loses_nothing() {
    let store = shared();
    let clock = SetClock(Arc::default());
    let calls: Arc<Mutex<Vec<serde_json::Map<String, serde_json::Value>>>> = Arc::default();
    let called = Arc::clone(&calls);
    let scheduler = scheduler(&store)
        .clock(clock.clone())
        .handler("work", move |run: Run| {
            called.lock().unwrap().push(run.args().clone());
            async { Ok(()) }
        })
        .job(Job::named("minutely").run("work").cron("* * * * *").misfire(Misfire::Latest))
        .start()
        .await
        .unwrap();
    // On by an hour: one run for all that it has passed.
    *clock.0.lock().unwrap() += TimeDelta::hours(1);
    let fires = |runs: &[RunRecord]| runs.iter().map(RunRecord::fires).sum::<u64>();
    let runs = until(&store, |runs| fires(runs) >= 60 && count(runs, RunState::Running) == 0).await;
    assert!(fires(&runs) <= 61, "{runs:#?}");
    assert!(calls.lock().unwrap().len() <= 2, "no storm");
    // Back by an hour: nothing comes twice; what a hand asks for does not wait until the hour is over.
    let before = calls.lock().unwrap().len();
    *clock.0.lock().unwrap() -= TimeDelta::hours(1);
    let nominal = (Utc::now() + *clock.0.lock().unwrap()).trunc_subsecs(6);
    let key = RunKey { nominal, kind: RunKind::Manual, ..runs[0].key.clone() };
    let args = serde_json::json!({ "by": "hand" }).as_object().cloned();
    let run = RunRecord { args: args.clone(), ..RunRecord::new(key.clone(), RunState::Pending) };
    store.fire(&[NewRun { run, gate: Gate::OPEN }], &[]).await.unwrap();
    until(&store, |runs| runs.iter().any(|run| run.key == key && run.state == RunState::Succeeded)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    scheduler.drain().await.unwrap();
    let calls = calls.lock().unwrap();
    assert_eq!(
        (calls.len(), calls.last()),
        (before + 1, args.as_ref()),
        "with the arguments that it was asked for with"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_do_not_hold_a_handler_up_and_the_last_one_stays() {
    let store = shared();
    let took: Arc<Mutex<Option<Duration>>> = Arc::default();
    let takes = Arc::clone(&took);
    let scheduler = scheduler(&store)
        .handler("work", move |run: Run| {
            let takes = Arc::clone(&takes);
            async move {
                let start = std::time::Instant::now();
                for n in 0_u32..10_000 {
                    run.message(format!("step {n}")).await;
                }
                *takes.lock().unwrap() = Some(start.elapsed());
                run.progress(0.5).await;
                std::future::pending().await
            }
        })
        .job(once(soon()))
        .start()
        .await
        .unwrap();
    // While it still runs: the last report does not wait for the end.
    let runs = until(&store, |runs| runs.iter().any(|run| run.progress == Some(0.5))).await;
    assert_eq!((runs[0].state, runs[0].message.as_deref()), (RunState::Running, Some("step 9999")));
    assert!(took.lock().unwrap().is_some_and(|took| took < Duration::from_secs(5)), "{took:?}");
    scheduler.drain().await.unwrap();
}

/// The runs of a job with a fixed delay, each with when it began and ended.
async fn delayed(store: &Arc<dyn Store>, at_least: usize) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let ended = |runs: &[RunRecord]| {
        let ended = runs.iter().filter(|run| run.state.is_final() && run.started.is_some());
        ended.filter_map(|run| run.started.zip(run.finished)).collect::<Vec<_>>()
    };
    let mut runs = ended(&until(store, |runs| ended(runs).len() >= at_least).await);
    runs.sort_unstable();
    runs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_delay_counts_from_the_end_whoever_ran_it() {
    let store = shared();
    let start = || {
        scheduler(&store)
            .grace(Duration::from_secs(5))
            .handler("work", |_: Run| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(())
            })
            .job(Job::named("delayed").run("work").cron("@after 200ms"))
            .start()
    };
    let first = start().await.unwrap();
    delayed(&store, 1).await;
    // Others come while it waits and while it runs, and the first one goes: nobody's memory counts.
    let second = start().await.unwrap();
    until(&store, |runs| count(runs, RunState::Running) == 1).await;
    let third = start().await.unwrap();
    delayed(&store, 4).await;
    first.drain().await.unwrap();
    second.drain().await.unwrap();
    let before = delayed(&store, 4).await.len();
    let runs = delayed(&store, before + 3).await;
    third.drain().await.unwrap();
    for pair in runs.windows(2) {
        let waited = pair[1].0 - pair[0].1;
        assert!(waited >= TimeDelta::milliseconds(200), "{waited} and not 200 ms: {runs:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_delay_outlives_the_scheduler_that_ran_it() {
    let store = shared();
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let job = || Job::named("delayed").run("work").cron("@after 100ms");
    let first = scheduler(&store).handler("work", |_: Run| std::future::pending::<Result<(), Error>>()).job(job());
    let first = doomed.spawn(async move { first.start().await.unwrap() }).await.unwrap();
    until(&store, |runs| count(runs, RunState::Running) == 1).await;
    let second = scheduler(&store).handler("work", |_: Run| async { Ok(()) }).job(job()).start().await.unwrap();
    std::mem::forget(first);
    doomed.shutdown_background();
    let runs = until(&store, |runs| count(runs, RunState::Succeeded) >= 2).await;
    assert_eq!((runs[0].state, count(&runs, RunState::Failed)), (RunState::Failed, 1), "what it ran has failed");
    second.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_with_a_fixed_delay_that_is_paused_while_it_runs_does_not_go_on() {
    let store = shared();
    let work = |_: Run| async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Ok(())
    };
    let job = Job::named("delayed").run("work").cron("@after 100ms");
    let scheduler = scheduler(&store).handler("work", work).job(job).start().await.unwrap();
    let going = until(&store, |runs| count(runs, RunState::Running) == 1).await;
    let namespace = going[0].key.namespace.clone();
    let pause = Pause { since: Utc::now(), by: "somebody".to_owned(), note: None };
    store.pause(&namespace, "delayed", Some(&pause)).await.unwrap();
    until(&store, |runs| count(runs, RunState::Succeeded) == 1).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(until(&store, |_| true).await.len(), 1, "it fires while it is paused");
    store.pause(&namespace, "delayed", None).await.unwrap();
    until(&store, |runs| runs.len() == 2).await;
    scheduler.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_queue_of_one_job_hides_no_other_job() {
    let store = shared();
    let now = Utc::now().trunc_subsecs(6);
    let never = now + TimeDelta::days(1);
    let job = |name: &str| Job::named(name).run(name).at(never);
    let scheduler = scheduler(&store)
        .handler("slow", |_: Run| std::future::pending())
        .handler("quick", |_: Run| async { Ok(()) })
        .job(job("slow"))
        .job(job("quick"))
        .start()
        .await
        .unwrap();
    let namespace = store.schedules(None).await.unwrap()[0].namespace.clone();
    let row = |job: &str, nominal| {
        let key =
            RunKey { namespace: namespace.clone(), job: job.into(), nominal, kind: RunKind::Backfill, generation: 1 };
        NewRun { run: RunRecord::new(key, RunState::Pending), gate: Gate::OPEN }
    };
    let queue: Vec<NewRun> = (0..1_200).map(|n| row("slow", now - TimeDelta::seconds(n))).collect();
    store.fire(&queue, &[]).await.unwrap();
    store.fire(&[row("quick", now)], &[]).await.unwrap();
    until(&store, |runs| count(runs, RunState::Succeeded) == 1).await;
    scheduler.drain().await.unwrap();
}
