//! The scheduler at work, on each store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_core::{Error, age};
use clusterkeep_scheduler::{
    Event, Fired, Gate, Job, MemoryStore, Misfire, NewRun, OnCrash, Overlap, Pause, Run, RunKind, RunQuery, RunRecord,
    RunState, Scheduler, SchedulerBuilder, Store, Triggered,
};

macro_rules! on_each_store {
    ($($test:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(MemoryStore::new().into()).await;
            })*
        }

        #[cfg(feature = "sqlite")]
        mod sqlite {
            use clusterkeep_scheduler::SqliteStore;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(SqliteStore::open(folder.path().join("jobs.db")).await.unwrap().into()).await;
            })*
        }
    };
}

on_each_store! {
    a_simulated_fortnight,
    a_period_is_simulated_once,
    case_46_a_scheduler_that_was_away_catches_up_once,
    case_47_a_slow_run_makes_the_next_one_skipped,
    queued_runs_wait_for_their_turn,
    a_panic_is_a_failed_run,
    an_error_and_a_refusal_are_recorded_with_their_causes,
    a_drained_scheduler_starts_nothing_more,
    what_outlasts_the_grace_is_cut_off,
    what_a_crash_left_running_is_dealt_with,
    a_changed_job_is_a_new_generation,
    a_removed_job_owes_nothing_when_it_comes_back,
    a_job_runs_by_hand,
    delays_count_from_the_end,
    startup_jobs_run_at_each_start,
    a_startup_job_runs_at_no_other_time,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

const START: &str = "2014-01-15T00:00:00Z";

fn nightly() -> Job {
    Job::named("nightly").run("thin-out").cron("30 3 * * *").zone("America/New_York")
}

/// A scheduler with a handler that succeeds.
fn quiet(store: &Arc<dyn Store>) -> SchedulerBuilder {
    Scheduler::builder().store(store.clone()).handler("thin-out", |_: Run| async { Ok(()) })
}

async fn runs(store: &Arc<dyn Store>) -> Vec<RunRecord> {
    let mut runs = store.runs(&RunQuery::all()).await.unwrap();
    runs.reverse();
    runs
}

/// Waits until the store's runs are as wanted.
async fn until(store: &Arc<dyn Store>, wanted: impl Fn(&[RunRecord]) -> bool) -> Vec<RunRecord> {
    for _ in 0..500 {
        let runs = runs(store).await;
        if wanted(&runs) {
            return runs;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within ten seconds: {:#?}", runs(store).await);
}

async fn a_simulated_fortnight(store: Arc<dyn Store>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (heard, handled) = (Arc::clone(&seen), Arc::new(AtomicU32::new(0)));
    let counter = Arc::clone(&handled);
    let runs = Scheduler::builder()
        .store(store.clone())
        .handler("thin-out", move |run: Run| {
            let counter = Arc::clone(&counter);
            async move {
                counter.fetch_add(1, Ordering::Relaxed);
                assert_eq!(run.now(), run.nominal());
                assert_eq!(run.args()["manifest"], "weather");
                run.progress(0.5).await;
                run.message(format!("thinned out at {}", run.now())).await;
                Ok(())
            }
        })
        .job(nightly().arg("manifest", "weather"))
        .on_event(move |event| {
            if let Event::Finished(run) = event {
                heard.lock().unwrap().push(run.message.clone().unwrap());
            }
        })
        .simulate(at(START), at("2014-01-29T00:00:00Z"))
        .await
        .unwrap();
    assert_eq!(handled.load(Ordering::Relaxed), 14);
    assert_eq!(runs.len(), 14);
    assert_eq!(runs[0].key.nominal, at("2014-01-15T08:30:00Z"));
    assert_eq!(runs[13].key.nominal, at("2014-01-28T08:30:00Z"));
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded && run.attempt == 1 && run.progress == Some(0.5)));
    assert_eq!(seen.lock().unwrap().len(), 14);
    assert_eq!(seen.lock().unwrap()[0], "thinned out at 2014-01-15 08:30:00 UTC");
    assert_eq!(self::runs(&store).await, runs, "the store has what was returned");
    let known = store.schedules(None).await.unwrap().remove(0);
    assert_eq!(known.high_water, Some(at("2014-01-28T08:30:00Z")));
    assert_eq!(known.next_fire, Some(at("2014-01-29T08:30:00Z")));
}

async fn a_period_is_simulated_once(store: Arc<dyn Store>) {
    let period = (at(START), at("2014-01-29T00:00:00Z"));
    let simulate = || quiet(&store).job(nightly()).simulate(period.0, period.1);
    assert_eq!(simulate().await.unwrap().len(), 14);
    assert_eq!(simulate().await.unwrap().len(), 0);
    let longer = quiet(&store).job(nightly()).simulate(period.0, at("2014-01-31T00:00:00Z")).await.unwrap();
    assert_eq!(longer.len(), 2);
    // A fire at the very start belongs to the period, one at its end does not.
    let exact = quiet(&store).namespace("exact").job(nightly());
    let runs = exact.simulate(at("2014-01-15T08:30:00Z"), at("2014-01-16T08:30:00Z")).await.unwrap();
    assert_eq!(runs.len(), 1);
}

async fn case_46_a_scheduler_that_was_away_catches_up_once(store: Arc<dyn Store>) {
    quiet(&store).job(nightly()).simulate(at(START), at("2014-01-16T00:00:00Z")).await.unwrap();
    // Five days later, by a clock that stands; its next fire is not reached.
    let clock = StandingClock(at("2014-01-21T00:00:00Z"));
    let scheduler = quiet(&store).clock(clock).job(nightly()).start().await.unwrap();
    let all = until(&store, |runs| runs.len() == 3 && runs.iter().all(|run| run.state.is_final())).await;
    scheduler.drain().await.unwrap();
    assert_eq!(all[1].state, RunState::Coalesced);
    assert_eq!(all[1].key.nominal, at("2014-01-16T08:30:00Z"));
    assert_eq!((all[1].fires(), all[1].missed.unwrap().last), (4, at("2014-01-19T08:30:00Z")));
    assert_eq!((all[2].state, all[2].key.nominal), (RunState::Succeeded, at("2014-01-20T08:30:00Z")));
    assert_eq!(all[2].reason.as_deref(), Some("catches up for 4 missed before it"));
    // Nothing more is owed.
    let again = quiet(&store).clock(StandingClock(at("2014-01-21T01:00:00Z"))).job(nightly()).start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    again.drain().await.unwrap();
    assert_eq!(runs(&store).await.len(), 3);
}

/// A clock that stands: waiting for a later instant never ends.
#[derive(Debug, Clone)]
struct StandingClock(DateTime<Utc>);

#[async_trait::async_trait]
impl clusterkeep_core::clock::Clock for StandingClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        if instant > self.0 {
            std::future::pending::<()>().await;
        }
    }
}

