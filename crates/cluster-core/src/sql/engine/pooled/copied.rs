//! Rows as `COPY` gives them, put together to pieces that are worth to be handed on.

use std::marker::PhantomData;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::Fuse;
use tokio::time::{Instant, timeout};

use super::super::report::Report;
use super::session::State;
use super::{Driver, Pieces, report};
use crate::error::{Error, ErrorClass, Result};

/// How many bytes a piece has at least, apart from the last: the server sends each row in a message of its own.
const PIECE: usize = 256 << 10;

/// A copy on its way; the session is busy until its end was read.
pub(super) struct Copied<'a, D: Driver> {
    pub(super) pieces: Fuse<Pieces<'a>>,
    pub(super) state: &'a mut State,
    pub(super) address: &'a str,
    pub(super) start: Instant,
    /// The most that one piece may take.
    pub(super) limit: Duration,
    pub(super) driver: PhantomData<D>,
}

impl<D: Driver> Copied<'_, D> {
    /// The error of a deadline that has passed.
    pub(super) fn late(address: &str, start: Instant) -> Error {
        let late = Report::new(ErrorClass::Timeout, "the deadline has passed; the session is closed");
        late.into_error("copy", address, 1, start.elapsed())
    }

    /// The next piece, and where the ones after it come from.
    pub(super) async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let mut piece = BytesMut::with_capacity(PIECE);
        let pieces = &mut self.pieces;
        let filling = async {
            while piece.len() < PIECE {
                let Some(bytes) = pieces.next().await.transpose()? else { return Ok(true) };
                piece.extend_from_slice(&bytes);
            }
            Ok(false)
        };
        match timeout(self.limit, filling).await {
            Ok(Ok(true)) if piece.is_empty() => {
                self.state.busy = false;
                Ok(None)
            }
            // Where it was the last one, the next call finds the end again.
            Ok(Ok(_)) => Ok(Some((piece.freeze(), self))),
            Ok(Err(error)) => {
                let (report, ends_transaction) = report::<D>(error);
                self.state.after_error(&report, ends_transaction);
                Err(report.into_error("copy", self.address, 1, self.start.elapsed()))
            }
            Err(_) => Err(Self::late(self.address, self.start)),
        }
    }
}
