//! The kernel that applies plans of every kind.
//!
//! It locks, plans again and refuses if the plan is another one than was approved, then does step after step: the intent
//! goes into the audit before a step and its outcome after it, what a step did is verified by looking again, and what
//! failed stops only what needs it. It can be killed at any point and run again.

mod record;
mod step;
mod walk;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use self::record::Recorder;
use self::record::Run;
use self::walk::Walk;
use super::{Approval, Domain, Outcome, Plan, Refusal, Report, Step};
use crate::audit::{self, Audit};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::event::{Event, Events};

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

    /// How many of the first of `steps`, all of which may begin, are better done as one.
    async fn together(&self, steps: &[&Step<D>]) -> usize {
        let _ = steps;
        1
    }

    /// Does so many steps as one, all of them or none, and gives what is worth recording of each.
    ///
    /// Where it fails, [`Executor::run`] is called for each by itself: so it need not try twice, nor say which of them
    /// was in the way. It is never called where [`Executor::together`] says one.
    async fn run_together(&self, steps: &[&Step<D>], recorder: &Recorder<'_, D>) -> Result<Vec<serde_json::Value>> {
        let _ = (steps, recorder);
        Err(Error::failed("these steps are not done as one"))
    }

    /// Looks again, and says for each object of these steps whether it is as the plan wants it.
    async fn verify_together(&self, steps: &[&Step<D>]) -> Result<Vec<(D::Object, Outcome)>> {
        let mut seen = Vec::with_capacity(steps.len());
        for step in steps {
            seen.extend(self.verify(step).await?);
        }
        Ok(seen)
    }
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