/// A handler that takes a while.
fn slow(store: &Arc<dyn Store>, takes: Duration) -> SchedulerBuilder {
    Scheduler::builder().store(store.clone()).handler("slow", move |_: Run| async move {
        tokio::time::sleep(takes).await;
        Ok(())
    })
}

async fn case_47_a_slow_run_makes_the_next_one_skipped(store: Arc<dyn Store>) {
    let job = Job::named("tick").run("slow").cron("@every 100ms");
    let scheduler = slow(&store, Duration::from_millis(250)).job(job).start().await.unwrap();
    let skipped = |runs: &[RunRecord]| runs.iter().filter(|run| run.state == RunState::Skipped).count();
    let all = until(&store, |runs| skipped(runs) >= 3).await;
    scheduler.drain().await.unwrap();
    let skip = all.iter().find(|run| run.state == RunState::Skipped).unwrap();
    assert_eq!(skip.reason.as_deref(), Some("an earlier run was still going"));
    assert_eq!(skip.attempt, 0);
    assert_eq!(all[0].state, RunState::Succeeded);
}

async fn queued_runs_wait_for_their_turn(store: Arc<dyn Store>) {
    let (going, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (now, top) = (Arc::clone(&going), Arc::clone(&most));
    let scheduler = Scheduler::builder()
        .store(store.clone())
        .handler("slow", move |_: Run| {
            let (now, top) = (Arc::clone(&now), Arc::clone(&top));
            async move {
                top.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(120)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        })
        .job(Job::named("tick").run("slow").cron("@every 100ms").overlap(Overlap::Queue))
        .start()
        .await
        .unwrap();
    let done = |runs: &[RunRecord]| runs.iter().filter(|run| run.state == RunState::Succeeded).count();
    let all = until(&store, |runs| done(runs) >= 5).await;
    scheduler.drain().await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 1, "one at a time");
    assert!(all.iter().all(|run| run.state != RunState::Skipped));
    let started: Vec<_> = all.iter().filter_map(|run| run.started).collect();
    assert!(started.is_sorted(), "in order");
}

async fn a_panic_is_a_failed_run(store: Arc<dyn Store>) {
    let runs = Scheduler::builder()
        .store(store.clone())
        .handler("thin-out", |run: Run| async move {
            assert!(run.nominal() > at("2014-01-16T00:00:00Z"), "the disk is made of cheese");
            Ok(())
        })
        .job(nightly())
        .simulate(at(START), at("2014-01-17T00:00:00Z"))
        .await
        .unwrap();
    assert_eq!(runs[0].state, RunState::Failed);
    assert_eq!(runs[0].error.as_deref(), Some("the handler panicked: the disk is made of cheese"));
    assert_eq!(runs[1].state, RunState::Succeeded, "the scheduler goes on");
    assert_eq!(self::runs(&store).await, runs);
}

async fn an_error_and_a_refusal_are_recorded_with_their_causes(store: Arc<dyn Store>) {
    let runs = Scheduler::builder()
        .store(store)
        .handler("fails", |_: Run| async { Err(Error::caused("read the table", std::io::Error::other("gone"))) })
        .handler("refused", |_: Run| async { Err(Error::refused("79 % is more than 25 %")) })
        .job(Job::named("a").run("fails").cron("@daily"))
        .job(Job::named("b").run("refused").cron("@daily"))
        .simulate(at(START), at("2014-01-15T00:00:01Z"))
        .await
        .unwrap();
    assert_eq!((runs[0].state, runs[0].error.as_deref()), (RunState::Failed, Some("read the table: gone")));
    assert_eq!((runs[1].state, runs[1].error.as_deref()), (RunState::Refused, Some("refused: 79 % is more than 25 %")));
}

async fn a_drained_scheduler_starts_nothing_more(store: Arc<dyn Store>) {
    let job = Job::named("tick").run("slow").cron("@every 50ms").overlap(Overlap::Allow(4.try_into().unwrap()));
    let scheduler = slow(&store, Duration::from_millis(150)).job(job).start().await.unwrap();
    until(&store, |runs| runs.len() >= 4).await;
    let report = scheduler.drain().await.unwrap();
    assert!(report.finished >= 1 && report.cut_off == 0, "{report:?}");
    let before = runs(&store).await;
    assert!(before.iter().all(|run| run.state.is_final()), "what was going has ended");
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(runs(&store).await, before);
}

async fn what_outlasts_the_grace_is_cut_off(store: Arc<dyn Store>) {
    let start = |on_crash| {
        let job = Job::named("tick").run("slow").at_startup().on_crash(on_crash);
        slow(&store, Duration::from_secs(3_600)).grace(Duration::from_millis(50)).job(job).start()
    };
    let scheduler = start(OnCrash::Fail).await.unwrap();
    until(&store, |runs| runs.len() == 1).await;
    let report = scheduler.drain().await.unwrap();
    assert_eq!(report.cut_off, 1);
    let run = runs(&store).await.remove(0);
    assert_eq!(run.state, RunState::Failed);
    assert!(run.error.unwrap().starts_with("cut off: "));

    let scheduler = start(OnCrash::Retry).await.unwrap();
    until(&store, |runs| runs.len() == 2).await;
    scheduler.drain().await.unwrap();
    assert_eq!(runs(&store).await[1].state, RunState::Pending, "given back");
}

async fn what_a_crash_left_running_is_dealt_with(store: Arc<dyn Store>) {
    let hourly = |name: &str, on_crash| Job::named(name).run("thin-out").cron("@hourly").on_crash(on_crash);
    let jobs = || [hourly("fail", OnCrash::Fail), hourly("retry", OnCrash::Retry)];
    // A scheduler that was killed right after it had made its rows.
    let mut dead = quiet(&store);
    for job in jobs() {
        dead = dead.job(job);
    }
    dead.simulate(at(START), at("2014-01-15T00:00:01Z")).await.unwrap();
    for job in ["fail", "retry"] {
        let mut run = RunRecord::new(
            clusterkeep_scheduler::RunKey {
                namespace: "default".into(),
                job: job.into(),
                nominal: at("2014-01-15T01:00:00Z"),
                kind: RunKind::Scheduled,
                generation: 1,
            },
            RunState::Running,
        );
        run.attempt = 1;
        let new = NewRun { run, gate: Gate::OPEN };
        assert_eq!(store.fire(&[new], &[]).await.unwrap(), [Fired::Made(RunState::Running)]);
    }
    let mut next = quiet(&store).clock(StandingClock(at("2014-01-15T01:00:30Z")));
    for job in jobs() {
        next = next.job(job);
    }
    let scheduler = next.start().await.unwrap();
    let all = until(&store, |runs| runs.len() == 4 && runs.iter().all(|run| run.state.is_final())).await;
    scheduler.drain().await.unwrap();
    let of = |job: &str| all.iter().rev().find(|run| run.key.job == job).unwrap();
    assert_eq!(
        (of("fail").state, of("fail").error.as_deref()),
        (RunState::Failed, Some("its scheduler ended while it ran"))
    );
    assert_eq!((of("retry").state, of("retry").attempt), (RunState::Succeeded, 2));
}

async fn a_changed_job_is_a_new_generation(store: Arc<dyn Store>) {
    quiet(&store).job(nightly()).simulate(at(START), at("2014-01-16T00:00:00Z")).await.unwrap();
    // Changed three days later: what the former version missed is accounted for, and never runs.
    let changed = || Job::named("nightly").run("thin-out").cron("0 12 * * *");
    let runs =
        quiet(&store).job(changed()).simulate(at("2014-01-19T00:00:00Z"), at("2014-01-20T00:00:00Z")).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].key.generation, runs[0].key.nominal), (2, at("2014-01-19T12:00:00Z")));
    let all = self::runs(&store).await;
    assert_eq!(all.len(), 3);
    assert_eq!((all[1].state, all[1].fires(), all[1].key.generation), (RunState::Missed, 3, 1));
    // Unchanged, it stays what it is.
    quiet(&store).job(changed()).simulate(at("2014-01-20T00:00:00Z"), at("2014-01-20T01:00:00Z")).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap()[0].generation, 2);
}

