//! Questions about a source: how many rows lie in which piece of time, and what they add up to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Ident, Row, Session, SqlBuilder, Statement, TableName, Value};
use clusterkeep_core::{Error, Result};
use futures::StreamExt;

use super::{BUCKET, KeyBase, Runs, TimeKind};
use crate::model::{Coverage, Rollup, Stat};
use crate::observe::{self, Facts, Number, Piece};

/// A table to ask, and how it keeps time.
#[derive(Debug, Clone)]
pub(crate) struct SourceSql {
    pub(crate) engine: Engine,
    pub(crate) table: TableName,
    pub(crate) time: Ident,
    pub(crate) kind: TimeKind,
    /// The columns whose sum the engine rounds more than it has to: of single precision, on CrateDB of double, too.
    pub(crate) singles: Vec<Ident>,
    /// The partitions that are asked, of those that go by name; the whole table where there is none.
    pub(crate) parts: Vec<Ident>,
    /// The column that the keys of its partitions are made from, where they tell less of time than their rows do.
    pub(crate) key_base: Option<KeyBase>,
}

/// Which columns are summed, and whether the table holds values or sums of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums<'a> {
    pub(crate) columns: &'a [Ident],
    /// What tells one series from another.
    pub(crate) by: &'a [Ident],
    pub(crate) rolled: bool,
}

impl SourceSql {
    /// How a rollup of this source is asked.
    pub(crate) fn rolled_into(&self, target: &TableName) -> Self {
        let (engine, kind) = (self.engine, self.kind.clone());
        let singles = if engine == Engine::Cratedb { self.singles.clone() } else { Vec::new() };
        Self {
            engine,
            table: target.clone(),
            time: Ident::literal(BUCKET),
            kind,
            singles,
            parts: Vec::new(),
            key_base: None,
        }
    }

    /// Makes what was written visible to queries, on an engine where that takes a while by itself.
    pub(crate) async fn refresh(&self, session: &mut dyn Session) -> Result<()> {
        if self.engine != Engine::Cratedb {
            return Ok(());
        }
        let mut refresh = SqlBuilder::new(self.engine);
        refresh.push("REFRESH TABLE ").table(&self.table);
        session.execute(&refresh.build()).await.map(drop)
    }

