//! The kernel that applies plans of every kind.
//!
//! It locks, plans again and refuses if the plan is another one than was approved, then does step after step: the intent
//! goes into the audit before a step and its outcome after it, what a step did is verified by looking again, and what
//! failed stops only what needs it. It can be killed at any point and run again.

use std::collections::{BTreeMap, VecDeque};

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Approval, Domain, ObjectOutcome, Outcome, Plan, Refusal, Report, Step, StepId};
use crate::audit::{self, Audit, Entry};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::sql::Session;

/// A lock that is held while a plan is applied; it ends by itself when its holder does.
#[async_trait]
pub trait Lock: Send + Sync {
    /// Fails where the lock was lost: no further step may begin then.
    async fn check(&self) -> Result<()>;

    /// Gives the lock back.
    async fn release(self: Box<Self>) -> Result<()>;
}

/// What a step did, as far as it knows itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Ran {
    /// It did its work; what is worth recording of it, such as how many rows went.
    Done(serde_json::Value),
    /// There was nothing left to do.
    AlreadyDone,
}

/// The effects of one kind of plan.
#[async_trait]
pub trait Executor<D: Domain>: Send + Sync {
    /// Creates the state schema where it is missing.
    async fn prepare(&self) -> Result<()>;

    /// Takes the lock; [`Error::Locked`] where another run holds it.
    async fn lock(&self) -> Result<Box<dyn Lock>>;

    /// Observes again and plans again, for the same instant.
    async fn replan(&self) -> Result<Plan<D>>;

    /// Does a step, after checking once more what it rests on; [`Error::Drifted`] where that has moved.
    ///
    /// Where it has a transaction, it records the outcome in it through `recorder` before it commits.
    async fn run(&self, step: &Step<D>, recorder: &Recorder<'_, D>) -> Result<Ran>;

    /// Looks again, and says for each object of the step whether it is as the plan wants it.
    async fn verify(&self, step: &Step<D>) -> Result<Vec<(D::Object, Outcome)>>;
}

/// How a plan is applied.
#[derive(Debug, Clone)]
pub struct ApplyOptions<'a> {
    /// Who said that it may be.
    pub approval: Approval,
    /// Where the records go.
    pub audit: &'a Audit,
    /// What the records are about, such as `retention:weather`.
    pub subject: String,
    /// Who does it: user and host, or the scheduler's run.
    pub actor: String,
    /// The clock that the records are stamped by and that a plan may not be ahead of.
    pub clock: &'a dyn Clock,
    /// Who wants to see what happens.
    pub events: Events,
    /// The most steps that run at once.
    pub parallel: usize,
    /// Ends the run after the steps that are under way.
    pub cancel: CancellationToken,
}

/// Records outcomes within a step's own transaction.
#[derive(Debug)]
pub struct Recorder<'a, D: Domain> {
    run: &'a Run<'a>,
    step: &'a Step<D>,
    recorded: Mutex<bool>,
}

impl<D: Domain> Recorder<'_, D> {
    /// Records that the step's objects are done, in the transaction that `session` has open.
    ///
    /// # Errors
    ///
    /// The record can't be written; the transaction must not be committed then.
    pub async fn done_within(&self, session: &mut dyn Session, data: serde_json::Value) -> Result<()> {
        let entry = self.run.outcome_entry(self.step, Outcome::Done, None, data);
        *self.recorded.lock().await = self.run.options.audit.append_within(session, &[entry]).await?;
        Ok(())
    }

    /// Tells how far a long step has come.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        let what = self.step.action.to_string();
        self.run.options.events.emit(Event::Progress { what, done, total });
    }
}

/// The most intents that one write records.
const INTENTS: usize = 100;

/// What all records of one apply share.
#[derive(Debug)]
struct Run<'a> {
    options: &'a ApplyOptions<'a>,
    plan: String,
    as_of: chrono::DateTime<chrono::Utc>,
}

impl Run<'_> {
    fn entry(&self, event: audit::Event, step: Option<StepId>, data: serde_json::Value) -> Entry {
        Entry {
            at: self.options.clock.now(),
            actor: self.options.actor.clone(),
            event,
            subject: self.options.subject.clone(),
            plan: self.plan.clone(),
            as_of: self.as_of,
            step: step.map(|StepId(number)| number),
            data,
        }
    }

    fn outcome_entry<D: Domain>(
        &self,
        step: &Step<D>,
        outcome: Outcome,
        message: Option<&str>,
        data: serde_json::Value,
    ) -> Entry {
        let data = serde_json::json!({
            "action": step.action, "outcome": outcome, "objects": step.objects, "message": message, "data": data,
        });
        self.entry(audit::Event::Outcome, Some(step.id), data)
    }
}

