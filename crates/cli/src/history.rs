//! The action `history`: removes what became of fires that lie long back, from the scheduler's own store.
//!
//! How long it is kept is a policy of the retention crate: ages, zones and `forever` mean what they mean there, and the
//! cutoff is computed there. What goes is removed by the store, and not by a plan over its tables, since a policy knows a
//! column of time and nothing else of a row: a run that waits or is going stays whatever its age; that history is gone is
//! written down before anything goes, or else the ledger would call it lost, a backfill run it again, and a key be good
//! twice; and namespaces share the tables, while each has a policy of its own.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_retention::model::{Keep, Manifest, Policy, check, resolve};
use clusterkeep_retention::plan::cutoffs;
use clusterkeep_scheduler::{KnownAction, Run, Store, Zone};
use serde::Deserialize;

use crate::compose::{HISTORY, arguments, wrong};

/// The action, with what it is given.
pub(crate) const KNOWN: KnownAction = KnownAction { name: HISTORY, arguments: "keep: 90 days", wrong: wrong::<Args> };

/// What a job's arguments say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    keep: Keep,
    /// Whose days are counted; UTC's, where it is missing.
    #[serde(default)]
    zone: Zone,
}

/// The policy that a job's arguments stand for.
///
/// # Errors
///
/// Arguments that do not fit; an unknown zone.
pub(crate) fn policy(job: &str, args: &serde_json::Map<String, serde_json::Value>) -> Result<Manifest> {
    let args: Args = arguments(job, &KNOWN, args)?;
    let policy = Policy::for_table("runs").time("nominal").zone(&args.zone.to_string());
    let manifest = Manifest::named(job).policy(policy.drop_after(args.keep));
    check(&manifest)?;
    Ok(manifest)
}

/// What lies before this may go at `now`; `None` where all is kept.
fn cutoff(manifest: &Manifest, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let cutoffs = cutoffs(&resolve(manifest, &[])?, now)?;
    Ok(cutoffs.first().map(|cutoff| cutoff.at))
}

/// Removes the final runs of the job's namespace that its policy does not keep. No fire comes again by that, and the
/// ledger knows of it.
pub(crate) async fn remove(store: &dyn Store, run: &Run) -> Result<()> {
    let Some(before) = cutoff(&policy(run.job(), run.args())?, run.now())? else {
        run.message("kept for ever").await;
        return Ok(());
    };
    let removed = store.prune(&run.key().namespace, before).await?;
    run.message(format!("removed {removed} runs for instants before {}", before.format("%Y-%m-%d %H:%M:%S UTC"))).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::Error;

    use super::*;

    fn at(args: &serde_json::Value, now: &str) -> Result<Option<DateTime<Utc>>> {
        cutoff(&policy("tidy", args.as_object().unwrap())?, now.parse().unwrap())
    }

    #[test]
    fn ages_go_by_the_calendar_of_the_zone() {
        // Worked out by hand: it is the evening of March 30th in New York, and February has no 30th.
        let args = serde_json::json!({ "keep": "1 month", "zone": "America/New_York" });
        let before = at(&args, "2026-03-31T02:00:00Z").unwrap();
        assert_eq!(before, Some("2026-02-28T05:00:00Z".parse().unwrap()));
        let days = at(&serde_json::json!({ "keep": "90 days" }), "2026-03-31T02:00:00Z").unwrap();
        assert_eq!(days, Some("2025-12-31T00:00:00Z".parse().unwrap()));
        assert_eq!(at(&serde_json::json!({ "keep": "forever" }), "2026-03-31T02:00:00Z").unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for args in [
            serde_json::json!({ "keep": "90" }),
            serde_json::json!({ "keep": "90 days", "zone": "Mars/Olympus" }),
            serde_json::json!({ "keep": "90 days", "table": "runs" }),
            serde_json::json!({}),
        ] {
            let refused = at(&args, "2026-03-31T02:00:00Z").expect_err("it is refused");
            assert!(matches!(refused, Error::Input { .. }), "{refused}");
        }
    }
}
