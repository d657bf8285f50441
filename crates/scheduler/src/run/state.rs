//! What can have become of a fire.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// It waits to be attempted.
    Pending,
    /// It is being attempted.
    Running,
    /// Its handler returned without an error.
    Succeeded,
    /// Its handler returned an error or panicked, or its scheduler ended before it did.
    Failed,
    /// It failed in each of the attempts that its job allows: it waits for somebody to look at it.
    Dead,
    /// Somebody ended it, or a later fire took its place.
    Cancelled,
    /// A guard rail or policy of what it runs stopped it.
    Refused,
    /// It never ran: an earlier run was still going, its job was paused, or the clock was set to behind it.
    Skipped,
    /// It never ran: a later fire ran for it and others, whose time had passed while no scheduler was there.
    Coalesced,
    /// It never ran: its time had passed while no scheduler was there, and the job's policy lets none catch up.
    Missed,
}

const NAMES: [(RunState, &str); 10] = [
    (RunState::Pending, "pending"),
    (RunState::Running, "running"),
    (RunState::Succeeded, "succeeded"),
    (RunState::Failed, "failed"),
    (RunState::Dead, "dead"),
    (RunState::Cancelled, "cancelled"),
    (RunState::Refused, "refused"),
    (RunState::Skipped, "skipped"),
    (RunState::Coalesced, "coalesced"),
    (RunState::Missed, "missed"),
];

impl RunState {
    /// Its name, as files, stores and screens write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Whether nothing more will happen to the run.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether somebody may ask for the run to be tried anew.
    #[must_use]
    pub fn is_renewable(self) -> bool {
        Self::RENEWABLE.contains(&self)
    }

    /// Those that somebody may ask to be tried anew.
    pub(crate) const RENEWABLE: [Self; 4] = [Self::Failed, Self::Dead, Self::Cancelled, Self::Refused];
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RunState {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(state, _)| *state).ok_or_else(|| Error::input(format!("`{name}` is no state of a run")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_states() {
        for (state, name) in NAMES {
            assert_eq!(state.as_str(), name);
            assert_eq!(name.parse::<RunState>().unwrap(), state);
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{name}\""));
        }
        assert!("done".parse::<RunState>().is_err());
    }
}
