//! A time zone as a table of spans of constant offset.
//!
//! The data is chrono-tz's, bundled with the program; the table makes one lookup per fire enough, and says where the
//! clock changes, which chrono-tz doesn't. It never reads the machine's own zone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use clusterkeep_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::DAY;

/// A time zone of the IANA database.
///
/// ```
/// use clusterkeep_scheduler::Zone;
/// let zone: Zone = "America/New_York".parse().unwrap();
/// assert_eq!(zone.to_string(), "America/New_York");
/// assert!("America/New_Yrok".parse::<Zone>().is_err());
/// ```
#[derive(Clone)]
pub struct Zone {
    tz: Tz,
    spans: Arc<Spans>,
}

/// The spans of a zone, in order; the first begins before time is counted and the last never ends.
pub(crate) struct Spans {
    /// The instant at which each span begins, in epoch seconds.
    starts: Box<[i64]>,
    /// Seconds to add to UTC in each span.
    offsets: Box<[i32]>,
}

/// One span with what is before and after it. Instants are epoch seconds, intervals half-open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) offset: i64,
    /// The offset of the span before this one, equal to its own for the first.
    pub(crate) before: i64,
    /// The offset of the span that follows, equal to its own for the last.
    pub(crate) next: i64,
}

/// Where the table begins and ends: one day around the years 1970 to 2199 that expressions can name.
const FIRST: i64 = -2 * DAY;
const LAST: i64 = 84_006 * DAY;

static TABLES: LazyLock<Mutex<HashMap<Tz, Arc<Spans>>>> = LazyLock::new(Mutex::default);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self::from(Tz::UTC)
    }

    /// The zone in chrono-tz's terms.
    #[must_use]
    pub const fn tz(&self) -> Tz {
        self.tz
    }

    /// The version of the zone data that this program carries, such as `2025b`.
    #[must_use]
    pub const fn data_version() -> &'static str {
        chrono_tz::IANA_TZDB_VERSION
    }

    pub(crate) fn spans(&self) -> &Spans {
        &self.spans
    }
}

impl Spans {
    /// Reads a zone's offset day by day and halves each day that has a change.
    fn read(tz: Tz) -> Self {
        let mut starts = vec![i64::MIN];
        let mut offsets = vec![offset_at(tz, FIRST)];
        let mut known = offset_at(tz, FIRST);
        let mut day = FIRST;
        while day < LAST {
            let offset = offset_at(tz, day + DAY);
            if offset != known {
                let (mut low, mut high) = (day, day + DAY);
                while high - low > 1 {
                    let middle = low.midpoint(high);
                    if offset_at(tz, middle) == known { low = middle } else { high = middle }
                }
                starts.push(high);
                offsets.push(offset);
                known = offset;
            }
            day += DAY;
        }
        Self { starts: starts.into(), offsets: offsets.into() }
    }

    /// The index of the span that holds `instant`.
    pub(crate) fn index(&self, instant: i64) -> usize {
        // The first span begins at the smallest instant, so at least one begins at or before any other.
        self.starts.partition_point(|start| *start <= instant).saturating_sub(1)
    }

    pub(crate) fn get(&self, index: usize) -> Option<Span> {
        let at = |index: usize| self.offsets.get(index).map(|offset| i64::from(*offset));
        let offset = at(index)?;
        Some(Span {
            start: *self.starts.get(index)?,
            end: self.starts.get(index + 1).copied().unwrap_or(i64::MAX),
            offset,
            before: index.checked_sub(1).and_then(at).unwrap_or(offset),
            next: at(index + 1).unwrap_or(offset),
        })
    }

    /// Whether the clock never changes.
    pub(crate) const fn is_constant(&self) -> bool {
        self.starts.len() == 1
    }

    /// Seconds to add to UTC at `instant`.
    pub(crate) fn offset_at(&self, instant: i64) -> i64 {
        self.offsets.get(self.index(instant)).map_or(0, |offset| i64::from(*offset))
    }
}

fn offset_at(tz: Tz, instant: i64) -> i32 {
    let utc = DateTime::from_timestamp(instant, 0).unwrap_or_default().naive_utc();
    tz.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

impl From<Tz> for Zone {
    fn from(tz: Tz) -> Self {
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let spans = tables.entry(tz).or_insert_with(|| Arc::new(Spans::read(tz)));
        Self { tz, spans: Arc::clone(spans) }
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        clusterkeep_core::civil::zone(name).map(Self::from)
    }
}

/// What a zone can be given as.
pub trait IntoZone {
    /// Looks it up.
    ///
    /// # Errors
    ///
    /// A name that is unknown.
    fn into_zone(self) -> Result<Zone>;
}

impl IntoZone for Zone {
    fn into_zone(self) -> Result<Zone> {
        Ok(self)
    }
}

impl IntoZone for Tz {
    fn into_zone(self) -> Result<Zone> {
        Ok(self.into())
    }
}

impl IntoZone for &str {
    fn into_zone(self) -> Result<Zone> {
        self.parse()
    }
}

impl IntoZone for String {
    fn into_zone(self) -> Result<Zone> {
        self.parse()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.tz == other.tz
    }
}

impl Eq for Zone {}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tz.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.tz.name())
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spans({})", self.starts.len())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(clusterkeep_core::error::custom)
    }
}

impl schemars::JsonSchema for Zone {
    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a zone of the IANA database, such as `America/New_York`" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_the_zone_data_at_odd_instants() -> Result<()> {
        for name in
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "UTC"]
        {
            let zone: Zone = name.parse()?;
            let mut instant = 12_345;
            while instant < LAST {
                assert_eq!(
                    zone.spans().offset_at(instant),
                    i64::from(offset_at(zone.tz(), instant)),
                    "{name} {instant}"
                );
                instant += 35_711;
            }
        }
        Ok(())
    }
}
