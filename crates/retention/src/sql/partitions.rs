//! How many rows the engine's own partitions have, and when the first and the last of them happened.
//!
//! The second pass: exact, and only for partitions that may go.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
#[cfg(any(feature = "mysql", feature = "cratedb"))]
use clusterkeep_core::sql::Engine;
use clusterkeep_core::sql::Session;
use clusterkeep_core::{Error, Result};

use super::SourceSql;
use crate::observe::PartitionId;

/// What was counted of a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) rows: u64,
    /// How many of them have NULL for their time, or what is none.
    pub(crate) undated: u64,
    /// The first and the last instant of the column that its key is made from, where that was asked for and there is one.
    pub(crate) span: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl SourceSql {
    /// Counts the rows of each of `ids`, in as few statements as the engine allows; one without rows is counted as such.
    ///
    /// # Errors
    ///
    /// An engine whose partitions are counted in another way, or a server that does not answer.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "cratedb")),
        expect(unused_variables, reason = "no engine that is compiled in has such partitions")
    )]
    pub(crate) async fn count_partitions(
        &self,
        session: &mut dyn Session,
        ids: &[PartitionId],
    ) -> Result<HashMap<PartitionId, Counted>> {
        match self.engine {
            #[cfg(feature = "mysql")]
            Engine::Mysql => super::mysql::count(self, session, ids).await,
            #[cfg(feature = "cratedb")]
            Engine::Cratedb => super::cratedb::count(self, session, ids).await,
            engine => Err(Error::failed(format!("count partitions of `{}` on {engine}", self.table))),
        }
    }
}
