//! A kind of plan whose steps do as they are told, in memory, and an audit that can be made to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::audit::{Audit, Entry, Event, Head, MemoryAudit, Record, Sink};
use clusterkeep_core::clock::SimulatedClock;
use clusterkeep_core::event::Events;
use clusterkeep_core::plan::{
    self, ApplyOptions, Approval, Class, Decide, Domain, Executor, Lock, Outcome, Plan, PlanHasher, Ran, Recorder,
    Report, Step, StepId, Verdict,
};
use clusterkeep_core::sql::Session;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Plans of letters: each step does something to a few of them.
#[derive(Debug, Clone)]
pub(crate) struct Letters;

impl Domain for Letters {
    const KIND: &'static str = "letters";
    type Object = String;
    type Decision = Choice;
    type Reason = String;
    type Detail = Nothing;
    type Action = String;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum Choice {
    Act,
    Refuse,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl Decide for Choice {
    fn class(self) -> Class {
        match self {
            Self::Act => Class::Act,
            Self::Refuse => Class::Refuse,
        }
    }
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Nothing {}

/// What a step does when it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Works,
    /// Somebody did it before.
    WasDone,
    Fails,
    /// What it rests on has moved.
    Drifts,
    /// A check right before it stops it.
    IsRefused,
    /// It works, and nothing has changed.
    LeavesItThere,
    /// It works, and looking again fails.
    CanNotLook,
    /// It works, and looking again says nothing of its last object.
    OverlooksOne,
    /// It works, and keeps others from writing to the audit until it ends, as a transaction does.
    HoldsTheAudit,
    /// It works, and asks the whole run to stop while it does.
    AsksToStop,
}

impl Doing {
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Self::Works | Self::WasDone | Self::HoldsTheAudit | Self::AsksToStop)
    }
}

/// What three steps do that are done as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOne {
    Works,
    /// None of them is done.
    Fails,
    /// They are done, and nobody hears of it.
    LosesItsAnswer,
    /// They are done, and looking again fails.
    CanNotLook,
    /// They are done, and one tells nothing of what it did.
    TellsTooLittle,
}

/// A step of the plan in the making.
#[derive(Debug, Clone)]
pub(crate) struct Does {
    pub(crate) doing: Doing,
    pub(crate) needs: Vec<u32>,
    pub(crate) objects: usize,
    pub(crate) takes: Duration,
}

impl Does {
    pub(crate) fn after(mut self, needs: impl IntoIterator<Item = u32>) -> Self {
        self.needs = needs.into_iter().collect();
        self
    }

    pub(crate) fn to(mut self, objects: usize) -> Self {
        self.objects = objects;
        self
    }

    pub(crate) fn taking(mut self, millis: u64) -> Self {
        self.takes = Duration::from_millis(millis);
        self
    }
}

/// A step with one object, which needs no other.
pub(crate) fn step(doing: Doing) -> Does {
    Does { doing, needs: Vec::new(), objects: 1, takes: Duration::from_millis(10) }
}

/// Begin and end of steps, as they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Began(u32),
    Ended(u32),
}

/// What there is, and what is to be observed of an apply.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan<Letters>,
    /// What planning again finds.
    pub(crate) replanned: Plan<Letters>,
    pub(crate) audit: Arc<Witness>,
    pub(crate) clock: SimulatedClock,
    pub(crate) cancel: CancellationToken,
    pub(crate) parallel: usize,
    pub(crate) events: Events,
    pub(crate) lock: Arc<Keeper>,
    pub(crate) prepared: AtomicBool,
    pub(crate) as_one: Option<AsOne>,
    /// The steps that were done as one.
    done: Mutex<BTreeSet<u32>>,
    doings: BTreeMap<u32, Does>,
    seen: Mutex<Vec<Seen>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2014-01-15T12:00:00Z".parse().unwrap()
}

/// A plan with steps 1, 2, ... and a verdict for each object; `refused` more objects are stopped by a guard rail.
pub(crate) fn plan_of(steps: &[Does], refused: usize) -> Plan<Letters> {
    let mut hasher = PlanHasher::new(Letters::KIND);
    let objects = |id: u32, n: usize| (1..=n).map(move |nth| format!("{id}.{nth}")).collect::<Vec<_>>();
    let verdict = |object: String, verdict| Verdict { object, verdict, reason: "so".to_owned(), detail: Nothing {} };
    let (mut planned, mut verdicts) = (Vec::new(), Vec::new());
    for (id, does) in (1..).zip(steps) {
        hasher.number(id.into()).text(&format!("{does:?}"));
        let objects = objects(id, does.objects);
        verdicts.extend(objects.iter().map(|object| verdict(object.clone(), Choice::Act)));
        let needs = does.needs.iter().copied().map(StepId).collect();
        planned.push(Step { id: StepId(id), action: format!("do {id}"), objects, needs, sql: None });
    }
    verdicts.extend(objects(0, refused).into_iter().map(|object| verdict(object, Choice::Refuse)));
    let (as_of, zone) = (noon(), chrono_tz::UTC);
    Plan { kind: Letters::KIND, as_of, zone, hash: hasher.finish(), verdicts, steps: planned }
}

