//! [`When`] in files: text for what is written every day, maps for the rest.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::when::instant;
use super::{Condition, Following, Names, On, When};
use crate::trigger::Dialect;

/// What can be written as a map.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Written {
    Quartz(Quartz),
    Kubernetes(Kubernetes),
    Calendar(Calendar),
    Rrule(Rrule),
    Every(Every),
    Any(Any),
    All(All),
    After(After),
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Quartz {
    /// An expression in the dialect of Quartz and the crate `cron`: seconds first, 1 is Sunday, both day fields match.
    quartz: String,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Kubernetes {
    /// An expression as Kubernetes reads it: five fields, Sunday is 0 alone.
    kubernetes: String,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Calendar {
    /// An expression like those of `OnCalendar=` of systemd, without a zone.
    calendar: String,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rrule {
    /// A recurrence rule of iCalendar (RFC 5545).
    rrule: String,
    /// The civil time that it begins at, such as `2026-01-30T18:00`.
    #[serde(serialize_with = "written_civil::serialize")]
    #[schemars(with = "String")]
    from: NaiveDateTime,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Every {
    /// The interval; months and years go by the calendar.
    every: Age,
    /// One of its fires; of months and years the first.
    from: DateTime<Utc>,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Any {
    /// It fires whenever any of these does.
    any: Vec<When>,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {
    /// It fires whenever all of these do at once.
    all: Vec<When>,
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct After {
    /// The jobs of its namespace that it follows: it runs once all of them have ended for one instant.
    after: Names,
    /// On which outcome; without it, once all have succeeded.
    #[serde(skip_serializing_if = "is_default")]
    on: On,
    /// What must hold for the runs before it: all of these.
    #[serde(rename = "if", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "super::notify::OneOrMany<Condition>")]
    only_if: Vec<Condition>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_default(on: &On) -> bool {
    *on == On::Success
}

fn some_conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Condition>>, D::Error> {
    super::notify::one_or_many(deserializer).map(Some)
}

/// What a map may hold, before it is known what it is: each mistake has its own message and place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    quartz: Option<String>,
    kubernetes: Option<String>,
    calendar: Option<String>,
    rrule: Option<String>,
    every: Option<Age>,
    any: Option<Vec<When>>,
    all: Option<Vec<When>>,
    after: Option<Names>,
    on: Option<On>,
    #[serde(rename = "if", default, deserialize_with = "some_conditions")]
    only_if: Option<Vec<Condition>>,
    from: Option<String>,
}

impl Keys {
    fn when(self) -> Result<When> {
        let cron = |text, dialect| When::Cron { text, dialect };
        let from = self.from;
        let needs_from = || from.as_deref().ok_or_else(|| Error::input("it needs `from`, the time that it begins at"));
        let takes_from = self.rrule.is_some() || self.every.is_some();
        if self.after.is_none() && (self.on.is_some() || self.only_if.is_some()) {
            return Err(
                Error::input("`on` and `if` are for `after` alone").with_hint("name the jobs that it follows: `after`")
            );
        }
        let following = |after| Following {
            after,
            on: self.on.unwrap_or_default(),
            only_if: self.only_if.clone().unwrap_or_default(),
        };
        let found: [Option<Result<When>>; 8] = [
            self.quartz.map(|text| Ok(cron(text, Dialect::Quartz))),
            self.kubernetes.map(|text| Ok(cron(text, Dialect::Kubernetes))),
            self.calendar.map(|text| Ok(When::Calendar(text))),
            self.rrule.map(|rule| Ok(When::Rrule { rule, from: civil(needs_from()?)? })),
            self.every.map(|interval| Ok(When::Every { interval, from: Some(instant(needs_from()?)?) })),
            self.any.map(|parts| Ok(When::Any(parts))),
            self.all.map(|parts| Ok(When::All(parts))),
            self.after.map(|after| Ok(When::Following(following(after)))),
        ];
        let mut found = found.into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(when), None) if takes_from || from.is_none() => when?.checked(),
            (Some(_), None) => Err(Error::input("`from` is for `every` and `rrule` alone")
                .with_hint("`starts` of the job says when its fires begin")),
            _ => Err(Error::input("a map says when by one of its keys")
                .with_hint("write one of `quartz`, `kubernetes`, `calendar`, `rrule`, `every`, `any`, `all`, `after`")),
        }
    }
}

fn civil(text: &str) -> Result<NaiveDateTime> {
    let read = |format| NaiveDateTime::parse_from_str(text, format);
    read("%Y-%m-%dT%H:%M:%S").or_else(|_| read("%Y-%m-%dT%H:%M")).map_err(|_| {
        Error::input(format!("`{text}` is no civil time")).with_hint("write it without an offset: `2026-01-30T18:00`")
    })
}

mod written_civil {
    use super::{NaiveDateTime, Serializer};

    pub(super) fn serialize<S: Serializer>(civil: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&civil.format("%Y-%m-%dT%H:%M:%S"))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self.clone() {
            Self::Cron { text, dialect: Dialect::Quartz } => Written::Quartz(Quartz { quartz: text }),
            Self::Cron { text, dialect: Dialect::Kubernetes } => Written::Kubernetes(Kubernetes { kubernetes: text }),
            Self::Calendar(calendar) => Written::Calendar(Calendar { calendar }),
            Self::Rrule { rule, from } => Written::Rrule(Rrule { rrule: rule, from }),
            Self::Every { interval, from: Some(from) } => Written::Every(Every { every: interval, from }),
            Self::Any(any) => Written::Any(Any { any }),
            Self::All(all) => Written::All(All { all }),
            Self::Following(Following { after, on, only_if }) => Written::After(After { after, on, only_if }),
            other => return serializer.collect_str(&other),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a cron expression, `@every 90s`, `@at 2026-11-01T03:30:00Z`, or a map with `quartz`, `kubernetes`, \
                     `calendar`, `rrule`, `every`, `any`, `all` or `after`",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<When, E> {
                text.parse().map_err(custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                Keys::deserialize(MapAccessDeserializer::new(map))?.when().map_err(custom)
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