    /// The first and the last instant in the table; `None` where it has no row with a time.
    pub(crate) async fn span(&self, session: &mut dyn Session) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        let mut query = SqlBuilder::new(self.engine);
        // Two subqueries: each is one look into an index, where min and max in one query read the table on SQLite.
        query.push("SELECT (SELECT min(").ident(&self.time).push(") FROM ").table(&self.table);
        query.push(") AS ").name("first").push(", (SELECT max(").ident(&self.time).push(") FROM ").table(&self.table);
        // Words of their own on CrateDB, so they are quoted.
        query.push(") AS ").name("last");
        let records = session.query(&query.build()).await?;
        let row = records.one()?;
        let (first, last) = (row.value("first")?, row.value("last")?);
        if first.is_null() || last.is_null() {
            return Ok(None);
        }
        match (self.kind.instant(first), self.kind.instant(last)) {
            (Some(first), Some(last)) => Ok(Some((first, last))),
            _ => Err(Error::input(format!(
                "column `{}` of `{}` holds values that are no points in time",
                self.time, self.table
            ))
            .with_hint("say what it means with `as: epoch_seconds`, or clean the values that do not fit")),
        }
    }

    /// How many rows lie in each bucket that has any.
    pub(crate) async fn counts(&self, session: &mut dyn Session, runs: &Runs) -> Result<Vec<(DateTime<Utc>, u64)>> {
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT ");
        runs.push(&mut query, &self.time, &self.kind);
        query.push(" AS piece, count(*) AS n");
        self.within(&mut query, runs);
        query.push(" GROUP BY 1 ORDER BY 1");
        let records = session.query(&query.build()).await?;
        records.rows().map(|row| Ok((self.start(row)?, row.get("n")?))).collect()
    }

    /// What the rows of each bucket that has any add up to; ends are looked up in `boundaries`.
    pub(crate) async fn sums(
        &self,
        session: &mut dyn Session,
        boundaries: &[DateTime<Utc>],
        sums: Sums<'_>,
    ) -> Result<Vec<Piece>> {
        let Some(runs) = Runs::of(boundaries) else { return Ok(Vec::new()) };
        let mut query = SqlBuilder::new(self.engine);
        self.select_sums(&mut query, &runs, sums);
        self.within(&mut query, &runs);
        grouped(&mut query, sums);
        let statement = query.build();
        self.pieces(session, &statement, boundaries, sums).await
    }

    /// The same for whole buckets, where of a series with too few values nothing but their number is known.
    pub(crate) async fn known_sums(
        &self,
        session: &mut dyn Session,
        buckets: &[DateTime<Utc>],
        sums: Sums<'_>,
        coverage: Coverage,
    ) -> Result<Vec<Piece>> {
        let Some(runs) = Runs::of(buckets) else { return Ok(Vec::new()) };
        let mut query = SqlBuilder::new(self.engine);
        self.select_sums(&mut query, &runs, sums);
        self.within(&mut query, &runs);
        grouped(&mut query, sums);
        let statement = query.build();
        self.folded(session, &statement, buckets, sums, Some(coverage)).await
    }

    /// Deletes the rows between the first and the last boundary, and says what the very rows that went add up to.
    ///
    /// On PostgreSQL that is one statement, so that nothing can slip in between; on SQLite the transaction that must be
    /// open keeps every other writer out; on MariaDB and MySQL it locks the rows and the gaps between them as it reads.
    pub(crate) async fn remove(
        &self,
        session: &mut dyn Session,
        boundaries: &[DateTime<Utc>],
        sums: Sums<'_>,
    ) -> Result<Vec<Piece>> {
        let Some(runs) = Runs::of(boundaries) else { return Ok(Vec::new()) };
        let delete = self.deletion(runs.from(), runs.until());
        if self.engine == Engine::Postgres {
            let mut query = SqlBuilder::new(self.engine);
            query.push("WITH gone AS (").append(delete).push(" RETURNING *) ");
            self.select_sums(&mut query, &runs, sums);
            query.push(" FROM gone");
            grouped(&mut query, sums);
            let statement = query.build();
            return self.pieces(session, &statement, boundaries, sums).await;
        }
        let summed = self.sums_to_remove(session, &runs, boundaries, sums).await?;
        let expected: u64 = summed.iter().map(|piece| piece.rows).sum();
        let gone = session.execute(&delete.build()).await?;
        if gone != expected {
            let what = format!("{gone} rows of `{}` would have gone, {expected} were counted", self.table);
            return Err(Error::Drifted { what, hint: None });
        }
        Ok(summed)
    }

    async fn sums_to_remove(
        &self,
        session: &mut dyn Session,
        runs: &Runs,
        boundaries: &[DateTime<Utc>],
        sums: Sums<'_>,
    ) -> Result<Vec<Piece>> {
        let mut query = SqlBuilder::new(self.engine);
        self.select_sums(&mut query, runs, sums);
        self.within(&mut query, runs);
        grouped(&mut query, sums);
        if self.engine == Engine::Mysql {
            query.push(" FOR UPDATE");
        }
        let statement = query.build();
        self.pieces(session, &statement, boundaries, sums).await
    }

    fn select_sums(&self, query: &mut SqlBuilder, runs: &Runs, sums: Sums<'_>) {
        query.push("SELECT ");
        runs.push(query, &self.time, &self.kind);
        query.push(" AS piece, count(*) AS n");
        for column in sums.by {
            query.push(", ").ident(column);
        }
        for column in sums.columns {
            for stat in Stat::ALL {
                query.push(", ");
                push_stat(query, self, column, stat, sums.rolled);
            }
        }
    }

    fn within(&self, query: &mut SqlBuilder, runs: &Runs) {
        self.from(query);
        self.between(query, runs.from(), runs.until());
    }

    fn from(&self, query: &mut SqlBuilder) {
        query.push(" FROM ").table(&self.table);
        if !self.parts.is_empty() {
            query.push(" PARTITION (").join(", ", &self.parts, |query, part| {
                query.ident(part);
            });
            query.push(")");
        }
    }

    /// The first instant; `None` where there is no row.
    #[cfg(any(feature = "mysql", feature = "archive"))]
    pub(crate) async fn first(&self, session: &mut dyn Session) -> Result<Option<DateTime<Utc>>> {
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT min(").ident(&self.time).push(") AS first");
        self.from(&mut query);
        let records = session.query(&query.build()).await?;
        Ok(self.kind.instant(records.one()?.value("first")?))
    }

    /// Appends the condition that a row lies in `[from, until)`.
    pub(crate) fn between(&self, query: &mut SqlBuilder, from: DateTime<Utc>, until: DateTime<Utc>) {
        query.push(" WHERE ").ident(&self.time).push(" >= ").bind(self.kind.value(from));
        query.push(" AND ").ident(&self.time).push(" < ").bind(self.kind.value(until));
    }

    /// Locks the rows of `[from, until)` and the gaps between them, on MariaDB and MySQL, where what a transaction reads
    /// may be older than what it deletes.
    pub(crate) async fn lock_rows(
        &self,
        session: &mut dyn Session,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<()> {
        if self.engine != Engine::Mysql {
            return Ok(());
        }
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT count(*) AS n FROM ").table(&self.table);
        self.between(&mut query, from, until);
        query.push(" FOR UPDATE");
        session.query(&query.build()).await.map(drop)
    }

    /// How many rows lie in `[from, until)`.
    pub(crate) async fn count(
        &self,
        session: &mut dyn Session,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<u64> {
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT count(*) AS n FROM ").table(&self.table);
        self.between(&mut query, from, until);
        session.query(&query.build()).await?.scalar()
    }

    /// Whether a partition that is a table of its own has any row.
    pub(crate) async fn has_rows(&self, session: &mut dyn Session, partition: &TableName) -> Result<bool> {
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT EXISTS (SELECT 1 FROM ").table(partition).push(") AS found");
        session.query(&query.build()).await?.scalar()
    }

    /// How many rows a partition that is a table of its own has.
    #[cfg(feature = "postgres")]
    pub(crate) async fn count_all(&self, session: &mut dyn Session, partition: &TableName) -> Result<u64> {
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT count(*) AS n FROM ").table(partition);
        session.query(&query.build()).await?.scalar()
    }

    /// How many values each series has in `[from, until)`, column by column.
    pub(crate) async fn values_by_series(
        &self,
        session: &mut dyn Session,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        sums: Sums<'_>,
    ) -> Result<BTreeMap<String, Vec<u64>>> {
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT ").join(", ", sums.columns, |query, column| {
            push_stat(query, self, column, Stat::Count, sums.rolled);
        });
        for column in sums.by {
            query.push(", ").ident(column);
        }
        query.push(" FROM ").table(&self.table);
        self.between(&mut query, from, until);
        if !sums.by.is_empty() {
            query.push(" GROUP BY ").join(", ", sums.by.iter().enumerate(), |query, (nth, column)| {
                push_series(query, column, sums.columns.len() + 1 + nth);
            });
        }
        let statement = query.build();
        let mut rows = session.stream(&statement).await?;
        let mut series = BTreeMap::new();
        while let Some(row) = rows.next().await.transpose()? {
            let (counts, key) = row.values().split_at(sums.columns.len());
            let key = serde_json::to_string(key).map_err(|e| Error::caused("name a series", e))?;
            let count = |value: &Value| value.as_i64().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            series.insert(key, counts.iter().map(count).collect());
        }
        Ok(series)
    }

    /// How many rows each of these partitions has, which are tables of their own, in one statement, on PostgreSQL.
    ///
    /// Each count is a query of its own within it: of a union the server makes a parallel plan, whose processes take longer
    /// to start than small tables to count. One table that is large enough is read in parallel all the same.
    pub(crate) async fn count_tables(&self, session: &mut dyn Session, tables: &[&TableName]) -> Result<Vec<u64>> {
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = SqlBuilder::new(self.engine);
        query.push("SELECT c.n FROM unnest(ARRAY[").join(", ", tables, |query, table| {
            query.push("(SELECT count(*) FROM ").table(table).push(")");
        });
        query.push("]) WITH ORDINALITY AS c (n, nth) ORDER BY c.nth");
        session.query(&query.build()).await?.rows().map(|row| row.get("n")).collect()
    }

    fn start(&self, row: &Row) -> Result<DateTime<Utc>> {
        let value = row.value("piece")?;
        let lost = || Error::failed(format!("`{value}` of `{}` is no point in time", self.table));
        self.kind.instant(value).ok_or_else(lost)
    }

    async fn pieces(
        &self,
        session: &mut dyn Session,
        statement: &Statement,
        boundaries: &[DateTime<Utc>],
        sums: Sums<'_>,
    ) -> Result<Vec<Piece>> {
        self.folded(session, statement, boundaries, sums, None).await
    }

    /// Reads sums of series, and folds those of one piece into one.
    async fn folded(
        &self,
        session: &mut dyn Session,
        statement: &Statement,
        boundaries: &[DateTime<Utc>],
        sums: Sums<'_>,
        coverage: Option<Coverage>,
    ) -> Result<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rows = session.stream(statement).await?;
        while let Some(row) = rows.next().await.transpose()? {
            let start = self.start(&row)?;
            let count: u64 = row.get("n")?;
            let key = &row.values()[2..2 + sums.by.len()];
            let key = serde_json::to_string(key).map_err(|e| Error::caused("name a series", e))?;
            let mut columns = self.columns(&row, sums)?;
            let end = boundaries.get(boundaries.partition_point(|at| *at <= start)).copied().unwrap_or(start);
            if let Some(coverage) = coverage {
                let known_from = coverage.values(end - start);
                for column in columns.iter_mut().filter(|column| column.count < known_from) {
                    *column = observe::Sums { count: column.count, ..observe::Sums::default() };
                }
            }
            match pieces.last_mut() {
                Some(piece) if piece.start == start => {
                    piece.rows += count;
                    if let Some(facts) = &mut piece.facts {
                        facts.add_series(&key, columns);
                    }
                }
                _ => {
                    let mut facts = Facts::default();
                    facts.add_series(&key, columns);
                    pieces.push(Piece { start, end, rows: count, facts: Some(facts), dropped: false });
                }
            }
        }
        Ok(pieces)
    }

    fn columns(&self, row: &Row, sums: Sums<'_>) -> Result<Vec<observe::Sums>> {
        let number = |at: usize| {
            let value = row.value(at)?;
            Number::from_value(value).ok_or_else(|| {
                let name = &row.columns()[at].name;
                Error::input(format!("`{name}` of `{}` holds `{value}`, which is no number", self.table))
                    .with_hint("only columns of numbers can be rolled up")
            })
        };
        let first = 2 + sums.by.len();
        let columns = (0..sums.columns.len()).map(|nth| {
            let at = first + nth * Stat::ALL.len();
            let count = row.value(at)?.as_i64().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            Ok(observe::Sums { count, sum: number(at + 1)?, min: number(at + 2)?, max: number(at + 3)? })
        });
        columns.collect()
    }
}

