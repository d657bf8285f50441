//! Who is told what of a job: as files and builders say it. Nothing here sends anything.

use std::borrow::Cow;
use std::fmt;

use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::Names;
use super::when::fixed;

/// What there is to tell of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Occasion {
    /// A run has succeeded.
    Success,
    /// A run has failed, or is dead: in none of the attempts that its job allows it has succeeded.
    Failure,
    /// A run has failed, and the one that ended before it had not.
    FirstFailure,
    /// A run has succeeded, and the one that ended before it had failed.
    Recovery,
    /// A guard rail or policy of what it runs has stopped a run.
    Refused,
    /// A run has succeeded or failed, and has written something: what cron sends mail for.
    Output,
    /// No run has succeeded for as long as `within` says.
    MissedHeartbeat,
}

impl Occasion {
    /// Its name, as files and screens write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::FirstFailure => "first_failure",
            Self::Recovery => "recovery",
            Self::Refused => "refused",
            Self::Output => "output",
            Self::MissedHeartbeat => "missed_heartbeat",
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// On which occasions who is told, and in which words.
///
/// ```
/// use clusterkeep_core::age::hours;
/// use clusterkeep_scheduler::{Notify, Occasion};
/// let quiet = Notify::on([Occasion::FirstFailure, Occasion::Recovery]).to("pager");
/// let silent = Notify::on([Occasion::MissedHeartbeat]).within(hours(26)).to("pager");
/// # let _ = (quiet, silent);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// On which occasions.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<Occasion>")]
    pub on: Vec<Occasion>,
    /// To which sinks, by their names.
    pub to: Names,
    /// How long a job may be without a success before its heartbeat is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Age>,
    /// The subject, a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Words>,
    /// The text, a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
}

impl Notify {
    /// Tells nobody yet.
    #[must_use]
    pub fn on(occasions: impl IntoIterator<Item = Occasion>) -> Self {
        Self { on: occasions.into_iter().collect(), to: Names::default(), within: None, subject: None, text: None }
    }

    /// Tells the sink of this name, too.
    #[must_use]
    pub fn to(mut self, sink: impl Into<String>) -> Self {
        self.to.push(sink.into());
        self
    }

    /// Says how long a job may be without a success before its heartbeat is missed.
    #[must_use]
    pub const fn within(mut self, age: Age) -> Self {
        self.within = Some(age);
        self
    }

    /// Says it in other words.
    ///
    /// # Errors
    ///
    /// A template that can't be read, or that asks for what there is not.
    pub fn text(mut self, template: impl Into<String>) -> Result<Self> {
        self.text = Some(Words::new(template)?);
        Ok(self)
    }

    /// Says the subject in other words.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn subject(mut self, template: impl Into<String>) -> Result<Self> {
        self.subject = Some(Words::new(template)?);
        Ok(self)
    }

    /// The same, where it says all that it needs.
    pub(crate) fn checked(self) -> Result<Self> {
        let heartbeat = self.on.contains(&Occasion::MissedHeartbeat);
        if self.on.is_empty() || self.to.is_empty() {
            return Err(Error::input("a notification without an occasion or without a sink tells nobody anything")
                .with_hint("write `{ on: failure, to: SINK }`"));
        }
        match (heartbeat, self.within) {
            (true, None) => Err(Error::input("`missed_heartbeat` needs `within`, the age that a success may have")
                .with_hint("for a job of each night: `within: 26 h`")),
            (false, Some(_)) => {
                Err(Error::input("`within` is for `missed_heartbeat` alone")
                    .with_hint("add that to `on`, or leave it out"))
            }
            (true, Some(age)) => fixed(age).map(|_| self),
            (false, None) => Ok(self),
        }
    }
}

/// Text with places that are filled in when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words(String);

impl Words {
    /// A template.
    ///
    /// # Errors
    ///
    /// One that can't be read, or that asks for what there is not.
    pub fn new(template: impl Into<String>) -> Result<Self> {
        let template = template.into();
        #[cfg(feature = "notify")]
        crate::notify::check(&template)?;
        Ok(Self(template))
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(custom)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a template, such as `{{ job }} failed: {{ error }}`" })
    }
}

/// Reads a list of notifications, each of which says all that it needs.
pub(super) fn checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Notify>, D::Error> {
    struct Each(Notify);
    impl<'de> Deserialize<'de> for Each {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Notify::deserialize(deserializer)?.checked().map(Self).map_err(custom)
        }
    }
    Ok(one_or_many::<D, Each>(deserializer)?.into_iter().map(|each| each.0).collect())
}

/// The same of a field that may be left out.
pub(super) fn some_checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Notify>>, D::Error> {
    checked(deserializer).map(Some)
}

/// One, or a list of them.
pub(super) struct OneOrMany<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// Reads a list, or one that stands for itself; each keeps its own error and place.
pub(super) fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Read<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Read<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one, or a list of them")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|one| vec![one])
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut many = Vec::new();
            while let Some(one) = list.next_element()? {
                many.push(one);
            }
            Ok(many)
        }
    }
    deserializer.deserialize_any(Read(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Notify, String> {
        serde_json::from_str::<Notify>(text).map_err(|e| e.to_string())?.checked().map_err(|e| e.to_string())
    }

    #[test]
    fn what_a_file_may_say() {
        let one = read(r#"{"on": "failure", "to": "ops"}"#).unwrap();
        assert_eq!(one, Notify::on([Occasion::Failure]).to("ops"));
        let two = read(r#"{"on": ["missed_heartbeat"], "to": ["a", "b"], "within": "26 h"}"#).unwrap();
        assert_eq!((two.to.len(), two.within.map(|age| age.to_string()).unwrap()), (2, "26 hours".into()));
        let again: Notify = serde_json::from_str(&serde_json::to_string(&two).unwrap()).unwrap();
        assert_eq!(again, two);
        for (text, part) in [
            (r#"{"on": "failed", "to": "ops"}"#, "unknown variant `failed`"),
            (r#"{"on": [], "to": "ops"}"#, "tells nobody"),
            (r#"{"on": "failure", "to": []}"#, "tells nobody"),
            (r#"{"on": "missed_heartbeat", "to": "ops"}"#, "needs `within`"),
            (r#"{"on": "missed_heartbeat", "to": "ops", "within": "1 month"}"#, "no fixed length"),
            (r#"{"on": "failure", "to": "ops", "within": "1 h"}"#, "for `missed_heartbeat` alone"),
            (r#"{"on": "failure", "to": "ops", "txt": "x"}"#, "unknown field `txt`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