impl World {
    pub(crate) fn of(steps: impl IntoIterator<Item = Does>) -> Self {
        Self::refusing(steps, 0)
    }

    pub(crate) fn refusing(steps: impl IntoIterator<Item = Does>, refused: usize) -> Self {
        let steps: Vec<Does> = steps.into_iter().collect();
        let plan = plan_of(&steps, refused);
        Self {
            replanned: plan.clone(),
            plan,
            audit: Arc::default(),
            clock: SimulatedClock::at(noon()),
            cancel: CancellationToken::new(),
            parallel: 4,
            events: Events::none(),
            lock: Arc::default(),
            prepared: AtomicBool::new(false),
            as_one: None,
            done: Mutex::default(),
            doings: (1..).zip(steps).collect(),
            seen: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// Applies its plan, approved by its hash.
    pub(crate) async fn apply(&self) -> Result<Report<Letters>> {
        self.apply_with(self.plan.hash.into()).await
    }

    pub(crate) async fn apply_with(&self, approval: Approval) -> Result<Report<Letters>> {
        let audit: Audit = self.audit.clone();
        self.apply_into(approval, &audit).await
    }

    pub(crate) async fn apply_into(&self, approval: Approval, audit: &Audit) -> Result<Report<Letters>> {
        let options = ApplyOptions {
            approval,
            audit,
            subject: "letters:test".to_owned(),
            actor: "a test".to_owned(),
            clock: &self.clock,
            events: self.events.clone(),
            parallel: self.parallel,
            cancel: self.cancel.clone(),
        };
        let report = plan::apply(self, &self.plan, &options).await;
        assert_eq!(self.lock.is_held(), self.lock.by_another(), "whatever happens, the lock is given back");
        if let Ok(report) = &report {
            self.assert_complete(report);
        }
        report
    }

    /// Each object of each step has exactly one outcome, and what is not as planned says why.
    fn assert_complete(&self, report: &Report<Letters>) {
        let mut outcomes: Vec<_> = report.outcomes.iter().map(|o| (o.step, o.object.clone())).collect();
        let steps = &self.plan.steps;
        let mut wanted: Vec<_> =
            steps.iter().flat_map(|step| step.objects.iter().map(|object| (step.id, object.clone()))).collect();
        outcomes.sort();
        wanted.sort();
        assert_eq!(outcomes, wanted);
        for outcome in &report.outcomes {
            assert_eq!(outcome.message.is_none(), outcome.outcome.is_done(), "{outcome:?}");
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The steps that were begun, in order.
    pub(crate) fn begun(&self) -> Vec<u32> {
        self.seen().into_iter().filter_map(|seen| if let Seen::Began(id) = seen { Some(id) } else { None }).collect()
    }

    /// The most steps that ran at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// The outcome of each step's objects, in order, and why.
pub(crate) fn outcomes(report: &Report<Letters>) -> Vec<(u32, Outcome, &str)> {
    report.outcomes.iter().map(|o| (o.step.0, o.outcome, o.message.as_deref().unwrap_or_default())).collect()
}

#[async_trait]
impl Executor<Letters> for World {
    async fn prepare(&self) -> Result<()> {
        self.prepared.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        if self.lock.held.swap(true, Ordering::SeqCst) {
            return Err(Error::Locked { what: "another run holds `letters`".to_owned() });
        }
        Ok(Box::new(Held(Arc::clone(&self.lock))))
    }

    async fn replan(&self) -> Result<Plan<Letters>> {
        assert!(self.lock.is_held(), "it is planned again under the lock");
        Ok(self.replanned.clone())
    }

    async fn run(&self, step: &Step<Letters>, _: &Recorder<'_, Letters>) -> Result<Ran> {
        let id = step.id.0;
        assert!(self.audit.events_of(id).contains(&Event::Intent), "step {id} runs before its intent is recorded");
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.seen.lock().unwrap().push(Seen::Began(id));
        let does = &self.doings[&id];
        let turn = if does.doing == Doing::HoldsTheAudit { Some(self.audit.turn.lock().await) } else { None };
        tokio::time::sleep(does.takes).await;
        drop(turn);
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.seen.lock().unwrap().push(Seen::Ended(id));
        match does.doing {
            Doing::WasDone => Ok(Ran::AlreadyDone),
            Doing::Fails => Err(Error::caused(format!("do {id}"), "the disk is full")),
            Doing::Drifts => Err(Error::Drifted { what: format!("{id} has moved"), hint: None }),
            Doing::IsRefused => Err(Error::refused(format!("{id} is on hold"))),
            Doing::AsksToStop => {
                self.cancel.cancel();
                Ok(Ran::Done(json!(null)))
            }
            _ => Ok(Ran::Done(json!({ "letters": step.objects.len() }))),
        }
    }

    async fn verify(&self, step: &Step<Letters>) -> Result<Vec<(String, Outcome)>> {
        let all = |outcome| step.objects.iter().map(|object| (object.clone(), outcome)).collect::<Vec<_>>();
        match self.doings[&step.id.0].doing {
            Doing::LeavesItThere => Ok(all(Outcome::StillPresent)),
            Doing::CanNotLook => Err(Error::failed("look again")),
            Doing::OverlooksOne => Ok(all(Outcome::Done).split_last().unwrap().1.to_vec()),
            _ => Ok(all(Outcome::Done)),
        }
    }

    async fn together(&self, steps: &[&Step<Letters>]) -> usize {
        if self.as_one.is_some() { steps.len().min(3) } else { 1 }
    }

    async fn run_together(
        &self,
        steps: &[&Step<Letters>],
        recorder: &Recorder<'_, Letters>,
    ) -> Result<Vec<serde_json::Value>> {
        for step in steps {
            assert!(self.audit.events_of(step.id.0).contains(&Event::Intent), "its intent is recorded first");
        }
        recorder.progress(1, None);
        if self.as_one == Some(AsOne::Fails) {
            return Err(Error::failed("one of them is held"));
        }
        self.done.lock().unwrap().extend(steps.iter().map(|step| step.id.0));
        match self.as_one {
            Some(AsOne::LosesItsAnswer) => Err(Error::failed("the connection was lost")),
            Some(AsOne::TellsTooLittle) => Ok(Vec::new()),
            _ => Ok(steps.iter().map(|step| json!({ "letters": step.objects.len() })).collect()),
        }
    }

    async fn verify_together(&self, steps: &[&Step<Letters>]) -> Result<Vec<(String, Outcome)>> {
        if self.as_one == Some(AsOne::CanNotLook) {
            return Err(Error::failed("look again"));
        }
        let done = self.done.lock().unwrap().clone();
        let outcome = |id| if done.contains(&id) { Outcome::Done } else { Outcome::StillPresent };
        let all = |step: &&Step<Letters>| {
            let outcome = outcome(step.id.0);
            step.objects.iter().map(|object| (object.clone(), outcome)).collect::<Vec<_>>()
        };
        Ok(steps.iter().flat_map(all).collect())
    }
}

/// The lock, and how long it is good for.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    held: AtomicBool,
    by_another: AtomicBool,
    checks: AtomicUsize,
    /// The check at which the lock is found to be lost, counted from 1; 0 is never.
    pub(crate) lost_at: AtomicUsize,
}

impl Keeper {
    pub(crate) fn take_for_another(&self) {
        self.held.store(true, Ordering::SeqCst);
        self.by_another.store(true, Ordering::SeqCst);
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    fn by_another(&self) -> bool {
        self.by_another.load(Ordering::SeqCst)
    }
}

struct Held(Arc<Keeper>);

#[async_trait]
impl Lock for Held {
    async fn check(&self) -> Result<()> {
        let check = self.0.checks.fetch_add(1, Ordering::SeqCst) + 1;
        let lost_at = self.0.lost_at.load(Ordering::SeqCst);
        if lost_at != 0 && check >= lost_at { Err(Error::failed("keep the lock `letters`")) } else { Ok(()) }
    }

    async fn release(self: Box<Self>) -> Result<()> {
        self.0.held.store(false, Ordering::SeqCst);
        Ok(())
    }
}

/// An audit in memory that can be told what not to take.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    inner: MemoryAudit,
    entries: Mutex<Vec<Entry>>,
    writes: Mutex<Vec<Vec<Event>>>,
    turn: tokio::sync::Mutex<()>,
    /// Writes with such an event, about this step where one is named, are refused.
    refuses: Mutex<Option<(Event, Option<u32>)>>,
}

impl Witness {
    pub(crate) fn refuse(&self, event: Event, step: Option<u32>) {
        *self.refuses.lock().unwrap() = Some((event, step));
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    /// What each write recorded.
    pub(crate) fn writes(&self) -> Vec<Vec<Event>> {
        self.writes.lock().unwrap().clone()
    }

    /// What was recorded of a step, in order.
    pub(crate) fn events_of(&self, step: u32) -> Vec<Event> {
        let entries = self.entries.lock().unwrap();
        entries.iter().filter(|entry| entry.step == Some(step)).map(|entry| entry.event).collect()
    }
}

#[async_trait]
impl Sink for Witness {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        let _turn = self.turn.lock().await;
        if let Some((event, step)) = *self.refuses.lock().unwrap()
            && entries.iter().any(|entry| entry.event == event && (step.is_none() || entry.step == step))
        {
            return Err(Error::failed("write the audit"));
        }
        self.entries.lock().unwrap().extend(entries.iter().cloned());
        self.writes.lock().unwrap().push(entries.iter().map(|entry| entry.event).collect());
        self.inner.append(entries).await
    }

    async fn append_within(&self, session: &mut dyn Session, entries: &[Entry]) -> Result<bool> {
        self.inner.append_within(session, entries).await
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        self.inner.read(from, limit).await
    }

    async fn head(&self) -> Result<Option<Head>> {
        self.inner.head().await
    }
}