/// Applies `plan` through `executor`.
///
/// # Guarantees
///
/// No step begins before its intent is in the audit, before all that it needs is done, or after the lock was lost. Each
/// object of each step has exactly one outcome in the report.
///
/// # Errors
///
/// Before anything was changed: [`Error::Locked`], [`Error::Drifted`] where the plan is not the approved one any more,
/// [`Error::Refused`] where it lies in the future, or what `prepare` and `replan` say. From the first step on, failures
/// are outcomes in the report.
pub async fn apply<D: Domain>(
    executor: &dyn Executor<D>,
    plan: &Plan<D>,
    options: &ApplyOptions<'_>,
) -> Result<Report<D>> {
    if plan.as_of > options.clock.now() {
        return Err(Error::refused(format!(
            "plan {} is for {}, which has not come yet",
            plan.hash.short(),
            plan.as_of
        ))
        .with_hint("a plan in the future can be looked at; apply one for the present, without `--now`"));
    }
    if plan.is_empty() {
        let refused = plan.refusals();
        let mut report = Report::new(plan.hash, Vec::new(), !refused.is_empty(), false);
        if !refused.is_empty() {
            report.audit_head = record_refusal(executor, plan, options, &refused).await;
        }
        return Ok(report);
    }
    executor.prepare().await?;
    let lock = executor.lock().await?;
    let outcome = apply_locked(executor, &*lock, options).await;
    if let Err(e) = lock.release().await {
        // It ends with its session all the same.
        tracing::warn!(error = %e, "the lock could not be given back");
    }
    outcome
}

/// Records what guard rails stop where there is nothing else to do; `None` where that can't be recorded.
async fn record_refusal<D: Domain>(
    executor: &dyn Executor<D>,
    plan: &Plan<D>,
    options: &ApplyOptions<'_>,
    refused: &[Refusal<'_, D>],
) -> Option<String> {
    let run = Run { options, plan: plan.hash.to_string(), as_of: plan.as_of };
    let data = serde_json::json!({ "reason": "guards", "refused": refused });
    let entry = run.entry(audit::Event::Refused, None, data);
    let recorded = async {
        executor.prepare().await?;
        options.audit.append(vec![entry]).await
    };
    match recorded.await {
        Ok(head) => Some(head.to_string()),
        // Nothing is done, so nothing is stopped by it; the refusal itself is told all the same.
        Err(e) => {
            tracing::warn!(error = %e, "a refusal could not be recorded");
            None
        }
    }
}

async fn apply_locked<D: Domain>(
    executor: &dyn Executor<D>,
    lock: &dyn Lock,
    options: &ApplyOptions<'_>,
) -> Result<Report<D>> {
    let plan = executor.replan().await?;
    let run = Run { options, plan: plan.hash.to_string(), as_of: plan.as_of };
    if let Approval::Hash(approved) = &options.approval
        && !plan.hash.matches(approved)
    {
        let what = format!("plan {approved} was approved, it would be {} now", plan.hash.short());
        let data = serde_json::json!({ "approved": approved.as_str(), "reason": "drifted" });
        options.audit.append(vec![run.entry(audit::Event::Refused, None, data)]).await?;
        return Err(Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) });
    }
    let began = serde_json::json!({
        "steps": plan.steps.len(), "approval": approval_name(&options.approval), "refused": plan.refusals(),
    });
    options.audit.append(vec![run.entry(audit::Event::Began, None, began)]).await?;
    options.events.emit(Event::Started { plan: plan.hash.short(), steps: plan.steps.len() });

    let outcomes = Walk::new(&plan, executor, lock, &run).run().await;

    let interrupted = options.cancel.is_cancelled();
    let mut report = Report::new(plan.hash, outcomes, plan.refused().next().is_some(), interrupted);
    let ended = serde_json::json!({
        "done": report.count(Outcome::Done) + report.count(Outcome::AlreadyDone),
        "objects": report.outcomes.len(),
        "exit_code": report.exit_code,
    });
    match options.audit.append(vec![run.entry(audit::Event::Ended, None, ended)]).await {
        Ok(head) => report.audit_head = Some(head.to_string()),
        // What was done is told all the same.
        Err(e) => tracing::error!(error = %e, "the end of the run could not be recorded"),
    }
    Ok(report)
}

const fn approval_name(approval: &Approval) -> &'static str {
    match approval {
        Approval::Hash(_) => "hash",
        Approval::WithinGuards => "within_guards",
    }
}

/// The way through the steps of a plan.
struct Walk<'a, D: Domain> {
    plan: &'a Plan<D>,
    executor: &'a dyn Executor<D>,
    lock: &'a dyn Lock,
    run: &'a Run<'a>,
    /// The steps that are not begun.
    waiting: BTreeMap<StepId, &'a Step<D>>,
    /// What became of the steps that ended: whether those that need them may begin.
    ended: BTreeMap<StepId, bool>,
    outcomes: Vec<ObjectOutcome<D>>,
}

