//! What happens to a fire where a zone's clock changes, and how to say so.
//!
//! Policies only choose; the search that obeys them is in `zoned`.

use std::fmt;

use chrono::{NaiveDateTime, NaiveTime, Timelike};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to do with a civil time that does not come, because the clock goes forward over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// It does not fire that day.
    Skip,
    /// It fires at the first instant after the gap; several of one gap fire once.
    RunAfter,
    /// It fires later by the length of the gap.
    Shift,
}

/// What to do with a civil time that comes twice, because the clock goes back over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fold {
    /// It fires when the time comes first.
    First,
    /// It fires when the time comes again.
    Second,
    /// It fires both times.
    Both,
}

/// Which of the two times that a civil time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Before the clock goes back.
    First,
    /// After the clock has gone back.
    Second,
}

/// What a change of the clock did to a fire.
///
/// ```
/// use clusterkeep_scheduler::{Cron, Schedule, Trigger};
/// let nightly = Schedule::new(Trigger::Cron(Cron::parse("30 1 * * *")?)).zone("America/New_York".parse()?);
/// let fire = nightly.next("2026-11-01T04:00:00Z".parse().unwrap()).unwrap();
/// let note = fire.note.unwrap().to_string();
/// assert_eq!(note, "the clock goes back at 02:00: 01:30 comes twice, the first one fires");
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum DstNote {
    /// The civil time comes twice.
    Fold {
        /// The civil time at which the clock goes back.
        at: NaiveDateTime,
        /// The civil time that comes twice.
        civil: NaiveDateTime,
        /// Which of the two this fire is.
        pass: Pass,
        /// The policy that chose it.
        policy: Fold,
    },
    /// The civil time does not come.
    Gap {
        /// The civil time at which the clock goes forward.
        at: NaiveDateTime,
        /// The civil time that it goes forward to.
        to: NaiveDateTime,
        /// The civil time that does not come, the first of them where several are moved to one instant.
        civil: NaiveDateTime,
        /// The policy that moved it.
        policy: Gap,
    },
}

impl fmt::Display for DstNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fold { at, civil, pass, policy } => {
                write!(f, "the clock goes back at {}: {} comes twice, ", Clock(at.time()), Clock(civil.time()))?;
                match (policy, pass) {
                    (Fold::Both, Pass::First) => f.write_str("both fire, this is the first"),
                    (Fold::Both, Pass::Second) => f.write_str("both fire, this is the second"),
                    (_, Pass::First) => f.write_str("the first one fires"),
                    (_, Pass::Second) => f.write_str("the second one fires"),
                }
            }
            Self::Gap { at, to, civil, policy } => {
                let (at_text, to_text) = (Clock(at.time()), Clock(to.time()));
                write!(f, "the clock goes forward at {at_text} to ")?;
                if at.date() == to.date() {
                    write!(f, "{to_text}: {} does not come, ", Clock(civil.time()))?;
                } else {
                    write!(f, "{} {to_text}: {} {} does not come, ", to.date(), civil.date(), Clock(civil.time()))?;
                }
                match policy {
                    Gap::Shift => write!(f, "it fires {} min later", (*to - *at).num_minutes()),
                    Gap::RunAfter | Gap::Skip => f.write_str("it fires right after the gap"),
                }
            }
        }
    }
}

/// A time of day, with seconds only where it has some.
struct Clock(NaiveTime);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format(if self.0.second() == 0 { "%H:%M" } else { "%H:%M:%S" }))
    }
}