async fn a_removed_job_owes_nothing_when_it_comes_back(store: Arc<dyn Store>) {
    let day = |day: u32| at(&format!("2014-01-{day}T00:00:00Z"));
    let other = || Job::named("other").run("thin-out").cron("@yearly");
    quiet(&store).job(nightly()).job(other()).simulate(day(15), day(17)).await.unwrap();
    quiet(&store).job(other()).simulate(day(19), day(20)).await.unwrap();
    let known = store.schedules(None).await.unwrap().remove(0);
    assert_eq!((known.spec.name.as_str(), known.next_fire), ("nightly", None));
    assert!(known.retired.is_some());
    // One run by hand retires no other job.
    quiet(&store).job(other()).clock(SimulatedClock::at(day(20))).trigger("other").await.unwrap();
    quiet(&store).job(nightly()).job(other()).simulate(day(25), day(26)).await.unwrap();
    let nightlies: Vec<_> = runs(&store).await.into_iter().filter(|run| run.key.job == "nightly").collect();
    let summary: Vec<_> = nightlies.iter().map(|run| (run.state, run.fires(), run.key.generation)).collect();
    let done = RunState::Succeeded;
    assert_eq!(summary, [(done, 1, 1), (done, 1, 1), (RunState::Missed, 2, 1), (done, 1, 2)]);
    assert_eq!(nightlies[2].reason.as_deref(), Some("the job was removed before they ran"));
}

