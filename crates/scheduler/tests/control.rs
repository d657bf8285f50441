//! What a hand does to jobs and runs on a store alone, and that the ledger sums up after it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::age;
use clusterkeep_core::audit::{self, Audit, Entry, Event, MemoryAudit};
use clusterkeep_scheduler::control::{self, Changes, Dedup};
use clusterkeep_scheduler::{
    Cancelled, Job, Ledger, MemoryStore, Pause, Run, RunQuery, RunState, Scheduler, SqliteStore, Store, ledger,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn job() -> Job {
    Job::named("nightly").run("thin-out").cron("30 3 * * *")
}

/// Twenty-one days of a nightly job in November; its first fires are made.
async fn until(store: &Arc<dyn Store>, until: &str) {
    Scheduler::builder()
        .store(store.clone())
        .handler("thin-out", |_: Run| async { Ok(()) })
        .job(job())
        .simulate(at("2026-11-01T00:00:00Z"), at(until))
        .await
        .unwrap();
}

async fn november(store: &dyn Store, now: &str) -> Ledger {
    let period = (at("2026-11-01T00:00:00Z"), at("2026-11-21T00:00:00Z"));
    ledger(store, ("default", "nightly"), period, at(now)).await.unwrap()
}

fn swap() -> Pause {
    Pause { since: at("2026-11-10T12:00:00Z"), by: "ops".to_owned(), note: Some("disk swap".to_owned()) }
}

/// Each store, fresh.
async fn stores(dir: &tempfile::TempDir) -> Vec<Arc<dyn Store>> {
    let sqlite = SqliteStore::open(dir.path().join("jobs.db")).await.unwrap();
    vec![MemoryStore::new().into(), sqlite.into()]
}

#[tokio::test]
async fn a_pause_is_accounted_for_while_it_lasts_and_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        until(&store, "2026-11-09T00:00:00Z").await;
        // The 9th and 10th were due, and no scheduler was there.
        let paused = control::pause(&*store, "default", "nightly", swap()).await.unwrap();
        assert_eq!(paused, swap());
        let again = Pause { by: "somebody else".to_owned(), ..swap() };
        assert_eq!(control::pause(&*store, "default", "nightly", again).await.unwrap(), swap());

        let open = november(&*store, "2026-11-13T12:00:00Z").await;
        assert!(!open.sums_up, "nobody has come to two of them");
        assert_eq!(
            open.total.to_string(),
            "13 nominal fires = 8 fired + 0 coalesced + 3 skipped (paused by ops: \"disk swap\") + 0 missed \
             + 2 not decided upon yet; 2 OVERDUE"
        );

        let resumed = control::resume(&*store, "default", "nightly", at("2026-11-13T12:00:00Z")).await.unwrap();
        assert_eq!((resumed.skipped, resumed.missed), (3, 2));
        assert_eq!(resumed.next_fire, Some(at("2026-11-14T03:30:00Z")));
        let none = control::resume(&*store, "default", "nightly", at("2026-11-13T12:00:00Z")).await.unwrap();
        assert_eq!((none.paused, none.skipped), (None, 0));
        until(&store, "2026-11-21T00:00:00Z").await;
        let closed = november(&*store, "2026-11-30T00:00:00Z").await;
        assert!(closed.sums_up, "{}", closed.total);
        assert_eq!((closed.total.expected, closed.total.skipped), (20, 3), "{}", closed.total);
    }
}

#[tokio::test]
async fn what_is_due_for_a_moment_only_is_not_overdue() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        until(&store, "2026-11-09T00:00:00Z").await;
        let moment = november(&*store, "2026-11-09T03:30:59Z").await;
        assert!(moment.sums_up && moment.total.undecided == 1, "{}", moment.total);
        let minute = november(&*store, "2026-11-09T03:31:00Z").await;
        assert!(!minute.sums_up && minute.total.overdue == 1, "{}", minute.total);
    }
}

#[tokio::test]
async fn a_paused_job_that_is_changed_or_removed_has_missed_nothing_of_its_pause() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        for (namespace, after) in [
            ("changed", Job::named("nightly").run("thin-out").cron("0 12 * * *")),
            ("removed", Job::named("other").run("thin-out").cron("@yearly")),
        ] {
            let scheduler = || {
                let builder = Scheduler::builder().store(store.clone()).namespace(namespace);
                builder.handler("thin-out", |_: Run| async { Ok(()) })
            };
            let (start, pause) = (at("2026-11-01T00:00:00Z"), at("2026-11-09T00:00:00Z"));
            scheduler().job(job()).simulate(start, pause).await.unwrap();
            control::pause(&*store, namespace, "nightly", swap()).await.unwrap();
            // The 9th and 10th were due before the pause, the 11th to 13th within it.
            let (now, then) = (at("2026-11-13T04:00:00Z"), at("2026-11-13T05:00:00Z"));
            scheduler().job(after).simulate(now, then).await.unwrap();
            let ledger = ledger(&*store, (namespace, "nightly"), (start, then), then).await.unwrap();
            assert_eq!(
                ledger.total.to_string(),
                format!(
                    "13 nominal fires = 8 fired + 0 coalesced + 3 skipped (paused by ops: \"disk swap\") \
                     + 2 missed (the job was {namespace} before they ran)"
                )
            );
            assert!(ledger.sums_up);
        }
    }
}

