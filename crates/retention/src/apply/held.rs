//! Holds that were placed while a plan was being applied: what is under one is not touched from then on.

use clusterkeep_core::plan::Step;
use clusterkeep_core::{Error, Result};

use super::Apply;
use crate::plan::{Action, Domain, held};

impl Apply<'_> {
    /// Sees that no hold was placed on what steps are about to touch since they were planned.
    pub(super) async fn not_held(&self, steps: &[&Step<Domain>]) -> Result<()> {
        if steps.iter().all(|step| matches!(step.action, Action::Downsample(_))) {
            return Ok(());
        }
        let holds = self.retention.store().holds().list().await?;
        let seen = self.seen.read().await;
        let inventory = &seen.observed.inventory;
        // Those of the plan kept what they hold when it was made.
        let new: Vec<_> = holds.into_iter().filter(|hold| !inventory.holds.contains(hold)).collect();
        if new.is_empty() {
            return Ok(());
        }
        for object in steps.iter().flat_map(|step| &step.objects) {
            let lifecycle = self.lifecycle(&object.table)?;
            let span = seen.details.get(object).map_or((None, None), |detail| (detail.start, detail.end));
            if let Some(hold) = held(&new, &lifecycle, &inventory.tables, self.as_of, span) {
                let (owner, why) = (&hold.owner, &hold.reason);
                return Err(Error::refused(format!("`{object}` is held by {owner} since it was planned: {why}"))
                    .with_hint("plan again: what is held stays"));
            }
        }
        Ok(())
    }
}
