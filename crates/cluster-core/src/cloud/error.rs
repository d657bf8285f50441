//! What can go wrong between here and the API, with all that the server said.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::env;
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
    /// The request makes no sense to the server (400, 422, other 4xx).
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
    /// The cluster that it was attempted on, by name, where that is known.
    pub cluster: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The server's own message.
    pub message: Option<String>,
    /// What the server has against each field.
    pub fields: BTreeMap<String, Vec<String>>,
    /// The body as it came, its first 64 KiB; nothing where it may hold a secret.
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
            cluster: None,
            status: None,
            message: None,
            fields: BTreeMap::new(),
            body: String::new(),
            attempts: 1,
            elapsed: Duration::ZERO,
            source: None,
        }
    }

    /// The failure of `operation` on a cluster that is suspended.
    #[must_use]
    pub fn suspended(operation: impl Into<String>, cluster: impl Into<String>) -> Self {
        let mut error = Self::new(operation, CloudErrorKind::Suspended);
        error.cluster = Some(cluster.into());
        error
    }

    /// The same failure with what somebody said of it.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, CloudErrorKind::Busy | CloudErrorKind::Unreachable | CloudErrorKind::Conflict)
    }

    /// Whether the server may have done it all the same: nobody knows what became of the request.
    pub(super) const fn is_ambiguous(&self) -> bool {
        use CloudErrorKind as Kind;
        matches!(self.kind, Kind::Busy | Kind::Unreachable | Kind::Timeout | Kind::Server | Kind::Nonsense)
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self.kind {
            CloudErrorKind::Unauthorized if self.status.is_some_and(|status| status < 400) => {
                "log in again with the vendor's own client, or use an API key instead".into()
            }
            CloudErrorKind::Unauthorized => format!(
                "make an API key at https://console.cratedb.cloud (account > API keys), and set {} and {}",
                env::CRATEDB_CLOUD_API_KEY.name,
                env::CRATEDB_CLOUD_API_SECRET.name
            ),
            CloudErrorKind::Forbidden => {
                "the API key's user lacks a right; an administrator of the organization can do or grant it".into()
            }
            CloudErrorKind::NotFound => {
                "`clusterkeep cluster list` shows the clusters that the API key can see, with their ids".into()
            }
            CloudErrorKind::Conflict => {
                let cluster = self.cluster.as_deref().unwrap_or("CLUSTER");
                format!("`clusterkeep cluster operations --cluster {cluster}` shows what is going on; try again later")
            }
            CloudErrorKind::Suspended => {
                let cluster = self.cluster.as_deref().unwrap_or("CLUSTER");
                format!("resume it first: `clusterkeep cluster start --cluster {cluster}`")
            }
            CloudErrorKind::Busy | CloudErrorKind::Server => {
                "try again later; https://status.cratedb.com knows more".into()
            }
            CloudErrorKind::Nonsense => {
                format!("does {} lead to the API, and is there a proxy in between?", env::CRATEDB_CLOUD_ENDPOINT.name)
            }
            CloudErrorKind::Timeout | CloudErrorKind::OperationFailed if self.cluster.is_some() => {
                let cluster = self.cluster.as_deref().unwrap_or_default();
                format!("`clusterkeep cluster operations --cluster {cluster}` shows what becomes of it")
            }
            CloudErrorKind::Unreachable | CloudErrorKind::Timeout if self.status.is_none() => {
                format!("is this machine on line, and does {} lead to the API?", env::CRATEDB_CLOUD_ENDPOINT.name)
            }
            _ => return None,
        })
    }

    /// What happened, in a few words, where the server says nothing about it.
    const fn words(&self) -> Option<&'static str> {
        match self.kind {
            CloudErrorKind::Nonsense => Some("the answer is not of the API"),
            CloudErrorKind::Timeout if self.cluster.is_some() => Some("not done in time"),
            CloudErrorKind::Timeout => Some("no answer in time"),
            CloudErrorKind::OperationFailed => Some("the operation has failed"),
            CloudErrorKind::Suspended => Some("it is suspended"),
            CloudErrorKind::Conflict => Some("another operation is in progress"),
            CloudErrorKind::Unreachable => Some("no connection"),
            _ => None,
        }
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", OneLine(&self.operation))?;
        if let Some(cluster) = self.cluster.as_deref().filter(|cluster| !self.operation.contains(*cluster)) {
            write!(f, " {}", OneLine(cluster))?;
        }
        if let Some(status) = self.status {
            write!(f, ": HTTP status {status}")?;
        }
        if let Some(words) = self.words() {
            write!(f, ": {words}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {}", OneLine(message))?;
        }
        for (i, (field, texts)) in self.fields.iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { "; " })?;
            write!(f, "{}: {}", OneLine(field), OneLine(&texts.join(", ")))?;
        }
        if !self.fields.is_empty() {
            f.write_str(")")?;
        }
        if self.attempts > 1 {
            write!(f, " ({} attempts in {:.1} s)", self.attempts, self.elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Somebody else's text on one line, of bounded length, and without what could steer a terminal.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 1000;
        let text = self.0.replace(char::is_control, " ");
        let mut written = 0;
        for word in text.split_whitespace() {
            if written > LONGEST {
                return f.write_str(" ...");
            }
            if written > 0 {
                f.write_str(" ")?;
            }
            let word: String = word.chars().take(LONGEST).collect();
            f.write_str(&word)?;
            written += word.len() + 1;
        }
        Ok(())
    }
}

impl std::error::Error for CloudError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}

impl From<CloudError> for crate::error::Error {
    fn from(error: CloudError) -> Self {
        Self::Cloud(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_all() {
        let mut error = CloudError::new("create cluster staging", CloudErrorKind::Invalid);
        error.status = Some(400);
        error.message = Some("Bad\nrequest\u{1b}[2J".into());
        error.fields.insert("name".into(), vec!["too short".into(), "taken".into()]);
        error.fields.insert("password".into(), vec!["too short".into()]);
        let text =
            "create cluster staging: HTTP status 400: Bad request [2J (name: too short, taken; password: too short)";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_suspended_cluster_can_be_resumed() {
        let error = CloudError::suspended("query", "staging");
        assert_eq!(error.to_string(), "query staging: it is suspended");
        assert_eq!(error.hint().unwrap(), "resume it first: `clusterkeep cluster start --cluster staging`");
    }
}
