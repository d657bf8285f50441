//! What every store promises, asked of each of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_scheduler::{
    Advance, Attempt, Cancelled, Claim, DstNote, Fired, Fold, Gate, Job, MemoryStore, Missed, NewRun, Otherwise, Pass,
    Pause, Report, RunEnd, RunKey, RunKind, RunQuery, RunRecord, RunState, ScheduleRecord, Source, Store, overview,
};
use tokio::task::JoinSet;
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

        #[cfg(feature = "postgres")]
        mod postgres {
            use clusterkeep_testkit::servers;
            $(#[tokio::test]
            async fn $test() {
                let Some(database) = servers::postgres().await else { return };
                super::$test(clusterkeep_scheduler::open(&database.url().parse().unwrap()).await.unwrap()).await;
            })*
        }

        #[cfg(feature = "cratedb")]
        mod cratedb {
            use clusterkeep_testkit::servers;
            $(#[tokio::test]
            async fn $test() {
                let Some(database) = servers::cratedb().await else { return };
                super::$test(clusterkeep_scheduler::open(&database.url().parse().unwrap()).await.unwrap()).await;
            })*
        }
    };
}

conformance! {
    a_key_is_made_once,
    the_mark_never_sinks_and_nothing_below_it_is_made,
    deleting_history_reopens_no_key,
    a_changed_job_keeps_its_mark,
    fires_of_another_generation_are_refused,
    a_version_begins_where_the_one_before_it_has_decided,
    nobody_steps_over_a_stretch_that_another_has_stepped_into,
    zone_data_of_another_version_is_remembered,
    versions_follow_one_another,
    who_changed_a_job_last_is_known,
    a_paused_job_does_not_fire,
    changes_are_told_to_who_asks,
    a_gate_lets_so_many_pass,
    nobody_overtakes_who_waits,
    only_the_latest_attempt_changes_a_run,
    what_a_process_leaves_behind_is_kept,
    a_retry_waits_for_its_time,
    claims_keep_to_the_gate,
    of_eight_that_fire_one_does,
    of_eight_that_begin_one_does,
    of_eight_that_pass_a_gate_none_is_double,
    runs_of_the_dead_are_orphans,
    a_lapsed_lease_is_told,
    runs_are_cancelled,
    runs_are_renewed,
    runs_are_found_by_their_ends,
    the_urgent_go_first,
    all_fields_come_back,
    odd_text_is_kept,
    long_lists_are_as_good_as_short_ones,
    runs_are_listed_latest_first,
    an_overview_shows_the_latest_run,
    nothing_is_a_valid_request,
}

const LEASE: Duration = Duration::from_secs(60);

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
            .arg("generation", generation)
            .build()
            .unwrap(),
        generation,
        valid_from: at(i64::from(generation)),
        next_fire: Some(at(60)),
        high_water: None,
        zone_data: "2025b".into(),
        zone_data_since: None,
        retired: None,
        paused: None,
        source: None,
    }
}

