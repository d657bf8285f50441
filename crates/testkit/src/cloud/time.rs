//! Instants in the forms of the API: most with an offset, some without one.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// `2026-07-10T10:41:02.983000+00:00`.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// `2026-07-10T10:41:02.983000`: UTC, which is not said.
pub(super) fn bare(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// `created` and `modified`, as every thing has them.
pub(super) fn dc(created: DateTime<Utc>, modified: DateTime<Utc>) -> Value {
    json!({"created": stamp(created), "modified": stamp(modified)})
}
