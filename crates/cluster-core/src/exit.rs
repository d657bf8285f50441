//! The exit codes of every command, and the one mapping from errors to them.
//!
//! It never ends the process: `main` does, with the number that it gets from here.

use serde::{Serialize, Serializer};

use crate::error::Error;

/// How a command ended, as a number that scripts can rely on.
///
/// ```
/// use clusterkeep_core::ExitCode;
/// assert_eq!(ExitCode::Refused.code(), 4);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitCode {
    /// Done, or nothing to do.
    Done,
    /// Nothing was done and something failed; or the answer of a check is no.
    Failed,
    /// Bad input: usage, file, address, unknown table or cluster.
    BadInput,
    /// Changes are pending (`plan --exit-code`).
    Pending,
    /// Refused by a guard rail or policy.
    Refused,
    /// What the plan rests on has moved since.
    Drifted,
    /// Locked by another run.
    Locked,
    /// Some done, some not.
    Partial,
    /// Interrupted; what is left was said.
    Interrupted,
}

impl ExitCode {
    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::BadInput => 2,
            Self::Pending => 3,
            Self::Refused => 4,
            Self::Drifted => 5,
            Self::Locked => 6,
            Self::Partial => 7,
            Self::Interrupted => 130,
        }
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::Input { .. } => Self::BadInput,
            Error::Refused { .. } => Self::Refused,
            Error::Drifted { .. } => Self::Drifted,
            Error::Locked { .. } => Self::Locked,
            Error::Interrupted { .. } => Self::Interrupted,
            _ => Self::Failed,
        }
    }
}

impl Serialize for ExitCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

impl schemars::JsonSchema for ExitCode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExitCode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "enum": [0, 1, 2, 3, 4, 5, 6, 7, 130] })
    }
}
