//! One attempt of one run: calls its handler, cuts it off where it takes too long, and says what became of it.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use futures::FutureExt;

use super::core::now;
use super::handler::Handler;
use crate::run::{Reporting, Run, RunRecord, RunState};
use crate::store::RunEnd;

/// Runs a handler to its end; a panic is a failed run.
pub(crate) async fn execute(
    handler: Handler,
    mut record: RunRecord,
    args: serde_json::Map<String, serde_json::Value>,
    most: Option<Age>,
    reporting: Reporting,
) -> RunRecord {
    let clock = reporting.clock.clone();
    let run = Run::new(record.key.clone(), record.attempt, record.note.clone(), args, reporting);
    let call = {
        let run = run.clone();
        // The handler itself may panic before it returns its future.
        async move { handler.call(run).await }
    };
    let outcome = AssertUnwindSafe(limited(call, most)).catch_unwind().await;
    (record.state, record.error) = match outcome {
        Ok(Ok(())) => (RunState::Succeeded, None),
        Ok(Err(error @ Error::Refused { .. })) => (RunState::Refused, Some(chain(&error))),
        Ok(Err(error)) => (RunState::Failed, Some(chain(&error))),
        Err(payload) => (RunState::Failed, Some(format!("the handler panicked: {}", panic_text(&*payload)))),
    };
    // Before the end is recorded: a row that is final takes no more reports.
    run.flush().await;
    (record.progress, record.message) = run.said();
    record.finished = Some(now(&*clock));
    record
}

/// The call, dropped where it takes longer than it may.
async fn limited(call: impl Future<Output = Result<()>>, most: Option<Age>) -> Result<()> {
    let Some((most, length)) = most.and_then(|most| Some((most, most.as_duration()?))) else { return call.await };
    match tokio::time::timeout(length, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::failed(format!("cut off after {most}, the job's timeout"))),
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
    }
}

/// An error with all of its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
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
