//! Rows as they arrive, with the deadline of their statement.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use sqlx::Either;
use tokio::time::{Instant, timeout};

use super::super::super::Row;
use super::super::super::records::Column;
use super::super::report::Report;
use super::session::State;
use super::{Driver, Steps, decode_row, report};
use crate::error::{ErrorClass, Result};

/// Rows on their way; the session is busy until the last one was read.
pub(super) struct Rows<'a, D: Driver> {
    pub(super) steps: Steps<'a, D>,
    pub(super) columns: Option<Arc<[Column]>>,
    pub(super) state: &'a mut State,
    pub(super) address: &'a str,
    pub(super) start: Instant,
    pub(super) limit: Duration,
    /// Whether the limit is for all rows together, and not for the wait for each.
    pub(super) whole: bool,
}

impl<D: Driver> Rows<'_, D> {
    /// The next row, and where the ones after it come from.
    pub(super) async fn next(mut self) -> Result<Option<(Row, Self)>> {
        loop {
            let limit = if self.whole { self.limit.saturating_sub(self.start.elapsed()) } else { self.limit };
            let step = match timeout(limit, self.steps.next()).await {
                Ok(Some(Ok(step))) => step,
                Ok(Some(Err(error))) => {
                    let (report, ends_transaction) = report::<D>(error);
                    self.state.after_error(&report, ends_transaction);
                    return Err(report.into_error("stream", self.address, 1, self.start.elapsed()));
                }
                Ok(None) => {
                    self.state.busy = false;
                    return Ok(None);
                }
                // Still busy, so that the session is closed.
                Err(_) => {
                    let late = Report::new(ErrorClass::Timeout, "the deadline has passed");
                    return Err(late.into_error("stream", self.address, 1, self.start.elapsed()));
                }
            };
            if let Either::Right(row) = step {
                let columns = self.columns.get_or_insert_with(|| D::columns(&row));
                let values = decode_row::<D>(&row, columns)?;
                let row = Row::of(Arc::clone(columns), values);
                return Ok(Some((row, self)));
            }
        }
    }
}
