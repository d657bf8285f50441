//! Sizes with units.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A size in bytes, written with its unit: `500 MiB`, `1.5 GB`.
///
/// ```
/// use clusterkeep_retention::model::Bytes;
/// assert_eq!("2 KiB".parse::<Bytes>().unwrap().0, 2048);
/// assert!("2".parse::<Bytes>().is_err(), "2 what?");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that divides it, so that what is written is read as the same number.
        let whole = |(_, unit): &&(&str, u64)| self.0 >= *unit && self.0.is_multiple_of(*unit);
        let (name, unit) = UNITS.iter().filter(whole).max_by_key(|(_, unit)| *unit).copied().unwrap_or(("B", 1));
        write!(f, "{} {name}", self.0 / unit)
    }
}

impl FromStr for Bytes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::input(format!("`{}` is no size", text.escape_debug()))
                .with_hint("write a number above 0 with its unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")
        };
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
        let unit = text[end..].trim();
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        let (whole, fraction) = text[..end].split_once('.').unwrap_or((&text[..end], "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 || fraction.contains('.') {
            return Err(refuse());
        }
        let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| refuse())?);
        let whole: u64 = whole.parse().map_err(|_| refuse())?;
        let fraction: u128 = fraction.parse().map_err(|_| refuse())?;
        let bytes = u128::from(whole) * u128::from(*unit) + fraction * u128::from(*unit) / scale;
        match u64::try_from(bytes) {
            Ok(bytes) if bytes > 0 => Ok(Self(bytes)),
            _ => Err(refuse()),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(custom)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+([.][0-9]{1,9})? ?([kMGT]?B|[KMGT]iB)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print_the_same() {
        for text in ["1 B", "1500 B", "2 KiB", "500 MiB", "3 GB", "7 TiB"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        assert_eq!("1.5 GiB".parse::<Bytes>().unwrap().0, 3 << 29);
        for text in
            ["", "0 B", "5", "-1 MB", "NaN MB", "1 mb", "1. MB", ".5 MB", "99999999999999999999 B", "20000000 TiB"]
        {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
