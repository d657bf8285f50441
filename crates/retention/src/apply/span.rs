//! Intervals of time that go: half-open, and joined where they touch.

#[cfg(any(feature = "postgres", feature = "cratedb"))]
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

/// A half-open interval of time.
pub(super) type Span = (DateTime<Utc>, DateTime<Utc>);

/// Spans as few that touch one another no more.
#[cfg(any(feature = "postgres", feature = "cratedb"))]
pub(super) fn joined(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let sorted: BTreeSet<Span> = spans.into_iter().collect();
    let mut runs: Vec<Span> = Vec::new();
    for (start, end) in sorted {
        match runs.last_mut() {
            Some((_, until)) if start <= *until => *until = end.max(*until),
            _ => runs.push((start, end)),
        }
    }
    runs
}

#[cfg(all(test, any(feature = "postgres", feature = "cratedb")))]
mod tests {
    use super::*;

    #[test]
    fn spans_that_touch_are_one() {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let spans = [(at(24), at(48)), (at(0), at(24)), (at(0), at(24)), (at(72), at(96)), (at(73), at(74))];
        assert_eq!(joined(spans), [(at(0), at(48)), (at(72), at(96))]);
        assert_eq!(joined([]), []);
    }
}
