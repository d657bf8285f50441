//! Partitions that are taken out of their table, and dropped later (PostgreSQL).
//!
//! That it was detached is recorded in the transaction that does it; where the state lies elsewhere, before it: a record of
//! what is still a partition is forgotten by the next run, and what left its table without one would never go.

use clusterkeep_core::Result;
use clusterkeep_core::plan::{Outcome, Ran, Recorder};
use clusterkeep_core::sql::TableName;

use super::Apply;
use super::partition::Going;
use super::remove::finish;
use crate::observe::Detached;
use crate::plan::{Domain, Object};
use crate::sql::catalogue::postgres;

impl Going<'_> {
    /// Takes it out of its table.
    pub(super) async fn detach_once(&self, patience: u32, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        let (retention, records) = (self.apply.retention, self.apply.retention.records());
        let mut session = retention.db.session().await?;
        session.begin().await?;
        let Some(place) = self.place(&mut *session).await? else {
            // An attempt whose answer was lost may have done it.
            let oid = postgres::oid(&mut *session, self.partition).await?;
            let known = records.detached(&self.source.table).await?;
            return if known.iter().any(|known| Some(known.oid) == oid) {
                Ok(Ran::AlreadyDone)
            } else {
                Err(self.moved("is no partition of it any more"))
            };
        };
        self.lock(&mut *session, Some(&place.parent), patience).await?;
        let span = self.check(&mut *session, &place).await?;
        let what = Detached {
            source: self.source.table.clone(),
            partition: self.partition.to_string(),
            oid: place.oid,
            start: self.planned.0,
            end: self.planned.1,
            rows: self.planned.2,
        };
        if retention.state_is_here() {
            records.record_detached(&mut *session, &what, retention.now()).await?;
        } else {
            let mut state = records.begin().await?;
            records.record_detached(&mut *state, &what, retention.now()).await?;
            records.commit(state).await?;
        }
        self.detach_from(&mut *session, &place).await?;
        let data = serde_json::json!({ "detached_from": self.source.table.to_string(), "rows": what.rows });
        finish(self.apply, session, &self.source, &[span], data, recorder).await
    }

    /// Drops what was taken out of its table before.
    pub(super) async fn drop_detached_once(&self, patience: u32, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        let (retention, records) = (self.apply.retention, self.apply.retention.records());
        let mut session = retention.db.session().await?;
        session.begin().await?;
        if postgres::oid(&mut *session, self.partition).await?.is_none() {
            return Ok(Ran::AlreadyDone);
        }
        self.lock(&mut *session, None, patience).await?;
        // Another table may bear its name by now, and it may be a partition again.
        let known = records.detached(&self.source.table).await?;
        let oid = postgres::oid(&mut *session, self.partition).await?;
        let Some(what) = known.into_iter().find(|known| Some(known.oid) == oid) else {
            return Err(self.moved("is not what was detached"));
        };
        if postgres::alone(&mut *session, &[what.oid]).await?.is_empty() {
            return Err(self.moved("is a partition again"));
        }
        self.count(&mut *session).await?;
        let span = self.gate(&mut *session, true).await?;
        self.kept_in_files(&mut *session).await?;
        self.drop_table(&mut *session).await?;
        let here = retention.state_is_here();
        if here {
            records.forget_detached(&mut *session, &what).await?;
        }
        let ran = finish(self.apply, session, &self.source, &[span], self.removed(), recorder).await?;
        if !here {
            records.forget_all_detached(&[what]).await?;
        }
        Ok(ran)
    }
}

/// Looks whether the table is there, is no partition, and is on record.
pub(super) async fn verify(
    apply: &Apply<'_>,
    table: &TableName,
    partition: &TableName,
    objects: &[Object],
) -> Result<Vec<(Object, Outcome)>> {
    let known = apply.retention.records().detached(table).await?;
    let mut session = apply.retention.db.session().await?;
    let oid = postgres::oid(&mut *session, partition).await?;
    let known = known.iter().find(|known| Some(known.oid) == oid);
    let outcome = match known {
        Some(known) if !postgres::alone(&mut *session, &[known.oid]).await?.is_empty() => Outcome::Done,
        Some(_) => Outcome::StillPresent,
        None => Outcome::Failed,
    };
    Ok(objects.iter().map(|object| (object.clone(), outcome)).collect())
}
