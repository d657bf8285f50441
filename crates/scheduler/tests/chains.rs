//! Jobs that follow others, on each store: fan-out and join, outcomes and conditions, and that no end is lost or followed
//! twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clusterkeep_core::{Error, age};
use clusterkeep_scheduler::{
    Condition, Following, Gate, Job, MemoryStore, NewRun, On, Overlap, Pause, Run, RunKey, RunKind, RunQuery,
    RunRecord, RunState, Scheduler, SchedulerBuilder, Store, control,
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

        #[cfg(feature = "postgres")]
        mod postgres {
            use clusterkeep_testkit::servers;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let Some(database) = servers::postgres().await else { return };
                super::$test(clusterkeep_scheduler::open(&database.url().parse().unwrap()).await.unwrap()).await;
            })*
        }

        #[cfg(feature = "cratedb")]
        mod cratedb {
            use clusterkeep_testkit::servers;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let Some(database) = servers::cratedb().await else { return };
                super::$test(clusterkeep_scheduler::open(&database.url().parse().unwrap()).await.unwrap()).await;
            })*
        }
    };
}

on_each_store! {
    a_diamond_runs_once_for_each_run_of_its_root,
    what_does_not_apply_is_skipped_with_its_reason,
    an_end_that_nobody_has_followed_is_followed_later,
    a_run_that_is_tried_anew_is_followed_anew,
    a_backfill_leads_on,
}

const LEASE: Duration = Duration::from_millis(900);

/// A scheduler whose handler does what the job's arguments say.
fn scheduler(store: &Arc<dyn Store>) -> SchedulerBuilder {
    Scheduler::builder().store(store.clone()).lease(LEASE).action("work", |run: Run| async move {
        if let Some(result) = run.args().get("result") {
            run.result(result.clone());
        }
        match run.args().get("ends").and_then(|ends| ends.as_str()) {
            Some("failed") => Err(Error::failed("no")),
            Some("refused") => Err(Error::refused("no")),
            _ => Ok(()),
        }
    })
}

fn root(name: &str) -> Job {
    Job::named(name).run("work").cron("0 0 1 1 *").overlap(Overlap::Queue)
}

fn after(name: &str, following: Following) -> Job {
    Job::named(name).run("work").following(following).overlap(Overlap::Queue)
}

