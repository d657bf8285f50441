//! One attempt of one run: calls its handler, cuts it off where it takes too long, and says what became of it.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use futures::FutureExt;

use tokio_util::sync::CancellationToken;

use super::core::now;
use super::handler::Handler;
use crate::model::Target;
use crate::run::{Reporting, Run, RunRecord, RunState};
use crate::store::RunEnd;

/// Runs a handler to its end; a panic is a failed run.
pub(crate) async fn execute(handler: Handler, mut record: RunRecord, job: Job, reporting: Reporting) -> RunRecord {
    let clock = reporting.clock.clone();
    let limit = Limit { most: job.most, ends_itself: handler.ends_itself, ending: reporting.ending.clone() };
    let run = Run::new(&record, job.target, job.stored, reporting);
    let call = {
        let run = run.clone();
        // The handler itself may panic before it returns its future.
        async move { handler.call(run).await }
    };
    let outcome = AssertUnwindSafe(limit.keep(call)).catch_unwind().await;
    (record.state, record.error) = match outcome {
        Ok(Ok(())) => (RunState::Succeeded, None),
        Ok(Err(error @ Error::Refused { .. })) => (RunState::Refused, Some(chain(&error))),
        Ok(Err(error)) => (RunState::Failed, Some(chain(&error))),
        Err(payload) => (RunState::Failed, Some(format!("the handler panicked: {}", panic_text(&*payload)))),
    };
    // Before the end is recorded: a row that is final takes no more reports.
    run.flush().await;
    let for_good = run.write_into(&mut record);
    if for_good && job.retries && record.state == RunState::Failed {
        record.state = RunState::Dead;
    }
    record.finished = Some(now(&*clock));
    record
}

/// What a job says about an attempt of it.
pub(crate) struct Job {
    pub(crate) target: Target,
    /// It came out of the store.
    pub(crate) stored: bool,
    pub(crate) most: Option<Age>,
    /// A failed attempt may be followed by another one.
    pub(crate) retries: bool,
}

/// How long an attempt may take.
struct Limit {
    most: Option<Age>,
    ends_itself: bool,
    ending: CancellationToken,
}

impl Limit {
    /// The call; where it takes longer than it may it is told to end, or dropped where it can't be told.
    async fn keep(self, call: impl Future<Output = Result<()>>) -> Result<()> {
        let Some((most, length)) = self.most.and_then(|most| Some((most, most.as_duration()?))) else {
            return call.await;
        };
        let mut call = std::pin::pin!(call);
        match tokio::time::timeout(length, &mut call).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let cut_off = format!("cut off after {most}, the job's timeout");
                if !self.ends_itself {
                    return Err(Error::failed(cut_off));
                }
                self.ending.cancel();
                match call.await {
                    // It came to its end in the very moment.
                    Ok(()) => Ok(()),
                    Err(ended) => Err(Error::caused(cut_off, ended)),
                }
            }
        }
    }
}

/// The end of an attempt, for the store.
pub(crate) fn end_of(record: &RunRecord) -> RunEnd {
    RunEnd {
        key: record.key.clone(),
        attempt: record.attempt,
        state: record.state,
        error: record.error.clone(),
        at: record.finished.or(record.started).unwrap_or(record.key.nominal),
        not_before: record.not_before,
        exit: record.exit,
        result: record.result.clone(),
        output: record.output.clone(),
    }
}

/// An error with all of its causes, and with what to do about it: a record has one text.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!(" ({hint})"));
    }
    text
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
