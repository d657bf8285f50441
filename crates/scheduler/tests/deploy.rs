//! Timetables, planned against a store and applied to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::{self, Event};
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::{Error, ExitCode};
use clusterkeep_scheduler::deploy::{Planned, Timetables};
use clusterkeep_scheduler::{
    Advance, Fired, Gate, Job, JobSpec, MemoryStore, NewRun, Pause, RunKey, RunKind, RunQuery, RunRecord, RunState,
    Source, Store, Timetable, control,
};
use tempfile::TempDir;

const NS: &str = "weather";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn job(name: &str, when: &str) -> JobSpec {
    Job::named(name).run("thin-out").cron(when).zone("America/New_York").build().unwrap()
}

/// A store, a folder, and a clock that stands still.
struct World {
    store: Arc<dyn Store>,
    folder: TempDir,
    clock: SimulatedClock,
}

impl World {
    fn new() -> Self {
        let clock = SimulatedClock::at(at("2026-03-01T00:00:00Z"));
        Self { store: MemoryStore::new().into(), folder: tempfile::tempdir().unwrap(), clock }
    }

    fn by(&self, who: &str) -> Timetables {
        Timetables::new(self.store.clone(), "memory", self.folder.path()).actor(who).clock(self.clock.clone())
    }

    fn now(&self) -> DateTime<Utc> {
        clusterkeep_core::clock::Clock::now(&self.clock)
    }

    async fn plan(&self, wanted: &[Timetable]) -> Planned {
        self.by("ops@db1").plan(wanted, self.now()).await.unwrap()
    }

    async fn apply(&self, wanted: &[Timetable]) -> ExitCode {
        let plan = self.plan(wanted).await;
        self.by("ops@db1").apply(&plan, plan.hash.into()).await.unwrap().exit_code()
    }
}

fn verdicts(plan: &Planned) -> Vec<String> {
    plan.verdicts.iter().map(|one| format!("{} {}", one.verdict, one.object.job)).collect()
}

