//! Partitions that have no table of their own: several go with one statement. One file for each engine.

#[cfg(feature = "cratedb")]
mod cratedb;
#[cfg(feature = "mysql")]
mod mysql;

use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Engine, TableName};
use clusterkeep_core::{Error, Result};

use super::Apply;
use crate::plan::{Domain, Object};

/// Drops the partitions of a step, after counting them again.
#[cfg_attr(
    not(any(feature = "mysql", feature = "cratedb")),
    expect(unused_variables, reason = "no engine that is compiled in has such partitions")
)]
pub(super) async fn run(
    apply: &Apply<'_>,
    table: &TableName,
    step: &Step<Domain>,
    recorder: &Recorder<'_, Domain>,
) -> Result<Ran> {
    match apply.retention.db.engine() {
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => cratedb::run(apply, table, step, recorder).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::run(apply, table, step, recorder).await,
        engine => Err(unsupported(engine)),
    }
}

/// Looks for the partitions in the catalogue.
#[cfg_attr(
    not(any(feature = "mysql", feature = "cratedb")),
    expect(unused_variables, reason = "no engine that is compiled in has such partitions")
)]
pub(super) async fn verify(apply: &Apply<'_>, table: &TableName, objects: &[Object]) -> Result<Vec<(Object, Outcome)>> {
    match apply.retention.db.engine() {
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => cratedb::verify(apply, table, objects).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::verify(apply, table, objects).await,
        engine => Err(unsupported(engine)),
    }
}

fn unsupported(engine: Engine) -> Error {
    Error::failed(format!("{engine} has no partitions that go by name"))
}
