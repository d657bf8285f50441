//! The instant that expiry is decided by.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::Result;
use clusterkeep_core::age::Age;
use clusterkeep_core::sql::TableName;

use super::lifecycle::lifecycles;
use crate::model::TablePolicy;

/// The cutoff of one table: what ended at or before it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutoff {
    /// The table.
    pub table: TableName,
    /// The instant.
    pub at: DateTime<Utc>,
    /// The age that it was counted back by.
    pub age: Age,
    /// The zone whose days were counted.
    pub zone: Tz,
}

/// The cutoff of each table that data expires in.
///
/// For ages of a day or more it is the start of the civil day of `now` in the policy's zone, minus the age by the
/// calendar; for ages under a day it is `now` minus the age.
///
/// # Errors
///
/// An age that leads out of the calendar.
pub fn cutoffs(policies: &[TablePolicy], now: DateTime<Utc>) -> Result<Vec<Cutoff>> {
    lifecycles(policies)
        .filter_map(|lifecycle| lifecycle.drop_after.map(|age| (lifecycle, age)))
        .map(|(lifecycle, age)| {
            let at = age.before(now, lifecycle.zone)?;
            Ok(Cutoff { table: lifecycle.table.clone(), at, age, zone: lifecycle.zone })
        })
        .collect()
}