async fn until(store: &Arc<dyn Store>, wanted: impl Fn(&[RunRecord]) -> bool) -> Vec<RunRecord> {
    for _ in 0..1_500 {
        let mut runs = store.runs(&RunQuery::all()).await.unwrap();
        runs.reverse();
        if wanted(&runs) {
            return runs;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within half a minute: {:#?}", store.runs(&RunQuery::all()).await.unwrap());
}

fn of<'a>(runs: &'a [RunRecord], job: &str) -> Vec<&'a RunRecord> {
    runs.iter().filter(|run| run.key.job == job).collect()
}

fn states(runs: &[RunRecord]) -> BTreeMap<&str, RunState> {
    runs.iter().map(|run| (run.key.job.as_str(), run.state)).collect()
}

async fn a_diamond_runs_once_for_each_run_of_its_root(store: Arc<dyn Store>) {
    let start = || {
        scheduler(&store)
            .job(root("a"))
            .job(Job::named("b").run("work").after_job("a").overlap(Overlap::Queue))
            .job(Job::named("c").run("work").after_job("a").overlap(Overlap::Queue))
            .job(Job::named("d").run("work").after_job("b").after_job("c").overlap(Overlap::Queue))
            .start()
    };
    let (one, two) = (start().await.unwrap(), start().await.unwrap());
    for _ in 0..6 {
        one.trigger("a").await.unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let done = |runs: &[RunRecord]| of(runs, "d").iter().filter(|run| run.state == RunState::Succeeded).count() == 6;
    until(&store, done).await;
    // Whoever looks again makes nothing anew.
    tokio::time::sleep(LEASE).await;
    one.drain().await.unwrap();
    two.drain().await.unwrap();
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    assert_eq!(runs.len(), 24);
    for root in of(&runs, "a") {
        let of_it: Vec<&RunRecord> = runs.iter().filter(|run| run.key.nominal == root.key.nominal).collect();
        let find = |job: &str| *of_it.iter().find(|run| run.key.job == job).unwrap();
        assert_eq!(of_it.len(), 4);
        assert!(of_it.iter().all(|run| run.state == RunState::Succeeded && run.key.kind == RunKind::Manual));
        let begun = find("d").started.unwrap();
        assert!(begun >= find("b").finished.unwrap() && begun >= find("c").finished.unwrap());
        assert!(find("b").started.unwrap() >= root.finished.unwrap());
    }
}

async fn what_does_not_apply_is_skipped_with_its_reason(store: Arc<dyn Store>) {
    let result = serde_json::json!({"rows": [{"count": 3}]});
    let few = Condition::value("/rows/0/count").above(5).unwrap();
    let some = Condition::value("/rows/0/count").above(0).unwrap();
    let scheduler = scheduler(&store)
        .job(root("a").arg("ends", "failed").arg("result", result))
        .job(after("well", Following::of(["a"])))
        .job(after("ill", Following::of(["a"]).on(On::Failure).only_if(some)))
        .job(after("many", Following::of(["a"]).on(On::Always).only_if(few)))
        .job(after("after-well", Following::of(["well"])))
        .job(after("both", Following::of(["well", "ill"]).on(On::Always)))
        .job(after("paused", Following::of(["a"]).on(On::Always)))
        .start()
        .await
        .unwrap();
    let pause = Pause { since: Utc::now(), by: "ops".into(), note: None };
    store.pause("default", "paused", Some(&pause)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    scheduler.trigger("a").await.unwrap();
    let runs = until(&store, |runs| runs.len() == 7 && runs.iter().all(|run| run.state.is_final())).await;
    scheduler.drain().await.unwrap();
    let expected = [
        ("a", RunState::Failed),
        ("after-well", RunState::Skipped),
        ("both", RunState::Succeeded),
        ("ill", RunState::Succeeded),
        ("many", RunState::Skipped),
        ("paused", RunState::Skipped),
        ("well", RunState::Skipped),
    ];
    assert_eq!(states(&runs), BTreeMap::from(expected));
    let why = |job: &str| of(&runs, job)[0].reason.clone().unwrap();
    assert_eq!(why("well"), "it follows success: a was failed");
    assert_eq!(why("after-well"), "it follows success: well was skipped");
    assert_eq!(why("many"), "its condition does not hold: /rows/0/count of a is 3, /rows/0/count above 5");
    assert_eq!(why("paused"), "paused by ops");
}

/// The row of a run that has succeeded: of a scheduler that died before it did anything about it.
async fn ended(store: &Arc<dyn Store>, job: &str, at: DateTime<Utc>) -> RunKey {
    let (namespace, job) = ("default".to_owned(), job.to_owned());
    let key = RunKey { namespace, job, nominal: at.trunc_subsecs(6), kind: RunKind::Scheduled, generation: 1 };
    let finished = Some(Utc::now().trunc_subsecs(6));
    let run = RunRecord { attempt: 1, started: finished, finished, ..RunRecord::new(key.clone(), RunState::Succeeded) };
    let made = store.fire(&[NewRun { run, gate: Gate::OPEN }], &[]).await.unwrap();
    assert!(made[0].is_made());
    key
}

async fn an_end_that_nobody_has_followed_is_followed_later(store: Arc<dyn Store>) {
    let start = || scheduler(&store).job(root("a")).job(after("b", Following::of(["a"]))).start();
    start().await.unwrap().drain().await.unwrap();
    // While none is there.
    let first = ended(&store, "a", Utc::now()).await;
    let scheduler = start().await.unwrap();
    let succeeded = |runs: &[RunRecord]| of(runs, "b").iter().filter(|run| run.state == RunState::Succeeded).count();
    until(&store, |runs| succeeded(runs) == 1).await;
    // While one is there; for an instant that lies far back, as that of a long run does.
    let second = ended(&store, "a", Utc::now() - TimeDelta::days(3)).await;
    let runs = until(&store, |runs| succeeded(runs) == 2).await;
    scheduler.drain().await.unwrap();
    // Whoever comes later finds nothing to do.
    start().await.unwrap().drain().await.unwrap();
    let mut nominal: Vec<_> = of(&runs, "b").iter().map(|run| run.key.nominal).collect();
    nominal.sort_unstable();
    assert_eq!(nominal, [second.nominal, first.nominal]);
    assert_eq!(of(&store.runs(&RunQuery::all()).await.unwrap(), "b").len(), 2);
}

async fn a_run_that_is_tried_anew_is_followed_anew(store: Arc<dyn Store>) {
    let calls = Arc::new(AtomicU32::new(0));
    let of_a = calls.clone();
    let scheduler = scheduler(&store)
        .handler("second", move |_: Run| {
            let first = of_a.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if first { Err(Error::failed("no")) } else { Ok(()) } }
        })
        .job(Job::named("a").run("second").cron("0 0 1 1 *"))
        .job(after("b", Following::of(["a"])))
        .job(after("c", Following::of(["b"])))
        .job(after("ill", Following::of(["a"]).on(On::Failure)))
        .start()
        .await
        .unwrap();
    scheduler.trigger("a").await.unwrap();
    until(&store, |runs| runs.len() == 4 && runs.iter().all(|run| run.state.is_final())).await;
    let all = store.runs(&RunQuery::of("default", "a")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(control::retry(&*store, "default", "a", Some(all[0].key.nominal)).await.unwrap().len(), 1);
    let runs = until(&store, |runs| {
        let found = states(runs);
        found["b"] == RunState::Succeeded && found["c"] == RunState::Succeeded
    })
    .await;
    scheduler.drain().await.unwrap();
    assert_eq!((runs.len(), states(&runs)["ill"], calls.load(Ordering::Relaxed)), (4, RunState::Succeeded, 2));
    assert_eq!(of(&runs, "ill")[0].attempt, 1, "what it has led to before it does not lead to again");
}

async fn a_backfill_leads_on(store: Arc<dyn Store>) {
    let scheduler = scheduler(&store)
        .job(Job::named("a").run("work").cron("0 * * * *").overlap(Overlap::Queue))
        .job(after("b", Following::of(["a"])))
        .start()
        .await
        .unwrap();
    let now = Utc::now();
    let found = control::backfill(&*store, "default", "a", (now - TimeDelta::hours(3), now), 100, now).await.unwrap();
    assert_eq!(found.queue(&*store).await.unwrap(), 3);
    let done = |runs: &[RunRecord]| of(runs, "b").iter().filter(|run| run.state == RunState::Succeeded).count() == 3;
    let runs = until(&store, done).await;
    scheduler.drain().await.unwrap();
    assert!(of(&runs, "b").iter().all(|run| run.key.kind == RunKind::Backfill));
    let error =
        control::backfill(&*store, "default", "b", (now - TimeDelta::hours(3), now), 100, now).await.unwrap_err();
    assert!(error.to_string().contains("no nominal fires"), "{error}");
    let ledger = clusterkeep_scheduler::ledger(&*store, ("default", "b"), (now - TimeDelta::hours(3), now), now).await;
    assert!(ledger.is_err(), "what follows has no fires of its own to account for");
}

#[tokio::test]
async fn a_simulated_chain() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let runs = scheduler(&MemoryStore::new().into())
        .job(Job::named("a").run("work").cron("0 */6 * * *"))
        .job(after("b", Following::of(["a"])))
        .job(after("c", Following::of(["b"]).on(On::Failure)))
        .simulate(at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"))
        .await
        .unwrap();
    let found: Vec<_> = runs.iter().map(|run| (run.key.job.as_str(), run.state)).collect();
    let day = [("a", RunState::Succeeded), ("b", RunState::Succeeded), ("c", RunState::Skipped)];
    assert_eq!(found, day.repeat(4));
    assert!(runs.chunks(3).all(|chain| chain.iter().all(|run| run.key.nominal == chain[0].key.nominal)));
}

#[tokio::test]
async fn broken_chains_are_refused_at_the_start() {
    let error = |builder: SchedulerBuilder| async move { builder.start().await.unwrap_err().to_string() };
    let store: Arc<dyn Store> = MemoryStore::new().into();
    let cycle = scheduler(&store).job(after("a", Following::of(["b"]))).job(after("b", Following::of(["a"])));
    assert_eq!(error(cycle).await, "jobs follow each other in a cycle: a -> b -> a");
    let unknown = scheduler(&store).job(after("a", Following::of(["b"])));
    assert_eq!(error(unknown).await, "job `a` follows `b`, which is not there");
    for (following, part) in [
        (Following::of(["a", "a"]), "names `a` twice"),
        (Following::of::<String>([]), "names no job"),
        (Following::of(["a"]).only_if(Condition::state([RunState::Dead]).of("x")), "is about `x`"),
        (Following::of(["a", "b"]).only_if(Condition::state([RunState::Dead])), "does not say which one"),
    ] {
        let error = after("x", following).build().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let limited = after("x", Following::of(["a"])).ends("2027-01-01T00:00:00Z".parse().unwrap()).build();
    assert!(limited.unwrap_err().to_string().contains("no fires that could be limited"));
}

/// Where the child finds its store; without it the child's part is not played.
#[cfg(feature = "sqlite")]
const STORE: &str = "CLUSTERKEEP_TEST_CHAINS_STORE";

#[cfg(feature = "sqlite")]
async fn ticking(path: &str) -> Scheduler {
    let store: Arc<dyn Store> = clusterkeep_scheduler::SqliteStore::open(path).await.unwrap().into();
    let interval = age::Age::new(20, age::Unit::Millisecond).unwrap();
    scheduler(&store)
        .job(Job::named("a").run("work").every(interval).overlap(Overlap::Queue))
        .job(after("b", Following::of(["a"])))
        .job(after("c", Following::of(["a", "b"]).on(On::Always)))
        .start()
        .await
        .unwrap()
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_child() {
    if let Ok(path) = std::env::var(STORE) {
        let mut scheduler = ticking(&path).await;
        scheduler.ended().await.unwrap();
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_no_end_is_lost() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db").to_str().unwrap().to_owned();
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_child", "--nocapture"])
            .env(STORE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(250 + 13 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let store: Arc<dyn Store> = clusterkeep_scheduler::SqliteStore::open(&path).await.unwrap().into();
    let left = store.runs(&RunQuery::all()).await.unwrap();
    let scheduler = ticking(&path).await;
    // Leases of the dead run out, and what they had is attempted again.
    tokio::time::sleep(LEASE * 3).await;
    scheduler.drain().await.unwrap();
    let last = ticking(&path).await;
    last.drain().await.unwrap();
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    let nominal = |job: &str| -> Vec<DateTime<Utc>> {
        of(&runs, job)
            .iter()
            .filter(|run| !matches!(run.state, RunState::Missed | RunState::Coalesced))
            .map(|run| run.key.nominal)
            .collect()
    };
    let (a, b, c) = (nominal("a"), nominal("b"), nominal("c"));
    // What still waits when the last one ends has not ended itself, and so is not followed yet.
    let waiting = |job: &str| of(&runs, job).iter().filter(|run| !run.state.is_final()).count();
    assert!(left.len() > 60, "the killed ones have done something: {}", left.len());
    assert_eq!(a.len() - waiting("a"), b.len(), "each run that has ended is followed once");
    assert_eq!(b.len() - waiting("b"), c.len(), "and so is each pair");
    assert!(b.iter().all(|at| a.contains(at)) && c.iter().all(|at| b.contains(at)));
}
