//! What can go wrong between here and the API, with all that the server said.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::BoxError;

/// What kind of failure it is, told by status and shape and never by wording, but for [`Conflict`](Self::Conflict).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloudErrorKind {
    /// The credentials are missing, wrong or expired (401, or the redirect of an expired session).
    Unauthorized,
    /// The credentials are right and may not do this (403).
    Forbidden,
    /// There is no such thing (404).
    NotFound,
    /// The request makes no sense to the server (400, 422).
    Invalid,
    /// Another operation on the cluster is in progress.
    Conflict,
    /// The server asks to come back later (429, 502, 503, 504).
    Busy,
    /// The server failed (other 5xx).
    Server,
    /// An answer of success that is not of the API, such as a page of HTML.
    Nonsense,
    /// Nothing answers, or the connection broke.
    Unreachable,
    /// A deadline passed.
    Timeout,
    /// An operation that the server had accepted has failed.
    OperationFailed,
    /// The cluster is suspended, and what was asked for needs a running one.
    Suspended,
}

/// A call that failed, with all that the server said.
#[derive(Debug)]
#[non_exhaustive]
pub struct CloudError {
    /// What was attempted on what, as a lowercase fragment: `resume cluster staging`.
    pub operation: String,
    /// What kind of failure it is.
    pub kind: CloudErrorKind,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The server's own message.
    pub message: Option<String>,
    /// What the server has against each field.
    pub fields: BTreeMap<String, Vec<String>>,
    /// The body as it came, its first 64 KiB.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How long all attempts took together.
    pub elapsed: Duration,
    /// The cause, where it lies below HTTP.
    pub source: Option<BoxError>,
}

impl CloudError {
    /// A failure of `operation`, of which nothing else is known yet.
    #[must_use]
    pub fn new(operation: impl Into<String>, kind: CloudErrorKind) -> Self {
        Self {
            operation: operation.into(),
            kind,
            status: None,
            message: None,
            fields: BTreeMap::new(),
            body: String::new(),
            attempts: 1,
            elapsed: Duration::ZERO,
            source: None,
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, CloudErrorKind::Busy | CloudErrorKind::Unreachable | CloudErrorKind::Conflict)
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        None
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation)
    }
}

impl std::error::Error for CloudError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}
