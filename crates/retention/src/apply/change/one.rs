//! One partition of CrateDB, and a session to ask and change it by.

use std::time::{Duration, Instant};

use clusterkeep_core::sql::{Session, TableName, sql};
use clusterkeep_core::{Error, Result};

use super::super::Apply;
use super::moved;
use crate::observe::{PartitionId, PartitionKey, Standing};
use crate::plan::{Object, Part};
use crate::sql::SourceSql;
use crate::sql::standing::cratedb;

/// A partition that is changed.
pub(super) struct One<'a> {
    pub(super) apply: &'a Apply<'a>,
    pub(super) object: &'a Object,
    pub(super) id: &'a PartitionId,
    pub(super) key: &'a PartitionKey,
    pub(super) source: SourceSql,
    pub(super) session: Box<dyn Session>,
}

/// How long looks may fail one after the other while something is waited for: a node that dies takes answers with it.
const BEARABLE: Duration = Duration::from_secs(60);

/// How long looks have failed.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// What a look gave; `None` where it failed and is worth another one.
    pub(super) async fn bear<T>(&mut self, one: &mut One<'_>, looked: Result<T>) -> Result<Option<T>> {
        match looked {
            Ok(seen) => {
                self.0 = None;
                Ok(Some(seen))
            }
            Err(e @ Error::Database { .. }) if self.0.get_or_insert_with(Instant::now).elapsed() < BEARABLE => {
                tracing::debug!(error = %e, object = %one.object, "looking again");
                // What broke may have taken the session with it.
                if let Ok(session) = one.apply.retention.db.session().await {
                    one.session = session;
                }
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

impl<'a> One<'a> {
    pub(super) async fn of(apply: &'a Apply<'a>, table: &TableName, object: &'a Object) -> Result<Self> {
        let Part::Partition(id @ PartitionId::Key(key)) = &object.part else {
            return Err(Error::failed(format!("`{object}` is no partition with a key")));
        };
        let (source, session) = (apply.source(table).await?, apply.retention.db.session().await?);
        Ok(Self { apply, object, id, key, source, session })
    }

    pub(super) fn table(&self) -> &TableName {
        &self.source.table
    }

    /// How it is kept.
    ///
    /// # Errors
    ///
    /// It is not there any more.
    pub(super) async fn standing(&mut self) -> Result<Standing> {
        let found = cratedb::of_partitions(&mut *self.session, &self.source.table, Some(&self.key.ident)).await?;
        found.into_values().next().ok_or_else(|| moved(self.object, "is not there any more"))
    }

    /// The schema that its table is in.
    pub(super) async fn schema(&mut self) -> Result<String> {
        match &self.source.table.schema {
            Some(schema) => Ok(schema.as_str().to_owned()),
            None => self.session.query(&sql("SELECT current_schema AS schema")).await?.scalar(),
        }
    }
}