/// One group for each series of each piece, piece after piece.
fn grouped(query: &mut SqlBuilder, sums: Sums<'_>) {
    query.push(" GROUP BY 1");
    for (nth, column) in sums.by.iter().enumerate() {
        query.push(", ");
        push_series(query, column, 3 + nth);
    }
    query.push(" ORDER BY 1");
}

/// Appends a column that tells series apart, the one at `position` of those that are selected, to a `GROUP BY`.
///
/// Collations of MariaDB and MySQL take `a`, `A` and `a ` for the same: there they are compared by their bytes.
pub(super) fn push_series(query: &mut SqlBuilder, column: &Ident, position: usize) {
    if query.engine() == Engine::Mysql {
        query.push("CAST(").ident(column).push(" AS BINARY)");
    } else {
        query.number(i64::try_from(position).unwrap_or(i64::MAX));
    }
}

/// Appends one sum over a column, named as the rollup names it: from values, or from the sums of a finer rollup.
pub(super) fn push_stat(query: &mut SqlBuilder, source: &SourceSql, column: &Ident, stat: Stat, rolled: bool) {
    let name = Rollup::column(column, stat);
    let from = if rolled { &name } else { column };
    let rounded = source.singles.contains(column) || source.singles.contains(from);
    if (source.engine, stat, rounded) == (Engine::Cratedb, Stat::Sum, true) {
        // What corrects the roundings of one group's sum there leaks into the next one's; an average has its own.
        query
            .push("avg(CAST(")
            .ident(from)
            .push(" AS DOUBLE PRECISION)) * count(")
            .ident(from)
            .push(") AS ")
            .ident(&name);
        return;
    }
    let (before, after) = match (stat, rolled) {
        (Stat::Count, false) => ("count(", ")"),
        // A sum of counts is a count, where an engine would make it a decimal.
        (Stat::Count, true) if source.engine == Engine::Mysql => ("CAST(sum(", ") AS SIGNED)"),
        (Stat::Count, true) => ("CAST(sum(", ") AS bigint)"),
        // A sum of single-precision numbers keeps only their seven digits on PostgreSQL.
        (Stat::Sum, false) if source.singles.contains(column) => ("sum(CAST(", " AS double precision))"),
        (Stat::Sum, _) => ("sum(", ")"),
        (Stat::Min, _) => ("min(", ")"),
        (Stat::Max, _) => ("max(", ")"),
    };
    query.push(before).ident(from).push(after).push(" AS ").ident(&name);
}
