//! What was done before, from the audit: what went lately, and the newest plan that was applied.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::audit::{Event, Sink};
use clusterkeep_core::sql::TableName;

use super::Removed;

/// What the audit tells a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    removed: Vec<(String, Removed)>,
    pub(crate) last_applied: Option<DateTime<Utc>>,
}

/// How far the cap on what goes looks back.
const WINDOW: TimeDelta = TimeDelta::hours(24);

impl History {
    /// Reads the audit: the last 24 hours before `clock`, which is the wall clock or a simulated one, never a plan's
    /// `now`.
    pub(crate) async fn read(audit: &dyn Sink, subject: &str, clock: DateTime<Utc>) -> Result<Self> {
        let mut history = Self::default();
        let entries = audit.recent(clock - WINDOW).await?;
        for entry in &entries {
            if entry.event == Event::Began && entry.subject == subject {
                history.last_applied = history.last_applied.max(Some(entry.as_of));
            }
            if entry.event == Event::Outcome {
                let data = &entry.data["data"];
                let number = |key: &str| data[key].as_u64().unwrap_or(0);
                if let Some(table) = data["removed_from"].as_str() {
                    let removed =
                        Removed { rows: number("rows"), partitions: number("partitions"), bytes: number("bytes") };
                    history.removed.push((table.to_owned(), removed));
                }
            }
        }
        if history.last_applied.is_none() {
            history.last_applied = last_applied_before(audit, subject, clock - WINDOW).await?;
        }
        Ok(history)
    }

    /// What went from `table` within the window.
    pub(crate) fn removed(&self, table: &TableName) -> Removed {
        self.of(&table.to_string())
    }

    /// How many copies of partitions of `table` went within the window.
    pub(crate) fn removed_archives(&self, table: &TableName) -> u64 {
        self.of(&archives_of(table)).partitions
    }

    fn of(&self, name: &str) -> Removed {
        self.removed.iter().filter(|(known, _)| known == name).fold(Removed::default(), |sum, (_, removed)| Removed {
            rows: sum.rows + removed.rows,
            partitions: sum.partitions + removed.partitions,
            bytes: sum.bytes + removed.bytes,
        })
    }
}

/// What the outcome of a removal says that it removed from.
pub(crate) fn archives_of(table: &TableName) -> String {
    format!("archives of {table}")
}

/// The newest plan that was applied before the window: the first one found going back.
async fn last_applied_before(audit: &dyn Sink, subject: &str, before: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    /// How many records are looked at: years of daily runs.
    const FAR_ENOUGH: u64 = 50_000;
    const PAGE: usize = 500;
    let mut until = audit.head().await?.map_or(0, |head| head.number);
    let floor = until.saturating_sub(FAR_ENOUGH);
    while until > floor {
        let from = until.saturating_sub(PAGE as u64 - 1).max(1);
        for record in audit.read(from, PAGE).await?.iter().rev().filter(|record| record.number <= until) {
            let entry = record.entry().map_err(|e| clusterkeep_core::Error::caused("read the audit", e))?;
            if entry.event == Event::Began && entry.subject == subject && entry.at < before {
                return Ok(Some(entry.as_of));
            }
        }
        until = from - 1;
    }
    Ok(None)
}
