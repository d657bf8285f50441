//! What to do about fires that come too late, too early or not to an end.

use std::num::NonZeroU32;

use clusterkeep_core::age::Age;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a fire does while an earlier run of the same job is still going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Overlap {
    /// It is skipped, and recorded as that.
    #[default]
    Skip,
    /// It waits until the earlier ones have ended.
    Queue,
    /// It runs beside them, up to so many at once; further ones are skipped.
    Allow(NonZeroU32),
}

impl Overlap {
    /// How many runs of one job may go at once.
    pub(crate) const fn at_once(self) -> u32 {
        match self {
            Self::Skip | Self::Queue => 1,
            Self::Allow(most) => most.get(),
        }
    }
}

/// What to do about fires whose time has passed while no scheduler was there.
///
/// A fire counts as missed from one minute of lateness on. Whatever the policy, each of them is accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Misfire {
    /// None of them runs.
    Skip,
    /// The latest one runs, for all of them.
    #[default]
    Latest,
    /// Each of them runs whose time lies within this age; the older ones do not.
    All {
        /// How old a fire may be that still runs.
        within: Age,
    },
}

/// What becomes of a run whose scheduler ended before it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnCrash {
    /// It is attempted again.
    Retry,
    /// It has failed.
    Fail,
}