#[tokio::test]
async fn jobs_are_created_changed_kept_and_removed() {
    let world = World::new();
    let two = [Timetable::of(NS, vec![job("a", "0 3 * * *"), job("b", "0 4 * * *")])];
    assert_eq!(verdicts(&world.plan(&two).await), ["create a", "create b"]);
    assert_eq!(world.store.schedules(None).await.unwrap(), [], "a plan changes nothing");
    assert_eq!(world.apply(&two).await, ExitCode::Done);
    let again = world.plan(&two).await;
    assert_eq!((verdicts(&again), again.is_empty()), (vec!["unchanged a".into(), "unchanged b".into()], true));

    let other = [Timetable::of(NS, vec![job("a", "30 3 * * *")])];
    let plan = world.plan(&other).await;
    assert_eq!(verdicts(&plan), ["change a", "kept b"]);
    assert_eq!(plan.verdicts[0].reason.to_string(), r#"when: "0 3 * * *" -> "30 3 * * *""#);
    assert!(plan.verdicts[1].reason.to_string().contains("--delete"), "{plan}");
    assert_eq!(world.apply(&other).await, ExitCode::Done);
    let schedules = world.store.schedules(Some(NS)).await.unwrap();
    assert_eq!(schedules.iter().map(|one| (one.generation, one.retired)).collect::<Vec<_>>(), [(2, None), (1, None)]);

    let pruned = [Timetable { prune: true, ..other[0].clone() }];
    assert_eq!(verdicts(&world.plan(&pruned).await), ["unchanged a", "remove b"]);
    let deleting = world.by("ops@db1").delete(true);
    assert_eq!(verdicts(&deleting.plan(&other, world.now()).await.unwrap()), ["unchanged a", "remove b"]);
    assert_eq!(world.apply(&pruned).await, ExitCode::Done);
    assert_eq!(verdicts(&world.plan(&pruned).await), ["unchanged a"], "what was removed is no object any more");
    let pause = Pause { since: world.now(), by: "ops".into(), note: None };
    world.store.pause(NS, "b", Some(&pause)).await.unwrap();
    let back = world.plan(&two).await;
    assert!(back.to_string().contains("paused by ops"), "a pause outlives the removal, so it is said: {back}");
    assert_eq!(verdicts(&back), ["change a", "create b"]);
    assert!(back.verdicts[1].reason.to_string().starts_with("it was removed "), "{back}");
}

#[tokio::test]
async fn a_removed_job_keeps_its_history_and_leaves_nobody_waiting() {
    let world = World::new();
    let timetable = [Timetable::of(NS, vec![job("a", "0 3 * * *")])];
    world.apply(&timetable).await;
    let key = |day: &str, kind| RunKey {
        namespace: NS.into(),
        job: "a".into(),
        nominal: at(&format!("2026-03-0{day}T08:00:00Z")),
        kind,
        generation: 1,
    };
    let ran = NewRun { run: RunRecord::new(key("1", RunKind::Scheduled), RunState::Succeeded), gate: Gate::OPEN };
    let advance = Advance {
        namespace: NS.into(),
        job: "a".into(),
        generation: 1,
        paused: false,
        high_water: ran.run.key.nominal,
        next_fire: None,
    };
    assert!(matches!(world.store.fire(&[ran], &[advance]).await.unwrap()[..], [Fired::Made(_)]));
    control::queue(&*world.store, NS, "a", None, None, world.now()).await.unwrap();
    world.clock.advance_to(at("2026-03-03T12:00:00Z"));
    assert_eq!(world.apply(&[Timetable { prune: true, ..Timetable::of(NS, Vec::new()) }]).await, ExitCode::Done);

    let runs = world.store.runs(&RunQuery::of(NS, "a")).await.unwrap();
    let count = |state| runs.iter().filter(|run| run.state == state).count();
    assert_eq!((count(RunState::Succeeded), count(RunState::Cancelled), count(RunState::Pending)), (1, 1, 0));
    let missed: Vec<_> = runs.iter().filter(|run| run.state == RunState::Missed).collect();
    assert!(missed[0].reason.as_deref().unwrap().contains("removed"), "what it had not run is told: {missed:?}");
    let record = &world.store.schedules(Some(NS)).await.unwrap()[0];
    assert_eq!(record.retired, Some(world.now()));
    assert_eq!(record.source, Some(Source { by: "ops@db1".into(), origin: None }));
}

#[tokio::test]
async fn what_was_not_approved_is_not_done() {
    let world = World::new();
    let one = [Timetable::of(NS, vec![job("a", "0 3 * * *")])];
    let plan = world.plan(&one).await;
    // Somebody puts another version of it meanwhile.
    world.apply(&[Timetable::of(NS, vec![job("a", "0 5 * * *")])]).await;
    let drifted = world.by("ops@db1").apply(&plan, plan.hash.into()).await;
    assert!(matches!(drifted, Err(Error::Drifted { .. })), "{drifted:?}");
    assert_eq!(world.store.schedules(None).await.unwrap()[0].spec.when.to_string(), "0 5 * * *");
    let typo: Approval = Approval::Hash("00000000".parse().unwrap());
    let plan = world.plan(&one).await;
    assert!(matches!(world.by("ops@db1").apply(&plan, typo).await, Err(Error::Drifted { .. })));
    // A job that the plan leaves alone does not void it, nor does the hour.
    world.apply(&[Timetable::of(NS, vec![job("z", "0 5 * * *")])]).await;
    world.clock.advance_to(at("2026-03-01T01:00:00Z"));
    assert_eq!(world.plan(&one).await.hash, plan.hash);
    let report = world.by("ops@db1").apply(&plan, plan.hash.into()).await.unwrap();
    assert_eq!((report.exit_code(), report.outcomes[0].outcome), (ExitCode::Done, Outcome::Done));
    assert_ne!(world.plan(&[Timetable::of("other", one[0].jobs.clone())]).await.hash, plan.hash);
}

#[tokio::test]
async fn every_change_is_in_the_audit_and_in_the_versions() {
    let world = World::new();
    let mut timetable = Timetable::of(NS, vec![job("a", "0 3 * * *")]);
    timetable.meta.origin = Some("https://example.org/jobs".into());
    for (who, when) in [("one@db1", "0 3 * * *"), ("two@db1", "0 4 * * *"), ("two@db1", "0 4 * * *")] {
        timetable.jobs = vec![job("a", when)];
        let by = world.by(who);
        let plan = by.plan(&[timetable.clone()], world.now()).await.unwrap();
        by.apply(&plan, plan.hash.into()).await.unwrap();
    }
    let versions = world.store.generations(NS, "a").await.unwrap();
    let made: Vec<_> = versions.iter().map(|version| version.source.clone().unwrap()).collect();
    let source = |by: &str| Source { by: by.into(), origin: Some("https://example.org/jobs".into()) };
    assert_eq!(made, [source("one@db1"), source("two@db1")]);
    let records = world.by("x").audit_sink().read(1, 100).await.unwrap();
    audit::verify(None, &records).unwrap();
    let entries: Vec<_> = records.iter().map(|record| record.entry().unwrap()).collect();
    let outcomes: Vec<_> = entries.iter().filter(|entry| entry.event == Event::Outcome).collect();
    assert_eq!(outcomes.len(), 2, "what changed nothing is no change");
    assert_eq!((&*outcomes[1].actor, &*outcomes[1].subject), ("two@db1", "timetables in memory"));
    assert_eq!(outcomes[1].data["objects"], serde_json::json!(["weather/a"]));
    assert_eq!(outcomes[1].data["data"]["versions"], serde_json::json!({"a": 2}));
}

#[tokio::test]
async fn a_secret_in_a_job_is_not_in_its_plan() {
    let world = World::new();
    let with = |password: &str| {
        let job = Job::named("a").run("x").cron("0 3 * * *").arg("password", password).arg("n", password.len());
        Timetable::of(NS, vec![job.build().unwrap()])
    };
    world.apply(&[with("hunter2")]).await;
    let plan = world.plan(&[with("correct horse")]).await;
    let everything = format!("{plan} {} {}", plan.differences(), serde_json::to_string(&*plan).unwrap());
    assert!(!everything.contains("hunter2") && !everything.contains("horse"), "{everything}");
    assert!(plan.differences().contains(r#"run.password: "***" -> "***""#), "{}", plan.differences());
    let reference = world.plan(&[with("env:PASSWORD")]).await;
    assert!(reference.differences().contains(r#""***" -> "env:PASSWORD""#), "{}", reference.differences());
}

#[tokio::test]
async fn two_timetables_of_one_namespace_are_refused() {
    let world = World::new();
    let twice = [Timetable::of(NS, vec![job("a", "0 3 * * *")]), Timetable::of(NS, Vec::new())];
    assert!(world.by("x").plan(&twice, world.now()).await.unwrap_err().to_string().contains("two timetables"));
    let same = [Timetable::of(NS, vec![job("a", "0 3 * * *"), job("a", "0 4 * * *")])];
    assert!(world.by("x").plan(&same, world.now()).await.unwrap_err().to_string().contains("there twice"));
}
