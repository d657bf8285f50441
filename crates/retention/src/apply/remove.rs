//! Slices go here, row by row: nothing else, and never more than was verified.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Session, TableName};
use clusterkeep_core::{Error, Result};

use super::{Apply, Span, gate};
use crate::plan::{Domain, Lifecycle, Object, Part};
use crate::sql::{SourceSql, Sums};

/// How often a transaction that lost against another one is tried again.
const ATTEMPTS: u32 = 5;

/// Deletes the rows of slices, in one transaction that is rolled back where anything is not as verified.
pub(super) async fn slices(
    apply: &Apply<'_>,
    table: &TableName,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let source = apply.source(table).await?;
    let mut spans: Vec<(Span, u64)> = Vec::with_capacity(step.objects.len());
    for object in &step.objects {
        spans.push(apply.planned_span(object).await?);
    }
    #[cfg(feature = "cratedb")]
    if !apply.retention.db.capabilities().transactions {
        return super::apart::slices(apply, &source, &spans, recorder).await;
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        match slices_once(apply, &source, step, &spans, recorder).await {
            Err(e) if attempt < ATTEMPTS && e.is_retryable() => {
                tracing::debug!(attempt, error = %e, "deleting slices again");
            }
            done => return done,
        }
    }
}

async fn slices_once(
    apply: &Apply<'_>,
    source: &SourceSql,
    step: &Step<Domain>,
    spans: &[(Span, u64)],
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let lifecycle = apply.lifecycle(&source.table)?;
    let mut session = match lifecycle.files() {
        Some(_) => archived(apply, source, step, &lifecycle, spans).await?,
        None => {
            let mut session = apply.retention.db.session().await?;
            session.begin().await?;
            session
        }
    };
    let mut deleted = 0;
    for (span, planned) in spans {
        apply.kept_elsewhere(&mut *session, &lifecycle, source, *span).await?;
        let recorded = apply.recorded(&lifecycle, *span).await?;
        let columns = gate::columns(&recorded);
        let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
        let gone = source.remove(&mut *session, &gate::bounds(&recorded, *span), sums).await?;
        let rows: u64 = gone.iter().map(|piece| piece.rows).sum();
        // Where anything is not as verified, dropping the session rolls back.
        if rows != *planned {
            return Err(drifted(source, span.0, *planned, rows));
        }
        gate::check(&source.table, &recorded, &gone, &columns)?;
        deleted += rows;
    }
    let spans: Vec<Span> = spans.iter().map(|(span, _)| *span).collect();
    let data = removed(source, deleted, spans.len(), None);
    finish(apply, session, source, &spans, data, recorder).await
}

/// A transaction in which what is deleted is what was seen, and that was seen to be what is archived.
///
/// On PostgreSQL it sees one state, and fails where it would delete what another one changed since; on MariaDB and MySQL
/// the rows and the gaps between them are locked before they are read; on SQLite it keeps every other writer out.
async fn archived(
    apply: &Apply<'_>,
    source: &SourceSql,
    step: &Step<Domain>,
    lifecycle: &Lifecycle<'_>,
    spans: &[(Span, u64)],
) -> Result<Box<dyn Session>> {
    let mut session = apply.transaction().await?;
    for ((from, until), _) in spans {
        source.lock_rows(&mut *session, *from, *until).await?;
    }
    for object in &step.objects {
        apply.kept_in_files(&mut *session, lifecycle, object).await?;
    }
    Ok(session)
}

pub(super) fn drifted(source: &SourceSql, from: DateTime<Utc>, expected: u64, found: u64) -> Error {
    Error::Drifted {
        what: format!("the slice of `{}` from {from} has {found} rows, the plan saw {expected}", source.table),
        hint: Some("look at the plan as it is now, then approve that".into()),
    }
}

/// What the outcome says that went: later plans count it against the guard's limits.
pub(super) fn removed(source: &SourceSql, rows: u64, partitions: usize, bytes: Option<u64>) -> serde_json::Value {
    serde_json::json!({
        "removed_from": source.table.to_string(), "rows": rows, "partitions": partitions, "bytes": bytes,
    })
}

/// Marks what went, records the outcome, and commits: with the data where state and audit lie beside it.
pub(super) async fn finish(
    apply: &Apply<'_>,
    session: Box<dyn Session>,
    source: &SourceSql,
    spans: &[Span],
    data: serde_json::Value,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    finish_all(apply, session, source, spans, vec![data.clone()], recorder).await?;
    Ok(Ran::Done(data))
}

/// The same for steps that are done as one, with the data of each.
pub(super) async fn finish_all(
    apply: &Apply<'_>,
    mut session: Box<dyn Session>,
    source: &SourceSql,
    spans: &[Span],
    data: Vec<serde_json::Value>,
    recorder: &Recorder<'_, Domain>,
) -> Result<()> {
    if !apply.retention.state_is_here() {
        session.commit().await?;
        return mark_dropped(apply, &source.table, spans).await;
    }
    let (records, now) = (apply.retention.records(), apply.retention.now());
    for span in spans {
        records.mark_dropped(&mut *session, &source.table, *span, now).await?;
    }
    recorder.all_done_within(&mut *session, data).await?;
    session.commit().await
}

/// Marks what went in a state that has no part in the transaction, where there was one.
pub(super) async fn mark_dropped(apply: &Apply<'_>, source: &TableName, spans: &[Span]) -> Result<()> {
    let (records, now) = (apply.retention.records(), apply.retention.now());
    let mut state = records.begin().await?;
    for span in spans {
        records.mark_dropped(&mut *state, source, *span, now).await?;
    }
    records.commit(state).await
}

/// Looks for rows that are still there.
pub(super) async fn verify_slices(
    apply: &Apply<'_>,
    table: &TableName,
    objects: &[Object],
) -> Result<Vec<(Object, Outcome)>> {
    let source = apply.source(table).await?;
    let mut session = apply.retention.db.session().await?;
    source.refresh(&mut *session).await?;
    let mut seen = Vec::with_capacity(objects.len());
    for object in objects {
        let left = match &object.part {
            Part::Slice { start, end } => source.count(&mut *session, *start, *end).await?,
            Part::Whole | Part::Partition(_) | Part::Archive(_) => 1,
        };
        seen.push((object.clone(), if left == 0 { Outcome::Done } else { Outcome::StillPresent }));
    }
    Ok(seen)
}
