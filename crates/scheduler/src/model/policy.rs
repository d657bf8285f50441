//! What to do about fires that come too late, too early or not to an end.

use std::num::NonZeroU32;

use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

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
    /// The earlier one is cancelled, and it runs.
    Replace,
    /// It runs beside them, up to so many at once; further ones are skipped.
    Allow(#[serde(deserialize_with = "at_least_one")] NonZeroU32),
}

impl Overlap {
    /// How many runs of one job may go at once.
    pub(crate) const fn at_once(self) -> u32 {
        match self {
            Self::Skip | Self::Queue | Self::Replace => 1,
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

/// How often a run that fails is attempted, and how long it waits in between.
///
/// The wait doubles from attempt to attempt, and each is shortened by up to a half, by a part that depends on the run and
/// the attempt alone: runs that failed together do not come back together. A refused run is not attempted again.
///
/// ```
/// use clusterkeep_core::age::{minutes, seconds};
/// use clusterkeep_scheduler::Retry;
/// let retry = Retry::times(5).first(seconds(10)).most(minutes(10));
/// # let _ = retry;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often it is attempted at most, the first time included.
    #[serde(deserialize_with = "at_least_one")]
    pub attempts: NonZeroU32,
    /// How long it waits before the second attempt.
    #[serde(default = "first_wait")]
    pub first: Age,
    /// How long it waits at most.
    #[serde(default = "longest_wait")]
    pub most: Age,
}

/// A number of runs or attempts.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    NonZeroU32::new(u32::deserialize(deserializer)?)
        .ok_or_else(|| custom(Error::input("0 is too few: nothing would ever run").with_hint("write 1 or more")))
}

const fn first_wait() -> Age {
    clusterkeep_core::age::seconds(30)
}

const fn longest_wait() -> Age {
    clusterkeep_core::age::hours(1)
}

impl Retry {
    /// So many attempts, the first included (one, where it is 0); half a minute before the second, an hour at most.
    #[must_use]
    pub const fn times(attempts: u32) -> Self {
        let attempts = match NonZeroU32::new(attempts) {
            Some(attempts) => attempts,
            None => NonZeroU32::MIN,
        };
        Self { attempts, first: first_wait(), most: longest_wait() }
    }

    /// Sets how long it waits before the second attempt.
    #[must_use]
    pub const fn first(mut self, first: Age) -> Self {
        self.first = first;
        self
    }

    /// Sets how long it waits at most.
    #[must_use]
    pub const fn most(mut self, most: Age) -> Self {
        self.most = most;
        self
    }
}
