//! Reads the bounds of a range partition as `pg_get_expr` writes them.
//!
//! Sessions run with `TimeZone` UTC and ISO dates, so that `timestamptz` bounds carry `+00`. What can't be read has no
//! bound, and a partition without a known end stays.

use chrono::{DateTime, NaiveDateTime, Utc};
use clusterkeep_core::sql::Value;

use crate::sql::TimeKind;

/// The bounds in `FOR VALUES FROM ('..') TO ('..')`.
pub(super) fn bounds(text: &str, kind: &TimeKind) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let inner = text.strip_prefix("FOR VALUES FROM (").and_then(|rest| rest.strip_suffix(')'));
    let Some((from, to)) = inner.and_then(|inner| inner.split_once(") TO (")) else { return (None, None) };
    (bound(from, kind), bound(to, kind))
}

fn bound(text: &str, kind: &TimeKind) -> Option<DateTime<Utc>> {
    let text = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text);
    match kind {
        TimeKind::Instant => DateTime::parse_from_str(&format!("{text}00"), "%Y-%m-%d %H:%M:%S%.f%z")
            .ok()
            .map(|at| at.with_timezone(&Utc)),
        TimeKind::Civil(_) => {
            kind.instant(&Value::DateTime(NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?))
        }
        TimeKind::Date(_) => kind.instant(&Value::Date(text.parse().ok()?)),
        TimeKind::Count(_) | TimeKind::Digits(_) => kind.instant(&Value::Int(text.parse().ok()?)),
        TimeKind::Text(_) => kind.instant(&Value::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Meaning;

    #[test]
    fn bounds_are_read_by_type_and_never_guessed() {
        let read = |text, kind: &TimeKind| {
            let (from, to) = bounds(text, kind);
            (from.map(|at: DateTime<Utc>| at.to_rfc3339()), to.map(|at| at.to_rfc3339()))
        };
        let day = (Some("2013-01-01T00:00:00+00:00".to_owned()), Some("2013-01-02T00:00:00+00:00".to_owned()));
        assert_eq!(
            read("FOR VALUES FROM ('2013-01-01 00:00:00+00') TO ('2013-01-02 00:00:00+00')", &TimeKind::Instant),
            day
        );
        let seconds = TimeKind::Count(Meaning::EpochSeconds.count().unwrap());
        assert_eq!(read("FOR VALUES FROM ('1356998400') TO ('1357084800')", &seconds), day);
        let utc = TimeKind::Civil(chrono_tz::UTC);
        assert_eq!(read("FOR VALUES FROM ('2013-01-01 00:00:00') TO ('2013-01-02 00:00:00')", &utc), day);
        let open = read("FOR VALUES FROM (MINVALUE) TO ('2013-01-02 00:00:00+00')", &TimeKind::Instant);
        assert_eq!(open, (None, day.1));
        assert_eq!(read("FOR VALUES FROM ('2013-01-01 00:00:00+00') TO (MAXVALUE)", &TimeKind::Instant).1, None);
        assert_eq!(read("DEFAULT", &TimeKind::Instant), (None, None));
        assert_eq!(read("FOR VALUES IN ('a', 'b')", &TimeKind::Instant), (None, None));
    }
}
