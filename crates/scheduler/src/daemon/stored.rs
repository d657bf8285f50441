//! Jobs that a scheduler takes out of its store, beside those that its program has.
//!
//! Who can write to the store's tables decides what these say, so that [`Permissions`] of this machine decide what of it
//! runs. A job that may not run is there all the same: its runs are refused, with the reason. One whose fires can't be told
//! is left out, and said so. None of them ends the scheduler, and none takes the place of a job that the program has.

use std::sync::Arc;

use clusterkeep_core::Result;
use clusterkeep_core::error::Error;

use super::core::Core;
use super::event::{Event, Listener};
use super::handler::{Handler, Handlers};
use super::roster::{Entry, HandlerOf, Roster};
use crate::model::Permissions;
use crate::run::RunRecord;
use crate::store::ScheduleRecord;

impl Roster {
    /// Takes the jobs of the namespace that the program does not have, and remembers to do so with later ones.
    pub(crate) async fn take_stored(&mut self, core: &Core, handlers: &Handlers) -> Result<()> {
        let records = core.store.schedules(Some(&core.namespace)).await?;
        self.handlers = Some(handlers.clone());
        for record in records {
            self.adopt(record, &core.listener);
        }
        Ok(())
    }

    /// Takes a job that the program does not have, as the store has it now; the place of it where that is new.
    pub(crate) fn adopt(&mut self, record: ScheduleRecord, listener: &Listener) -> Option<usize> {
        let handlers = self.handlers.as_ref()?;
        let place = self.find(record.spec.name.as_str());
        if place.is_none() && record.retired.is_some() {
            return None;
        }
        if let Some(known) = place.and_then(|place| self.entries.get_mut(place)) {
            let same = known.record.generation == record.generation && known.record.spec == record.spec;
            if !known.stored || (same && record.retired.is_none() && !known.superseded) || record.retired.is_some() {
                return known.take_over(record, listener).then_some(place).flatten();
            }
        }
        let entry = match entry(record, handlers) {
            Ok(entry) => entry,
            Err(left_out) => {
                let (job, error) = &*left_out;
                listener.hear(&Event::LeftOut { job, error });
                // What it was before counts no more.
                if let Some(known) = place.and_then(|place| self.entries.get_mut(place)) {
                    known.superseded = true;
                    known.lap += 1;
                }
                return None;
            }
        };
        match place {
            Some(place) => {
                self.replace(place, entry);
                Some(place)
            }
            None => Some(self.push(entry)),
        }
    }
}

/// A job out of the store as the scheduler works with it.
fn entry(mut record: ScheduleRecord, handlers: &Handlers) -> Result<Entry, Box<(String, Error)>> {
    let schedule = record.spec.schedule().map_err(|error| Box::new((record.spec.name.as_str().to_owned(), error)))?;
    let handler = handlers.of(&record.spec).unwrap_or_else(|error| Handler::refusing(&error));
    if schedule.trigger().is_nominal() {
        // What is stored may rest on other zone data.
        record.next_fire = schedule.next_after(record.decided());
    }
    Ok(Entry { record, schedule, handler: HandlerOf(handler), lap: 0, superseded: false, stored: true, behind: false })
}

/// Fails where what a store says of a run, its job or its arguments, may not run here.
pub(crate) fn check(permissions: Option<&Arc<Permissions>>, entry: &Entry, run: &RunRecord) -> Result<()> {
    let nothing = Arc::default();
    let permissions = match (permissions, entry.stored) {
        (Some(permissions), _) => permissions,
        (None, true) => &nothing,
        // A program without permissions vouches for what its own jobs do with arguments.
        (None, false) => return Ok(()),
    };
    if entry.stored {
        permissions.check(&run.key.namespace, &entry.record.spec)?;
    }
    let kind = entry.record.spec.run.kind();
    run.args.as_ref().map_or(Ok(()), |args| permissions.check_args(&run.key.namespace, kind, args))
}