async fn a_job_runs_by_hand(store: Arc<dyn Store>) {
    let by_hand = |builder: SchedulerBuilder| async move { builder.job(nightly()).trigger("nightly").await };
    let clock = SimulatedClock::at(at(START));
    let Triggered::Ran(run) = by_hand(quiet(&store).clock(clock.clone())).await.unwrap() else {
        panic!("nobody else is there")
    };
    assert_eq!((run.key.kind, run.state), (RunKind::Manual, RunState::Succeeded));
    assert!(quiet(&store).job(nightly()).trigger("nightlie").await.unwrap_err().hint().unwrap().contains("nightly"));

    // Beside a scheduler that runs it is left to that one.
    let scheduler = quiet(&store).job(nightly()).start().await.unwrap();
    let key = scheduler.trigger("nightly").await.unwrap();
    until(&store, |runs| runs.iter().any(|run| run.key == key && run.state == RunState::Succeeded)).await;
    assert!(scheduler.trigger("unknown").await.is_err());
    let Triggered::Queued(key) = by_hand(quiet(&store)).await.unwrap() else { panic!("a scheduler is there") };
    until(&store, |runs| runs.iter().any(|run| run.key == key && run.state == RunState::Succeeded)).await;
    scheduler.drain().await.unwrap();
    let overview = clusterkeep_scheduler::overview(&*store, None).await.unwrap();
    assert_eq!(overview[0].last_run.as_ref().unwrap().key.kind, RunKind::Manual);
}

