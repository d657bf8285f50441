//! Partitions of MariaDB and MySQL, rebuilt one at a time.
//!
//! `OPTIMIZE PARTITION` would rebuild the whole table on InnoDB, each time; `REBUILD PARTITION` does one alone.

use clusterkeep_core::plan::Ran;
use clusterkeep_core::sql::{Engine, SqlBuilder, TableName};
use clusterkeep_core::{Error, Result};

use super::super::{Apply, again};
use super::REWRITE;
use crate::observe::PartitionId;
use crate::plan::{Object, Part};

fn id_of(object: &Object) -> Result<&PartitionId> {
    match &object.part {
        Part::Partition(id) => Ok(id),
        _ => Err(Error::failed(format!("`{object}` is no partition"))),
    }
}

/// Rebuilds a partition, and records that, since the server does not remember it.
pub(super) async fn merge(apply: &Apply<'_>, table: &TableName, object: &Object) -> Result<Ran> {
    let id = id_of(object)?;
    let PartitionId::Name(name) = id else {
        return Err(Error::failed(format!("`{object}` has no name within its table")));
    };
    let mut rebuild = SqlBuilder::new(Engine::Mysql);
    rebuild.push("ALTER TABLE ").table(table).push(" REBUILD PARTITION ").ident(name);
    let rebuild = rebuild.build().timeout(REWRITE);
    // Two of one table would wait for each other's lock on it until one of them gives up.
    let turn = apply.rebuilding.lock().await;
    again(|| async { apply.retention.db.session().await?.execute(&rebuild).await }).await?;
    drop(turn);
    let records = apply.retention.records();
    again(|| records.record_compacted(table, id, false, apply.retention.now())).await?;
    Ok(Ran::Done(serde_json::json!({ "rebuilt": name.as_str() })))
}

pub(super) async fn is_merged(apply: &Apply<'_>, table: &TableName, object: &Object) -> Result<bool> {
    Ok(apply.retention.records().compacted(table, false).await?.contains_key(&id_of(object)?.to_string()))
}
