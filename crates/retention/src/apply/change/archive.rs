//! A copy of a partition in a repository: taken, looked at, and only then relied on.
//!
//! The name of a snapshot follows from what is in the partition, by the server's own numbers of writes. So an earlier
//! attempt is found by its name, and can only be the same; and what was written meanwhile shows by another name.

use std::time::{Duration, Instant};

use clusterkeep_core::plan::{Ran, Recorder};
use clusterkeep_core::sql::{Ident, TableName};
use clusterkeep_core::{Error, Result};

use super::super::{Apply, again};
use super::moved;
use super::one::{One, Patience};
use crate::model::ArchiveTier;
use crate::observe::{Archive, PartitionKey};
use crate::plan::{Domain, Object};
use crate::sql::snapshots::{self, Snapshot};
use crate::sql::standing::cratedb;

/// Between two looks at a snapshot, which may mean a request to an object store each.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is in a partition at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    content: String,
    rows: u64,
    shards: u64,
}

/// A copy that was verified.
#[derive(Debug, Clone)]
pub(in super::super) struct Copied {
    repository: String,
    name: Ident,
    schema: String,
    found: Found,
}

pub(super) async fn run(one: &mut One<'_>, repository: &str, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
    let ((start, end), planned) = one.apply.planned_span(one.object).await?;
    let tier = tier(one)?;
    let before = look(one).await?;
    if before.rows != planned {
        let how = format!("has {} rows, the plan saw {planned}", before.rows);
        return Err(moved(one.object, &how));
    }
    let name = snapshots::name(one.table(), one.key, &before.content)?;
    let place = format!("{repository}/{}", name.as_str());
    let deadline = Instant::now() + tier.waits();
    let reused = take(one, repository, &name, deadline, recorder).await?;
    let snapshot = whole(one, repository, &name).await?;
    let schema = one.schema().await?;
    snapshot
        .holds(&schema, one.table(), one.key, before.shards)
        .map_err(|why| Error::failed(format!("the snapshot {place} of `{}` can't be relied on: {why}", one.object)))?;
    // Only what has not been written to in between is in it as it was counted.
    let after = look(one).await?;
    if after != before {
        let how = format!("was written to while it was archived ({} rows, then {})", before.rows, after.rows);
        return Err(moved(one.object, &how));
    }
    let archive = Archive {
        files: false,
        partition: one.key.ident.clone(),
        columns: one.key.values.iter().map(|(column, _)| column.as_str().to_owned()).collect(),
        repository: repository.to_owned(),
        snapshot: name.as_str().to_owned(),
        content: before.content.clone(),
        start: Some(start),
        end,
        rows: before.rows,
        shards: before.shards,
        archived_at: one.apply.retention.now(),
        listed: Some(true),
    };
    let records = one.apply.retention.records();
    let table = one.table().clone();
    again(|| records.record_archive(&table, &archive)).await?;
    let copied = Copied { repository: repository.to_owned(), name: name.clone(), schema, found: before };
    one.apply.archived.lock().await.insert(one.object.clone(), copied);
    Ok(Ran::Done(serde_json::json!({
        "archived_in": repository, "snapshot": name.as_str(), "rows": archive.rows, "shards": archive.shards,
        "content": archive.content, "reused": reused,
    })))
}

/// Looks once more: the snapshot is listed as whole.
pub(super) async fn is_so(one: &mut One<'_>, repository: &str) -> Result<bool> {
    let copied = one.apply.archived.lock().await.get(one.object).cloned();
    let Some(copied) = copied else { return Ok(false) };
    Ok(snapshots::find(&mut *one.session, repository, copied.name.as_str())
        .await?
        .is_some_and(|found| found.state == "SUCCESS"))
}

fn tier(one: &One<'_>) -> Result<ArchiveTier> {
    let lifecycle = one.apply.lifecycle(one.table())?;
    lifecycle.policy.archive().cloned().ok_or_else(|| Error::failed(format!("`{}` has no tier `archive`", one.table())))
}

/// What is in the partition, and a text that each write changes: the text first, so that it is never newer than the count.
async fn look(one: &mut One<'_>) -> Result<Found> {
    let standing = one.standing().await?;
    let content = standing.content.ok_or_else(|| {
        Error::failed(format!("`{}` can't be archived: not all of its shards have a first copy", one.object))
            .with_hint("bring back the nodes that hold it, then run again")
    })?;
    let counted = one.source.count_partitions(&mut *one.session, std::slice::from_ref(one.id)).await?;
    let rows = counted.get(one.id).map_or(0, |counted| counted.rows);
    let shards = cratedb::shards_of(&mut *one.session, &one.source.table, &one.key.ident).await?;
    Ok(Found { content, rows, shards })
}

