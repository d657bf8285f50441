//! A run by hand, for the schedulers of the namespace.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::active;
use crate::hash;
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Gate, NewRun, Store};

/// What makes two wishes for a run the same wish: there is one run per key and window of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dedup {
    /// The key.
    pub key: String,
    /// The length of a window. Windows follow each other without gaps; where they begin depends on the key alone.
    pub within: Age,
}

/// A run that waits for a scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Queued {
    /// Its row.
    #[serde(flatten)]
    pub key: RunKey,
    /// Whether it was made now: `false` where its key was used in this window already.
    pub made: bool,
}

/// Queues a run of a job beside its schedule, with arguments that take the place of the job's own.
///
/// # Errors
///
/// An unknown job; a window of no length, or one that the calendar gives; a window that reaches back
/// behind the run history that is kept; a store that can't be used.
pub async fn queue(
    store: &dyn Store,
    namespace: &str,
    job: &str,
    args: Option<serde_json::Map<String, serde_json::Value>>,
    dedup: Option<&Dedup>,
    now: DateTime<Utc>,
) -> Result<Queued> {
    let record = active(store, namespace, job).await?;
    let nominal = match dedup {
        Some(dedup) => window(dedup, now)?,
        None => now.trunc_subsecs(6),
    };
    if dedup.is_some()
        && let Some(before) = store.deleted_before(namespace).await?.filter(|before| nominal < *before)
    {
        return Err(Error::refused(format!(
            "what ran before {before} was deleted, so it is not known whether the key was used"
        ))
        .with_hint("take a shorter window than run history is kept for"));
    }
    let mut key = record.key(RunKind::Manual, nominal);
    if dedup.is_some() {
        // A key stands for the job whatever becomes of it, so that a new version does not make it come again.
        key.generation = 0;
    }
    let run = RunRecord { args, priority: record.spec.priority, ..RunRecord::new(key.clone(), RunState::Pending) };
    let fired = store.fire(&[NewRun { run, gate: Gate::OPEN }], &[]).await?;
    Ok(Queued { key, made: fired.iter().any(|fired| fired.is_made()) })
}

/// The beginning of the window that `now` lies in, to the microsecond.
fn window(dedup: &Dedup, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let length = dedup.within.as_duration().and_then(|length| i64::try_from(length.as_micros()).ok());
    let Some(length) = length.filter(|length| *length > 0) else {
        return Err(Error::input(format!("`{}` is no length for a window", dedup.within))
            .with_hint("a week is the longest unit that has one length"));
    };
    // Keys spread over the window, and so do not meet.
    let shift = i64::try_from(hash::of(hash::START, &dedup.key) % length.unsigned_abs()).unwrap_or_default();
    let into = (now.timestamp_micros() - shift).rem_euclid(length);
    Ok(now.trunc_subsecs(6) - TimeDelta::microseconds(into))
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::age;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_follow_each_other(key in "[a-z]{1,8}", micros in 0_i64..4_000_000_000_000_000, hours in 1_u32..48) {
            let dedup = Dedup { key, within: age::hours(hours) };
            let now = DateTime::from_timestamp_micros(micros).unwrap();
            let start = window(&dedup, now).unwrap();
            let length = TimeDelta::hours(i64::from(hours));
            prop_assert!(start <= now && now < start + length);
            // One microsecond before it there is the window before it, and its last one is the same.
            prop_assert_eq!(window(&dedup, start - TimeDelta::microseconds(1)).unwrap(), start - length);
            prop_assert_eq!(window(&dedup, start + length - TimeDelta::microseconds(1)).unwrap(), start);
        }
    }
}
