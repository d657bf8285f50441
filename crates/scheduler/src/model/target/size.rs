//! Numbers of bytes with units.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes, such as `512 MiB`.
///
/// ```
/// use clusterkeep_scheduler::target::Size;
/// assert_eq!("2GiB".parse::<Size>().unwrap().bytes(), 2 << 30);
/// assert_eq!("1500 kB".parse::<Size>().unwrap().to_string(), "1500 kB");
/// assert!("512".parse::<Size>().is_err(), "bytes of what?");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    count: u32,
    unit: usize,
}

const UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Size {
    /// How many bytes it is.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        UNITS[self.unit].1.saturating_mul(self.count as u64)
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::input(format!("size `{text}` {why}")).with_hint("write it as `512 MiB`");
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        if unit.is_empty() {
            return Err(wrong("has no unit"));
        }
        let unit = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(|| {
            let known = UNITS.map(|(name, _)| name).join(", ");
            Error::input(format!("size `{text}` has an unknown unit")).with_hint(format!("known are {known}"))
        })?;
        let count: u32 = number.parse().map_err(|_| wrong("is no whole number of up to 4,294,967,295"))?;
        if count == 0 {
            return Err(wrong("is nothing"));
        }
        Ok(Self { count, unit })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, UNITS[self.unit].0)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(custom)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+ ?(B|kB|KiB|MB|MiB|GB|GiB|TiB)$" })
    }
}