fn worker(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn run(job: &str, second: i64, state: RunState) -> RunRecord {
    let key =
        RunKey { namespace: "n".into(), job: job.into(), nominal: at(second), kind: RunKind::Scheduled, generation: 1 };
    if state != RunState::Running {
        return RunRecord::new(key, state);
    }
    RunRecord { attempt: 1, worker: Some(worker(1)), started: Some(at(second)), ..RunRecord::new(key, state) }
}

fn open(run: &RunRecord) -> NewRun {
    NewRun { run: run.clone(), gate: Gate::OPEN }
}

fn gated(run: &RunRecord, at_once: u32, otherwise: Otherwise) -> NewRun {
    NewRun { run: run.clone(), gate: Gate { at_once, otherwise } }
}

/// Makes rows, whatever else is going.
async fn fire(store: &dyn Store, runs: &[RunRecord]) -> Vec<Fired> {
    store.fire(&runs.iter().map(open).collect::<Vec<_>>(), &[]).await.unwrap()
}

fn advance(job: &str, second: i64) -> Advance {
    Advance {
        namespace: "n".into(),
        job: job.into(),
        generation: 1,
        paused: false,
        high_water: at(second),
        next_fire: Some(at(second + 60)),
    }
}

fn claim(run: &RunRecord, attempt: u32, second: i64) -> Claim {
    Claim { key: run.key.clone(), attempt, worker: worker(2), at_once: u32::MAX, at: at(second), earlier: Vec::new() }
}

fn end(run: &RunRecord, attempt: u32, state: RunState) -> RunEnd {
    RunEnd {
        key: run.key.clone(),
        attempt,
        state,
        error: None,
        at: at(500),
        not_before: None,
        exit: None,
        result: None,
        output: None,
    }
}

async fn only(store: &dyn Store) -> RunRecord {
    let mut runs = store.runs(&RunQuery::all()).await.unwrap();
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

const fn made(state: RunState) -> Fired {
    Fired::Made(state)
}

async fn a_key_is_made_once(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let (first, second) = (run("a", 60, RunState::Running), run("a", 120, RunState::Pending));
    assert_eq!(fire(&*store, std::slice::from_ref(&first)).await, [made(RunState::Running)]);
    // A scheduler that died before it stepped over the fire makes it again, and another one with it.
    let again = RunRecord { worker: Some(worker(2)), ..first.clone() };
    let made_now = store.fire(&[open(&again), open(&second), open(&second)], &[advance("a", 120)]).await.unwrap();
    assert_eq!(made_now, [Fired::Not, made(RunState::Pending), Fired::Not]);
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    assert_eq!(runs, [second, first]);
    // By hand, the same instant is another run; asked for twice under one key it is one.
    let mut manual = run("a", 60, RunState::Pending);
    manual.key.kind = RunKind::Manual;
    assert_eq!(fire(&*store, std::slice::from_ref(&manual)).await, [made(RunState::Pending)]);
    assert_eq!(fire(&*store, &[manual]).await, [Fired::Not]);
}

async fn the_mark_never_sinks_and_nothing_below_it_is_made(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    store.fire(&[], &[advance("a", 60), advance("a", 300), advance("a", 120)]).await.unwrap();
    store.fire(&[], &[advance("a", 180)]).await.unwrap();
    let known = store.schedules(Some("n")).await.unwrap();
    assert_eq!((known[0].high_water, known[0].next_fire), (Some(at(300)), Some(at(360))));
    let runs = [240, 300, 360].map(|second| run("a", second, RunState::Running));
    assert_eq!(fire(&*store, &runs).await, [Fired::Not, Fired::Not, made(RunState::Running)]);
    // Nor is one that is already decided; a fire of somebody's hand is.
    assert_eq!(fire(&*store, &[run("a", 200, RunState::Missed)]).await, [Fired::Not]);
    let mut backfill = run("a", 240, RunState::Pending);
    backfill.key.kind = RunKind::Backfill;
    assert!(fire(&*store, &[backfill]).await[0].is_made());
}

async fn deleting_history_reopens_no_key(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let (ended, going) = (run("a", 60, RunState::Running), run("a", 120, RunState::Running));
    store.fire(&[open(&ended), open(&going)], &[advance("a", 120)]).await.unwrap();
    store.finish(&[end(&ended, 1, RunState::Succeeded)]).await.unwrap();
    assert_eq!(store.deleted_before("n").await.unwrap(), None);
    assert_eq!(store.prune("other", at(9_999)).await.unwrap(), 0);
    assert_eq!(store.prune("n", at(60)).await.unwrap(), 0);
    assert_eq!(store.deleted_before("n").await.unwrap(), Some(at(60)));
    assert_eq!(store.prune("n", at(9_999)).await.unwrap(), 1, "what is open stays");
    assert_eq!(store.prune("n", at(100)).await.unwrap(), 0);
    assert_eq!(store.deleted_before("n").await.unwrap(), Some(at(9_999)), "it never sinks");
    assert_eq!(fire(&*store, &[ended]).await, [Fired::Not]);
}

async fn a_changed_job_keeps_its_mark(store: Arc<dyn Store>) {
    assert_eq!(store.put(&[schedule("a", 1)]).await.unwrap(), [true]);
    store.fire(&[], &[advance("a", 300)]).await.unwrap();
    assert_eq!(store.put(&[schedule("a", 2)]).await.unwrap(), [true]);
    let known = store.schedules(None).await.unwrap();
    assert_eq!((known[0].generation, known[0].high_water), (2, Some(at(300))));
    let mut of_the_new = run("a", 240, RunState::Running);
    of_the_new.key.generation = 2;
    assert_eq!(fire(&*store, &[of_the_new]).await, [Fired::Not]);
    // A scheduler with older jobs takes nothing back, and steps over nothing.
    assert_eq!(store.put(&[schedule("a", 1)]).await.unwrap(), [false]);
    store.fire(&[], &[advance("a", 900)]).await.unwrap();
    let known = store.schedules(Some("n")).await.unwrap();
    assert_eq!((known[0].generation, known[0].high_water), (2, Some(at(300))));
    assert_eq!(store.schedules(Some("other")).await.unwrap(), []);
    // Nor does one that means another job by the same number.
    let mut other = schedule("a", 3);
    other.generation = 2;
    assert_eq!(store.put(&[other]).await.unwrap(), [false]);
    assert_eq!(store.schedules(None).await.unwrap()[0].spec, schedule("a", 2).spec);
}

async fn fires_of_another_generation_are_refused(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 2)]).await.unwrap();
    let old = [RunState::Running, RunState::Pending].map(|state| run("a", 60, state));
    assert_eq!(fire(&*store, &old).await, [Fired::Refused; 2]);
    let mut new = run("a", 60, RunState::Running);
    new.key.generation = 2;
    assert!(fire(&*store, &[new]).await[0].is_made());
    // What became of an old version's fires may still be told.
    assert!(fire(&*store, &[run("a", 30, RunState::Missed)]).await[0].is_made());
    // Where there is no schedule there is nothing to be behind.
    assert!(fire(&*store, &[run("b", 30, RunState::Running)]).await[0].is_made());
}

async fn a_version_begins_where_the_one_before_it_has_decided(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    // Another scheduler goes on with the first version while the second one is read, and while that is removed.
    store.fire(&[open(&run("a", 300, RunState::Running))], &[advance("a", 300)]).await.unwrap();
    store.put(&[ScheduleRecord { valid_from: at(200), ..schedule("a", 2) }]).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap()[0].valid_from, at(300));
    store.fire(&[], &[Advance { generation: 2, ..advance("a", 360) }]).await.unwrap();
    store.put(&[ScheduleRecord { retired: Some(at(350)), ..schedule("a", 2) }]).await.unwrap();
    let versions = store.generations("n", "a").await.unwrap();
    let bounds: Vec<_> = versions.iter().map(|it| (it.valid_from, it.valid_until)).collect();
    assert_eq!(bounds, [(at(1), Some(at(300))), (at(300), Some(at(360)))]);
}

