//! Jobs out of a store, as an attacker who can write to its tables would have them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_scheduler::deploy::Timetables;
use clusterkeep_scheduler::{
    Job, JobSpec, Permissions, Run, RunQuery, RunRecord, RunState, Runner, Scheduler, SchedulerBuilder, SqliteStore,
    Store, Target, TargetKind, Targets, Timetable, control,
};
use tempfile::TempDir;

const NS: &str = "weather";

/// What would run: it is counted, and nothing else is done.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<Target>>>);

#[async_trait]
impl Runner for Seen {
    async fn run(&self, run: Run) -> Result<()> {
        self.0.lock().unwrap().push(run.target().clone());
        Ok(())
    }
}

/// A store in a file, and a second way to it: that of somebody who can write to its tables.
struct World {
    folder: TempDir,
    store: Arc<dyn Store>,
    seen: Seen,
    calls: Arc<AtomicUsize>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("jobs.db")).await.unwrap().into();
        Self { folder, store, seen: Seen::default(), calls: Arc::default() }
    }

    async fn edit(&self, statement: &'static str, text: &str) {
        let url = format!("sqlite://{}", self.folder.path().join("jobs.db").display());
        let db = Db::connect(&url).await.unwrap();
        db.execute(sql(statement).bind(text)).await.unwrap();
        db.close().await;
    }

    /// Replaces what every job of the store says, so that schedulers that run see it.
    async fn edit_spec(&self, spec: &str) {
        const EDIT: &str = "UPDATE clusterkeep_scheduler_schedules SET spec = ?, \
             changed = (SELECT last + 1 FROM clusterkeep_scheduler_changes)";
        const TELL: &str = "UPDATE clusterkeep_scheduler_changes SET last = last + 1 WHERE ? <> ''";
        self.edit(EDIT, spec).await;
        self.edit(TELL, "x").await;
    }

    async fn put(&self, jobs: Vec<JobSpec>) {
        let timetables = Timetables::new(self.store.clone(), "jobs.db", self.folder.path());
        let plan = timetables.plan(&[Timetable::of(NS, jobs)], Utc::now()).await.unwrap();
        timetables.apply(&plan, plan.hash.into()).await.unwrap();
    }

    fn builder(&self) -> SchedulerBuilder {
        let calls = self.calls.clone();
        let kinds = TargetKind::ALL.into_iter().filter(|kind| *kind != TargetKind::Action);
        let targets = kinds.fold(Targets::none(), |targets, kind| targets.with(kind, self.seen.clone()));
        Scheduler::builder().store(self.store.clone()).namespace(NS).targets(targets).handler("count", move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
    }

    /// Waits for the next runs that have ended.
    async fn ended(&self, state: RunState) -> RunRecord {
        for _ in 0..200 {
            let query = RunQuery::within(NS).in_states([state]);
            if let Some(run) = self.store.runs(&query).await.unwrap().pop() {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let all = self.store.runs(&RunQuery::all()).await.unwrap();
        panic!("no run is {state}: {all:?}")
    }

    fn targets(&self) -> Vec<Target> {
        self.seen.0.lock().unwrap().clone()
    }
}

fn spec(text: &str) -> JobSpec {
    serde_json::from_str(text).unwrap()
}

fn ticking(run: &str) -> JobSpec {
    spec(&format!(r#"{{"name": "tick", "when": "@every 1s", "run": {run}}}"#))
}

const COMMAND: &str = r#"{"command": "id > /tmp/owned"}"#;

#[tokio::test]
async fn a_named_action_runs_and_a_command_is_refused_with_the_reason() {
    let world = World::new().await;
    world.put(vec![ticking(r#"{"action": "count"}"#)]).await;
    let scheduler = world.builder().stored().start().await.unwrap();
    world.ended(RunState::Succeeded).await;
    // A row is edited while the scheduler runs.
    world.edit_spec(&serde_json::to_string(&ticking(COMMAND)).unwrap()).await;
    let refused = world.ended(RunState::Refused).await;
    let why = refused.error.unwrap();
    assert!(why.contains("command") && why.contains("weather") && why.contains("--allow"), "{why}");
    // It is not dead: back to what it was, it runs.
    let calls = world.calls.load(Ordering::SeqCst);
    world.edit_spec(&serde_json::to_string(&ticking(r#"{"action": "count"}"#)).unwrap()).await;
    while world.calls.load(Ordering::SeqCst) == calls {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scheduler.drain().await.unwrap();
    assert_eq!(world.targets(), []);
}

#[tokio::test]
async fn an_edited_row_is_refused_at_the_next_start_as_well() {
    let world = World::new().await;
    world.put(vec![ticking(r#"{"action": "count"}"#)]).await;
    world.edit_spec(&serde_json::to_string(&ticking(COMMAND)).unwrap()).await;
    let scheduler = world.builder().stored().start().await.unwrap();
    world.ended(RunState::Refused).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.targets(), []);
    // Where the file of this machine lists commands, it is what it asks for.
    let allow: Permissions = serde_json::from_str(r#"{"namespaces": {"weather": {"targets": ["command"]}}}"#).unwrap();
    let scheduler = world.builder().stored().permissions(allow).start().await.unwrap();
    world.ended(RunState::Succeeded).await;
    scheduler.drain().await.unwrap();
    assert_eq!(world.targets()[0].kind(), TargetKind::Command);
}

#[tokio::test]
async fn another_secret_than_the_listed_one_is_refused() {
    let world = World::new().await;
    let with = |reference: &str| {
        ticking(&format!(r#"{{"http": "http://127.0.0.1:9/", "headers": {{"Authorization": "{reference}"}}}}"#))
    };
    let allow = r#"{"namespaces": {"weather": {"targets": ["http"], "origins": ["http://127.0.0.1:9"], "references": ["env:TOKEN"]}}}"#;
    let allow: Permissions = serde_json::from_str(allow).unwrap();
    world.put(vec![with("env:TOKEN")]).await;
    let scheduler = world.builder().stored().permissions(allow).start().await.unwrap();
    world.ended(RunState::Succeeded).await;
    world.edit_spec(&serde_json::to_string(&with("env:AWS_SECRET_ACCESS_KEY")).unwrap()).await;
    let why = world.ended(RunState::Refused).await.error.unwrap();
    assert!(why.contains("`env:AWS_SECRET_ACCESS_KEY`"), "{why}");
    world.edit_spec(&serde_json::to_string(&with("file:/etc/shadow")).unwrap()).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    scheduler.drain().await.unwrap();
    let used = serde_json::to_string(&world.targets()).unwrap();
    assert!(used.contains("env:TOKEN") && !used.contains("AWS") && !used.contains("shadow"), "{used}");
}

#[tokio::test]
async fn a_job_of_the_program_runs_as_the_program_says() {
    let world = World::new().await;
    let own = || Job::from(ticking(r#"{"exec": ["true"]}"#));
    let scheduler = world.builder().stored().permissions(Permissions::default()).job(own()).start().await.unwrap();
    world.ended(RunState::Succeeded).await;
    // What somebody writes into its row is not run; the job stops, since the row is of nobody's version.
    world.edit_spec(&serde_json::to_string(&ticking(COMMAND)).unwrap()).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    scheduler.drain().await.unwrap();
    assert!(
        world.targets().iter().all(|target| *target == ticking(r#"{"exec": ["true"]}"#).run),
        "{:?}",
        world.targets()
    );
    // And started again it is put right.
    let before = world.targets().len();
    let scheduler = world.builder().stored().job(own()).start().await.unwrap();
    while world.targets().len() == before {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scheduler.drain().await.unwrap();
    assert!(world.targets().iter().all(|target| *target == ticking(r#"{"exec": ["true"]}"#).run));
}

#[tokio::test]
async fn arguments_that_somebody_left_for_a_run_name_no_secret() {
    let world = World::new().await;
    let own = Job::named("yearly").run("count").cron("0 0 1 1 *");
    let python =
        spec(r#"{"name": "python", "when": "0 0 1 1 *", "run": {"python": "clean.py:main", "kwargs": {"days": 3}}}"#);
    let builder = world.builder().permissions(Permissions::default()).job(own).job(Job::from(python));
    let scheduler = builder.start().await.unwrap();
    let args = |text: &str| serde_json::from_str(text).unwrap();
    for left in [r#"{"token": "env:TOKEN"}"#, r#"{"manifest": "other"}"#] {
        control::queue(&*world.store, NS, "yearly", Some(args(left)), None, Utc::now()).await.unwrap();
    }
    let why = world.ended(RunState::Refused).await.error.unwrap();
    assert!(why.contains("out of the store"), "{why}");
    control::queue(&*world.store, NS, "python", Some(args(r#"{"days": 0}"#)), None, Utc::now()).await.unwrap();
    control::queue(&*world.store, NS, "yearly", Some(args(r#"{"days": 3}"#)), None, Utc::now()).await.unwrap();
    world.ended(RunState::Succeeded).await;
    scheduler.drain().await.unwrap();
    let refused = world.store.runs(&RunQuery::within(NS).in_states([RunState::Refused])).await.unwrap();
    assert_eq!((refused.len(), world.calls.load(Ordering::SeqCst)), (3, 1), "{refused:?}");
    assert_eq!(world.targets(), [], "arguments of a process are a part of it");
}

#[tokio::test]
async fn rows_that_make_no_sense_end_no_scheduler() {
    let world = World::new().await;
    let daily = spec(r#"{"name": "other", "when": "@every 1s", "run": {"action": "count"}}"#);
    world.put(vec![ticking(r#"{"action": "count"}"#), daily.clone()]).await;
    let scheduler = world.builder().stored().start().await.unwrap();
    world.ended(RunState::Succeeded).await;
    for nonsense in [
        "{",
        r#"{"name": "tick", "when": "61 * * * *", "run": {"action": "count"}}"#,
        r#"{"name": "tick", "when": "0 0 30 2 *", "run": {"action": "count"}}"#,
        r#"{"name": "tick", "when": "@daily", "run": {"action": "nobody knows"}}"#,
    ] {
        world.edit_spec(nonsense).await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    let good = serde_json::to_string(&daily).unwrap();
    world.edit("UPDATE clusterkeep_scheduler_schedules SET spec = ? WHERE job = 'other'", &good).await;
    world.edit("UPDATE clusterkeep_scheduler_changes SET last = last + 1 WHERE ? <> ''", "x").await;
    world
        .edit(
            "UPDATE clusterkeep_scheduler_schedules SET changed = (SELECT last FROM clusterkeep_scheduler_changes) \
             WHERE job = ?",
            "other",
        )
        .await;
    let calls = world.calls.load(Ordering::SeqCst);
    for _ in 0..100 {
        if world.calls.load(Ordering::SeqCst) > calls {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.calls.load(Ordering::SeqCst) > calls, "the other job goes on");
    scheduler.drain().await.unwrap();
}

#[tokio::test]
async fn runs_that_make_no_sense_keep_no_other_from_running() {
    let world = World::new().await;
    let named =
        |name: &str| spec(&format!(r#"{{"name": "{name}", "when": "@every 1s", "run": {{"action": "count"}}}}"#));
    world.put(vec![named("tick"), named("other"), named("third")]).await;
    let scheduler = world.builder().stored().start().await.unwrap();
    world.ended(RunState::Succeeded).await;
    // Each of them would be begun, rescued or cancelled next.
    const RUN: &str = "INSERT INTO clusterkeep_scheduler_runs (namespace, job, nominal, kind, generation, state, attempt, \
         renewed, priority, worker, args, cancel) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
         value ->> 5, value ->> 6, 0, 0, value ->> 7, value ->> 8, value ->> 9 FROM json_each(?)";
    world
        .edit(
            RUN,
            r#"[["weather", "tick", 1, "manual", 1, "pending", 0, null, "{", null],
                ["weather", "tick", 2, "by hand", 1, "pending", 0, null, null, null],
                ["weather", "tick", 8210266876799999999, "manual", 1, "pending", 0, null, null, null],
                ["weather", "tick", 4, "manual", 1, "pending", 4294967296, null, null, null],
                ["weather", "tick", 5, "manual", 1, "pending", 4294967295, null, null, null],
                ["weather", "tick", 6, "manual", -1, "running", 1, null, null, null],
                ["weather", "tick", 7, "manual", 1, "running", 1, "nobody", null, "x"],
                ["weather", "tick", 8, "manual", 1, "gone", 1, null, null, null]]"#,
        )
        .await;
    // A mark that lies behind all time is of no use to its own job, and no other waits for it.
    const MARK: &str = "UPDATE clusterkeep_scheduler_schedules SET high_water = 8210266876799999999 WHERE job = ?";
    world.edit(MARK, "third").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let calls = world.calls.load(Ordering::SeqCst);
    for _ in 0..100 {
        if world.calls.load(Ordering::SeqCst) > calls + 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.calls.load(Ordering::SeqCst) > calls + 1, "the other job goes on");
    scheduler.drain().await.unwrap();
    let listed = world.store.runs(&RunQuery::within(NS).in_states([RunState::Succeeded])).await.unwrap();
    assert!(!listed.is_empty(), "and can be looked at");
}

#[tokio::test]
async fn stored_jobs_follow_each_other_as_far_as_they_may() {
    let world = World::new().await;
    let follower =
        |name: &str, run: &str| spec(&format!(r#"{{"name": "{name}", "when": {{"after": ["tick"]}}, "run": {run}}}"#));
    let scheduler = world.builder().stored().start().await.unwrap();
    let jobs =
        vec![ticking(r#"{"action": "count"}"#), follower("then", r#"{"action": "count"}"#), follower("no", COMMAND)];
    world.put(jobs).await;
    let why = world.ended(RunState::Refused).await;
    assert_eq!(why.key.job, "no");
    scheduler.drain().await.unwrap();
    let runs = world.store.runs(&RunQuery::of(NS, "then").in_states([RunState::Succeeded])).await.unwrap();
    assert!(!runs.is_empty());
    assert_eq!(world.targets(), []);
}

#[tokio::test]
async fn what_is_applied_is_taken_up_and_what_is_removed_stops() {
    let world = World::new().await;
    let scheduler = world.builder().stored().start().await.unwrap();
    world.put(vec![ticking(r#"{"action": "count"}"#)]).await;
    world.ended(RunState::Succeeded).await;
    // Another version of it, with another name beside it.
    let other = spec(r#"{"name": "other", "when": "@every 1s", "run": {"action": "count", "n": 2}}"#);
    world.put(vec![ticking(r#"{"action": "count", "n": 2}"#), other]).await;
    for _ in 0..100 {
        let runs = world.store.runs(&RunQuery::within(NS).in_states([RunState::Succeeded])).await.unwrap();
        let of = |job: &str, generation| runs.iter().any(|run| run.key.job == job && run.key.generation == generation);
        if of("tick", 2) && of("other", 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let timetables = Timetables::new(world.store.clone(), "jobs.db", world.folder.path()).delete(true);
    let plan = timetables.plan(&[Timetable::of(NS, Vec::new())], Utc::now()).await.unwrap();
    timetables.apply(&plan, plan.hash.into()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let calls = world.calls.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(world.calls.load(Ordering::SeqCst), calls, "nothing fires any more");
    scheduler.drain().await.unwrap();
    assert!(calls >= 3, "{calls}");
}
