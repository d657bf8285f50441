//! `schedule namespaces`: which there are, and where their jobs come from.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::{ScheduleRecord, Worker};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::utc;
use crate::args::NamespacesArgs;
use crate::context::Context;
use crate::output::Listing;

/// A namespace in short, as `schedule namespaces --format json` prints them.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Namespace {
    /// Its name.
    namespace: String,
    /// How many jobs it has.
    jobs: usize,
    /// How many of these are paused.
    paused: usize,
    /// How many were removed; their history is there.
    removed: usize,
    /// How many schedulers run its jobs now.
    schedulers: usize,
    /// Where its jobs were read from.
    origins: BTreeSet<String>,
    /// Who has changed a job of it last.
    changed_by: Option<String>,
    /// When.
    changed: Option<DateTime<Utc>>,
}

impl Namespace {
    fn add(&mut self, record: ScheduleRecord) {
        match record.retired {
            Some(_) => self.removed += 1,
            None => {
                self.jobs += 1;
                self.paused += usize::from(record.paused.is_some());
                self.origins.extend(record.source.as_ref().and_then(|source| source.origin.clone()));
            }
        }
        let at = record.retired.unwrap_or(record.valid_from);
        if self.changed.is_none_or(|known| known <= at) {
            self.changed = Some(at);
            self.changed_by = record.source.map(|source| source.by);
        }
    }
}

pub(in super::super) async fn namespaces(args: NamespacesArgs, context: &Context) -> Result<ExitCode> {
    let (records, workers) = match super::super::store::existing(&args.store, context).await? {
        Some(store) => (store.schedules(None).await?, store.workers().await?),
        None => Default::default(),
    };
    let all = summed(records, &workers);
    let listing = Listing::of(&all, "there is no namespace yet; `clusterkeep schedule apply -f FILE` makes one")
        .column("namespace", |item: &Namespace| item.namespace.as_str().into())
        .column("jobs", |item| count(item.jobs))
        .column("paused", |item| count(item.paused))
        .column("removed", |item| count(item.removed))
        .column("schedulers", |item| count(item.schedulers))
        .column("origin", |item| item.origins.iter().cloned().collect::<Vec<_>>().join(", ").into())
        .column("changed by", |item| item.changed_by.clone().into())
        .column("changed", |item| item.changed.map(utc).into());
    context.printer.data(&listing.render(context.printer.format(), &all)?)?;
    Ok(ExitCode::Done)
}

fn summed(records: Vec<ScheduleRecord>, workers: &[Worker]) -> Vec<Namespace> {
    let mut all: BTreeMap<String, Namespace> = BTreeMap::new();
    for record in records {
        let name = record.namespace.clone();
        all.entry(name.clone()).or_insert_with(|| Namespace { namespace: name, ..Namespace::default() }).add(record);
    }
    for worker in workers.iter().filter(|worker| worker.alive) {
        if let Some(namespace) = all.get_mut(&worker.namespace) {
            namespace.schedulers += 1;
        }
    }
    all.into_values().collect()
}

fn count(number: usize) -> clusterkeep_core::sql::Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
