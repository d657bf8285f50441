//! What several commands of `cluster` take.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clusterkeep_core::plan::HashPrefix;

use crate::args::Timeout;

/// Whether to wait for what was asked for, and how long.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// Wait until it is done; this is the default
    #[arg(long, overrides_with = "no_wait", help_heading = "Waiting")]
    pub wait: bool,
    /// Return as soon as it was accepted
    #[arg(long, overrides_with = "wait", help_heading = "Waiting")]
    pub no_wait: bool,
    /// The most that waiting may take
    #[arg(long, value_name = "DURATION", default_value = "45min", help_heading = "Waiting")]
    pub timeout: Timeout,
}

impl WaitArgs {
    /// The most that waiting may take; nothing where nobody waits.
    #[must_use]
    pub const fn limit(&self) -> Option<Duration> {
        if self.no_wait { None } else { Some(self.timeout.0) }
    }
}

/// How a plan is approved.
#[derive(Debug, Clone, Args)]
pub struct ApprovalArgs {
    /// Show what would be done, and the command that does it; change nothing
    #[arg(long, conflicts_with = "expect_plan", help_heading = "Plan")]
    pub plan: bool,
    /// Do what the plan of this hash says, and no other
    #[arg(long, value_name = "HASH", value_parser = crate::args::values::hash, help_heading = "Plan")]
    pub expect_plan: Option<HashPrefix>,
    /// With --plan, end with 3 where there is something to do
    #[arg(long, requires = "plan", help_heading = "Plan")]
    pub exit_code: bool,
}

/// A number of bytes with its unit.
///
/// ```
/// use clusterkeep::args::Size;
/// assert_eq!("512GiB".parse::<Size>().unwrap().0, 512 << 30);
/// assert_eq!("1 TiB".parse::<Size>().unwrap().0, 1 << 40);
/// assert!("512".parse::<Size>().is_err(), "a size has a unit");
/// assert!("512GB".parse::<Size>().is_err(), "disks come in binary units");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}GiB", self.0 >> 30)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no size; write `512GiB` or `2TiB`");
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim() {
            "GiB" => 30,
            "TiB" => 40,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).map(Self).ok_or_else(wrong)
    }
}
