//! The way through the steps of a plan: each begins when all that it needs is done, and ends with an outcome.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::super::{Domain, ObjectOutcome, Outcome, Plan, Step, StepId};
use super::record::Run;
use super::step::{Ended, Together, all, chain_text, run_step, run_together, worst};
use super::{Executor, Lock};
use crate::audit;
use crate::error::Result;
use crate::event::Event;

/// The most intents that one write records.
const INTENTS: usize = 100;

/// The way through the steps of a plan.
pub(super) struct Walk<'a, D: Domain> {
    plan: &'a Plan<D>,
    executor: &'a dyn Executor<D>,
    lock: &'a dyn Lock,
    run: &'a Run<'a>,
    /// The steps that are not begun.
    waiting: BTreeMap<StepId, &'a Step<D>>,
    /// What became of the steps that ended: whether those that need them may begin.
    ended: BTreeMap<StepId, bool>,
    /// The steps that go by themselves, for they could not be done as one with others.
    parted: BTreeSet<StepId>,
    outcomes: Vec<ObjectOutcome<D>>,
}

/// What happens on the way.
enum Happened<'a, D: Domain> {
    /// A step has ended, or several that were done as one.
    Ended(Vec<Ended<'a, D>>),
    /// Steps could not be done as one: each goes by itself.
    Parted(Vec<&'a Step<D>>),
    /// Intents were recorded, or why not.
    Announced(Vec<&'a Step<D>>, Result<audit::Head>),
    /// It was recorded that announced steps don't begin.
    CalledOff,
}

const INTERRUPTED: &str = "interrupted before it began";

impl<'a, D: Domain> Walk<'a, D> {
    pub(super) fn new(plan: &'a Plan<D>, executor: &'a dyn Executor<D>, lock: &'a dyn Lock, run: &'a Run<'a>) -> Self {
        let waiting = plan.steps.iter().map(|step| (step.id, step)).collect();
        Self {
            plan,
            executor,
            lock,
            run,
            waiting,
            ended: BTreeMap::new(),
            parted: BTreeSet::new(),
            outcomes: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) -> Vec<ObjectOutcome<D>> {
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
            while running < options.parallel.max(1) && !announced.is_empty() {
                running += 1;
                let steps = self.take_next(&mut announced).await;
                under_way.push(self.begin(steps));
            }
            match under_way.next().await {
                Some(Happened::Ended(ended)) => {
                    running -= 1;
                    ended.into_iter().for_each(|ended| self.end(ended));
                }
                Some(Happened::Parted(steps)) => {
                    running -= 1;
                    self.parted.extend(steps.iter().map(|step| step.id));
                    steps.into_iter().rev().for_each(|step| announced.push_front(step));
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

    /// Takes the next step, with those after it that its executor does as one with it.
    async fn take_next(&self, announced: &mut VecDeque<&'a Step<D>>) -> Vec<&'a Step<D>> {
        let alone = |step: &&&Step<D>| self.parted.contains(&step.id);
        let candidates: Vec<_> = announced.iter().take_while(|step| !alone(step)).copied().collect();
        let together = if candidates.len() > 1 { self.executor.together(&candidates).await } else { 1 };
        announced.drain(..together.clamp(1, candidates.len().max(1))).collect()
    }

    /// Begins steps: one, or several as one.
    fn begin(&self, steps: Vec<&'a Step<D>>) -> BoxFuture<'a, Happened<'a, D>> {
        let (executor, lock, run) = (self.executor, self.lock, self.run);
        for step in steps.iter().filter(|step| !self.parted.contains(&step.id)) {
            run.options.events.emit(Event::StepStarted { step: step.id.0, what: step.action.to_string() });
        }
        Box::pin(async move {
            if let [step] = steps[..] {
                return Happened::Ended(vec![run_step(executor, lock, run, step).await]);
            }
            match run_together(executor, lock, run, &steps).await {
                Together::Ended(ended) => Happened::Ended(ended),
                Together::Apart(e) => {
                    tracing::debug!(steps = steps.len(), error = %e, "steps go one by one");
                    Happened::Parted(steps)
                }
            }
        })
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
        let worst = worst(&objects);
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
