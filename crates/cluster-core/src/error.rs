//! The one error type of the workspace.
//!
//! Texts are lowercase fragments that name what was attempted on what; the cause is chained as `source` and never
//! repeated. No text holds a secret.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A place in a file: 1-based line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line and column, both from 1, where they are known.
    pub position: Option<(u64, u64)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// What kind of failure a database reported, told by its code and never by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The statement does not parse.
    Syntax,
    /// A table, view, partition or schema is not there.
    MissingRelation,
    /// A column is not there.
    MissingColumn,
    /// A row with the same key is there already.
    DuplicateKey,
    /// A constraint other than a key was violated.
    Constraint,
    /// The user may not do this.
    Permission,
    /// User name or password are wrong.
    Authentication,
    /// Nothing answers at the address, or the connection broke.
    Unreachable,
    /// A deadline passed.
    Timeout,
    /// Another session holds a lock on it.
    LockTimeout,
    /// The transaction lost against another one and can be tried again.
    Conflict,
    /// The server is starting, stopping, out of connections, or has no leader: it may recover.
    Unavailable,
    /// The engine cannot do this.
    Unsupported,
    /// A relation of the same name is there already.
    DuplicateRelation,
    /// Anything else.
    Other,
}

impl ErrorClass {
    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Unreachable | Self::LockTimeout | Self::Conflict | Self::Unavailable)
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the user gave is wrong: usage, a file, an address, the name of a table. Nothing was touched.
    #[error("{}{what}", Prefix(.place))]
    Input {
        /// What is wrong, as a lowercase fragment.
        what: String,
        /// Where it was read.
        place: Option<Place>,
        /// What to do about it.
        hint: Option<String>,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
    /// A database answered with an error, or did not answer.
    #[error("{operation} on {target}{}", Effort(*.class, *.attempts, *.elapsed))]
    Database {
        /// What was attempted: `query`, `connect`, ...
        operation: String,
        /// On what: the redacted address.
        target: String,
        /// What kind of failure it is.
        class: ErrorClass,
        /// The engine's own code, such as an SQLSTATE.
        code: Option<String>,
        /// How often it was tried.
        attempts: u32,
        /// How long all attempts took together.
        elapsed: Duration,
        /// What the driver or server said.
        #[source]
        source: BoxError,
    },
    /// CrateDB Cloud refused something, failed at it, or answered in a way that makes no sense.
    #[cfg(feature = "cloud")]
    #[error(transparent)]
    Cloud(#[from] Box<crate::cloud::CloudError>),
    /// A value that a database sent can't be read.
    #[error("column `{column}` of type {type_name} can't be decoded")]
    Decode {
        /// The column.
        column: String,
        /// The type that the database gives it.
        type_name: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// A file, pipe or process could not be used.
    #[error("{operation} `{}`", path.display())]
    Io {
        /// What was attempted: `read`, `write`, `start`, ...
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A guard rail or a policy stops this.
    #[error("refused: {what}")]
    Refused {
        /// What was refused and by which rule.
        what: String,
        /// How to go on.
        hint: Option<String>,
    },
    /// What a plan rests on has changed since it was made.
    #[error("drifted: {what}")]
    Drifted {
        /// What changed.
        what: String,
        /// How to go on.
        hint: Option<String>,
    },
    /// Another run holds the lock.
    #[error("locked: {what}")]
    Locked {
        /// Which lock, and who holds it where that is known.
        what: String,
    },
    /// The user or the system asked to stop.
    #[error("interrupted: {what}")]
    Interrupted {
        /// What is left.
        what: String,
    },
    /// Something else failed.
    #[error("{what}")]
    Failed {
        /// What was attempted on what.
        what: String,
        /// What to do about it.
        hint: Option<String>,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
}

impl Error {
    /// Bad input without a place.
    #[must_use]
    pub fn input(what: impl Into<String>) -> Self {
        Self::Input { what: what.into(), place: None, hint: None, source: None }
    }

    /// A failure without a cause of its own.
    #[must_use]
    pub fn failed(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), hint: None, source: None }
    }

    /// A failure with its cause.
    #[must_use]
    pub fn caused(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Failed { what: what.into(), hint: None, source: Some(source.into()) }
    }

    /// A refusal without a hint.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), hint: None }
    }

    /// A failed operation on a file.
    #[must_use]
    pub fn io(operation: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { operation, path: path.into(), source }
    }

    /// The same error with a hint, where its kind carries one.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Input { hint, .. }
        | Self::Refused { hint, .. }
        | Self::Drifted { hint, .. }
        | Self::Failed { hint, .. } = &mut self
        {
            *hint = Some(text.into());
        }
        self
    }

    /// The same error with the place where the input was read.
    #[must_use]
    pub fn at(mut self, at: Place) -> Self {
        if let Self::Input { place, .. } = &mut self {
            *place = Some(at);
        }
        self
    }

    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { class, .. } => class.is_retryable(),
            #[cfg(feature = "cloud")]
            Self::Cloud(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// What kind of failure the database reported, where it was one.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Database { class, .. } => Some(*class),
            _ => None,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input { hint, .. }
            | Self::Refused { hint, .. }
            | Self::Drifted { hint, .. }
            | Self::Failed { hint, .. } => hint.clone(),
            #[cfg(feature = "cloud")]
            Self::Cloud(error) => error.hint(),
            Self::Database { class: ErrorClass::Authentication, .. } => {
                Some("check user name and password of the address, or the variables that give them".into())
            }
            Self::Database { class: ErrorClass::Unreachable, .. } => {
                Some("is the server running, and do host and port of the address lead to it?".into())
            }
            Self::Database { class: ErrorClass::Permission, .. } => {
                Some("the database user lacks a right; planning needs to read, applying also to change".into())
            }
            Self::Database { class: ErrorClass::LockTimeout, .. } => {
                Some("another session holds a lock on it: wait until it has ended, then try again".into())
            }
            Self::Locked { .. } => Some("wait until the other run has ended, then try again".into()),
            _ => None,
        }
    }
}

