//! Which tables a policy is about, where it does not name one.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::error::custom;
use clusterkeep_core::sql::TableName;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A condition on tables: all that it names must hold. One without any condition is refused, since it would mean all.
///
/// ```
/// use clusterkeep_retention::model::Selector;
/// let selector = Selector::name("metrics_*").in_schema("doc").except(Selector::name("metrics_billing"));
/// assert!(selector.check().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// The table's name, in which `*` stands for any text and `?` for one character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Pattern>,
    /// The name of its schema, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Pattern>,
    /// Tags that the table has, by the manifest's `tags`; it must have all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// One of these holds, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Selector>,
    /// None of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Selector>,
    /// What the builder was given and could not take.
    #[serde(skip)]
    problems: Vec<String>,
}

impl Selector {
    /// Tables by a pattern of their name.
    #[must_use]
    pub fn name(pattern: &str) -> Self {
        Self::default().with(pattern, |this, pattern| this.name = Some(pattern))
    }

    /// Tables that have `tag`.
    #[must_use]
    pub fn tag(tag: &str) -> Self {
        Self::default().with(tag, |this, tag| this.tags.push(tag))
    }

    /// Only those in schemas of that pattern.
    #[must_use]
    pub fn in_schema(self, pattern: &str) -> Self {
        self.with(pattern, |this, pattern| this.schema = Some(pattern))
    }

    /// Only those that have `tag`, too.
    #[must_use]
    pub fn tagged(self, tag: &str) -> Self {
        self.with(tag, |this, tag| this.tags.push(tag))
    }

    /// Those of `selector`, or of another one that is named in this way.
    #[must_use]
    pub fn or(mut self, selector: Self) -> Self {
        self.any.push(selector);
        self
    }

    /// Not those of `selector`.
    #[must_use]
    pub fn except(mut self, selector: Self) -> Self {
        self.except.push(selector);
        self
    }

    fn with<T: FromStr<Err = Error>>(mut self, text: &str, set: impl FnOnce(&mut Self, T)) -> Self {
        match text.parse() {
            Ok(value) => set(&mut self, value),
            Err(e) => self.problems.push(e.to_string()),
        }
        self
    }

    /// Checks that it says something.
    ///
    /// # Errors
    ///
    /// It has no condition that a table must meet, or a part of it has none.
    pub fn check(&self) -> Result<()> {
        if let Some(problem) = self.problems.first() {
            return Err(Error::input(problem.clone()));
        }
        if self.name.is_none() && self.schema.is_none() && self.tags.is_empty() && self.any.is_empty() {
            return Err(Error::input("a selector without a condition would mean every table")
                .with_hint("name a pattern, a schema or a tag; `name: '*'` means all of them and says so"));
        }
        self.any.iter().chain(&self.except).try_for_each(Self::check)
    }

    /// Whether it holds for a table of that name and schema, with these tags.
    #[must_use]
    pub fn matches(&self, name: &str, schema: &str, tags: &[&Tag]) -> bool {
        self.name.as_ref().is_none_or(|pattern| pattern.matches(name))
            && self.schema.as_ref().is_none_or(|pattern| pattern.matches(schema))
            && self.tags.iter().all(|tag| tags.contains(&tag))
            && (self.any.is_empty() || self.any.iter().any(|other| other.matches(name, schema, tags)))
            && !self.except.iter().any(|other| other.matches(name, schema, tags))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.name.iter().map(|pattern| format!("named {pattern}")));
        parts.extend(self.schema.iter().map(|pattern| format!("in schema {pattern}")));
        parts.extend(self.tags.iter().map(|tag| format!("tagged {tag}")));
        if !self.any.is_empty() {
            let any: Vec<_> = self.any.iter().map(ToString::to_string).collect();
            parts.push(format!("({})", any.join(" or ")));
        }
        f.write_str(&parts.join(" and "))?;
        self.except.iter().try_for_each(|other| write!(f, " but not {other}"))
    }
}

/// Text in which `*` stands for any text and `?` for one character; everything else stands for itself, and case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Whether `text` is of this pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        wildmatch::WildMatch::new(&self.0).matches(text)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label that groups tables and policies, such as a tenant's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(Error::input(format!("`{}` is no pattern of a name", text.escape_debug()))
                .with_hint("write a name, in which `*` stands for any text"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@');
        if text.is_empty() || text.len() > 100 || !text.chars().all(good) {
            return Err(Error::input(format!("`{}` is no tag", text.escape_debug()))
                .with_hint("a tag has letters, digits and any of `-_.:/@`, and at most 100 bytes"));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! as_text {
    ($type:ty, $name:literal, $description:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}

as_text!(Pattern, "Pattern", "a name in which `*` stands for any text and `?` for one character");
as_text!(Tag, "Tag", "a label");

/// A table of the database, as the catalogue lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnownTable {
    /// Its name as policies write it: without its schema where that is the one of the session.
    pub table: TableName,
    /// The name of its schema; empty where the engine has none.
    pub schema: String,
}

impl KnownTable {
    /// Whether `name` means this table: by its bare name, or with its schema.
    #[must_use]
    pub fn is(&self, name: &TableName) -> bool {
        *name == self.table
            || (name.name == self.table.name
                && name.schema.as_ref().is_some_and(|schema| schema.as_str() == self.schema))
    }
}