/// Has the snapshot taken, where it is not there; whether an earlier attempt had.
async fn take(
    one: &mut One<'_>,
    repository: &str,
    name: &Ident,
    deadline: Instant,
    recorder: &Recorder<'_, Domain>,
) -> Result<bool> {
    let found = snapshots::find(&mut *one.session, repository, name.as_str()).await?;
    let reused = match found.as_ref().map(|found| found.state.as_str()) {
        Some("SUCCESS") => return Ok(true),
        Some("IN_PROGRESS") => true,
        Some(_) => {
            // What an earlier attempt could not finish; the name is ours, and nothing of it can be relied on.
            one.session.execute(&snapshots::remove(&Ident::new(repository)?, name)).await?;
            create(one, repository, name).await?;
            false
        }
        None => {
            create(one, repository, name).await?;
            false
        }
    };
    let (mut pause, mut patience) = (PAUSE, Patience::default());
    loop {
        let looked = snapshots::find(&mut *one.session, repository, name.as_str()).await;
        let found = patience.bear(one, looked).await?.flatten();
        match found.as_ref().map(|found| found.state.as_str()) {
            Some("IN_PROGRESS") | None => {}
            Some(_) => return Ok(reused),
        }
        if one.apply.retention.cancelled() {
            return Err(Error::failed(format!("interrupted while `{}` is archived", one.object))
                .with_hint("the server goes on with the snapshot, and the next run looks at it"));
        }
        if Instant::now() >= deadline {
            let state = found.map_or_else(|| "not listed".to_owned(), |found| found.state);
            return Err(Error::failed(format!(
                "the snapshot {repository}/{} of `{}` is still {state}",
                name.as_str(),
                one.object
            ))
            .with_hint("the server goes on with it, and the next run looks at it; or raise `wait`"));
        }
        recorder.progress(0, None);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn create(one: &mut One<'_>, repository: &str, name: &Ident) -> Result<()> {
    let statement = snapshots::create(&Ident::new(repository)?, name, one.table(), one.key);
    match one.session.execute(&statement).await {
        // An attempt whose answer was lost had begun it.
        Err(Error::Database { code: Some(code), .. }) if code == "4096" => Ok(()),
        done => done.map(drop),
    }
}

async fn whole(one: &mut One<'_>, repository: &str, name: &Ident) -> Result<Snapshot> {
    let found = snapshots::find(&mut *one.session, repository, name.as_str()).await?;
    found.ok_or_else(|| {
        Error::failed(format!("the snapshot {repository}/{} of `{}` is not listed", name.as_str(), one.object))
    })
}

/// Looks right before a partition goes whether its copy is still whole, and it is still what was archived in this run: the
/// partition last, so that as little time as can be lies between that and its end.
///
/// # Errors
///
/// It was written to since, it was not archived, or its copy is not there any more.
pub(in super::super) async fn still_holds(
    apply: &Apply<'_>,
    session: &mut dyn clusterkeep_core::sql::Session,
    table: &TableName,
    object: &Object,
    key: &PartitionKey,
) -> Result<()> {
    let archived = apply.archived.lock().await.get(object).cloned();
    let Some(Copied { repository, name, schema, found: archived }) = archived else {
        return Err(Error::refused(format!("`{object}` was not archived in this run")));
    };
    let listed = snapshots::find(session, &repository, name.as_str()).await?;
    let whole = match listed {
        Some(snapshot) => snapshot.holds(&schema, table, key, archived.shards),
        None => Err("it is not listed any more".to_owned()),
    };
    whole.map_err(|why| {
        let place = format!("{repository}/{}", name.as_str());
        Error::refused(format!("the snapshot {place} of `{object}` can't be relied on: {why}"))
            .with_hint("who removes snapshots there? run again, and another one is taken")
    })?;
    let found = cratedb::of_partitions(session, table, Some(&key.ident)).await?;
    match found.into_values().next().and_then(|standing| standing.content) {
        Some(content) if content == archived.content => Ok(()),
        _ => Err(moved(object, "is not what was archived any more")),
    }
}

/// Removes a copy, where it is still there, and records that it is gone.
pub(super) async fn remove(apply: &Apply<'_>, table: &TableName, place: &(String, String)) -> Result<Ran> {
    let records = apply.retention.records();
    let Some(archive) = records.archive_at(table, false, place).await? else { return Ok(Ran::AlreadyDone) };
    let mut session = apply.retention.db.session().await?;
    let there = snapshots::find(&mut *session, &place.0, &place.1).await?.is_some();
    if there {
        session.execute(&snapshots::remove(&Ident::new(&place.0)?, &Ident::new(&place.1)?)).await?;
    }
    drop(session);
    records.archive_removed(table, &archive, apply.retention.now()).await?;
    if !there {
        return Ok(Ran::AlreadyDone);
    }
    Ok(Ran::Done(serde_json::json!({
        "removed_from": crate::observe::archives_of(table), "partitions": 1, "rows": archive.rows,
        "repository": place.0, "snapshot": place.1,
    })))
}

/// Whether a copy is still listed.
pub(super) async fn is_listed(apply: &Apply<'_>, place: &(String, String)) -> Result<bool> {
    let mut session = apply.retention.db.session().await?;
    Ok(snapshots::find(&mut *session, &place.0, &place.1).await?.is_some())
}
