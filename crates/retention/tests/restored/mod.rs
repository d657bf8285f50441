//! A restore as tests ask for it.

use chrono::{DateTime, Utc};
use clusterkeep_retention::Retention;
use clusterkeep_retention::restore::Destination;

/// Brings a copy back by its plan; gives the table that it is in, or why it is in none.
pub(crate) async fn restored(
    retention: &Retention,
    name: &str,
    to: Destination,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let archives = retention.archives();
    let plan = archives.plan(name, to, now).await.map_err(|error| error.to_string())?;
    if let Some(refused) = plan.refused().next() {
        assert!(plan.steps.is_empty(), "{refused:?}");
        return Err(refused.reason.to_string());
    }
    let report = archives.apply(&plan, plan.hash.into()).await.map_err(|error| error.to_string())?;
    match report.outcomes.iter().find(|one| !one.outcome.is_done()) {
        Some(bad) => Err(bad.message.clone().unwrap_or_default()),
        None => Ok(plan.verdicts[0].detail.into.clone()),
    }
}
