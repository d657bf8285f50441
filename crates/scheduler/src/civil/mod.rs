//! Civil time: calendar arithmetic, and the spans of constant offset that a zone consists of.
//!
//! Everything is a pure function of its arguments. Civil seconds are counted like epoch seconds, as if the wall clock
//! showed UTC.

mod calendar;
mod zone;

pub(crate) use calendar::{DAY, Date, days_in_month, naive, weekday_of};
pub use zone::{IntoZone, Zone};
pub(crate) use zone::{Span, Spans};

/// The last year that fires are looked for in.
pub(crate) const LAST_YEAR: i32 = 2199;
