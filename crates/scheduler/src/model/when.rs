//! When a job runs, as files and builders say it.
//!
//! It keeps what was written, so that a store shows the intent and not only what became of it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::trigger::{Cron, Dialect, Rate, Trigger};

/// When a job runs.
///
/// As text: a cron expression, `@every 90s`, `@after 10min` (so long after the last run has finished), `@at` with an
/// instant, `@reboot` (whenever the scheduler starts). As a map: `{ quartz: "0 30 3 ? * MON" }` in the dialect of Quartz
/// and the crate `cron`, or `{ every: 6 h, from: 2026-01-01T03:30:00Z }`.
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
}

impl When {
    /// The trigger for a schedule of this name, which places hashed fields.
    ///
    /// # Errors
    ///
    /// An expression that can't be read, or an interval of months or years, which have no fixed length.
    pub fn trigger(&self, name: &str) -> Result<Trigger> {
        match self {
            Self::Cron { text, dialect } => Cron::parse_as(text, *dialect, name).map(Trigger::Cron),
            Self::Every { interval, from } => {
                let rate = Rate::every(fixed(*interval)?)?;
                Ok(Trigger::Rate(from.map_or(rate, |from| rate.anchored(from))))
            }
            Self::After(delay) => fixed(*delay).map(Trigger::Delay),
            Self::At(at) => Ok(Trigger::Once(*at)),
            Self::Startup => Ok(Trigger::Startup),
        }
    }

    fn checked(self) -> Result<Self> {
        self.trigger("").map(|_| self)
    }
}

fn fixed(age: Age) -> Result<TimeDelta> {
    age.as_duration().and_then(|length| TimeDelta::from_std(length).ok()).ok_or_else(|| {
        Error::input(format!("interval `{age}` has no fixed length"))
            .with_hint("write it as a cron expression, such as `0 0 1 * *` for every month")
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

fn instant(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.trim()).map(|at| at.to_utc()).map_err(|_| {
        Error::input(format!("`{}` is no instant", text.trim()))
            .with_hint("write it with its offset: `2026-11-01T03:30:00Z`")
    })
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rfc = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        match self {
            Self::Cron { text, dialect: Dialect::Crontab } => f.write_str(text),
            Self::Cron { text, dialect } => write!(f, "{text} ({dialect})"),
            Self::Every { interval, from: None } => write!(f, "@every {interval}"),
            Self::Every { interval, from: Some(from) } => write!(f, "@every {interval} from {}", rfc(from)),
            Self::After(delay) => write!(f, "@after {delay}"),
            Self::At(at) => write!(f, "@at {}", rfc(at)),
            Self::Startup => f.write_str("@reboot"),
        }
    }
}

/// What can be written as a map.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Written {
    Quartz(Quartz),
    Every(Every),
}

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Quartz {
    /// An expression in the dialect of Quartz and the crate `cron`: seconds first, 1 is Sunday, both day fields match.
    quartz: String,
}

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Every {
    /// The interval.
    every: Age,
    /// One of its fires.
    from: DateTime<Utc>,
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cron { text, dialect: Dialect::Quartz } => Quartz { quartz: text.clone() }.serialize(serializer),
            Self::Every { interval, from: Some(from) } => Every { every: *interval, from: *from }.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a cron expression, `@every 90s`, `@at 2026-11-01T03:30:00Z`, or a map with `quartz` or `every`",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<When, E> {
                text.parse().map_err(custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                let when = match Written::deserialize(MapAccessDeserializer::new(map))? {
                    Written::Quartz(Quartz { quartz }) => When::Cron { text: quartz, dialect: Dialect::Quartz },
                    Written::Every(Every { every, from }) => When::Every { interval: every, from: Some(from) },
                };
                when.checked().map_err(custom)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl schemars::JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let written = generator.subschema_for::<Written>();
        schemars::json_schema!({
            "description": "when a job runs",
            "anyOf": [
                { "type": "string", "description": "a cron expression, `@every 90s`, `@after 10min`, `@at 2026-11-01T03:30:00Z`, `@reboot`" },
                written,
            ],
        })
    }
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
        for json in [r#"{"quartz":"0 30 3 ? * MON"}"#, r#"{"every":"6 hours","from":"2026-01-01T03:30:00Z"}"#] {
            let when: When = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&when).unwrap(), json);
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in
            ["@every 90", "@every 1 month", "@every", "@after 0s", "@at tomorrow", "@reboot now", "61 * * * *", ""]
        {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
        for json in [r#"{"quartz":"30 3 * * *"}"#, r#"{"every":"6 hours"}"#, "5", r#"{"quartz":"@daily","x":1}"#] {
            assert!(serde_json::from_str::<When>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_crate_crons_schedules_keep_their_dialect() {
        let theirs: cron::Schedule = "0 30 3 * * 1".parse().unwrap();
        let when = theirs.into_when().unwrap();
        assert_eq!(when, When::Cron { text: "0 30 3 * * 1".into(), dialect: Dialect::Quartz });
    }
}