async fn nobody_steps_over_a_stretch_that_another_has_stepped_into(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let marks = async || store.schedules(None).await.unwrap()[0].high_water;
    let stretch =
        |from| RunRecord { missed: Some(Missed { count: 4, last: at(300) }), ..run("a", from, RunState::Missed) };
    // One has made the first of them, and died before it stepped over it.
    fire(&*store, &[run("a", 120, RunState::Running)]).await;
    let fired = store.fire(&[open(&stretch(120))], &[advance("a", 300)]).await.unwrap();
    assert_eq!((fired, marks().await), (vec![Fired::Not], None), "those behind it are nobody's");
    // Another one has stepped over some of them.
    store.fire(&[], &[advance("a", 180)]).await.unwrap();
    let fired = store.fire(&[open(&stretch(60))], &[advance("a", 300)]).await.unwrap();
    assert_eq!((fired, marks().await), (vec![Fired::Not], Some(at(180))));
    let fired = store.fire(&[open(&stretch(240))], &[advance("a", 300)]).await.unwrap();
    assert_eq!((fired, marks().await), (vec![made(RunState::Missed)], Some(at(300))));
}

async fn zone_data_of_another_version_is_remembered(store: Arc<dyn Store>) {
    let since = async || store.schedules(None).await.unwrap()[0].zone_data_since;
    let newer = || ScheduleRecord { zone_data: "2026a".into(), ..schedule("a", 1) };
    store.put(&[schedule("a", 1)]).await.unwrap();
    store.fire(&[], &[advance("a", 300)]).await.unwrap();
    store.put(&[schedule("a", 1)]).await.unwrap();
    assert_eq!(since().await, None);
    store.put(&[newer()]).await.unwrap();
    store.fire(&[], &[advance("a", 360)]).await.unwrap();
    store.put(&[newer()]).await.unwrap();
    assert_eq!(since().await, Some(at(300)));
}

async fn versions_follow_one_another(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    store.put(&[ScheduleRecord { next_fire: Some(at(120)), valid_from: at(40), ..schedule("a", 1) }]).await.unwrap();
    store.put(&[schedule("a", 2)]).await.unwrap();
    store.put(&[ScheduleRecord { retired: Some(at(90)), ..schedule("a", 2) }]).await.unwrap();
    let versions = store.generations("n", "a").await.unwrap();
    let bounds: Vec<_> = versions.iter().map(|it| (it.generation, it.valid_from, it.valid_until)).collect();
    assert_eq!(bounds, [(1, at(1), Some(at(2))), (2, at(2), Some(at(90)))]);
    assert_eq!(versions[0].spec, schedule("a", 1).spec);
    // It comes back as another version: what was in between belongs to none.
    store.put(&[ScheduleRecord { valid_from: at(95), ..schedule("a", 3) }]).await.unwrap();
    let versions = store.generations("n", "a").await.unwrap();
    let bounds: Vec<_> = versions.iter().skip(1).map(|it| (it.valid_from, it.valid_until)).collect();
    assert_eq!(bounds, [(at(2), Some(at(90))), (at(95), None)]);
    assert_eq!(store.generations("n", "b").await.unwrap().len(), 1);
    assert_eq!(store.generations("n", "c").await.unwrap(), []);
}

async fn who_changed_a_job_last_is_known(store: Arc<dyn Store>) {
    let source = |by: &str| Some(Source { by: by.into(), origin: Some("jobs 'é'.yaml".into()) });
    let put = async |by: &str, record: ScheduleRecord| {
        store.put(&[ScheduleRecord { source: source(by), ..record }]).await.unwrap();
        store.schedules(Some("n")).await.unwrap()[0].source.clone()
    };
    assert_eq!(put("one", schedule("a", 1)).await, source("one"));
    assert_eq!(put("two", schedule("a", 1)).await, source("one"), "who puts what is there has changed nothing");
    assert_eq!(put("three", schedule("a", 2)).await, source("three"));
    let retired = ScheduleRecord { retired: Some(at(90)), ..schedule("a", 2) };
    assert_eq!(put("four", retired.clone()).await, source("four"));
    assert_eq!(put("five", retired).await, source("four"));
    let made: Vec<_> = store.generations("n", "a").await.unwrap().into_iter().map(|it| it.source).collect();
    assert_eq!(made, [source("one"), source("three")], "who removed a version has not made it");
}

async fn a_paused_job_does_not_fire(store: Arc<dyn Store>) {
    let pause = Pause { since: at(30), by: "ops".into(), note: Some("disk \"swap\"".into()) };
    assert!(!store.pause("n", "a", Some(&pause)).await.unwrap(), "there is no such job yet");
    store.put(&[schedule("a", 1)]).await.unwrap();
    assert!(store.pause("n", "a", Some(&pause)).await.unwrap());
    assert_eq!(store.schedules(None).await.unwrap()[0].paused, Some(pause.clone()));
    let fires = [RunState::Running, RunState::Pending].map(|state| run("a", 60, state));
    assert_eq!(fire(&*store, &fires).await, [Fired::Refused; 2]);
    assert!(fire(&*store, &[run("a", 60, RunState::Skipped)]).await[0].is_made(), "that it is skipped may be told");
    let mut manual = run("a", 60, RunState::Running);
    manual.key.kind = RunKind::Manual;
    assert!(fire(&*store, &[manual]).await[0].is_made(), "a hand is stronger");
    // Who does not know of the pause yet steps over nothing; who does, and ends it, steps over what it was.
    store.fire(&[], &[advance("a", 60)]).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap()[0].high_water, None);
    store.fire(&[], &[Advance { paused: true, ..advance("a", 60) }]).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap()[0].high_water, Some(at(60)));
    // The next deployment does not end it.
    store.put(&[schedule("a", 2)]).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap()[0].paused, Some(pause));
    assert!(store.pause("n", "a", None).await.unwrap());
    assert_eq!(store.schedules(None).await.unwrap()[0].paused, None);
    let mut new = run("a", 120, RunState::Running);
    new.key.generation = 2;
    assert!(fire(&*store, &[new]).await[0].is_made());
}