async fn delays_count_from_the_end(store: Arc<dyn Store>) {
    let job = Job::named("tick").run("slow").cron("@after 50ms");
    let scheduler = slow(&store, Duration::from_millis(100)).job(job).start().await.unwrap();
    let all = until(&store, |runs| runs.iter().filter(|run| run.state.is_final()).count() >= 3).await;
    scheduler.drain().await.unwrap();
    for pair in all.windows(2) {
        let (Some(finished), Some(started)) = (pair[0].finished, pair[1].started) else { continue };
        assert!(started - finished >= TimeDelta::milliseconds(50));
        assert_eq!(pair[1].key.kind, RunKind::Event);
    }
}

async fn startup_jobs_run_at_each_start(store: Arc<dyn Store>) {
    for count in 1..=2 {
        let job = Job::named("hello").run("thin-out").at_startup();
        let scheduler = quiet(&store).job(job).start().await.unwrap();
        until(&store, |runs| runs.iter().filter(|run| run.state == RunState::Succeeded).count() == count).await;
        scheduler.drain().await.unwrap();
    }
}

async fn a_startup_job_runs_at_no_other_time(store: Arc<dyn Store>) {
    let start = || quiet(&store).job(Job::named("hello").run("thin-out").at_startup());
    let scheduler = start().start().await.unwrap();
    until(&store, |runs| runs.len() == 1 && runs[0].state == RunState::Succeeded).await;
    let pause = Pause { since: Utc::now(), by: "somebody".to_owned(), note: None };
    // Longer than it takes to look at what others have changed.
    let look = || tokio::time::sleep(Duration::from_millis(1_300));
    store.pause("default", "hello", Some(&pause)).await.unwrap();
    look().await;
    store.pause("default", "hello", None).await.unwrap();
    look().await;
    assert_eq!(runs(&store).await.len(), 1, "the end of a pause is no start");
    scheduler.drain().await.unwrap();
    let scheduler = start().goes_on().start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(runs(&store).await.len(), 1, "nor is it one that goes on with what another did");
    scheduler.drain().await.unwrap();
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let error = Scheduler::builder()
        .handler("thin-out", |_: Run| async { Ok(()) })
        .handler("thin-out", |_: Run| async { Ok(()) })
        .job(Job::named("a").run("thin-out").cron("61 * * * *"))
        .job(Job::named("b").run("thin-out").zone("Mars/Olympus").cron("@daily"))
        .job(Job::named("c").run("missing").cron("@daily").misfire(Misfire::All { within: age::days(2) }))
        .job(Job::named("d").run("thin-out").cron("@daily"))
        .job(Job::named("d").run("thin-out").cron("@hourly"))
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Input { .. }));
    for part in [
        "minute `61`",
        "Mars/Olympus",
        "`missing`, which is not registered",
        "registered twice",
        "job `d` is there twice",
    ] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn dropping_the_guard_drains() {
    let store: Arc<dyn Store> = MemoryStore::new().into();
    let job = Job::named("tick").run("slow").cron("@every 20ms");
    drop({
        let scheduler = slow(&store, Duration::from_millis(60)).job(job).start().await.unwrap();
        until(&store, |runs| !runs.is_empty()).await;
        scheduler
    });
    let ended = until(&store, |runs| runs.iter().all(|run| run.state.is_final())).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(runs(&store).await.len(), ended.len());
}