#[tokio::test]
async fn backfill_finds_each_of_many_fires() {
    let store: Arc<dyn Store> = MemoryStore::new().into();
    let (from, half, to) = (at("2026-11-01T00:00:00Z"), at("2026-11-01T01:30:00Z"), at("2026-11-01T03:00:00Z"));
    Scheduler::builder()
        .store(store.clone())
        .handler("thin-out", |_: Run| async { Ok(()) })
        .job(Job::named("seconds").run("thin-out").cron("* * * * * *"))
        .simulate(from, half)
        .await
        .unwrap();
    let found = control::backfill(&*store, "default", "seconds", (from, to), 6_000, to).await.unwrap();
    assert_eq!((found.fires.len(), found.have_run), (5_400, 5_400));
    let all = found.fires.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::seconds(1));
    assert!(all && found.fires[0] == half, "{:?}", found.fires[0]);
    let few = control::backfill(&*store, "default", "seconds", (from, to), 5_399, to).await.unwrap_err();
    assert!(few.to_string().contains("more than 5399 fires"), "{few}");
}

#[tokio::test]
async fn backfill_runs_what_did_not_run_once() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        until(&store, "2026-11-11T00:00:00Z").await;
        let (from, to) = (at("2026-11-01T00:00:00Z"), at("2026-11-21T00:00:00Z"));
        let now = at("2026-11-15T00:00:00Z");
        let refused = control::backfill(&*store, "default", "nightly", (from, to), 3, now).await.unwrap_err();
        assert!(refused.to_string().contains("more than 3 fires"), "{refused}");
        let found = control::backfill(&*store, "default", "nightly", (from, to), 100, now).await.unwrap();
        assert_eq!((found.fires.len(), found.have_run), (4, 10));
        assert_eq!(found.queue(&*store).await.unwrap(), 4);
        // Somebody else has looked at the same time.
        assert_eq!(found.queue(&*store).await.unwrap(), 0);
        let again = control::backfill(&*store, "default", "nightly", (from, to), 100, now).await.unwrap();
        assert_eq!((again.fires.len(), again.have_run, again.waiting), (0, 10, 4));
        // Nor does a scheduler that comes back run them again.
        until(&store, "2026-11-15T00:00:00Z").await;
        let sum = november(&*store, "2026-11-15T00:00:00Z").await;
        let text = sum.total.to_string();
        assert_eq!(text, "14 nominal fires = 10 fired + 0 coalesced + 4 skipped (backfilled by hand) + 0 missed");
    }
}

#[tokio::test]
async fn a_key_makes_one_run_per_window() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        until(&store, "2026-11-02T00:00:00Z").await;
        let dedup = Dedup { key: "import-17".to_owned(), within: age::hours(1) };
        let now = at("2026-11-02T00:00:00Z");
        let queue = async |at| control::queue(&*store, "default", "nightly", None, Some(&dedup), at).await.unwrap();
        let first = queue(now).await;
        let window = first.key.nominal..first.key.nominal + TimeDelta::hours(1);
        assert!(first.made && window.contains(&now));
        let again = queue(window.end - TimeDelta::microseconds(1)).await;
        assert!(!again.made && again.key == first.key);
        assert!(queue(window.end).await.made);
        let args = serde_json::json!({ "part": 3 }).as_object().cloned();
        let free = control::queue(&*store, "default", "nightly", args.clone(), None, now).await.unwrap();
        let runs = store.runs(&RunQuery::of("default", "nightly").in_states([RunState::Pending])).await.unwrap();
        assert_eq!(runs.len(), 3);
        assert_eq!(runs.iter().find(|run| run.key == free.key).unwrap().args, args);
        let unknown = control::queue(&*store, "default", "nobody", None, None, now).await.unwrap_err();
        assert!(unknown.to_string().contains("unknown"));
    }
}

