//! What the start of a scheduler makes of the jobs that its store has, for the audit.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use serde_json::{Value, json};

use super::core::Core;
use crate::control::{Change, Changes};
use crate::store::{ScheduleRecord, Source};

/// The jobs that are made, changed and removed; nothing where no audit is to say so.
#[derive(Debug)]
pub(crate) struct Brought {
    changes: Option<Changes>,
    created: Change,
    changed: Change,
    removed: Change,
}

impl Brought {
    pub(crate) fn of(core: &Core) -> Self {
        let change = |what| {
            let change = Change::of(what, &core.namespace);
            match &core.source {
                Source { origin: Some(origin), .. } => change.with("origin", origin.as_str()),
                Source { origin: None, .. } => change,
            }
        };
        Self {
            changes: core.changes.clone(),
            created: change("create"),
            changed: change("change"),
            removed: change("remove"),
        }
    }

    /// Takes down what becomes of a job.
    pub(crate) fn job(&mut self, old: Option<&ScheduleRecord>, new: &ScheduleRecord) {
        if self.changes.is_none() {
            return;
        }
        let change = match old {
            _ if new.retired.is_some() => &mut self.removed,
            Some(old) if old.retired.is_none() && old.generation == new.generation => return,
            Some(old) if old.retired.is_none() => &mut self.changed,
            _ => &mut self.created,
        };
        change.add(new.spec.name.as_str(), new.generation);
    }

    /// Writes down what is about to be done.
    pub(crate) async fn intend(&self, now: DateTime<Utc>) -> Result<()> {
        let Some(changes) = &self.changes else { return Ok(()) };
        changes.intend(&[&self.created, &self.changed, &self.removed], now).await
    }

    /// Writes down what came of it: `overtaken` are the jobs that another one has put a later version of.
    pub(crate) async fn came(self, overtaken: &HashSet<String>, now: DateTime<Utc>) -> Result<()> {
        let Some(changes) = self.changes else { return Ok(()) };
        for change in [self.created, self.changed, self.removed] {
            let (refused, done) = change.split(|job| overtaken.contains(job));
            changes.came(&[&done], "done", &Value::Null, now).await?;
            let why = json!({ "message": "another one has put a later version" });
            changes.came(&[&refused], "refused", &why, now).await?;
        }
        Ok(())
    }
}
