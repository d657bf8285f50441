//! MariaDB and MySQL: partitions go by their names, up to some hundreds with one statement.
//!
//! `LOCK TABLES` keeps every other session out of the table and every writer out of its rollups, while one session looks
//! at bounds and rows again, holds them against what rollups were verified against, and drops. The server takes no row in
//! between. DDL commits by itself: so what is about to go is announced in the state first, and what a crash leaves of
//! that is settled by looking at the catalogue (see `observe::going`).
//!
//! A lost session loses its locks, and whatever it had not dropped stays.

use std::time::Duration;

use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Ident, Session, TableName, sql};
use clusterkeep_core::{Error, ErrorClass, Result};

use super::super::{Apply, Span, gate};
use crate::observe::{Going, PartitionId};
use crate::plan::{Domain, Lifecycle, Object, Part};
use crate::sql::{NativePartition, SourceSql, Sums, catalogue, mysql};

/// How often a lock that could not be had is tried again.
const ATTEMPTS: u32 = 5;
/// The pause before it is tried again, doubled each time.
const PAUSE: Duration = Duration::from_millis(250);

/// A partition that is to go, as it is now.
struct Leaving<'a> {
    name: &'a Ident,
    now: NativePartition,
    rows: u64,
}

pub(super) async fn run(
    apply: &Apply<'_>,
    table: &TableName,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let source = apply.source(table).await?;
    let (mut attempt, mut pause) = (0, PAUSE);
    loop {
        attempt += 1;
        match once(apply, &source, step, recorder).await {
            // Where the connection was lost nobody knows what was done: the next run looks.
            Err(e)
                if attempt < ATTEMPTS && matches!(e.class(), Some(ErrorClass::LockTimeout | ErrorClass::Conflict)) =>
            {
                tracing::debug!(attempt, error = %e, "dropping partitions again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            done => return done,
        }
    }
}

async fn once(
    apply: &Apply<'_>,
    source: &SourceSql,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    let lifecycle = apply.lifecycle(&source.table)?;
    let mut session = apply.retention.db.session().await?;
    // Whoever uses the tables makes this wait, and this makes those wait who come after: so it does not wait long.
    session.execute(&sql("SET SESSION lock_wait_timeout = 5")).await?;
    let rollups: Vec<&TableName> = lifecycle.rollups.iter().map(|rollup| &rollup.target).collect();
    session.execute(&mysql::lock(&source.table, &rollups)).await?;
    let (leaving, bytes) = look(apply, &mut *session, source, step).await?;
    if leaving.is_empty() {
        return Ok(Ran::AlreadyDone);
    }
    let spans = check(apply, &mut *session, &lifecycle, source, &leaving).await?;

    let going =
        Going::new(&source.table, leaving.iter().map(|leaving| (leaving.name.as_str(), leaving.now.end)), &spans);
    let records = apply.retention.records();
    records.announce(&going).await?;
    let names: Vec<&Ident> = leaving.iter().map(|leaving| leaving.name).collect();
    session.execute(&mysql::drop_partitions(&source.table, &names)).await?;
    // A session that is lost has no locks left.
    session.execute(&sql("UNLOCK TABLES")).await.ok();
    // What the server only says is no reason to write that it is gone: the next run settles that by what is there.
    let left = catalogue::mysql::partitions(&mut *session, &source.table, &source.time, &source.kind).await?;
    let still = |leaving: &Leaving<'_>| left.iter().any(|partition| partition.id == leaving.now.id);
    if leaving.iter().any(still) {
        return Ok(Ran::Done(serde_json::Value::Null));
    }
    drop(session);
    let data = serde_json::json!({
        "removed_from": source.table.to_string(),
        "rows": leaving.iter().map(|leaving| leaving.rows).sum::<u64>(),
        "partitions": leaving.len(),
        "bytes": bytes,
    });
    let mut state = records.begin().await?;
    records.settle(&mut *state, &going, apply.retention.now()).await?;
    if apply.retention.state_is_here() {
        recorder.done_within(&mut *state, data.clone()).await?;
    }
    records.commit(state).await?;
    recorder.progress(leaving.len() as u64, Some(step.objects.len() as u64));
    Ok(Ran::Done(data))
}

/// The partitions of the step that are there, each seen to be as planned; under the lock.
async fn look<'s>(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    source: &SourceSql,
    step: &'s Step<Domain>,
) -> Result<(Vec<Leaving<'s>>, u64)> {
    let there = catalogue::mysql::partitions(session, &source.table, &source.time, &source.kind).await?;
    let lifecycle = apply.lifecycle(&source.table)?;
    let (mut leaving, mut bytes) = (Vec::with_capacity(step.objects.len()), 0);
    for object in &step.objects {
        let (name, id) = name_of(object)?;
        let (_, end, planned) = apply.planned(object).await?;
        let Some(now) = there.iter().find(|partition| partition.id == *id).cloned() else {
            apply.gone.lock().await.insert(object.clone());
            continue;
        };
        // Its start moves back by itself where those before it went.
        if now.end != Some(end) {
            return Err(drifted(format!("`{object}` has other bounds than the plan saw")));
        }
        let counted = mysql::count_one(source, session, name).await?;
        if counted.rows != planned {
            return Err(drifted(format!("`{object}` has {} rows, the plan saw {planned}", counted.rows)));
        }
        if counted.undated > 0 {
            return Err(drifted(format!("`{object}` has {} rows whose time is NULL or is none", counted.undated)));
        }
        apply.kept_in_files(session, &lifecycle, object).await?;
        bytes += apply.planned_bytes(object).await.unwrap_or(0);
        leaving.push(Leaving { name, now, rows: planned });
    }
    Ok((leaving, bytes))
}

/// Holds what is to go against what rollups were verified against, neighbours together; gives the spans that they take.
async fn check(
    apply: &Apply<'_>,
    session: &mut dyn Session,
    lifecycle: &Lifecycle<'_>,
    source: &SourceSql,
    leaving: &[Leaving<'_>],
) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for neighbours in leaving.chunk_by(|before, after| before.now.end >= after.now.start) {
        let parts: Vec<Ident> = neighbours.iter().map(|leaving| leaving.name.clone()).collect();
        let within = SourceSql { parts, ..source.clone() };
        let Some(end) = neighbours.iter().filter_map(|leaving| leaving.now.end).max() else { continue };
        let start = match neighbours.first().and_then(|leaving| leaving.now.start) {
            Some(start) => start,
            // Without a lower bound it begins with its first row, or with what was recorded before that.
            None => {
                let (first, recorded) = (within.first(session).await?, apply.first_recorded(lifecycle).await?);
                [first, recorded].into_iter().flatten().min().unwrap_or(end)
            }
        };
        let span = (start, end);
        spans.push(span);
        if lifecycle.rollups.is_empty() {
            continue;
        }
        apply.kept_elsewhere(session, lifecycle, source, span).await?;
        let recorded = apply.recorded(lifecycle, span).await?;
        let columns = gate::columns(&recorded);
        let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
        let summed = within.sums(session, &gate::bounds(&recorded, span), sums).await?;
        gate::check(&source.table, &recorded, &summed, &columns)?;
        // What was summed goes by the bounds, what goes by the partition: both must be the same rows.
        let (there, planned): (u64, u64) =
            (summed.iter().map(|piece| piece.rows).sum(), neighbours.iter().map(|leaving| leaving.rows).sum());
        if there != planned {
            let what =
                format!("`{}` has {planned} rows in partitions to {end}, and {there} by their time", source.table);
            return Err(drifted(what));
        }
    }
    Ok(spans)
}

/// Looks for the partitions in the catalogue.
pub(super) async fn verify(apply: &Apply<'_>, table: &TableName, objects: &[Object]) -> Result<Vec<(Object, Outcome)>> {
    let source = apply.source(table).await?;
    let mut session = apply.retention.db.session().await?;
    let there = catalogue::mysql::partitions(&mut *session, table, &source.time, &source.kind).await?;
    let gone = apply.gone.lock().await;
    let outcome = |object: &Object| -> Result<(Object, Outcome)> {
        let (_, id) = name_of(object)?;
        let outcome = if there.iter().any(|partition| partition.id == *id) {
            Outcome::StillPresent
        } else if gone.contains(object) {
            Outcome::AlreadyDone
        } else {
            Outcome::Done
        };
        Ok((object.clone(), outcome))
    };
    objects.iter().map(outcome).collect()
}

fn name_of(object: &Object) -> Result<(&Ident, &PartitionId)> {
    match &object.part {
        Part::Partition(id @ PartitionId::Name(name)) => Ok((name, id)),
        _ => Err(Error::failed(format!("`{object}` is no partition with a name"))),
    }
}

fn drifted(what: String) -> Error {
    Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) }
}
