//! What goes, goes here: partitions whole, slices row by row, nothing else and never more than was verified.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Session, SqlBuilder, TableName, sql};
use clusterkeep_core::{Error, ErrorClass, Result};

use super::{Apply, Span, gate};
use crate::plan::{Domain, Object, Part};
use crate::sql::{SourceSql, Sums, catalogue};

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
        let (Some(start), end, rows) = apply.planned(object).await? else {
            return Err(Error::failed(format!("`{object}` was planned without a start")));
        };
        spans.push(((start, end), rows));
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        match slices_once(apply, &source, &spans, recorder).await {
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
    spans: &[(Span, u64)],
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let lifecycle = apply.lifecycle(&source.table)?;
    let mut session = apply.retention.db.session().await?;
    session.begin().await?;
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
    finish(apply, session, source, &spans, deleted, recorder).await
}

fn drifted(source: &SourceSql, from: DateTime<Utc>, expected: u64, found: u64) -> Error {
    Error::Drifted {
        what: format!("the slice of `{}` from {from} has {found} rows, the plan saw {expected}", source.table),
        hint: Some("look at the plan as it is now, then approve that".into()),
    }
}

/// Marks what went, records the outcome, and commits: with the data where state and audit lie beside it.
async fn finish(
    apply: &Apply<'_>,
    mut session: Box<dyn Session>,
    source: &SourceSql,
    spans: &[Span],
    rows: u64,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let data = serde_json::json!({ "removed_from": source.table.to_string(), "rows": rows, "partitions": spans.len() });
    let records = apply.retention.records();
    let now = apply.retention.now();
    if apply.retention.state_is_here() {
        for span in spans {
            records.mark_dropped(&mut *session, &source.table, *span, now).await?;
        }
        recorder.done_within(&mut *session, data.clone()).await?;
        session.commit().await?;
    } else {
        session.commit().await?;
        let mut state = apply.retention.state.db().session().await?;
        state.begin().await?;
        for span in spans {
            records.mark_dropped(&mut *state, &source.table, *span, now).await?;
        }
        state.commit().await?;
    }
    Ok(Ran::Done(data))
}

/// Drops a partition, in one transaction that locks it, counts it again, and is rolled back where it is not as planned.
pub(super) async fn partition(
    apply: &Apply<'_>,
    table: &TableName,
    partition: &TableName,
    object: &Object,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let source = apply.source(table).await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match partition_once(apply, &source, partition, object, recorder).await {
            Err(e) if attempt < ATTEMPTS && e.is_retryable() => {
                tracing::debug!(attempt, error = %e, "dropping a partition again");
            }
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => return Ok(Ran::AlreadyDone),
            done => return done,
        }
    }
}

async fn partition_once(
    apply: &Apply<'_>,
    source: &SourceSql,
    partition: &TableName,
    object: &Object,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let lifecycle = apply.lifecycle(&source.table)?;
    let (start, end, planned) = apply.planned(object).await?;
    let mut session = apply.retention.db.session().await?;
    session.begin().await?;
    // Whoever holds the tables makes this wait, and this makes those wait who come after: so it does not wait long.
    session.execute(&sql("SET LOCAL lock_timeout = '5s'")).await?;
    // The parent first, as every reader does it: the other way round they would wait for one another.
    for table in [&source.table, partition] {
        let mut lock = SqlBuilder::new(source.engine);
        lock.push("LOCK TABLE ONLY ").table(table).push(" IN ACCESS EXCLUSIVE MODE");
        session.execute(&lock.build()).await?;
    }
    // A name is not an identity: it may have been detached, or another one may bear its name, while this waited.
    match catalogue::partition_bounds(&mut *session, &source.table, partition, &source.kind).await? {
        Some(now) if now == (start, Some(end)) => {}
        now => {
            let how = if now.is_some() { "has other bounds now" } else { "is no partition of it any more" };
            let what = format!("`{partition}` of `{}` {how}", source.table);
            return Err(Error::Drifted { what, hint: Some("look at the plan as it is now".into()) });
        }
    }
    let there = source.count_all(&mut *session, partition).await?;
    if there != planned {
        let what = format!("partition `{partition}` has {there} rows, the plan saw {planned}");
        return Err(Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) });
    }
    let within = SourceSql { table: partition.clone(), ..source.clone() };
    // Without a lower bound it begins with its first row, or with what was recorded before that.
    let first = within.span(&mut *session).await?.map(|(first, _)| first);
    let recorded_first = match start {
        Some(_) => None,
        None => apply.first_recorded(&lifecycle).await?,
    };
    let open = [first, recorded_first].into_iter().flatten().min().unwrap_or(end);
    let bounds = (start.unwrap_or(open), end);
    apply.kept_elsewhere(&mut *session, &lifecycle, source, bounds).await?;
    let recorded = apply.recorded(&lifecycle, bounds).await?;
    let columns = gate::columns(&recorded);
    let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
    if !recorded.is_empty() {
        let summed = within.sums(&mut *session, &gate::bounds(&recorded, bounds), sums).await?;
        gate::check(&source.table, &recorded, &summed, &columns)?;
    }
    let mut drop = SqlBuilder::new(source.engine);
    drop.push("DROP TABLE ").table(partition);
    session.execute(&drop.build()).await?;
    finish(apply, session, source, &[bounds], there, recorder).await
}

/// Looks for rows that are still there.
pub(super) async fn verify_slices(
    apply: &Apply<'_>,
    table: &TableName,
    objects: &[Object],
) -> Result<Vec<(Object, Outcome)>> {
    let source = apply.source(table).await?;
    let mut session = apply.retention.db.session().await?;
    let mut seen = Vec::with_capacity(objects.len());
    for object in objects {
        let left = match &object.part {
            Part::Slice { start, end } => source.count(&mut *session, *start, *end).await?,
            Part::Whole | Part::Partition(_) => 1,
        };
        seen.push((object.clone(), if left == 0 { Outcome::Done } else { Outcome::StillPresent }));
    }
    Ok(seen)
}

/// Looks for the partition in the catalogue.
pub(super) async fn verify_partition(
    apply: &Apply<'_>,
    partition: &TableName,
    objects: &[Object],
) -> Result<Vec<(Object, Outcome)>> {
    let mut session = apply.retention.db.session().await?;
    let still_there = catalogue::describe(&mut *session, partition, None).await?.is_some();
    let outcome = if still_there { Outcome::StillPresent } else { Outcome::Done };
    Ok(objects.iter().map(|object| (object.clone(), outcome)).collect())
}
