//! How a column keeps time, and the values that stand for instants in it.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil;
use clusterkeep_core::sql::Value;

use crate::model::{Count, Format};

/// How a column keeps time, settled from its type and, where that is not enough, from what the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeKind {
    /// Its type is a point in time.
    Instant,
    /// A date and time without a zone, in civil time of this one.
    Civil(Tz),
    /// A date, which stands for the start of the civil day in this zone.
    Date(Tz),
    /// A whole number of units.
    Count(Count),
    /// Text that orders as time does.
    Text(Format),
    /// A whole number whose digits are such text.
    Digits(Format),
}

impl TimeKind {
    /// The value to compare with, so that what is below it lies before `instant`, and nothing else does.
    pub(crate) fn value(&self, instant: DateTime<Utc>) -> Value {
        match self {
            Self::Instant => Value::Timestamp(instant),
            Self::Civil(zone) => Value::DateTime(instant.with_timezone(zone).naive_local()),
            Self::Date(zone) => {
                let local = instant.with_timezone(zone).naive_local();
                let date = local.date();
                let next =
                    if local.time() == NaiveTime::MIN { Some(date) } else { date.checked_add_days(Days::new(1)) };
                Value::Date(next.unwrap_or(NaiveDate::MAX))
            }
            Self::Count(count) => count.number(instant).into(),
            Self::Text(format) => format.write(instant).into(),
            Self::Digits(format) => format.write(instant).parse::<i64>().map_or(Value::Null, Value::Int),
        }
    }

    /// The instant that a value of the column stands for; `None` where it stands for none.
    pub(crate) fn instant(&self, value: &Value) -> Option<DateTime<Utc>> {
        match (self, value) {
            // Sessions are in UTC, and MariaDB computes with instants as dates and times.
            (Self::Instant, Value::DateTime(at)) => Some(at.and_utc()),
            (Self::Instant, value) => value.as_timestamp(),
            (Self::Civil(zone), Value::DateTime(at)) => Some(civil::first_instant(*zone, *at)),
            (Self::Date(zone), Value::Date(date)) => Some(civil::first_instant(*zone, date.and_time(NaiveTime::MIN))),
            (Self::Count(count), value) => count.instant(value.as_i64()?),
            (Self::Text(format), Value::Text(text)) => format.read(text),
            (Self::Digits(format), value) => format.read(&value.as_i64()?.to_string()),
            _ => None,
        }
    }
}
