//! What every store promises, asked of each of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_scheduler::{
    Advance, Claim, DstNote, Fold, Job, MemoryStore, Missed, Pass, RunEnd, RunKey, RunKind, RunQuery, RunRecord,
    RunState, ScheduleRecord, Store, overview,
};
use uuid::Uuid;

/// The same tests for each store.
macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                super::$test(MemoryStore::new().into()).await;
            })*
        }

        #[cfg(feature = "sqlite")]
        mod sqlite {
            use clusterkeep_scheduler::SqliteStore;
            $(#[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(SqliteStore::open(folder.path().join("jobs.db")).await.unwrap().into()).await;
            })*
        }
    };
}

conformance! {
    a_key_is_made_once,
    the_mark_never_sinks_and_nothing_below_it_is_made,
    deleting_history_reopens_no_key,
    a_changed_job_keeps_its_mark,
    only_the_latest_attempt_changes_a_run,
    pending_runs_are_begun_once,
    all_fields_come_back,
    runs_are_listed_latest_first,
    a_lease_has_one_owner,
    an_overview_shows_the_latest_run,
    nothing_is_a_valid_request,
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + second, 0).unwrap()
}

fn schedule(job: &str, generation: u32) -> ScheduleRecord {
    ScheduleRecord {
        namespace: "n".into(),
        spec: Job::named(job)
            .run("x")
            .cron("* * * * *")
            .zone("Europe/Berlin")
            .arg("é", "'\"\u{1f980}")
            .build()
            .unwrap(),
        generation,
        valid_from: at(0),
        next_fire: Some(at(60)),
        high_water: None,
        zone_data: "2025b".into(),
        retired: None,
    }
}

fn run(job: &str, second: i64, state: RunState) -> RunRecord {
    let key =
        RunKey { namespace: "n".into(), job: job.into(), nominal: at(second), kind: RunKind::Scheduled, generation: 1 };
    let attempt = u32::from(state == RunState::Running);
    RunRecord { attempt, ..RunRecord::new(key, state) }
}

fn advance(job: &str, second: i64) -> Advance {
    Advance { namespace: "n".into(), job: job.into(), high_water: at(second), next_fire: Some(at(second + 60)) }
}

fn end(run: &RunRecord, attempt: u32, state: RunState) -> RunEnd {
    RunEnd { key: run.key.clone(), attempt, state, error: None, at: at(500) }
}

async fn a_key_is_made_once(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let (first, second) = (run("a", 60, RunState::Running), run("a", 120, RunState::Pending));
    assert_eq!(store.fire(std::slice::from_ref(&first), &[]).await.unwrap(), [true]);
    // A scheduler that died before it stepped over the fire makes it again.
    let made = store
        .fire(&[RunRecord { state: RunState::Pending, ..first.clone() }, second], &[advance("a", 120)])
        .await
        .unwrap();
    assert_eq!(made, [false, true]);
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1], first);
    // By hand, the same instant is another run.
    let mut manual = run("a", 60, RunState::Pending);
    manual.key.kind = RunKind::Manual;
    assert_eq!(store.fire(&[manual.clone()], &[]).await.unwrap(), [true]);
    assert_eq!(store.fire(&[manual], &[]).await.unwrap(), [false]);
}

async fn the_mark_never_sinks_and_nothing_below_it_is_made(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    store.fire(&[], &[advance("a", 300)]).await.unwrap();
    store.fire(&[], &[advance("a", 120)]).await.unwrap();
    let known = store.schedules(Some("n")).await.unwrap();
    assert_eq!(known[0].high_water, Some(at(300)));
    let runs = [240, 300, 360].map(|second| run("a", second, RunState::Running));
    assert_eq!(store.fire(&runs, &[]).await.unwrap(), [false, false, true]);
}

async fn deleting_history_reopens_no_key(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let (ended, open) = (run("a", 60, RunState::Running), run("a", 120, RunState::Running));
    store.fire(&[ended.clone(), open], &[advance("a", 120)]).await.unwrap();
    store.finish(&[end(&ended, 1, RunState::Succeeded)]).await.unwrap();
    assert_eq!(store.prune("other", at(9_999)).await.unwrap(), 0);
    assert_eq!(store.prune("n", at(60)).await.unwrap(), 0);
    assert_eq!(store.prune("n", at(9_999)).await.unwrap(), 1, "what is open stays");
    assert_eq!(store.fire(&[ended], &[]).await.unwrap(), [false]);
}

async fn a_changed_job_keeps_its_mark(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    store.fire(&[], &[advance("a", 300)]).await.unwrap();
    store.put(&[schedule("a", 2)]).await.unwrap();
    let known = store.schedules(None).await.unwrap();
    assert_eq!((known[0].generation, known[0].high_water), (2, Some(at(300))));
    let mut of_the_new = run("a", 240, RunState::Running);
    of_the_new.key.generation = 2;
    assert_eq!(store.fire(&[of_the_new], &[]).await.unwrap(), [false]);
    // A scheduler with older jobs takes nothing back.
    store.put(&[schedule("a", 1)]).await.unwrap();
    assert_eq!(store.schedules(Some("n")).await.unwrap()[0].generation, 2);
    assert_eq!(store.schedules(Some("other")).await.unwrap(), []);
}

