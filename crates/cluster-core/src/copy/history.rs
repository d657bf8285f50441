//! What earlier runs recorded of tables that they copied.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::inventory::Verified;
use crate::audit::{Event, Sink};
use crate::error::Result;

/// How long ago a run may have been.
const DAYS: i64 = 90;

/// What is recorded of a table, by its name at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It was copied and verified.
    Done(Verified),
    /// A step began and its end is not recorded: the rows are taken as they are, where both sides have as many. The
    /// table only gets its name, or its rows, after it was verified.
    Begun(DateTime<Utc>),
    /// It was not copied.
    Failed,
}

/// The newest record of each table in runs of `subject`.
pub(super) async fn read(audit: &dyn Sink, subject: &str, now: DateTime<Utc>) -> Result<BTreeMap<String, Recorded>> {
    let mut tables = BTreeMap::new();
    for entry in audit.recent(now - Duration::days(DAYS)).await? {
        if entry.subject != subject {
            continue;
        }
        let Some(into) = entry.data["action"]["into"].as_str() else { continue };
        let recorded = match entry.event {
            Event::Intent => Recorded::Begun(entry.at),
            Event::Outcome => match (entry.data["outcome"].as_str(), entry.data["data"]["rows"].as_u64()) {
                (Some("done"), Some(rows)) => Recorded::Done(Verified { at: entry.at, rows }),
                _ => Recorded::Failed,
            },
            _ => continue,
        };
        // The newest comes first.
        tables.entry(into.to_owned()).or_insert(recorded);
    }
    Ok(tables)
}