async fn changes_are_told_to_who_asks(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let (first, token) = store.changed("n", None).await.unwrap();
    assert_eq!(first, [], "who knows of nothing reads all");
    let told = async |token| -> Vec<String> {
        let (changed, _) = store.changed("n", Some(token)).await.unwrap();
        changed.iter().map(|it| format!("{} {}", it.spec.name, it.generation)).collect()
    };
    store.put(&[schedule("b", 2)]).await.unwrap();
    assert!(told(token).await.contains(&"b 2".to_owned()));
    let (_, token) = store.changed("n", Some(token)).await.unwrap();
    store.pause("n", "a", Some(&Pause { since: at(0), by: "x".into(), note: None })).await.unwrap();
    assert!(told(token).await.contains(&"a 1".to_owned()));
    let (changed, later) = store.changed("n", Some(token)).await.unwrap();
    assert!(changed.iter().all(|it| it.namespace == "n") && later >= token);
    assert_eq!(store.changed("other", Some(token)).await.unwrap().0, []);
    store.pause("n", "a", None).await.unwrap();
    assert!(told(later).await.contains(&"a 1".to_owned()));
}

async fn a_gate_lets_so_many_pass(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let of_a = |second| run("a", second, RunState::Running);
    let runs = [1, 2, 3].map(|second| gated(&of_a(second), 2, Otherwise::Skip));
    let states = store.fire(&runs, &[]).await.unwrap();
    assert_eq!(states, [made(RunState::Running), made(RunState::Running), made(RunState::Skipped)]);
    let skipped = store.runs(&RunQuery::all().in_states([RunState::Skipped])).await.unwrap().remove(0);
    assert_eq!((skipped.attempt, skipped.worker, skipped.started), (0, None, None));
    assert_eq!(skipped.finished, Some(at(3)));
    assert!(skipped.reason.is_some(), "a skipped run says why");
    // Other jobs have gates of their own, and who needs none has none.
    let other = gated(&run("b", 1, RunState::Running), 1, Otherwise::Skip);
    assert_eq!(store.fire(&[other, open(&of_a(4))], &[]).await.unwrap(), [made(RunState::Running); 2]);
    store.finish(&[1, 2, 4].map(|second| end(&of_a(second), 1, RunState::Succeeded))).await.unwrap();
    assert_eq!(
        store.fire(&[gated(&of_a(5), 1, Otherwise::Skip)], &[]).await.unwrap(),
        [made(RunState::Running)],
        "it is open again"
    );
    // One that waits for another attempt takes one place, and not all of them.
    fire(&*store, &[run("a", 6, RunState::Pending)]).await;
    let runs = [7, 8].map(|second| gated(&of_a(second), 3, Otherwise::Skip));
    assert_eq!(store.fire(&runs, &[]).await.unwrap(), [made(RunState::Running), made(RunState::Skipped)]);
}

async fn nobody_overtakes_who_waits(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let runs = [1, 2].map(|second| run("a", second, RunState::Running));
    let both = runs.clone().map(|run| gated(&run, 1, Otherwise::Wait));
    assert_eq!(store.fire(&both, &[]).await.unwrap(), [made(RunState::Running), made(RunState::Pending)]);
    store.finish(&[end(&runs[0], 1, RunState::Succeeded)]).await.unwrap();
    let third = gated(&run("a", 3, RunState::Running), 1, Otherwise::Wait);
    assert_eq!(store.fire(&[third], &[]).await.unwrap(), [made(RunState::Pending)], "the second one is before it");
    let waiting = store.waiting("n", &[], at(9), 10).await.unwrap();
    assert_eq!(waiting.iter().map(|run| run.key.nominal).collect::<Vec<_>>(), [at(2), at(3)]);
}

async fn only_the_latest_attempt_changes_a_run(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Running);
    fire(&*store, std::slice::from_ref(&run)).await;
    assert!(store.report(&run.key, 1, Report { progress: Some(0.5), ..Report::default() }).await.unwrap());
    assert!(
        store
            .report(&run.key, 1, Report { message: Some("half"), output: Some("a\nb"), ..Report::default() })
            .await
            .unwrap()
    );
    let reported = only(&*store).await;
    assert_eq!((reported.progress, reported.message.as_deref()), (Some(0.5), Some("half")));
    // Another scheduler thought that the first one was gone; a second one thought so, too.
    let given_back = end(&run, 1, RunState::Pending);
    assert_eq!(store.finish(std::slice::from_ref(&given_back)).await.unwrap(), [true]);
    assert_eq!(store.finish(&[given_back]).await.unwrap(), [false]);
    assert_eq!(only(&*store).await.finished, None);
    assert_eq!(store.claim(&[claim(&run, 0, 90)]).await.unwrap(), [false], "that attempt is long gone");
    assert_eq!(store.claim(&[claim(&run, 1, 90)]).await.unwrap(), [true]);
    let now = only(&*store).await;
    assert_eq!((now.attempt, now.started, now.progress, now.message.as_deref()), (2, Some(at(90)), None, None));
    assert_eq!((now.state, now.worker), (RunState::Running, Some(worker(2))));
    // The first one comes back late.
    assert!(!store.report(&run.key, 1, Report { message: Some("late"), ..Report::default() }).await.unwrap());
    assert_eq!(store.finish(&[end(&run, 1, RunState::Failed)]).await.unwrap(), [false]);
    let failed = RunEnd { error: Some("é'".into()), ..end(&run, 2, RunState::Failed) };
    assert_eq!(store.finish(&[failed]).await.unwrap(), [true]);
    assert_eq!(store.finish(&[end(&run, 2, RunState::Succeeded)]).await.unwrap(), [false], "an end is final");
    let ended = only(&*store).await;
    assert_eq!((ended.state, ended.finished, ended.error.as_deref()), (RunState::Failed, Some(at(500)), Some("é'")));
    // Of a list, each for itself.
    let unknown = end(&self::run("a", 61, RunState::Running), 1, RunState::Failed);
    assert_eq!(store.finish(&[unknown]).await.unwrap(), [false]);
}

