//! Rollups that are made by reading their source row by row, in bounded memory.
//!
//! Rows come in the order of time, so that one bucket is open at a time. What is made is held until the last row was read,
//! since a session does one thing at a time; where it becomes too much, the rest of the buckets is read anew, and a bucket
//! whose series don't fit alone is made in several passes. Rows are folded on a thread of their own (`fold`).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Session, Statement, Value};
use clusterkeep_core::{Error, Result};
use futures::StreamExt;

use super::fold::Fold;
use crate::aggregate::{Extras, Series};
use crate::sql::RollupSql;

/// The most bytes that open and finished buckets may take, as an estimate.
const MEMORY: usize = 48 << 20;

/// One series alone can't be divided, so this is far beyond what is needed.
const PASSES: u64 = 1 << 20;

/// Makes the buckets between `boundaries`, which must have been cleared; returns how many rows they have.
///
/// Where the source is a rollup, `finer` is what it keeps.
pub(super) async fn fill(
    session: &mut dyn Session,
    statements: &RollupSql<'_>,
    boundaries: &[DateTime<Utc>],
    finer: Extras,
) -> Result<u64> {
    let insert = statements.insert();
    Maker::new(statements, boundaries, finer, insert).all(session, boundaries.len()).await
}

/// The same where rows have a key, by which each is replaced as a whole: those of this `making` are marked.
///
/// Each bucket is read by a query of its own, since there the server sorts what it gives in memory.
#[cfg(feature = "cratedb")]
pub(super) async fn fill_keyed(
    session: &mut dyn Session,
    statements: &RollupSql<'_>,
    boundaries: &[DateTime<Utc>],
    finer: Extras,
    making: i64,
) -> Result<u64> {
    let insert = statements.insert_keyed();
    let maker = Maker { making: Some(making), ..Maker::new(statements, boundaries, finer, insert) };
    maker.all(session, 1).await
}

struct Maker<'a> {
    statements: &'a RollupSql<'a>,
    boundaries: &'a [DateTime<Utc>],
    /// The boundaries, in the kind of the column of time.
    bounds: Arc<[Value]>,
    finer: Extras,
    insert: Statement,
    /// Which making it is, where rows have a key.
    making: Option<i64>,
    memory: usize,
}

impl<'a> Maker<'a> {
    fn new(statements: &'a RollupSql<'a>, boundaries: &'a [DateTime<Utc>], finer: Extras, insert: Statement) -> Self {
        let bounds = boundaries.iter().map(|at| statements.source.kind.value(*at)).collect();
        Self { statements, boundaries, bounds, finer, insert, making: None, memory: MEMORY }
    }

    /// Makes all buckets, up to so many with one query.
    async fn all(&self, session: &mut dyn Session, mut window: usize) -> Result<u64> {
        let buckets = self.bounds.len().saturating_sub(1);
        let (mut at, mut rows) = (0, 0);
        while at < buckets {
            let until = (at + window).min(buckets);
            let (finished, complete) = self.read(session, at, until, (1, 0)).await?;
            rows += self.write(session, finished).await?;
            if complete == until {
                at = until;
            } else if complete > at {
                window = complete - at;
                at = complete;
            } else {
                rows += self.in_passes(session, at).await?;
                at += 1;
            }
        }
        Ok(rows)
    }

    /// Makes one bucket that has more series than fit.
    async fn in_passes(&self, session: &mut dyn Session, at: usize) -> Result<u64> {
        let mut of = 2;
        while of <= PASSES {
            if let Some(rows) = self.passes(session, at, of).await? {
                return Ok(rows);
            }
            // What the passes before have made would come again.
            session.execute(&self.statements.clear(self.boundaries[at], self.boundaries[at + 1])).await?;
            of *= 2;
        }
        let (target, from) = (self.statements.target, self.boundaries[at]);
        Err(Error::failed(format!("the bucket of `{target}` from {from} does not fit into memory")))
    }

    /// Makes one bucket in `of` passes; `None` where a pass does not fit.
    async fn passes(&self, session: &mut dyn Session, at: usize, of: u64) -> Result<Option<u64>> {
        let mut rows = 0;
        for nth in 0..of {
            let (finished, complete) = self.read(session, at, at + 1, (of, nth)).await?;
            if complete == at {
                return Ok(None);
            }
            rows += self.write(session, finished).await?;
        }
        Ok(Some(rows))
    }

    /// Writes finished rows, with their keys where they have any.
    async fn write(&self, session: &mut dyn Session, mut finished: Vec<Vec<Value>>) -> Result<u64> {
        if let Some(making) = self.making {
            for row in &mut finished {
                let key = series_key(&row[..self.statements.by.len()]);
                row.extend([key.into(), making.into()]);
            }
        }
        session.execute_many(&self.insert, &finished).await
    }

    /// Reads the source of the buckets from `first` to `until`: their rows, and which is the first that did not fit.
    async fn read(
        &self,
        session: &mut dyn Session,
        first: usize,
        until: usize,
        pass: (u64, u64),
    ) -> Result<(Vec<Vec<Value>>, usize)> {
        let RollupSql { source, by, sums, extras, .. } = self.statements;
        let mut series = Series::new(by.len(), sums.columns.len(), *extras, self.memory);
        series.pass(pass.0, pass.1);
        let finer = sums.rolled.then_some(self.finer);
        let fold = Fold::new(series, source.engine, &self.bounds, (first, until), finer, self.memory);
        let (mut folding, mut hand) = fold.beside();
        let select = self.statements.rows(self.boundaries[first], self.boundaries[until], self.finer);
        let lost = |e| Error::caused(format!("make buckets of `{}`", self.statements.target), e);
        let mut rows = session.stream(&select).await?;
        let mut full = None;
        while let Some(row) = rows.next().await.transpose()? {
            // A stream that is left before its end takes its session, and the transaction, with it: so it is read to the
            // end also where there is no room for more.
            if full.is_some() {
                continue;
            }
            if hand.is_closed() {
                full = Some((&mut folding).await.map_err(lost)??);
            } else {
                hand.push(row).await;
            }
        }
        hand.finish().await;
        match full {
            Some(folded) => Ok(folded),
            None => folding.await.map_err(lost)?,
        }
    }
}

/// A text that tells each series from every other: each value with its length before it, NULL as what no value is.
fn series_key(by: &[Value]) -> String {
    let mut key = String::new();
    for value in by {
        if value.is_null() {
            key.push('n');
        } else {
            let text = value.to_string();
            key.push_str(&format!("v{}:{text}", text.chars().count()));
        }
    }
    key
}
