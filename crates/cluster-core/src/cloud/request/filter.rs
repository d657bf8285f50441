//! What lists are narrowed by.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::cloud::{OperationKind, OperationStatus};
use crate::error::{Error, Result};

/// Which clusters are listed; all by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFilter {
    /// Those that this subscription pays for.
    pub subscription: Option<String>,
    /// Those of this project.
    pub project: Option<Uuid>,
    /// Those of this product.
    pub product: Option<String>,
    /// Those of this organization.
    pub organization: Option<Uuid>,
}

/// Which operations are listed; all by default, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationFilter {
    /// Those of this kind.
    pub kind: Option<OperationKind>,
    /// Those that are this far; none named means all.
    pub statuses: Vec<OperationStatus>,
    /// Those from this instant on.
    pub start: Option<DateTime<Utc>>,
    /// Those before this instant.
    pub end: Option<DateTime<Utc>>,
    /// No more than this many.
    pub limit: Option<u32>,
}

/// Which products are listed; all by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Those of this kind: `cluster` or `storage`.
    pub kind: Option<String>,
    /// Those of this tier.
    pub tier: Option<String>,
    /// The one of this name.
    pub name: Option<String>,
    /// Those of this plan.
    pub plan: Option<String>,
    /// Those of this offer.
    pub offer: Option<String>,
}

/// What a price is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceQuery {
    /// The product, such as `cr1`.
    pub product: String,
    /// Its tier, such as `default`.
    pub tier: String,
    /// The step on its scale.
    pub unit: u32,
    /// The region.
    pub region: String,
    /// The size of the disk of each node, in bytes.
    pub storage_bytes: Option<u64>,
    /// The organization that would pay.
    pub organization: Option<Uuid>,
}

/// The time that a metric is asked for; the service's own default where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricRange {
    /// From this instant on.
    pub start: Option<DateTime<Utc>>,
    /// Up to this instant.
    pub end: Option<DateTime<Utc>>,
    /// The last so many minutes, instead of `start`.
    pub minutes: Option<u32>,
}

/// The time from which snapshots are listed: at most two weeks, the last two by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotRange {
    /// From this instant on.
    pub start: Option<DateTime<Utc>>,
    /// Up to this instant.
    pub end: Option<DateTime<Utc>>,
}

impl SnapshotRange {
    /// The most that a range may span: more than this the API leaves out without a word.
    pub const LONGEST: TimeDelta = TimeDelta::weeks(2);

    pub(in crate::cloud) fn check(&self) -> Result<()> {
        check_order(self.start, self.end)?;
        match (self.start, self.end) {
            (Some(start), Some(end)) if end - start > Self::LONGEST => {
                Err(Error::input("snapshots of more than two weeks are asked for at once")
                    .with_hint("ask for two weeks after two weeks: the service leaves out the rest without a word"))
            }
            _ => Ok(()),
        }
    }
}

/// Checks that `start` is before `end`.
pub(in crate::cloud) fn check_order(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Result<()> {
    match (start, end) {
        (Some(start), Some(end)) if start >= end => {
            Err(Error::input(format!("the time from {} to {} is empty", stamp(start), stamp(end))))
        }
        _ => Ok(()),
    }
}

/// An instant as the API takes it: `2021-11-16T13:00:00Z`.
pub(in crate::cloud) fn stamp(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_asked_for_two_weeks_at_a_time() {
        let at = |day: u32| Some(format!("2026-07-{day:02}T00:00:00Z").parse().unwrap());
        let check = |start, end| SnapshotRange { start, end }.check();
        check(at(1), at(15)).unwrap();
        check(at(1), None).unwrap();
        assert!(check(at(1), at(16)).is_err());
        assert!(check(at(2), at(1)).is_err());
    }
}
