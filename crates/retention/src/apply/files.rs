//! Copies of partitions and slices in files: written, read back, and held against the rows right before these go.
//!
//! Nothing goes here. An archive is on record once it was read back, never before; one of an earlier run with the same
//! rows is verified and used again, so that a run that was killed goes on the next time.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Outcome, Ran};
use clusterkeep_core::sql::{Session, TableName};
use clusterkeep_core::{Error, Result};

use super::Apply;
use crate::archive::{self, Context, Location, Manifest, Span};
use crate::observe::{Archive, PartitionId};
use crate::plan::{Object, Part};
use crate::sql::SourceSql;

/// What was archived in this run, and which rows it is of.
#[derive(Debug, Clone)]
pub(super) struct Filed {
    location: Location,
    part: archive::Part,
    manifest: Manifest,
    mark: archive::Mark,
}

/// Archives one partition or slice at `to`.
pub(super) async fn run(apply: &Apply<'_>, table: &TableName, object: &Object, to: &str) -> Result<Ran> {
    let (start, end, planned) = apply.planned(object).await?;
    let location: Location = to.parse()?;
    let part = part(apply, table, object, (start, end)).await?;
    let context = Context::at(apply.retention.now()).plan(apply.seen.read().await.hash.clone());
    let archived = archive::export(&location, &apply.retention.db, &part, &context).await?;
    // One that is used again was read back for that.
    if !archived.reused && archive::verify(&location, &archived.manifest.name).await? != archived.manifest {
        let what = format!("the archive `{}` of `{object}` is not the one that was written", archived.manifest.name);
        return Err(Error::failed(what).with_hint("does somebody else write to the same place?"));
    }
    let archive::Archived { manifest, reused, mark } = archived;
    let record = Archive {
        files: true,
        partition: object.part.to_string(),
        columns: Vec::new(),
        repository: to.to_owned(),
        snapshot: manifest.name.clone(),
        content: manifest.row_checksum.to_string(),
        start,
        end,
        rows: manifest.rows,
        shards: 0,
        archived_at: apply.retention.now(),
        listed: None,
    };
    let records = apply.retention.records();
    super::again(|| records.record_archive(table, &record)).await?;
    // It stays an archive of what was there, and what is planned rests on something else.
    if manifest.rows != planned {
        let what = format!("`{object}` has {} rows, the plan saw {planned}", manifest.rows);
        return Err(Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) });
    }
    let data = serde_json::json!({
        "archived_in": to, "archive": manifest.name, "rows": manifest.rows, "bytes": manifest.file.bytes,
        "sha256": manifest.file.sha256, "reused": reused,
    });
    apply.filed.lock().await.insert(object.clone(), Filed { location, part, manifest, mark });
    Ok(Ran::Done(data))
}

/// The rows of a partition or slice, by the very bounds that they are removed by.
async fn part(
    apply: &Apply<'_>,
    table: &TableName,
    object: &Object,
    (start, end): (Option<DateTime<Utc>>, DateTime<Utc>),
) -> Result<archive::Part> {
    let source = apply.source(table).await?;
    let span = |from, until| Span::new(source.time.clone(), source.kind.value(from), source.kind.value(until));
    match &object.part {
        Part::Slice { start, end } => {
            Ok(archive::Part::slice(table.clone(), span(*start, *end)?).between(*start, *end))
        }
        Part::Partition(id) => {
            // Without a lower bound it begins with its first row: by that they are found again in their table.
            let start = match start {
                Some(start) => Some(start),
                None => within(&source, id).first(&mut *apply.retention.db.session().await?).await?,
            };
            let part = |span| archive::Part::partition(table.clone(), id.clone(), span);
            match start {
                Some(start) => Ok(part(Some(span(start, end)?)).between(start, end)),
                None => Ok(part(None)),
            }
        }
        Part::Whole | Part::Archive(_) => Err(Error::failed(format!("`{object}` is not archived in files"))),
    }
}

/// How a partition alone is asked.
fn within(source: &SourceSql, id: &PartitionId) -> SourceSql {
    let source = source.clone();
    match id {
        PartitionId::Table(name) => SourceSql { table: (**name).clone(), ..source },
        PartitionId::Name(name) => SourceSql { parts: vec![(**name).clone()], ..source },
        PartitionId::Key(_) => source,
    }
}

/// Looks once more: the manifest of what was archived in this run is there, and is the one that was read back.
pub(super) async fn is_so(apply: &Apply<'_>, object: &Object, to: &str) -> Result<bool> {
    let filed = apply.filed.lock().await.get(object).cloned();
    let Some(filed) = filed else { return Ok(false) };
    Ok(archive::manifest(&to.parse()?, &filed.manifest.name).await? == filed.manifest)
}

/// Sees, in the transaction or under the lock that removes them, that the rows of `object` are those of its archive, and
/// that this is still what was read back.
///
/// # Errors
///
/// It was not archived in this run, a row came, went or changed since, or the archive did.
pub(super) async fn still_holds(apply: &Apply<'_>, session: &mut dyn Session, object: &Object) -> Result<()> {
    let filed = apply.filed.lock().await.get(object).cloned();
    let Some(Filed { location, part, manifest, mark }) = filed else {
        return Err(Error::refused(format!("`{object}` was not archived in this run")));
    };
    archive::still_holds(session, &part, &manifest).await?;
    archive::is_unchanged(&location, &manifest, &mark).await
}

/// Removes an archive, where it is still there, and records that it is gone.
pub(super) async fn remove(apply: &Apply<'_>, table: &TableName, place: &(String, String)) -> Result<Ran> {
    let records = apply.retention.records();
    let Some(archive) = records.archive_at(table, true, place).await? else { return Ok(Ran::AlreadyDone) };
    let there = archive::remove(&place.0.parse()?, &place.1).await?;
    records.archive_removed(table, &archive, apply.retention.now()).await?;
    if !there {
        return Ok(Ran::AlreadyDone);
    }
    Ok(Ran::Done(serde_json::json!({
        "removed_from": crate::observe::archives_of(table), "partitions": 1, "rows": archive.rows,
        "archived_in": place.0, "archive": place.1,
    })))
}

/// Looks whether an archive is still there.
pub(super) async fn verify_removed(place: &(String, String), object: &Object) -> Result<Vec<(Object, Outcome)>> {
    let outcome = match archive::is_there(&place.0.parse()?, &place.1).await? {
        true => Outcome::StillPresent,
        false => Outcome::Done,
    };
    Ok(vec![(object.clone(), outcome)])
}