async fn what_a_process_leaves_behind_is_kept(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Running);
    fire(&*store, std::slice::from_ref(&run)).await;
    assert!(store.report(&run.key, 1, Report { output: Some("so far"), ..Report::default() }).await.unwrap());
    assert_eq!(only(&*store).await.output.as_deref(), Some("so far"));
    // An end that says nothing of it leaves it as it was.
    store.finish(&[end(&run, 1, RunState::Pending)]).await.unwrap();
    assert_eq!(only(&*store).await.output.as_deref(), Some("so far"));
    // The next attempt begins with nothing.
    let first = Attempt {
        attempt: 1,
        started: Some(at(60)),
        error: Some("é\0'".into()),
        exit: Some(-9),
        output: Some("so far".into()),
    };
    let again = Claim { earlier: vec![first.clone()], ..claim(&run, 1, 600) };
    assert_eq!(store.claim(&[again]).await.unwrap(), [true]);
    let begun = only(&*store).await;
    assert_eq!((begun.exit, begun.result, begun.output), (None, None, None));
    assert_eq!(begun.earlier, std::slice::from_ref(&first));
    let result = serde_json::json!({ "rows": [1, "\u{1f980}", null, 0.1] });
    let output = "x".repeat(64 << 10);
    let end = RunEnd {
        exit: Some(3),
        result: Some(result.clone()),
        output: Some(output.clone()),
        ..end(&run, 2, RunState::Failed)
    };
    assert_eq!(store.finish(&[end]).await.unwrap(), [true]);
    let ended = only(&*store).await;
    assert_eq!((ended.exit, &ended.result, &ended.output), (Some(3), &Some(result), &Some(output)));
    assert_eq!(ended.earlier, [first], "an end leaves it as it was");
    let bare = store.runs(&RunQuery::all().without_output()).await.unwrap();
    assert_eq!(bare, [RunRecord { output: None, earlier: Vec::new(), ..ended }]);
    // A claim that says nothing of it leaves it, too.
    assert!(store.renew(&run.key).await.unwrap());
    assert_eq!(store.claim(&[claim(&run, 2, 700)]).await.unwrap(), [true]);
    assert_eq!(only(&*store).await.earlier.len(), 1);
}

async fn a_retry_waits_for_its_time(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Running);
    fire(&*store, std::slice::from_ref(&run)).await;
    let later = RunEnd { not_before: Some(at(600)), error: Some("x".into()), ..end(&run, 1, RunState::Pending) };
    store.finish(&[later]).await.unwrap();
    let waits = only(&*store).await;
    assert_eq!((waits.not_before, waits.error.as_deref()), (Some(at(600)), Some("x")));
    assert_eq!(store.waiting("n", &[], at(599), 10).await.unwrap(), []);
    assert_eq!(store.claim(&[claim(&run, 1, 599)]).await.unwrap(), [false]);
    assert_eq!(store.waiting("n", &[], at(600), 10).await.unwrap().len(), 1);
    assert_eq!(store.claim(&[claim(&run, 1, 600)]).await.unwrap(), [true]);
    assert_eq!(only(&*store).await.not_before, None);
}

async fn claims_keep_to_the_gate(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let mut runs = vec![run("a", 1, RunState::Running)];
    runs.extend([2, 3, 4].map(|second| run("a", second, RunState::Pending)));
    runs.push(run("b", 1, RunState::Pending));
    fire(&*store, &runs).await;
    let claims =
        |at_once| -> Vec<Claim> { runs[1..].iter().map(|run| Claim { at_once, ..claim(run, 0, 9) }).collect() };
    assert_eq!(store.claim(&claims(1)).await.unwrap(), [false, false, false, true], "one of a is going");
    assert_eq!(store.claim(&claims(3)).await.unwrap(), [true, true, false, false]);
    store.finish(&[end(&runs[0], 1, RunState::Succeeded)]).await.unwrap();
    assert_eq!(store.claim(&claims(3)).await.unwrap(), [false, false, true, false]);
}

/// What eight tasks get that do the same in the same moment.
async fn eight<T: Send + 'static, F: Future<Output = T> + Send + 'static>(task: impl Fn(u128) -> F) -> Vec<T> {
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        tasks.spawn(task(number));
    }
    tasks.join_all().await
}

async fn of_eight_that_fire_one_does(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    for round in 0..5 {
        let made = eight(|number| {
            let store = store.clone();
            let rows = ["a", "b"].map(|job| {
                open(&RunRecord { worker: Some(worker(number)), ..run(job, round * 60, RunState::Running) })
            });
            let steps = ["b", "a"].map(|job| advance(job, round * 60));
            async move { store.fire(&rows, &steps).await.unwrap() }
        })
        .await;
        for place in 0..2 {
            assert_eq!(made.iter().filter(|made| made[place].is_made()).count(), 1, "round {round}: {made:?}");
        }
    }
    assert_eq!(store.runs(&RunQuery::all()).await.unwrap().len(), 10);
}

async fn of_eight_that_begin_one_does(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let runs: Vec<RunRecord> = (0..5).map(|second| run("a", second, RunState::Pending)).collect();
    fire(&*store, &runs).await;
    let begun = eight(|number| {
        let store = store.clone();
        let claims: Vec<Claim> = runs.iter().map(|run| Claim { worker: worker(number), ..claim(run, 0, 61) }).collect();
        async move { (number, store.claim(&claims).await.unwrap()) }
    })
    .await;
    let now = store.runs(&RunQuery::all()).await.unwrap();
    for (place, run) in runs.iter().enumerate() {
        let winners: Vec<u128> = begun.iter().filter(|(_, begun)| begun[place]).map(|(number, _)| *number).collect();
        let row = now.iter().find(|row| row.key == run.key).unwrap();
        assert_eq!(winners.len(), 1, "{begun:?}");
        assert_eq!((row.state, row.attempt, row.worker), (RunState::Running, 1, Some(worker(winners[0]))));
    }
}

