//! When a job runs, as files and builders say it.
//!
//! It keeps what was written, so that a store shows the intent and not only what became of it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use clusterkeep_core::age::{Age, Unit};
use clusterkeep_core::{Error, Result};

use super::{Following, go};
use crate::trigger::{Cron, Dialect, Months, Rate, Trigger, Warning};

/// When a job runs.
///
/// As text: a cron expression, `@every 90s`, `@after 10min` (so long after the last run has finished), `@at` with an
/// instant, `@reboot` (whenever the scheduler starts). As a map:
///
/// | map | meaning |
/// |---|---|
/// | `{ quartz: "0 30 3 ? * MON" }` | in the dialect of Quartz and the crate `cron`; also `kubernetes` |
/// | `{ every: 6 h, from: 2026-01-01T03:30:00Z }` | a fixed rate that is anchored; months and years by the calendar |
/// | `{ calendar: "Mon..Fri *-*-* 09:00" }` | like `OnCalendar=` of systemd |
/// | `{ rrule: "FREQ=MONTHLY;BYDAY=-1FR", from: 2026-01-30T18:00 }` | a rule of iCalendar, from a civil time on |
/// | `{ after: [load, check], on: success, if: { value: /rows/0/count, above: 0 } }` | after runs of other jobs |
/// | `{ any: [...] }`, `{ all: [...] }` | whenever any, or all at once, of these fire |
///
/// ```
/// use clusterkeep_scheduler::When;
/// assert_eq!("@every 90s".parse::<When>()?.to_string(), "@every 90 seconds");
/// assert!("@every 90".parse::<When>().is_err());      // no unit
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// At the civil times that an expression names.
    Cron {
        /// The expression as written.
        text: String,
        /// Whose rules it is read by.
        dialect: Dialect,
    },
    /// At a fixed rate.
    Every {
        /// The interval.
        interval: Age,
        /// One of its fires; else it counts from 1970-01-01 00:00 UTC.
        from: Option<DateTime<Utc>>,
    },
    /// So long after the last run has finished.
    After(Age),
    /// Once.
    At(DateTime<Utc>),
    /// Whenever the scheduler starts.
    Startup,
    /// At the civil times of an `OnCalendar=` expression.
    Calendar(String),
    /// At the civil times of a recurrence rule.
    Rrule {
        /// The rule as written.
        rule: String,
        /// The civil time that it begins at.
        from: NaiveDateTime,
    },
    /// After runs of other jobs.
    Following(Following),
    /// Whenever any of them fires.
    Any(Vec<When>),
    /// Whenever all of them fire at once.
    All(Vec<When>),
}

impl When {
    /// The trigger for a schedule of this name, which places hashed fields.
    ///
    /// # Errors
    ///
    /// An expression that can't be read; a delay of months or years, which have no fixed length; parts of a combination that
    /// have no fires that are known beforehand.
    pub fn trigger(&self, name: &str) -> Result<Trigger> {
        match self {
            Self::Cron { text, dialect } => Cron::parse_as(text, *dialect, name).map(Trigger::Cron),
            Self::Every { interval, from } if interval.unit() >= Unit::Month => {
                let months = interval.count().saturating_mul(if interval.unit() == Unit::Year { 12 } else { 1 });
                let months = Months::every(months);
                Ok(Trigger::Months(from.map_or(months, |from| months.anchored(from))))
            }
            Self::Every { interval, from } => {
                let rate = Rate::every(fixed(*interval)?)?;
                Ok(Trigger::Rate(from.map_or(rate, |from| rate.anchored(from))))
            }
            Self::After(delay) => fixed(*delay).map(Trigger::Delay),
            Self::At(at) => Ok(Trigger::Once(*at)),
            Self::Startup => Ok(Trigger::Startup),
            Self::Following(following) => following.clone().checked().map(|_| Trigger::Following),
            Self::Calendar(text) => Cron::on_calendar(text).map(Trigger::Cron),
            Self::Rrule { rule, from } => recurrence(rule, *from),
            Self::Any(parts) => parts_of(parts, name).map(Trigger::Any),
            Self::All(parts) => parts_of(parts, name).map(Trigger::All),
        }
    }

    /// Reads the `schedule` of a `CronJob` of Kubernetes: an expression by its rules, or `@every` with a duration as Go
    /// writes it.
    ///
    /// ```
    /// use clusterkeep_scheduler::When;
    /// assert_eq!(When::of_kubernetes("@every 1h30m")?.to_string(), "@every 90 minutes");
    /// # Ok::<(), clusterkeep_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What can't be read.
    pub fn of_kubernetes(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        if let Some(interval) = trimmed.strip_prefix("@every ") {
            let interval = go::interval(interval.trim()).ok_or_else(|| {
                Error::input(format!("`{trimmed}` is no interval"))
                    .with_hint("Kubernetes takes hours, minutes and seconds: `@every 1h30m`")
            })?;
            return Ok(Self::Every { interval, from: None });
        }
        let dialect = if trimmed.starts_with('@') { Dialect::Crontab } else { Dialect::Kubernetes };
        Self::Cron { text: trimmed.to_owned(), dialect }.checked()
    }

