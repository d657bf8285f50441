//! One step, or several as one: done, verified by looking again, and the outcome recorded.

use std::collections::BTreeMap;

use super::super::{Domain, Outcome, Step};
use super::record::{Recorder, Run};
use super::{Executor, Lock, Ran};
use crate::error::Error;

/// A step and what became of its objects.
pub(super) type Ended<'a, D> = (&'a Step<D>, Vec<(<D as Domain>::Object, Outcome)>, Option<String>);

/// Does a step.
pub(super) async fn run_step<'a, D: Domain>(
    executor: &dyn Executor<D>,
    lock: &dyn Lock,
    run: &Run<'_>,
    step: &'a Step<D>,
) -> Ended<'a, D> {
    let steps = [step];
    let recorder = Recorder::new(run, &steps);
    let result = async {
        lock.check().await?;
        let ran = executor.run(step, &recorder).await?;
        let seen = each_of(step, &executor.verify(step).await?);
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
            let message = missed(&objects);
            (objects, message, data)
        }
        Err(e @ (Error::Drifted { .. } | Error::Refused { .. })) => {
            (all(step, Outcome::Refused), Some(chain_text(&e)), serde_json::Value::Null)
        }
        Err(e) => (all(step, Outcome::Failed), Some(chain_text(&e)), serde_json::Value::Null),
    };
    let ended = [(step, objects, message)];
    record(run, &ended, vec![data], recorder.has_recorded().await).await;
    let [ended] = ended;
    ended
}

/// What became of steps that were to be done as one.
pub(super) enum Together<'a, D: Domain> {
    Ended(Vec<Ended<'a, D>>),
    /// None of them was done, for this reason.
    Apart(Error),
}

/// Does several steps as one.
pub(super) async fn run_together<'a, D: Domain>(
    executor: &dyn Executor<D>,
    lock: &dyn Lock,
    run: &Run<'_>,
    steps: &[&'a Step<D>],
) -> Together<'a, D> {
    let recorder = Recorder::new(run, steps);
    let ran = async {
        lock.check().await?;
        let data = executor.run_together(steps, &recorder).await?;
        if data.len() == steps.len() {
            return Ok(data);
        }
        Err(Error::failed(format!("{} steps were done as one, and {} told what they did", steps.len(), data.len())))
    }
    .await;
    let looked = executor.verify_together(steps).await;
    let (ended, data, recorded): (Vec<_>, _, _) = match (ran, looked) {
        (Ok(data), Ok(seen)) => {
            let ended = steps.iter().map(|step| {
                let objects = each_of(step, &seen);
                let message = missed(&objects);
                (*step, objects, message)
            });
            (ended.collect(), data, recorder.has_recorded().await)
        }
        // The answer to a commit may be what was lost.
        (Err(_), Ok(seen)) if steps.iter().all(|step| worst(&each_of(step, &seen)).is_done()) => {
            let ended = steps.iter().map(|step| (*step, all(step, Outcome::AlreadyDone), None));
            (ended.collect(), Vec::new(), false)
        }
        (Err(e), Ok(_)) => return Together::Apart(e),
        // They may be done: nobody may say that they were not begun.
        (ran, Err(e)) => {
            let why =
                format!("whether it was done could not be seen: {}", chain_text(ran.as_ref().err().unwrap_or(&e)));
            let ended = steps.iter().map(|step| (*step, all(step, Outcome::Failed), Some(why.clone())));
            (ended.collect(), Vec::new(), false)
        }
    };
    record(run, &ended, data, recorded).await;
    Together::Ended(ended)
}

/// What to say where looking again shows that not all is done.
fn missed<O>(objects: &[(O, Outcome)]) -> Option<String> {
    let missed = objects.iter().any(|(_, outcome)| !outcome.is_done());
    missed.then(|| "it ran without an error, but looking again shows otherwise".to_owned())
}

/// The worst that became of a step's objects.
pub(super) fn worst<O>(objects: &[(O, Outcome)]) -> Outcome {
    objects.iter().map(|(_, outcome)| *outcome).max().unwrap_or(Outcome::Done)
}

/// Records how steps ended, unless their own transaction `recorded` that one is done, and it is.
async fn record<D: Domain>(run: &Run<'_>, ended: &[Ended<'_, D>], data: Vec<serde_json::Value>, recorded: bool) {
    let data = data.into_iter().chain(std::iter::repeat(serde_json::Value::Null));
    let entries = ended.iter().zip(data).filter_map(|((step, objects, message), data)| {
        let worst = worst(objects);
        let is_recorded = recorded && worst == Outcome::Done;
        (!is_recorded).then(|| run.outcome_entry(step, worst, message.as_deref(), data))
    });
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        return;
    }
    let steps = entries.len();
    if let Err(e) = run.options.audit.append(entries).await {
        // The work is done and was announced; the missing outcome shows as an intent without one.
        tracing::error!(steps, error = %e, "the outcome of steps could not be recorded");
    }
}

pub(super) fn all<D: Domain>(step: &Step<D>, outcome: Outcome) -> Vec<(D::Object, Outcome)> {
    step.objects.iter().map(|object| (object.clone(), outcome)).collect()
}

/// What looking again says of each object of the step; one that it says nothing of is not taken for done.
fn each_of<D: Domain>(step: &Step<D>, seen: &[(D::Object, Outcome)]) -> Vec<(D::Object, Outcome)> {
    let mut said: BTreeMap<&D::Object, Outcome> = BTreeMap::new();
    for (object, outcome) in seen {
        let worst = said.entry(object).or_insert(*outcome);
        *worst = (*worst).max(*outcome);
    }
    let outcome = |object: &D::Object| said.get(object).copied().unwrap_or(Outcome::Failed);
    step.objects.iter().map(|object| (object.clone(), outcome(object))).collect()
}

const fn already(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Done => Outcome::AlreadyDone,
        other => other,
    }
}

/// An error with its causes, on one line.
pub(super) fn chain_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