async fn of_eight_that_pass_a_gate_none_is_double(store: Arc<dyn Store>) {
    // Without transactions a gate is a matter of moments, which the store's documentation says.
    if format!("{store:?}").contains("CrateStore") {
        return;
    }
    store.put(&[schedule("a", 1)]).await.unwrap();
    let made = eight(|number| {
        let store = store.clone();
        let second = i64::try_from(number).unwrap();
        async move { store.fire(&[gated(&run("a", second, RunState::Running), 3, Otherwise::Wait)], &[]).await.unwrap() }
    })
    .await;
    let count = |state| made.iter().filter(|fired| **fired == [Fired::Made(state)]).count();
    assert_eq!((count(RunState::Running), count(RunState::Pending)), (3, 5), "{made:?}");
    let waiting = store.waiting("n", &[], at(99), 10).await.unwrap();
    let begun = eight(|number| {
        let store = store.clone();
        let run = waiting[usize::try_from(number).unwrap() % waiting.len()].clone();
        async move { store.claim(&[Claim { at_once: 4, ..claim(&run, 0, 99) }]).await.unwrap()[0] }
    })
    .await;
    assert_eq!(begun.iter().filter(|begun| **begun).count(), 1);
}

async fn runs_of_the_dead_are_orphans(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let held = run("a", 60, RunState::Running);
    let of_two = RunRecord { worker: Some(worker(2)), ..run("a", 120, RunState::Running) };
    store.beat("n", worker(1), "here", LEASE).await.unwrap();
    store.beat("n", worker(2), "there", LEASE).await.unwrap();
    fire(&*store, &[held.clone(), of_two.clone(), run("a", 180, RunState::Pending)]).await;
    assert_eq!(store.orphans("n").await.unwrap(), []);
    // One leaves, and one's lease runs out.
    store.leave(worker(2)).await.unwrap();
    assert_eq!(store.orphans("n").await.unwrap(), std::slice::from_ref(&of_two));
    assert_eq!(store.orphans("other").await.unwrap(), []);
    store.beat("n", worker(1), "here", Duration::from_millis(50)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(120)).await;
    let orphans = store.orphans("n").await.unwrap();
    assert_eq!(orphans.len(), 2);
    assert!(orphans.contains(&held));
    let workers = store.workers().await.unwrap();
    assert_eq!(workers.len(), 1, "who left is not there");
    let seen = &workers[0];
    assert_eq!((seen.worker, seen.namespace.as_str(), seen.place.as_str()), (worker(1), "n", "here"));
    assert!(!seen.alive);
    // It is taken over, and its own end comes too late.
    assert_eq!(store.finish(&[end(&held, 1, RunState::Failed)]).await.unwrap(), [true]);
    assert_eq!(store.finish(&[end(&held, 1, RunState::Succeeded)]).await.unwrap(), [false]);
    store.beat("n", worker(1), "here", LEASE).await.unwrap();
    assert!(store.workers().await.unwrap()[0].alive);
    assert_eq!(store.orphans("n").await.unwrap(), [of_two]);
}

async fn a_lapsed_lease_is_told(store: Arc<dyn Store>) {
    let short = Duration::from_millis(50);
    assert!(!store.beat("n", worker(1), "here", LEASE).await.unwrap().lapsed, "the first one");
    assert!(!store.beat("n", worker(1), "here", short).await.unwrap().lapsed, "in time");
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert!(store.beat("n", worker(1), "here", LEASE).await.unwrap().lapsed, "late");
    assert!(!store.beat("n", worker(1), "here", LEASE).await.unwrap().lapsed, "told once");
}

async fn runs_are_cancelled(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let (waits, goes) = (run("a", 60, RunState::Pending), run("a", 120, RunState::Running));
    fire(&*store, &[waits.clone(), goes.clone()]).await;
    assert_eq!(store.cancel(&waits.key, "too late", at(200)).await.unwrap(), Cancelled::Ended);
    assert_eq!(store.cancel(&waits.key, "too late", at(200)).await.unwrap(), Cancelled::Not);
    assert_eq!(store.cancel(&goes.key, "by ops", at(200)).await.unwrap(), Cancelled::Asked);
    assert_eq!(store.cancel(&run("a", 1, RunState::Pending).key, "x", at(200)).await.unwrap(), Cancelled::Not);
    let runs = store.runs(&RunQuery::all()).await.unwrap();
    assert_eq!((runs[1].state, runs[1].finished), (RunState::Cancelled, Some(at(200))));
    assert_eq!((runs[1].reason.as_deref(), runs[0].cancel.as_deref()), (Some("too late"), Some("by ops")));
    // Its holder is told, and nobody else.
    assert_eq!(store.beat("n", worker(2), "there", LEASE).await.unwrap().cancel, []);
    let beat = store.beat("n", worker(1), "here", LEASE).await.unwrap();
    assert_eq!(beat.cancel, [(goes.key.clone(), 1, "by ops".to_owned())]);
    assert_eq!(store.to_cancel(worker(1)).await.unwrap(), beat.cancel, "the same between beats");
    assert_eq!(store.to_cancel(worker(2)).await.unwrap(), []);
    store.finish(&[end(&goes, 1, RunState::Cancelled)]).await.unwrap();
    assert_eq!(store.runs(&RunQuery::all()).await.unwrap()[0].cancel, None);
    assert_eq!(store.beat("n", worker(1), "here", LEASE).await.unwrap().cancel, []);
    assert_eq!(store.to_cancel(worker(1)).await.unwrap(), []);
    // An attempt that fails before its holder is told is not followed by another one.
    let fails = run("a", 180, RunState::Running);
    fire(&*store, std::slice::from_ref(&fails)).await;
    store.cancel(&fails.key, "by ops", at(200)).await.unwrap();
    let again = RunEnd { not_before: Some(at(900)), ..end(&fails, 1, RunState::Pending) };
    assert_eq!(store.finish(&[again]).await.unwrap(), [true]);
    let ended = store.runs(&RunQuery::all()).await.unwrap().remove(0);
    assert_eq!((ended.state, ended.error.as_deref()), (RunState::Cancelled, Some("by ops")));
    assert_eq!((ended.finished, ended.not_before, ended.cancel), (Some(at(500)), None, None));
}

