//! Cron expressions, compiled into bit masks.
//!
//! `parse` reads text, `days` says which days of a month match, `search` finds the next civil match. Nothing here knows
//! zones: what a clock change does to a match is `zoned`'s concern.

mod days;
mod dialect;
mod field;
mod lint;
mod on_calendar;
mod parse;
mod restrict;
mod search;
#[cfg(feature = "import")]
mod transfer;
mod warning;
mod words;

use clusterkeep_core::Result;

use days::Days;
pub use dialect::Dialect;
pub use warning::{Level, Warning};

/// A compiled cron expression, 64 bytes at most.
///
/// It has crontab's meaning: five fields, or six with leading seconds, or seven with a trailing year (1970 to 2199);
/// Sunday is 0 and 7; where both day fields are restricted a day matches that either of them names, unless one begins
/// with `*`. Beyond crontab it takes wrap-around ranges (`22-2/2`, `FRI-MON`), `?`, `L`, `L-3`, `15W`, `LW`, `5L`,
/// `5#2`, `+FRI` (both day fields must match), `H`, `H(0-29)/10` and `0~29` (placed by the schedule's name), and the
/// nicknames `@yearly` `@annually` `@monthly` `@weekly` `@daily` `@midnight` `@hourly`.
///
/// ```
/// use clusterkeep_scheduler::Cron;
/// let friday_or_13th = Cron::parse("0 12 13 * FRI")?;
/// assert!(Cron::parse("0 0 30 2 *").is_err());        // never fires
/// assert!(!friday_or_13th.follows_the_clock());
/// assert!(size_of::<Cron>() <= 64);
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u32,
    days: Days,
    months: u16,
    /// Whether seconds, minutes or hours have a `*`, a step or a range.
    follows_the_clock: bool,
    /// The years from 1970 on as bits; `None` is any.
    years: Option<Box<[u64; 4]>>,
}

impl Cron {
    /// Reads an expression in crontab's dialect; hashed fields are placed as for a schedule without a name.
    ///
    /// # Errors
    ///
    /// Bad input that shows the expression and the field: a wrong number of fields, a value out of range, a step of 0
    /// or larger than its field, an expression that never fires.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_as(text, Dialect::Crontab, "")
    }

    /// Reads an expression in `dialect`; hashed fields (`H`, `~`) are placed by `name`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_as(text: &str, dialect: Dialect, name: &str) -> Result<Self> {
        parse::expression(text, dialect, name).map(|(cron, _)| cron)
    }

    /// Reads a calendar expression of systemd's timers, such as `Mon..Fri *-*-* 09:00` or `*-*~01 18:00`; the zone stands
    /// beside it and not in it.
    ///
    /// ```
    /// use clusterkeep_scheduler::Cron;
    /// let payday = Cron::on_calendar("Mon..Fri *-*-10..12 09:00")?;
    /// assert_eq!(payday.explain(), "at 09:00 on the 10th to 12th of the month, if that is Monday to Friday");
    /// # Ok::<(), clusterkeep_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn on_calendar(text: &str) -> Result<Self> {
        on_calendar::on_calendar(text)
    }

    /// What an expression says that its writer may not have meant; empty for most.
    ///
    /// ```
    /// use clusterkeep_scheduler::{Cron, Dialect};
    /// let warnings = Cron::warnings("*/45 * * * *", Dialect::Crontab)?;
    /// assert!(warnings[0].to_string().contains("not every 45 minutes"));
    /// # Ok::<(), clusterkeep_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn warnings(text: &str, dialect: Dialect) -> Result<Vec<Warning>> {
        parse::expression(text, dialect, "").map(|(_, warnings)| warnings)
    }

    /// The same, and what other programs would make of the text: what differs between dialects.
    ///
    /// ```
    /// use clusterkeep_scheduler::{Cron, Dialect};
    /// let lint = Cron::lint("0 0 * * 1", Dialect::Crontab)?;
    /// assert_eq!(
    ///     lint[0].to_string(),
    ///     "in quartz it means: at 00:00 on every Sunday (it wants seconds in front; 1 is Sunday there)"
    /// );
    /// # Ok::<(), clusterkeep_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn lint(text: &str, dialect: Dialect) -> Result<Vec<Warning>> {
        lint::lint(text, dialect)
    }

    /// Whether it is an interval expression (seconds, minutes or hours have a `*`, a step or a range) and not one for
    /// fixed times: intervals go through both passes of a fold, and skip a gap, where nothing else is said.
    #[must_use]
    pub const fn follows_the_clock(&self) -> bool {
        self.follows_the_clock
    }
}
