//! Guard rails: what may not happen, whatever a policy says. They are on by default.

use std::fmt;
use std::str::FromStr;

use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Bytes;

/// The guard rails of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// How many of the newest partitions stay, however old they are; at least 1.
    pub keep_newest: std::num::NonZeroU32,
    /// The most that may go from a table within 24 hours, of what is there and what went; one partition always may.
    pub max_share: Share,
    /// The most rows that may go from a table within 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// The most partitions that may go from a table within 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_partitions: Option<u64>,
    /// The most bytes that may go from a table within 24 hours, by the engine's own estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Bytes>,
    /// What may be set off by deleting, by name: triggers, and foreign keys that cascade.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            keep_newest: std::num::NonZeroU32::MIN,
            max_share: Share::DEFAULT,
            max_rows: None,
            max_partitions: None,
            max_bytes: None,
            allow: Vec::new(),
        }
    }
}

/// A share of a whole, above 0 and up to 100 %, to a hundredth of a percent.
///
/// ```
/// use clusterkeep_retention::model::Share;
/// assert_eq!("12.5 %".parse::<Share>().unwrap().to_string(), "12.5 %");
/// assert!("25".parse::<Share>().is_err(), "25 what?");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    hundredths: u32,
}

/// `n` percent, at least 1 and at most 100.
#[must_use]
pub const fn percent(n: u32) -> Share {
    let n = if n == 0 {
        1
    } else if n > 100 {
        100
    } else {
        n
    };
    Share { hundredths: n * 100 }
}

impl Share {
    /// What holds where a policy says nothing.
    pub const DEFAULT: Self = percent(25);

    /// This share of a whole, rounded up.
    pub(crate) fn of(self, whole: u128) -> u128 {
        (whole * u128::from(self.hundredths)).div_ceil(10_000)
    }

    /// Whether `part` of `whole` is at most this share.
    #[must_use]
    pub fn allows(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 <= u128::from(whole) * u128::from(self.hundredths)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths / 100, self.hundredths % 100);
        match rest {
            0 => write!(f, "{whole} %"),
            rest if rest % 10 == 0 => write!(f, "{whole}.{} %", rest / 10),
            rest => write!(f, "{whole}.{rest:02} %"),
        }
    }
}

impl FromStr for Share {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::input(format!("`{text}` is no share"))
                .with_hint("write a percentage above 0 and up to 100, such as `25 %`")
        };
        let number = text.trim().strip_suffix('%').ok_or_else(refuse)?.trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
            return Err(refuse());
        }
        let whole: u32 = whole.parse().map_err(|_| refuse())?;
        let fraction: u32 = format!("{fraction:0<2}").parse().map_err(|_| refuse())?;
        let hundredths = whole.checked_mul(100).and_then(|n| n.checked_add(fraction)).ok_or_else(refuse)?;
        if (1..=10_000).contains(&hundredths) { Ok(Self { hundredths }) } else { Err(refuse()) }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(custom)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,2})? ?%$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_and_print_the_same() {
        for text in ["25 %", "12.5 %", "0.01 %", "100 %", "33.33 %"] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
        }
        for text in ["0 %", "101 %", "25", "-1 %", "NaN %", "1.234 %", "% "] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_exact_at_its_edge() {
        assert!(percent(25).allows(1, 4));
        assert!(!percent(25).allows(26, 100));
        assert!(percent(100).allows(u64::MAX, u64::MAX));
    }
}