/// A step and what became of its objects.
type Ended<'a, D> = (&'a Step<D>, Vec<(<D as Domain>::Object, Outcome)>, Option<String>);

/// What happens on the way.
enum Happened<'a, D: Domain> {
    /// A step has ended.
    Ended(Ended<'a, D>),
    /// Intents were recorded, or why not.
    Announced(Vec<&'a Step<D>>, Result<audit::Head>),
    /// It was recorded that announced steps don't begin.
    CalledOff,
}

const INTERRUPTED: &str = "interrupted before it began";

impl<'a, D: Domain> Walk<'a, D> {
    fn new(plan: &'a Plan<D>, executor: &'a dyn Executor<D>, lock: &'a dyn Lock, run: &'a Run<'a>) -> Self {
        let waiting = plan.steps.iter().map(|step| (step.id, step)).collect();
        Self { plan, executor, lock, run, waiting, ended: BTreeMap::new(), outcomes: Vec::new() }
    }

    async fn run(mut self) -> Vec<ObjectOutcome<D>> {
        let options = self.run.options;
        // Records are written beside the steps, not between them: a step may hold, in its transaction, what the audit
        // waits for.
        let mut under_way: FuturesUnordered<BoxFuture<'a, Happened<'a, D>>> = FuturesUnordered::new();
        let (mut running, mut announcing) = (0, false);
        let mut announced: VecDeque<&'a Step<D>> = VecDeque::new();
        loop {
            self.skip_what_cannot_run();
            if options.cancel.is_cancelled() {
                if !announced.is_empty() {
                    under_way.push(Box::pin(call_off(self.run, announced.iter().copied().collect())));
                    announced.drain(..).for_each(|step| self.skip(step, INTERRUPTED));
                }
            } else if announced.is_empty() && !announcing {
                let ready = self.take_ready();
                announcing = !ready.is_empty();
                if announcing {
                    under_way.push(Box::pin(announce(self.run, ready)));
                }
            }
            while running < options.parallel.max(1)
                && let Some(step) = announced.pop_front()
            {
                running += 1;
                let ended = run_step(self.executor, self.lock, self.run, step);
                under_way.push(Box::pin(async { Happened::Ended(ended.await) }));
            }
            match under_way.next().await {
                Some(Happened::Ended(ended)) => {
                    running -= 1;
                    self.end(ended);
                }
                Some(Happened::Announced(steps, recorded)) => {
                    announcing = false;
                    match recorded {
                        Ok(_) => announced.extend(steps),
                        // An intent that can't be written stops the step.
                        Err(e) => {
                            let why = format!("its intent could not be recorded: {}", chain_text(&e));
                            steps
                                .iter()
                                .for_each(|step| self.end((step, all(step, Outcome::Failed), Some(why.clone()))));
                        }
                    }
                }
                Some(Happened::CalledOff) => {}
                // Nothing is under way and nothing can begin.
                None => break,
            }
        }
        for step in std::mem::take(&mut self.waiting).into_values() {
            if options.cancel.is_cancelled() {
                self.skip(step, INTERRUPTED);
            } else {
                let why = "what it needs is never done: the plan is malformed".to_owned();
                self.end((step, all(step, Outcome::Failed), Some(why)));
            }
        }
        self.outcomes.sort_by(|a, b| (a.step, &a.object).cmp(&(b.step, &b.object)));
        self.outcomes
    }

    /// Takes steps that can begin: up to a hundred, for their intents go into one write, and each write is synced.
    fn take_ready(&mut self) -> Vec<&'a Step<D>> {
        let is_done = |id: &StepId| self.ended.get(id) == Some(&true);
        let ready = self.waiting.values().copied().filter(|step| step.needs.iter().all(is_done));
        let ready: Vec<_> = ready.take(INTENTS).collect();
        for step in &ready {
            self.waiting.remove(&step.id);
        }
        ready
    }

    fn skip_what_cannot_run(&mut self) {
        loop {
            let blocked = self.waiting.values().copied().find_map(|step| {
                let missing = step.needs.iter().find(|id| self.ended.get(id) == Some(&false))?;
                Some((step, format!("step {} was not done", missing.0)))
            });
            let Some((step, why)) = blocked else { return };
            self.waiting.remove(&step.id);
            self.skip(step, &why);
        }
    }

    fn skip(&mut self, step: &'a Step<D>, why: &str) {
        self.ended.insert(step.id, false);
        self.push(step, all(step, Outcome::Skipped), Some(why));
    }

    fn end(&mut self, (step, objects, message): Ended<'a, D>) {
        // Without objects the message alone tells that it failed.
        self.ended.insert(step.id, message.is_none() && objects.iter().all(|(_, outcome)| outcome.is_done()));
        let worst = objects.iter().map(|(_, outcome)| *outcome).max().unwrap_or(Outcome::Done);
        self.push(step, objects, message.as_deref());
        self.run.options.events.emit(Event::StepFinished {
            step: step.id.0,
            what: step.action.to_string(),
            outcome: worst,
            finished: self.ended.len(),
            steps: self.plan.steps.len(),
        });
    }

    fn push(&mut self, step: &Step<D>, objects: Vec<(D::Object, Outcome)>, message: Option<&str>) {
        self.outcomes.extend(objects.into_iter().map(|(object, outcome)| {
            let message = message.filter(|_| !outcome.is_done()).map(str::to_owned);
            ObjectOutcome { step: step.id, object, outcome, message }
        }));
    }
}