async fn runs_are_renewed(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Running);
    fire(&*store, std::slice::from_ref(&run)).await;
    assert!(!store.renew(&run.key).await.unwrap(), "it is going");
    store.finish(&[RunEnd { error: Some("x".into()), ..end(&run, 1, RunState::Dead) }]).await.unwrap();
    assert!(store.renew(&run.key).await.unwrap());
    let renewed = only(&*store).await;
    assert_eq!((renewed.state, renewed.attempt, renewed.renewed), (RunState::Pending, 1, 1));
    assert_eq!((renewed.finished, renewed.error), (None, None));
    assert!(!store.renew(&run.key).await.unwrap(), "it waits already");
    assert_eq!(store.claim(&[claim(&run, 1, 600)]).await.unwrap(), [true]);
    store.finish(&[end(&run, 2, RunState::Succeeded)]).await.unwrap();
    assert!(!store.renew(&run.key).await.unwrap(), "it has succeeded");
    let skipped =
        RunRecord { reason: Some("y".into()), finished: Some(at(121)), ..self::run("a", 120, RunState::Skipped) };
    fire(&*store, std::slice::from_ref(&skipped)).await;
    assert!(store.renew(&skipped.key).await.unwrap(), "what was skipped may run after all");
    let renewed = store.runs(&RunQuery::all().in_states([RunState::Pending])).await.unwrap();
    assert_eq!((renewed[0].key == skipped.key, &renewed[0].reason, renewed[0].finished), (true, &None, None));
}

async fn runs_are_found_by_their_ends(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let of = |job: &str, second, finished: Option<i64>| {
        let state = if finished.is_some() { RunState::Failed } else { RunState::Pending };
        RunRecord { finished: finished.map(at), ..run(job, second, state) }
    };
    fire(&*store, &[of("a", 10, Some(500)), of("a", 20, Some(30)), of("a", 40, None), of("b", 10, Some(700))]).await;
    let ended = async |query: RunQuery, since| -> Vec<i64> {
        let runs = store.runs(&query.ended_since(at(since))).await.unwrap();
        runs.iter().map(|run| (run.key.nominal - at(0)).num_seconds()).collect()
    };
    assert_eq!(ended(RunQuery::of("n", "a"), 0).await, [20, 10]);
    assert_eq!(ended(RunQuery::of("n", "a"), 31).await, [10]);
    assert_eq!(ended(RunQuery::of("n", "a"), 500).await, [10], "the instant itself belongs to it");
    assert!(ended(RunQuery::of("n", "a"), 501).await.is_empty());
    assert_eq!(ended(RunQuery::within("n"), 500).await, [10, 10]);
}

async fn the_urgent_go_first(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let of = |job: &str, second, priority| RunRecord { priority, ..run(job, second, RunState::Pending) };
    let mut other = of("a", 1, 9);
    other.key.namespace = "other".into();
    let later = RunRecord { not_before: Some(at(900)), ..of("b", 5, 9) };
    fire(&*store, &[of("a", 30, 0), of("a", 20, 5), of("b", 40, 5), of("b", 10, -3), other, later]).await;
    let seconds = async |limit| -> Vec<i64> {
        let runs = store.waiting("n", &[], at(100), limit).await.unwrap();
        runs.iter().map(|run| (run.key.nominal - at(0)).num_seconds()).collect()
    };
    assert_eq!(seconds(10).await, [20, 40, 30, 10]);
    assert_eq!(seconds(2).await, [20, 40]);
    let beside = store.waiting("n", &["a".into(), "c".into()], at(100), 1).await.unwrap();
    assert_eq!(beside.iter().map(|run| run.key.nominal).collect::<Vec<_>>(), [at(40)]);
}

async fn all_fields_come_back(store: Arc<dyn Store>) {
    let mut schedules = vec![schedule("a", 1), schedule("b \u{1f980} '", 7)];
    schedules[1].next_fire = None;
    schedules[1].retired = Some(at(7));
    schedules[1].high_water = Some(at(0) + TimeDelta::microseconds(1));
    schedules[1].paused = Some(Pause { since: at(3), by: "é".into(), note: None });
    store.put(&schedules).await.unwrap();
    assert_eq!(store.schedules(None).await.unwrap(), schedules);

    let civil = at(0).naive_utc();
    let args = serde_json::json!({ "a": [1, 2.5, null], "b'": "\u{1f980}" });
    let run = RunRecord {
        worker: Some(worker(u128::MAX)),
        not_before: Some(at(3)),
        renewed: 2,
        priority: -7,
        cancel: Some("c".into()),
        args: args.as_object().cloned(),
        missed: Some(Missed { count: 31_000_000, last: at(7_200) }),
        reason: Some("a \"reason\"".into()),
        note: Some(DstNote::Fold { at: civil, civil, pass: Pass::Second, policy: Fold::Both }),
        started: Some(at(1)),
        finished: Some(at(2)),
        error: Some("é'".into()),
        message: Some(String::new()),
        progress: Some(0.1),
        exit: Some(-9),
        result: Some(serde_json::json!([{ "n": 1.5, "t": "\u{1f980}\0'" }, null])),
        output: Some("line\n\u{1b}[1mé".into()),
        attempt: 3,
        ..run("a", 60, RunState::Coalesced)
    };
    fire(&*store, std::slice::from_ref(&run)).await;
    assert_eq!(only(&*store).await, run);
}