/// Separates a message from its hint where both have to travel through a parser's own error type.
pub(crate) const HINT_MARK: char = '\u{1f}';

/// Hands an error to a serde deserialiser, its hint included, for `map_err` in `Deserialize` implementations.
///
/// [`manifest`](crate::manifest) takes it apart again and adds line and column.
pub fn custom<E: serde::de::Error>(error: Error) -> E {
    match error.hint() {
        Some(hint) => E::custom(format_args!("{error}{HINT_MARK}{hint}")),
        None => E::custom(error),
    }
}

/// `file:line:column: ` before a message, or nothing.
struct Prefix<'a>(&'a Option<Place>);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |place| write!(f, "{place}: "))
    }
}

/// ` (3 attempts in 1.2 s)` where somebody was not there, did not answer or did not let in, or where it took a while.
struct Effort(ErrorClass, u32, Duration);

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(class, attempts, elapsed) = *self;
        let at_the_door = matches!(
            class,
            ErrorClass::Authentication
                | ErrorClass::Unreachable
                | ErrorClass::Timeout
                | ErrorClass::LockTimeout
                | ErrorClass::Unavailable
        );
        if at_the_door || attempts > 1 {
            let plural = if attempts == 1 { "" } else { "s" };
            write!(f, " ({attempts} attempt{plural} in {:.1} s)", elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_names_its_place() {
        let place = Place { file: "weather.yaml".into(), position: Some((13, 24)) };
        let error = Error::input("age `90` has no unit").at(place).with_hint("write `90 days`");
        assert_eq!(error.to_string(), "weather.yaml:13:24: age `90` has no unit");
        assert_eq!(error.hint().as_deref(), Some("write `90 days`"));
    }

    #[test]
    fn only_transient_classes_are_retried() {
        assert!(ErrorClass::Conflict.is_retryable());
        assert!(!ErrorClass::Authentication.is_retryable());
        assert!(!ErrorClass::Timeout.is_retryable(), "what timed out may still be running");
    }
}