fn all<D: Domain>(step: &Step<D>, outcome: Outcome) -> Vec<(D::Object, Outcome)> {
    step.objects.iter().map(|object| (object.clone(), outcome)).collect()
}

/// What looking again says of each object of the step; one that it says nothing of is not taken for done.
fn each_of<D: Domain>(step: &Step<D>, seen: Vec<(D::Object, Outcome)>) -> Vec<(D::Object, Outcome)> {
    let mut said: BTreeMap<D::Object, Outcome> = BTreeMap::new();
    for (object, outcome) in seen {
        let worst = said.entry(object).or_insert(outcome);
        *worst = (*worst).max(outcome);
    }
    let outcome = |object: &D::Object| said.get(object).copied().unwrap_or(Outcome::Failed);
    step.objects.iter().map(|object| (object.clone(), outcome(object))).collect()
}

/// Writes the intents of steps.
async fn announce<'a, D: Domain>(run: &Run<'_>, steps: Vec<&'a Step<D>>) -> Happened<'a, D> {
    let intent = |step: &&Step<D>| {
        let data = serde_json::json!({ "action": step.action, "objects": step.objects, "sql": step.sql });
        run.entry(audit::Event::Intent, Some(step.id), data)
    };
    let entries = steps.iter().map(intent).collect();
    let recorded = run.options.audit.append(entries).await;
    Happened::Announced(steps, recorded)
}

/// Records that announced steps are not begun: an intent without an outcome is what a crash leaves.
async fn call_off<'a, D: Domain>(run: &Run<'_>, steps: Vec<&'a Step<D>>) -> Happened<'a, D> {
    let outcome =
        |step: &&Step<D>| run.outcome_entry(step, Outcome::Skipped, Some(INTERRUPTED), serde_json::Value::Null);
    if let Err(e) = run.options.audit.append(steps.iter().map(outcome).collect()).await {
        tracing::error!(error = %e, "that steps were called off could not be recorded");
    }
    Happened::CalledOff
}

async fn run_step<'a, D: Domain>(
    executor: &dyn Executor<D>,
    lock: &dyn Lock,
    run: &Run<'_>,
    step: &'a Step<D>,
) -> Ended<'a, D> {
    run.options.events.emit(Event::StepStarted { step: step.id.0, what: step.action.to_string() });
    let recorder = Recorder { run, step, recorded: Mutex::new(false) };
    let result = async {
        lock.check().await?;
        let ran = executor.run(step, &recorder).await?;
        let seen = each_of(step, executor.verify(step).await?);
        Ok::<_, Error>(match ran {
            Ran::Done(data) => (seen, data),
            Ran::AlreadyDone => {
                let seen = seen.into_iter().map(|(object, outcome)| (object, already(outcome))).collect();
                (seen, serde_json::Value::Null)
            }
        })
    }
    .await;
    let (objects, message, data) = match result {
        Ok((objects, data)) => {
            let missed = objects.iter().any(|(_, outcome)| !outcome.is_done());
            let message = missed.then(|| "it ran without an error, but looking again shows otherwise".to_owned());
            (objects, message, data)
        }
        Err(e @ (Error::Drifted { .. } | Error::Refused { .. })) => {
            (all(step, Outcome::Refused), Some(chain_text(&e)), serde_json::Value::Null)
        }
        Err(e) => (all(step, Outcome::Failed), Some(chain_text(&e)), serde_json::Value::Null),
    };
    let worst = objects.iter().map(|(_, outcome)| *outcome).max().unwrap_or(Outcome::Done);
    if !(*recorder.recorded.lock().await && worst == Outcome::Done) {
        let entry = run.outcome_entry(step, worst, message.as_deref(), data);
        if let Err(e) = run.options.audit.append(vec![entry]).await {
            // The work is done and was announced; the missing outcome shows as an intent without one.
            tracing::error!(step = step.id.0, error = %e, "the outcome of a step could not be recorded");
        }
    }
    (step, objects, message)
}

const fn already(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Done => Outcome::AlreadyDone,
        other => other,
    }
}

/// An error with its causes, on one line.
fn chain_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