async fn odd_text_is_kept(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1)]).await.unwrap();
    let run = run("a", 60, RunState::Running);
    fire(&*store, std::slice::from_ref(&run)).await;
    // A handler's error may hold anything; where the engine has no NUL, something else stands for it.
    let error = "a\0b \\u0000 \u{1} '\"?$1 \u{10ffff}";
    store.finish(&[RunEnd { error: Some(error.into()), ..end(&run, 1, RunState::Failed) }]).await.unwrap();
    let kept = only(&*store).await.error.unwrap();
    assert!(kept == error || kept == error.replace('\0', "\u{fffd}"), "{kept:?}");
}

async fn long_lists_are_as_good_as_short_ones(store: Arc<dyn Store>) {
    let names: Vec<String> = (0..150).map(|number| format!("job {number}")).collect();
    let schedules: Vec<ScheduleRecord> = names.iter().map(|name| schedule(name, 1)).collect();
    assert!(store.put(&schedules).await.unwrap().iter().all(|put| *put));
    assert!(store.put(&schedules).await.unwrap().iter().all(|put| *put), "again, as at the next start");
    let mut runs: Vec<RunRecord> = names.iter().map(|name| run(name, 60, RunState::Pending)).collect();
    runs.extend(names.iter().map(|name| run(name, 120, RunState::Running)));
    let rows: Vec<NewRun> = runs.iter().map(|run| gated(run, 1, Otherwise::Wait)).collect();
    let steps: Vec<Advance> = names.iter().map(|name| advance(name, 120)).collect();
    let first = store.fire(&rows, &steps).await.unwrap();
    assert!(first.iter().all(|made| *made == Fired::Made(RunState::Pending)), "each waits behind the one before it");
    assert!(store.fire(&rows, &steps).await.unwrap().iter().all(|made| *made == Fired::Not));
    let claims: Vec<Claim> = runs.iter().map(|run| Claim { at_once: 1, ..claim(run, 0, 130) }).collect();
    let begun = store.claim(&claims).await.unwrap();
    assert_eq!(begun.iter().filter(|begun| **begun).count(), 150, "one of each job");
    let ends: Vec<RunEnd> = runs.iter().map(|run| end(run, 1, RunState::Succeeded)).collect();
    assert_eq!(store.finish(&ends).await.unwrap(), begun);
    let marks = store.schedules(None).await.unwrap();
    assert!(marks.len() == 150 && marks.iter().all(|it| it.high_water == Some(at(120))));
}

async fn runs_are_listed_latest_first(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    let states = [RunState::Succeeded, RunState::Failed, RunState::Pending, RunState::Skipped];
    let mut runs: Vec<RunRecord> = (0..4).map(|i| run("a", 60 * i, states[usize::try_from(i).unwrap()])).collect();
    runs[3].missed = Some(Missed { count: 3, last: at(300) });
    runs.push(run("b", 30, RunState::Missed));
    fire(&*store, &runs).await;
    let seconds = async |query: RunQuery| -> Vec<i64> {
        let runs = store.runs(&query).await.unwrap();
        runs.iter().map(|run| (run.key.nominal - at(0)).num_seconds()).collect()
    };
    assert_eq!(seconds(RunQuery::all()).await, [180, 120, 60, 30, 0]);
    assert_eq!(seconds(RunQuery::of("n", "a").limit(2)).await, [180, 120]);
    assert_eq!(seconds(RunQuery::within("n").in_states([RunState::Failed, RunState::Missed])).await, [60, 30]);
    assert_eq!(seconds(RunQuery::within("other")).await, [] as [i64; 0]);
    assert_eq!(seconds(RunQuery::all().between(at(60), at(180))).await, [120, 60]);
    assert_eq!(seconds(RunQuery::all().between(at(200), at(400))).await, [180], "it stands for fires until then");
}

async fn an_overview_shows_the_latest_run(store: Arc<dyn Store>) {
    store.put(&[schedule("a", 1), schedule("b", 1)]).await.unwrap();
    fire(&*store, &[run("a", 60, RunState::Succeeded), run("a", 120, RunState::Failed)]).await;
    let overview = overview(&*store, Some("n")).await.unwrap();
    assert_eq!(overview[0].last_run.as_ref().unwrap().state, RunState::Failed);
    assert_eq!(overview[1].last_run, None);
    assert_eq!(overview[1].schedule.next_fire, Some(at(60)));
}

async fn nothing_is_a_valid_request(store: Arc<dyn Store>) {
    assert!(store.put(&[]).await.unwrap().is_empty());
    assert!(store.fire(&[], &[]).await.unwrap().is_empty());
    assert!(store.claim(&[]).await.unwrap().is_empty());
    assert!(store.finish(&[]).await.unwrap().is_empty());
    assert!(store.runs(&RunQuery::all()).await.unwrap().is_empty());
    assert!(store.schedules(None).await.unwrap().is_empty());
    assert!(store.waiting("n", &[], at(0), 10).await.unwrap().is_empty());
    assert!(store.orphans("n").await.unwrap().is_empty());
    assert!(store.workers().await.unwrap().is_empty());
}
