//! Partitions that were announced to go where dropping them commits by itself, apart from the records about them.
//!
//! An announcement is written before the statement that drops, and settled after it. What a crash leaves is settled by
//! the next run: of what is gone the records say so then, and of what is still there nothing is said.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::PlanHasher;
use clusterkeep_core::sql::{Session, SqlBuilder, TableName};
use clusterkeep_core::{Error, ErrorClass, Result};
use serde::{Deserialize, Serialize};

use super::record::Records;
use super::{Partition, PartitionId, Piece, Source};

/// What the name of such a mark begins with.
const PREFIX: &str = "going:";

/// Partitions of one table that are about to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Going {
    source: String,
    /// Each with where it ends, in microseconds.
    partitions: Vec<(String, i64)>,
    /// The spans that they take, in microseconds.
    spans: Vec<(i64, i64)>,
}

impl Going {
    /// The partitions of `source` by these names, or idents of keys, and ends, which take these spans.
    #[cfg(any(feature = "mysql", feature = "cratedb"))]
    pub(crate) fn new<'a>(
        source: &TableName,
        partitions: impl Iterator<Item = (&'a str, Option<DateTime<Utc>>)>,
        spans: &[(DateTime<Utc>, DateTime<Utc>)],
    ) -> Self {
        let end = |end: Option<DateTime<Utc>>| end.map_or(i64::MAX, |end| end.timestamp_micros());
        Self {
            source: source.to_string(),
            partitions: partitions.map(|(name, at)| (name.to_owned(), end(at))).collect(),
            spans: spans.iter().map(|(from, until)| (from.timestamp_micros(), until.timestamp_micros())).collect(),
        }
    }

    /// The name of the mark: the same for the same partitions.
    fn name(&self) -> String {
        let mut digest = PlanHasher::new("going");
        digest.text(&self.source);
        for (name, end) in &self.partitions {
            digest.text(name).text(&end.to_string());
        }
        format!("{PREFIX}{}", digest.finish().short())
    }

    /// Whether they went; one statement drops them all or none.
    fn went(&self, there: &[Partition]) -> bool {
        let is_there = |(name, end): &(String, i64)| {
            there.iter().any(|partition| match &partition.id {
                Some(PartitionId::Name(known)) => {
                    known.as_str() == name && partition.end.is_none_or(|at| at.timestamp_micros() == *end)
                }
                Some(PartitionId::Key(key)) => key.ident == *name,
                _ => false,
            })
        };
        !self.partitions.iter().any(is_there)
    }

    fn holds(&self, piece: &Piece) -> bool {
        let (start, end) = (piece.start.timestamp_micros(), piece.end.timestamp_micros());
        self.spans.iter().any(|(from, until)| *from <= start && end <= *until)
    }
}

/// Takes as dropped what an earlier run announced and dropped, and had no time to record.
pub(super) fn overlay(announced: &[Going], sources: &mut [Source]) {
    for source in sources {
        let name = source.table.to_string();
        let went = |going: &&Going| going.source == name && going.went(&source.partitions);
        for going in announced.iter().filter(went) {
            let recorded = source.rollups.iter_mut().flat_map(|rollup| &mut rollup.recorded);
            recorded.filter(|piece| going.holds(piece)).for_each(|piece| piece.dropped = true);
        }
    }
}

impl Records {
    /// What was announced and never settled.
    pub(crate) async fn announced(&self) -> Result<Vec<Going>> {
        let mut query = self.sql();
        query
            .push("SELECT ")
            .name("value")
            .push(" FROM ")
            .table(&self.state().table("marks"))
            .push(" WHERE ")
            .name("name");
        query.push(" LIKE ").bind(format!("{PREFIX}%")).push(" ORDER BY ").name("name");
        let mut session = self.state().db().session().await?;
        self.refresh(&mut *session, "marks").await?;
        let found = match session.query(&query.build()).await {
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => return Ok(Vec::new()),
            found => found?,
        };
        let read = |text: String| {
            serde_json::from_str(&text).map_err(|e| Error::caused("read what was about to be dropped", e))
        };
        found.rows().map(|row| read(row.get("value")?)).collect()
    }

    /// Writes that these partitions are about to go.
    #[cfg(any(feature = "mysql", feature = "cratedb"))]
    pub(crate) async fn announce(&self, going: &Going) -> Result<()> {
        let body = serde_json::to_string(going).map_err(|e| Error::caused("write what is about to be dropped", e))?;
        let mut insert = self.sql();
        insert
            .push("INSERT INTO ")
            .table(&self.state().table("marks"))
            .push(" (")
            .name("name")
            .push(", ")
            .name("value");
        insert.push(") VALUES (").bind(going.name()).push(", ").bind(body).push(")");
        let mut session = self.begin().await?;
        // An earlier attempt may have left its own.
        session.execute(&self.forget(going).build()).await?;
        session.execute(&insert.build()).await?;
        self.commit(session).await
    }

    /// Takes back that they are about to go.
    async fn withdraw(&self, going: &Going) -> Result<()> {
        self.state().db().execute(self.forget(going).build()).await.map(drop)
    }

    /// Records that they went, within the transaction that `session` has open; where there is none, last of all that the
    /// announcement is settled.
    pub(crate) async fn settle(&self, session: &mut dyn Session, going: &Going, now: DateTime<Utc>) -> Result<()> {
        let source: TableName = going.source.parse()?;
        for (from, until) in &going.spans {
            let at = |micros: i64| {
                DateTime::from_timestamp_micros(micros)
                    .ok_or_else(|| Error::failed(format!("{micros} µs is no point in time")))
            };
            self.mark_dropped(session, &source, (at(*from)?, at(*until)?), now).await?;
        }
        session.execute(&self.forget(going).build()).await.map(drop)
    }

    /// Settles what earlier runs have left, by what is there now.
    pub(crate) async fn settle_all(&self, sources: &[Source], now: DateTime<Utc>) -> Result<()> {
        for going in self.announced().await? {
            let Some(source) = sources.iter().find(|source| source.table.to_string() == going.source) else { continue };
            if !going.went(&source.partitions) {
                self.withdraw(&going).await?;
                continue;
            }
            let mut session = self.begin().await?;
            self.settle(&mut *session, &going, now).await?;
            self.commit(session).await?;
        }
        Ok(())
    }

    fn forget(&self, going: &Going) -> SqlBuilder {
        let mut delete = self.sql();
        delete.push("DELETE FROM ").table(&self.state().table("marks")).push(" WHERE ").name("name").push(" = ");
        delete.bind(going.name());
        delete
    }
}
