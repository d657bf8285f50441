//! Names of other things, as a file calls them, with the place where it does.

use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_saphyr::Spanned;

use super::notify::{OneOrMany, one_or_many};

/// One name, or a list of them. Where they stand makes no difference to what they say.
#[derive(Clone, Default)]
pub struct Names {
    names: Vec<String>,
    at: Option<(u64, u64)>,
}

impl Names {
    /// Line and column at which they begin, where that is known.
    #[must_use]
    pub const fn place(&self) -> Option<(u64, u64)> {
        self.at
    }

    pub(super) fn push(&mut self, name: String) {
        self.names.push(name);
    }
}

impl<N: Into<String>> FromIterator<N> for Names {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), at: None }
    }
}

impl Deref for Names {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Names {}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.fmt(f)
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List(Vec<String>);
        impl<'de> Deserialize<'de> for List {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                one_or_many(deserializer).map(Self)
            }
        }
        let found = Spanned::<List>::deserialize(deserializer)?;
        let at = (found.referenced.line(), found.referenced.column());
        Ok(Self { names: found.value.0, at: Some(at).filter(|(line, _)| *line > 0) })
    }
}

impl JsonSchema for Names {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        OneOrMany::<String>::json_schema(generator)
    }
}