    /// What the cron expressions in it say that their writer may not have meant.
    ///
    /// # Errors
    ///
    /// An expression that can't be read.
    pub fn warnings(&self) -> Result<Vec<Warning>> {
        self.remarks(Cron::warnings)
    }

    /// The same, and what other programs would make of them.
    ///
    /// # Errors
    ///
    /// An expression that can't be read.
    pub fn lint(&self) -> Result<Vec<Warning>> {
        self.remarks(Cron::lint)
    }

    fn remarks(&self, of: fn(&str, Dialect) -> Result<Vec<Warning>>) -> Result<Vec<Warning>> {
        match self {
            Self::Cron { text, dialect } => of(text, *dialect),
            Self::Any(parts) | Self::All(parts) => {
                let all = parts.iter().map(|part| part.remarks(of)).collect::<Result<Vec<_>>>()?;
                Ok(all.into_iter().flatten().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What it says, in plain words.
    ///
    /// # Errors
    ///
    /// An expression that can't be read.
    pub fn explain(&self, name: &str) -> Result<String> {
        Ok(match self {
            Self::Cron { text, dialect } => Cron::parse_as(text, *dialect, name)?.explain(),
            Self::Calendar(text) => Cron::on_calendar(text)?.explain(),
            Self::Every { interval, from: None } => format!("every {interval}, counted from 1970-01-01 00:00"),
            Self::Every { interval, from: Some(from) } => format!("every {interval}, counted from {}", rfc(from)),
            Self::After(delay) => format!("{delay} after the last run has finished"),
            Self::At(at) => format!("once, at {}", rfc(at)),
            Self::Startup => "whenever the scheduler starts".to_owned(),
            Self::Following(following) => following.to_string(),
            Self::Rrule { rule, from } => format!("by the rule {rule} from {} on", from.format("%Y-%m-%d %H:%M:%S")),
            Self::Any(parts) => explained(parts, name)?.join("; or "),
            Self::All(parts) => format!("when these fall together: {}", explained(parts, name)?.join("; and ")),
        })
    }

    pub(super) fn checked(self) -> Result<Self> {
        self.trigger("").map(|_| self)
    }
}

fn explained(parts: &[When], name: &str) -> Result<Vec<String>> {
    parts.iter().map(|part| part.explain(name)).collect()
}

#[cfg(feature = "rrule")]
fn recurrence(rule: &str, from: NaiveDateTime) -> Result<Trigger> {
    crate::trigger::Recurrence::parse(rule, from).map(Trigger::Recurrence)
}

#[cfg(not(feature = "rrule"))]
fn recurrence(rule: &str, _: NaiveDateTime) -> Result<Trigger> {
    Err(Error::input(format!("recurrence rule `{rule}`: this program was built without the feature `rrule`")))
}

fn parts_of(parts: &[When], name: &str) -> Result<Vec<Trigger>> {
    if parts.is_empty() {
        return Err(Error::input("a combination has no parts"));
    }
    let triggers = parts.iter().map(|part| part.trigger(name)).collect::<Result<Vec<_>>>()?;
    match parts.iter().zip(&triggers).find(|(_, trigger)| !trigger.is_nominal()) {
        Some((part, _)) => Err(Error::input(format!("`{part}` can't be part of a combination"))
            .with_hint("its fires are not known beforehand; give it a job of its own")),
        None => Ok(triggers),
    }
}

pub(super) fn fixed(age: Age) -> Result<TimeDelta> {
    age.as_duration().and_then(|length| TimeDelta::from_std(length).ok()).ok_or_else(|| {
        Error::input(format!("interval `{age}` has no fixed length")).with_hint("count it in weeks, days or less")
    })
}

impl FromStr for When {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let (word, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        let when = if is("@every") {
            Self::Every { interval: rest.parse()?, from: None }
        } else if is("@after") {
            Self::After(rest.parse()?)
        } else if is("@at") {
            Self::At(instant(rest)?)
        } else if is("@reboot") && rest.is_empty() {
            Self::Startup
        } else {
            Self::Cron { text: trimmed.to_owned(), dialect: Dialect::Crontab }
        };
        when.checked()
    }
}

pub(super) fn instant(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.trim()).map(|at| at.to_utc()).map_err(|_| {
        Error::input(format!("`{}` is no instant", text.trim()))
            .with_hint("write it with its offset: `2026-11-01T03:30:00Z`")
    })
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron { text, dialect: Dialect::Crontab } => f.write_str(text),
            Self::Cron { text, dialect } => write!(f, "{text} ({dialect})"),
            Self::Every { interval, from: None } => write!(f, "@every {interval}"),
            Self::Every { interval, from: Some(from) } => write!(f, "@every {interval} from {}", rfc(from)),
            Self::After(delay) => write!(f, "@after {delay}"),
            Self::At(at) => write!(f, "@at {}", rfc(at)),
            Self::Startup => f.write_str("@reboot"),
            Self::Following(following) => following.fmt(f),
            Self::Calendar(text) => write!(f, "{text} (calendar)"),
            Self::Rrule { rule, from } => write!(f, "{rule} from {from}"),
            Self::Any(parts) => write!(f, "any of ({})", joined(parts)),
            Self::All(parts) => write!(f, "all of ({})", joined(parts)),
        }
    }
}

fn joined(parts: &[When]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

fn rfc(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What a job's expression can be given as.
pub trait IntoWhen {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What can't be read.
    fn into_when(self) -> Result<When>;
}

impl IntoWhen for &str {
    fn into_when(self) -> Result<When> {
        self.parse()
    }
}

impl IntoWhen for String {
    fn into_when(self) -> Result<When> {
        self.parse()
    }
}

impl IntoWhen for When {
    fn into_when(self) -> Result<When> {
        self.checked()
    }
}

/// With the meaning that it has in its own crate: both day fields must match.
impl IntoWhen for cron::Schedule {
    fn into_when(self) -> Result<When> {
        When::Cron { text: self.source().to_owned(), dialect: Dialect::Quartz }.checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_come_back_as_they_were() {
        for text in
            ["30 3 * * *", "@daily", "@every 90 seconds", "@after 10 minutes", "@at 2026-11-01T03:30:00Z", "@reboot"]
        {
            let when: When = text.parse().unwrap();
            assert_eq!(when.to_string(), text);
            let json = serde_json::to_string(&when).unwrap();
            assert_eq!(serde_json::from_str::<When>(&json).unwrap(), when, "{json}");
        }
        for json in [
            r#"{"quartz":"0 30 3 ? * MON"}"#,
            r#"{"kubernetes":"30 3 * * 0"}"#,
            r#"{"calendar":"Mon..Fri *-*-* 09:00"}"#,
            r#"{"rrule":"FREQ=MONTHLY;BYDAY=-1FR","from":"2026-01-30T18:00:00"}"#,
            r#"{"every":"6 hours","from":"2026-01-01T03:30:00Z"}"#,
            r#"{"every":"3 months","from":"2026-01-31T03:30:00Z"}"#,
            r#"{"any":["30 3 * * *",{"all":["@every 90 minutes",{"calendar":"Mon"}]}]}"#,
        ] {
            let when: When = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&when).unwrap(), json);
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in
            ["@every 90", "@after 1 month", "@every", "@after 0s", "@at tomorrow", "@reboot now", "61 * * * *", ""]
        {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
        for json in [
            r#"{"quartz":"30 3 * * *"}"#,
            r#"{"every":"6 hours"}"#,
            "5",
            r#"{"quartz":"@daily","x":1}"#,
            r#"{"any":[]}"#,
            r#"{"all":["@reboot","@daily"]}"#,
            r#"{"rrule":"FREQ=DAILY","from":"2026-01-01T00:00:00Z"}"#,
            r#"{"rrule":"FREQ=DAILY;UNTIL=20270101T000000Z","from":"2026-01-01T00:00"}"#,
            r#"{"calendar":"*:*/15"}"#,
        ] {
            assert!(serde_json::from_str::<When>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn hints_say_what_fits() {
        let hint = |text: &str| text.parse::<When>().unwrap_err().hint().unwrap();
        for known in ["@daily", "@every", "@after", "@at", "@reboot"] {
            assert!(hint("@foo").contains(known), "{}", hint("@foo"));
        }
        assert_eq!(hint("@every 0s"), "the shortest is 1 second");
        let quartz = serde_json::from_str::<When>(r#"{"quartz": "@foo"}"#).unwrap_err().to_string();
        assert!(quartz.contains("@daily") && !quartz.contains("@every"), "{quartz}");
    }

    #[test]
    fn the_crate_crons_schedules_keep_their_dialect() {
        let theirs: cron::Schedule = "0 30 3 * * 1".parse().unwrap();
        let when = theirs.into_when().unwrap();
        assert_eq!(when, When::Cron { text: "0 30 3 * * 1".into(), dialect: Dialect::Quartz });
    }
}
