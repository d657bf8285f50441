//! What went wrong with a call to a database, before it is known how often it was tried.

use std::fmt;
use std::time::Duration;

use crate::error::{BoxError, Error, ErrorClass};

/// A failure as an engine reports it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) class: ErrorClass,
    pub(super) code: Option<String>,
    pub(super) source: BoxError,
}

impl Report {
    pub(super) fn new(class: ErrorClass, source: impl Into<BoxError>) -> Self {
        Self { class, code: None, source: source.into() }
    }

    pub(super) fn into_error(self, operation: &str, target: &str, attempts: u32, elapsed: Duration) -> Error {
        let Self { class, code, source } = self;
        Error::Database { operation: operation.into(), target: target.into(), class, code, attempts, elapsed, source }
    }
}

/// What a server said, on its own: drivers wrap it in words that say the same again.
#[derive(Debug)]
pub(super) struct Said(pub(super) String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}
