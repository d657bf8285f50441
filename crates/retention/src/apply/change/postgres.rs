//! Partitions of PostgreSQL: vacuumed, and moved into a tablespace with their indexes.

use std::time::Duration;

use clusterkeep_core::plan::Ran;
use clusterkeep_core::sql::{Engine, Ident, Session, SqlBuilder, TableName};
use clusterkeep_core::{Error, ErrorClass, Result};

use super::super::partition::{PATIENCE, wait};
use super::super::{Apply, again};
use super::{REWRITE, moved};
use crate::observe::{PartitionId, Standing};
use crate::plan::{Object, Part};
use crate::sql::standing::postgres;

fn table_of(object: &Object) -> Result<&TableName> {
    match &object.part {
        Part::Partition(PartitionId::Table(table)) => Ok(table),
        _ => Err(Error::failed(format!("`{object}` is no table of its own"))),
    }
}

async fn standing(session: &mut dyn Session, object: &Object) -> Result<Standing> {
    let found = postgres::of_partition(session, table_of(object)?).await?;
    found.ok_or_else(|| moved(object, "is not there any more"))
}

/// Vacuums a partition, and records that: what the server remembers of it is lost with its statistics.
pub(super) async fn merge(apply: &Apply<'_>, table: &TableName, object: &Object, full: bool) -> Result<Ran> {
    let partition = table_of(object)?;
    let mut session = apply.retention.db.session().await?;
    standing(&mut *session, object).await?;
    let mut vacuum = SqlBuilder::new(Engine::Postgres);
    vacuum.push(if full { "VACUUM (FULL, ANALYZE) " } else { "VACUUM (ANALYZE) " }).table(partition);
    let vacuum = vacuum.build().timeout(REWRITE);
    with_patience(|patience| {
        let vacuum = vacuum.clone();
        async move {
            // No transaction may hold a vacuum: the setting is one of the session, which is closed for that.
            let mut session = apply.retention.db.session().await?;
            let mut set = SqlBuilder::new(Engine::Postgres);
            set.push("SET lock_timeout = ").number(i64::from(patience));
            session.execute(&set.build()).await?;
            session.execute(&vacuum).await.map(drop)
        }
    })
    .await?;
    let Part::Partition(id) = &object.part else { return Err(moved(object, "is no partition")) };
    let records = apply.retention.records();
    again(|| records.record_compacted(table, id, full, apply.retention.now())).await?;
    Ok(Ran::Done(serde_json::json!({ "vacuumed": partition.to_string(), "full": full })))
}

pub(super) async fn is_merged(apply: &Apply<'_>, table: &TableName, object: &Object, full: bool) -> Result<bool> {
    let compacted = apply.retention.records().compacted(table, full).await?;
    Ok(matches!(&object.part, Part::Partition(id) if compacted.contains_key(&id.to_string())))
}

/// Moves a partition and its indexes in one transaction.
pub(super) async fn reallocate(apply: &Apply<'_>, object: &Object, tablespace: &str) -> Result<Ran> {
    let (partition, space) = (table_of(object)?, Ident::new(tablespace)?);
    let mut session = apply.retention.db.session().await?;
    let before = standing(&mut *session, object).await?.tablespaces;
    drop(session);
    if before.len() == 1 && before.contains(tablespace) {
        return Ok(Ran::AlreadyDone);
    }
    with_patience(|patience| move_once(apply, partition, &space, patience)).await?;
    Ok(Ran::Done(serde_json::json!({ "tablespace": tablespace, "before": before })))
}

async fn move_once(apply: &Apply<'_>, partition: &TableName, space: &Ident, patience: u32) -> Result<()> {
    let mut session = apply.retention.db.session().await?;
    session.begin().await?;
    wait(&mut *session, patience).await?;
    let mut alter = SqlBuilder::new(Engine::Postgres);
    alter.push("ALTER TABLE ").table(partition).push(" SET TABLESPACE ").ident(space);
    session.execute(&alter.build().timeout(REWRITE)).await?;
    for index in postgres::indexes(&mut *session, partition).await? {
        let mut alter = SqlBuilder::new(Engine::Postgres);
        alter.push("ALTER INDEX ").table(&index).push(" SET TABLESPACE ").ident(space);
        session.execute(&alter.build().timeout(REWRITE)).await?;
    }
    session.commit().await
}

pub(super) async fn is_in(apply: &Apply<'_>, object: &Object, tablespace: &str) -> Result<bool> {
    let mut session = apply.retention.db.session().await?;
    let spaces = standing(&mut *session, object).await?.tablespaces;
    Ok(spaces.len() == 1 && spaces.contains(tablespace))
}

/// Tries again where somebody else held the table, and lets others get on between two attempts.
async fn with_patience<F: Future<Output = Result<()>>>(attempt: impl Fn(u32) -> F) -> Result<()> {
    let mut left = PATIENCE.iter();
    let mut patience = PATIENCE[0];
    loop {
        left.next();
        match (attempt(patience).await, left.as_slice().first()) {
            (Err(e), Some(next)) if e.class() == Some(ErrorClass::LockTimeout) => {
                tracing::debug!(error = %e, "trying again");
                tokio::time::sleep(Duration::from_millis(u64::from(patience) / 4)).await;
                patience = *next;
            }
            (done, _) => return done,
        }
    }
}