#[tokio::test]
async fn what_waits_is_cancelled_and_tried_anew() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        until(&store, "2026-11-02T00:00:00Z").await;
        let now = at("2026-11-02T01:02:03.456Z");
        let queued = control::queue(&*store, "default", "nightly", None, None, now).await.unwrap();
        let second = Some(at("2026-11-02T01:02:03Z"));
        let other = Some(at("2026-11-02T01:02:04Z"));
        let cancel = async |of| control::cancel(&*store, "default", "nightly", of, "not today", now).await.unwrap();
        assert!(cancel(other).await.is_empty());
        let cancelled = cancel(second).await;
        assert_eq!((cancelled.len(), cancelled[0].1), (1, Cancelled::Ended));
        assert!(cancel(None).await.is_empty());
        // Only what is dead is tried anew without being named.
        assert!(control::retry(&*store, "default", "nightly", None).await.unwrap().is_empty());
        let renewed = control::retry(&*store, "default", "nightly", second).await.unwrap();
        assert_eq!(renewed[0].key, queued.key);
        assert_eq!(cancel(None).await.len(), 1);
    }
}

#[tokio::test]
async fn a_run_that_goes_hears_within_a_second_that_it_is_to_end() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        let builder = Scheduler::builder().store(store.clone()).handler("thin-out", |_: Run| std::future::pending());
        let scheduler = builder.job(job()).start().await.unwrap();
        scheduler.trigger("nightly").await.unwrap();
        let all = RunQuery::of("default", "nightly");
        let state = async || store.runs(&all).await.unwrap()[0].state;
        assert_eq!(state().await, RunState::Running);
        let asked = Instant::now();
        control::cancel(&*store, "default", "nightly", None, "not today", Utc::now()).await.unwrap();
        while state().await != RunState::Cancelled {
            // The next beat would come five seconds after the start.
            assert!(asked.elapsed() < Duration::from_millis(1_500), "{store:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scheduler.drain().await.unwrap();
    }
}

#[tokio::test]
async fn a_start_of_many_jobs_is_in_the_audit_piece_by_piece() {
    let (store, audit): (Arc<dyn Store>, Audit) = (MemoryStore::new().into(), Arc::new(MemoryAudit::default()));
    let changes = Changes::new(audit.clone(), "memory", "ops@db1");
    let start = async |jobs: u32| {
        let quiet = Scheduler::builder().store(store.clone()).handler("thin-out", |_: Run| async { Ok(()) });
        let names = (0..jobs).map(|number| Job::named(format!("job-{number}")).run("thin-out").cron("30 3 * * *"));
        let builder = names.fold(quiet.changes(changes.clone()), |builder, job| builder.job(job));
        builder.start().await.unwrap().drain().await.unwrap();
    };
    start(17_500).await;
    let records = audit.read(1, 100).await.unwrap();
    assert_eq!(records.len(), 36, "18 intents, and as many outcomes");
    let entries: Vec<Entry> = records.iter().map(|record| record.entry().unwrap()).collect();
    let of = |event| entries.iter().filter(move |entry| entry.event == event);
    for event in [Event::Intent, Event::Outcome] {
        let jobs: usize = of(event).map(|entry| entry.data["objects"].as_array().unwrap().len()).sum();
        assert_eq!(jobs, 17_500);
    }
    start(17_499).await;
    let records = audit.read(1, 100).await.unwrap();
    assert_eq!(records.len(), 38, "one is removed");
    assert!(records[37].body.contains("default/job-17499"), "{}", records[37].body);
    assert!(audit::verify(None, &records).is_ok());
}

#[tokio::test]
async fn what_was_deleted_is_no_loss_and_what_is_gone_is_one() {
    let dir = tempfile::tempdir().unwrap();
    for store in stores(&dir).await {
        until(&store, "2026-11-21T00:00:00Z").await;
        assert_eq!(store.prune("default", at("2026-11-06T00:00:00Z")).await.unwrap(), 5);
        let pruned = november(&*store, "2026-11-30T00:00:00Z").await;
        assert!(pruned.sums_up && pruned.total.pruned == 5 && pruned.total.fired == 15, "{}", pruned.total);
        until(&store, "2026-11-21T00:00:00Z").await;
        assert_eq!(november(&*store, "2026-11-30T00:00:00Z").await.total, pruned.total, "no key is open again");
        // Nor by hand: what ran then is not known any more.
        let (from, to) = (at("2026-11-01T00:00:00Z"), at("2026-11-21T00:00:00Z"));
        let now = at("2026-11-06T01:00:00Z");
        let refused = control::backfill(&*store, "default", "nightly", (from, to), 100, now).await.unwrap_err();
        assert!(refused.to_string().contains("was deleted"), "{refused}");
        let dedup = Dedup { key: "weekly".to_owned(), within: age::days(30) };
        let refused = control::queue(&*store, "default", "nightly", None, Some(&dedup), now).await.unwrap_err();
        assert!(refused.to_string().contains("whether the key was used"), "{refused}");
    }
}
