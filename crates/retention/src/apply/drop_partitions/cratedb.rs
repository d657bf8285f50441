//! CrateDB: partitions go by the values of their keys, up to some hundreds with one statement.
//!
//! There are no transactions. Each partition is counted immediately before, and compared with the plan and with what
//! rollups were verified against; then one statement names them all. *What remains open*: a row that is written into one
//! of these partitions between the count and the statement, some milliseconds later, goes with it. Partitions that are
//! this old get none, as a rule; who must be sure blocks writes to them (`"blocks.write"`) and lifts that with the
//! server's own means before they are to go.
//!
//! The statement reports no number, and reports nothing where it did nothing: what went is seen in the catalogue.

use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Session, TableName};
use clusterkeep_core::{Error, Result};

use super::super::change::archive;
use super::super::span::joined;
use super::super::{Apply, Span, gate};
use crate::observe::{Going, PartitionId, PartitionKey};
use crate::plan::{Domain, Lifecycle, Object, Part};
use crate::sql::{SourceSql, Sums, catalogue, cratedb};

/// What the server answers where an operation is blocked by a setting.
const BLOCKED: &str = "4007";

/// A partition that is to go, and what the plan knows of it.
struct Planned<'a> {
    object: &'a Object,
    id: &'a PartitionId,
    key: &'a PartitionKey,
    span: Span,
    rows: u64,
    bytes: Option<u64>,
}

pub(super) async fn run(
    apply: &Apply<'_>,
    table: &TableName,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let source = apply.source(table).await?;
    let lifecycle = apply.lifecycle(table)?;
    let mut session = apply.retention.db.session().await?;
    let listed = catalogue::cratedb::listed(&mut *session, table).await?;
    let mut going = Vec::with_capacity(step.objects.len());
    for object in &step.objects {
        let (id, key) = key_of(object)?;
        if listed.contains(&key.ident) {
            let (span, rows) = apply.planned_span(object).await?;
            let bytes = apply.planned_bytes(object).await;
            going.push(Planned { object, id, key, span, rows, bytes });
        } else {
            apply.gone.lock().await.insert(object.clone());
        }
    }
    if going.is_empty() {
        return Ok(Ran::AlreadyDone);
    }
    check(apply, &mut *session, &lifecycle, &source, &going).await?;

    // What rollups were made from is announced first: what a crash leaves of that is settled by looking at the catalogue.
    let records = apply.retention.records();
    let spans = joined(going.iter().map(|planned| planned.span));
    let ends = going.iter().map(|planned| (planned.key.ident.as_str(), Some(planned.span.1)));
    let announced = (!lifecycle.rollups.is_empty()).then(|| Going::new(table, ends, &spans));
    if let Some(announced) = &announced {
        records.announce(announced).await?;
    }
    let keys: Vec<&PartitionKey> = going.iter().map(|planned| planned.key).collect();
    session.execute(&cratedb::drop_partitions(table, &keys)).await.map_err(|e| refused_if_blocked(table, e))?;

    let left = catalogue::cratedb::listed(&mut *session, table).await?;
    drop(session);
    let went: Vec<&Planned<'_>> = going.iter().filter(|planned| !left.contains(&planned.key.ident)).collect();
    if let (Some(announced), true) = (&announced, went.len() == going.len()) {
        let mut state = records.begin().await?;
        records.settle(&mut *state, announced, apply.retention.now()).await?;
        records.commit(state).await?;
    }
    recorder.progress(went.len() as u64, Some(step.objects.len() as u64));
    Ok(Ran::Done(serde_json::json!({
        "removed_from": table.to_string(),
        "rows": went.iter().map(|planned| planned.rows).sum::<u64>(),
        "partitions": went.len(),
        "bytes": went.iter().filter_map(|planned| planned.bytes).sum::<u64>(),
    })))
}

