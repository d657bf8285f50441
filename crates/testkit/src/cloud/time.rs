//! Instants in the forms of the API: most with an offset, some without one.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};

/// `2026-07-10T10:41:02.983000+00:00`.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// `2026-07-10T10:41:02.983000`: UTC, which is not said.
pub(super) fn bare(at: DateTime<Utc>) -> String {
    let mut text = stamp(at);
    text.truncate(text.len() - "+00:00".len());
    text
}

/// `created` and `modified`, as every thing has them.
#[derive(Debug, Serialize)]
pub(super) struct DublinCore {
    created: String,
    modified: String,
}

impl DublinCore {
    pub(super) fn new(created: DateTime<Utc>, modified: DateTime<Utc>) -> Self {
        Self { created: stamp(created), modified: stamp(modified) }
    }
}

/// The same as a value.
pub(super) fn dc(created: DateTime<Utc>, modified: DateTime<Utc>) -> Value {
    json!({"created": stamp(created), "modified": stamp(modified)})
}
