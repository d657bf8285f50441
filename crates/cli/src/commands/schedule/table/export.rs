//! `schedule export`: what a store has, as timetables that say the same.

use std::collections::BTreeMap;

use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{ScheduleRecord, Timetable};
use serde::Serialize;

use crate::args::StoreArgs;
use crate::context::Context;
use crate::output::{Format, Printer};

/// A timetable as a file has it.
#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    #[serde(flatten)]
    timetable: &'a Timetable,
}

/// The timetables of a store, or of one of its namespaces.
pub(in super::super) async fn of_store(
    args: &StoreArgs,
    namespace: Option<&str>,
    context: &Context,
) -> Result<Vec<Timetable>> {
    let records = match super::super::store::existing(args, context).await? {
        Some(store) => store.schedules(namespace).await?,
        None => Vec::new(),
    };
    if records.iter().any(|record| record.retired.is_none() && record.spec.notify.is_some()) {
        context.printer.note("note: a store keeps no sinks: `run -f` with this needs those that are named as `sinks`");
    }
    let all = timetables(records);
    if all.is_empty() {
        let of = namespace.map(|name| format!(" of namespace `{name}`")).unwrap_or_default();
        return Err(Error::input(format!("the store has no job{of}"))
            .with_hint("`clusterkeep schedule namespaces` shows those that there are"));
    }
    Ok(all)
}

/// Prints timetables as a file has them.
pub(in super::super) fn print(all: &[Timetable], printer: &Printer) -> Result<()> {
    let documents: Vec<Document<'_>> = all.iter().map(|timetable| Document { kind: "Timetable", timetable }).collect();
    printer.data(&text(&documents, printer.format())?)
}

/// One timetable for each namespace; jobs that were removed are in none.
fn timetables(records: Vec<ScheduleRecord>) -> Vec<Timetable> {
    let mut all: BTreeMap<String, Timetable> = BTreeMap::new();
    for record in records.into_iter().filter(|record| record.retired.is_none()) {
        let timetable = all.entry(record.namespace).or_insert_with_key(|name| Timetable::of(name, Vec::new()));
        if timetable.meta.origin.is_none() {
            timetable.meta.origin = record.source.and_then(|source| source.origin);
        }
        timetable.jobs.push(record.spec);
    }
    all.into_values().collect()
}

fn text(documents: &[Document<'_>], format: Format) -> Result<String> {
    match (format, documents) {
        (Format::Table | Format::Yaml, _) => {
            let texts = documents.iter().map(|document| Format::Yaml.document(document)).collect::<Result<Vec<_>>>()?;
            Ok(texts.join("---\n"))
        }
        (Format::Ndjson, _) => documents.iter().map(|document| format.document(document)).collect(),
        (_, [only]) => format.document(only),
        _ => Err(Error::input("the store has several namespaces, which are several documents")
            .with_hint("name one with --namespace, or ask for yaml or ndjson")),
    }
}