/// Looks for the partitions in the catalogue.
pub(super) async fn verify(apply: &Apply<'_>, table: &TableName, objects: &[Object]) -> Result<Vec<(Object, Outcome)>> {
    let mut session = apply.retention.db.session().await?;
    let listed = catalogue::cratedb::listed(&mut *session, table).await?;
    let gone = apply.gone.lock().await;
    let outcome = |object: &Object| -> Result<Outcome> {
        Ok(if listed.contains(&key_of(object)?.1.ident) {
            Outcome::StillPresent
        } else if gone.contains(object) {
            Outcome::AlreadyDone
        } else {
            Outcome::Done
        })
    };
    objects.iter().map(|object| Ok((object.clone(), outcome(object)?))).collect()
}

fn key_of(object: &Object) -> Result<(&PartitionId, &PartitionKey)> {
    match &object.part {
        Part::Partition(id @ PartitionId::Key(key)) => Ok((id, key)),
        _ => Err(Error::failed(format!("`{object}` is no partition with a key"))),
    }
}

/// Counts what is to go, and compares it with what was planned and with what rollups were verified against.
async fn check(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    lifecycle: &Lifecycle<'_>,
    source: &SourceSql,
    going: &[Planned<'_>],
) -> Result<()> {
    let ids: Vec<PartitionId> = going.iter().map(|planned| planned.id.clone()).collect();
    let counted = source.count_partitions(session, &ids).await?;
    for planned in going {
        let counted = counted.get(planned.id).copied().unwrap_or_default();
        let (start, end) = planned.span;
        if counted.rows != planned.rows {
            let what = format!("`{}` has {} rows, the plan saw {}", planned.object, counted.rows, planned.rows);
            return Err(drifted(what));
        }
        if counted.span.is_some_and(|(first, last)| first < start || last >= end) {
            return Err(drifted(format!("`{}` has rows from outside of what the plan saw", planned.object)));
        }
    }
    if !lifecycle.rollups.is_empty() {
        held_by_rollups(apply, session, lifecycle, source, going).await?;
    }
    // Last: as little time as can be lies between this and the statement.
    if lifecycle.rolled.is_none() && lifecycle.policy.archive().is_some() {
        for planned in going {
            archive::still_holds(apply, session, &source.table, planned.object, planned.key).await?;
        }
    }
    Ok(())
}

/// Holds what is to go against what rollups were verified against.
async fn held_by_rollups(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    lifecycle: &Lifecycle<'_>,
    source: &SourceSql,
    going: &[Planned<'_>],
) -> Result<()> {
    for run in joined(going.iter().map(|planned| planned.span)) {
        apply.kept_elsewhere(session, lifecycle, source, run).await?;
        let recorded = apply.recorded(lifecycle, run).await?;
        let columns = gate::columns(&recorded);
        let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
        let summed = source.sums(session, &gate::bounds(&recorded, run), sums).await?;
        gate::check(&source.table, &recorded, &summed, &columns)?;
        // Beside them there may be others of the same time, by the other columns of the key.
        let (there, planned): (u64, u64) = (
            summed.iter().map(|piece| piece.rows).sum(),
            going.iter().filter(|planned| run.0 <= planned.span.0 && planned.span.1 <= run.1).map(|p| p.rows).sum(),
        );
        if there != planned {
            return Err(Error::refused(format!(
                "partitions of `{}` from {} that stay hold {} rows of the same time: a rollup can only be held against \
                 all of them",
                source.table,
                run.0,
                there.saturating_sub(planned)
            )));
        }
    }
    Ok(())
}

fn drifted(what: String) -> Error {
    Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) }
}

fn refused_if_blocked(table: &TableName, error: Error) -> Error {
    match &error {
        Error::Database { code: Some(code), .. } if code == BLOCKED => Error::Refused {
            what: format!("`{table}` is blocked against changes by a setting of its own"),
            hint: Some(format!("lift that where it is meant: ALTER TABLE {table} RESET (\"blocks.write\")")),
        },
        _ => error,
    }
}