async fn only_the_latest_attempt_changes_a_run(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Running);
    store.fire(std::slice::from_ref(&run), &[]).await.unwrap();
    assert!(store.report(&run.key, 1, Some(0.5), None).await.unwrap());
    assert!(store.report(&run.key, 1, None, Some("half")).await.unwrap());
    // Another scheduler thought that the first one was gone.
    assert_eq!(store.finish(&[end(&run, 1, RunState::Pending)]).await.unwrap(), [true]);
    let claim = Claim { key: run.key.clone(), attempt: 1, at: at(90) };
    assert_eq!(store.claim(&[claim]).await.unwrap(), [true]);
    let now = store.runs(&RunQuery::all()).await.unwrap().remove(0);
    assert_eq!((now.attempt, now.started, now.progress, now.message.as_deref()), (2, Some(at(90)), None, None));
    // The first one comes back late.
    assert!(!store.report(&run.key, 1, Some(0.9), Some("late")).await.unwrap());
    assert_eq!(store.finish(&[end(&run, 1, RunState::Failed)]).await.unwrap(), [false]);
    assert_eq!(store.finish(&[end(&run, 2, RunState::Succeeded)]).await.unwrap(), [true]);
    assert_eq!(store.finish(&[end(&run, 2, RunState::Failed)]).await.unwrap(), [false], "an end is final");
    let ended = store.runs(&RunQuery::all()).await.unwrap().remove(0);
    assert_eq!((ended.state, ended.finished), (RunState::Succeeded, Some(at(500))));
}

async fn pending_runs_are_begun_once(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Pending);
    store.fire(std::slice::from_ref(&run), &[]).await.unwrap();
    let claim = Claim { key: run.key.clone(), attempt: 0, at: at(61) };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, claim) = (store.clone(), claim.clone());
        tasks.spawn(async move { store.claim(&[claim]).await.unwrap()[0] });
    }
    let begun = tasks.join_all().await.into_iter().filter(|begun| *begun).count();
    assert_eq!(begun, 1);
}

async fn all_fields_come_back(store: Arc<dyn Store>) {
    let mut schedules = vec![schedule("a", 1), schedule("b \u{1f980} '", 7)];
    schedules[1].next_fire = None;
    schedules[1].retired = Some(at(7));
    schedules[1].high_water = Some(at(0) + TimeDelta::microseconds(1));
    store.put(&schedules).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap(), schedules);

    let civil = at(0).naive_utc();
    let run = RunRecord {
        missed: Some(Missed { count: 31_000_000, last: at(7_200) }),
        reason: Some("a \"reason\"".into()),
        note: Some(DstNote::Fold { at: civil, civil, pass: Pass::Second, policy: Fold::Both }),
        started: Some(at(1)),
        finished: Some(at(2)),
        error: Some("é'".into()),
        message: Some(String::new()),
        progress: Some(0.25),
        attempt: 3,
        ..run("a", 60, RunState::Coalesced)
    };
    store.fire(std::slice::from_ref(&run), &[]).await.unwrap();
    assert_eq!(store.runs(&RunQuery::all()).await.unwrap(), [run]);
}

async fn runs_are_listed_latest_first(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let states = [RunState::Succeeded, RunState::Failed, RunState::Pending, RunState::Skipped];
    let mut runs: Vec<RunRecord> = (0..4).map(|i| run("a", 60 * i, states[usize::try_from(i).unwrap()])).collect();
    runs.push(run("b", 30, RunState::Missed));
    store.fire(&runs, &[]).await.unwrap();
    let seconds = async |query: RunQuery| -> Vec<i64> {
        let runs = store.runs(&query).await.unwrap();
        runs.iter().map(|run| (run.key.nominal - at(0)).num_seconds()).collect()
    };
    assert_eq!(seconds(RunQuery::all()).await, [180, 120, 60, 30, 0]);
    assert_eq!(seconds(RunQuery::of("n", "a").limit(2)).await, [180, 120]);
    assert_eq!(seconds(RunQuery::within("n").in_states([RunState::Failed, RunState::Missed])).await, [60, 30]);
    assert_eq!(seconds(RunQuery::within("other")).await, [] as [i64; 0]);
}

async fn a_lease_has_one_owner(store: Arc<dyn Store>) {
    let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(store.lease("n", ours, at(0), at(15)).await.unwrap());
    assert!(!store.lease("n", theirs, at(14), at(30)).await.unwrap());
    assert!(store.lease("other", theirs, at(14), at(30)).await.unwrap());
    assert!(store.lease("n", ours, at(14), at(29)).await.unwrap(), "its owner may renew it");
    assert!(store.lease("n", theirs, at(29), at(44)).await.unwrap(), "it has run out");
    assert!(!store.lease("n", ours, at(30), at(45)).await.unwrap());
    store.release("n", ours).await.unwrap();
    assert!(!store.lease("n", ours, at(30), at(45)).await.unwrap(), "nobody gives back what is not theirs");
    store.release("n", theirs).await.unwrap();
    assert!(store.lease("n", ours, at(30), at(45)).await.unwrap());
}

async fn an_overview_shows_the_latest_run(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    store.fire(&[run("a", 60, RunState::Succeeded), run("a", 120, RunState::Failed)], &[]).await.unwrap();
    let overview = overview(&*store, Some("n")).await.unwrap();
    assert_eq!(overview[0].last_run.as_ref().unwrap().state, RunState::Failed);
    assert_eq!(overview[1].last_run, None);
    assert_eq!(overview[1].schedule.next_fire, Some(at(60)));
}

async fn nothing_is_a_valid_request(store: Arc<dyn Store>) {
    store.put(&[]).await.unwrap();
    assert!(store.fire(&[], &[]).await.unwrap().is_empty());
    assert!(store.claim(&[]).await.unwrap().is_empty());
    assert!(store.finish(&[]).await.unwrap().is_empty());
    assert!(store.runs(&RunQuery::all()).await.unwrap().is_empty());
    assert!(store.schedules(None).await.unwrap().is_empty());
}
