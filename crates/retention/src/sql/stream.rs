//! The statements of a rollup that is made by reading its source row by row, since no engine sums what it keeps.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement, Value, sql};

use super::BUCKET;
use super::rollup::RollupSql;
use crate::aggregate::Extras;
use crate::model::{Coverage, Extra, Rollup, Stat};

/// The columns that hold what a rollup keeps of one column, in the order in which states are written and read.
pub(crate) fn state_columns(of: &Ident, extras: Extras) -> impl Iterator<Item = Ident> {
    let stats = Stat::ALL.into_iter().map(|stat| Rollup::column(of, stat));
    stats.chain(extras.iter().flat_map(|extra| Rollup::extra_columns(of, extra)))
}

/// The type of a column that nothing in the source has the type of; `None` where the source has it.
pub(super) fn extra_type(engine: Engine, suffix: &str) -> Option<&'static str> {
    match (suffix, engine) {
        ("m2" | "sum_low", Engine::Sqlite) => Some("REAL"),
        ("m2" | "sum_low", Engine::Mysql) => Some("DOUBLE"),
        ("m2" | "sum_low", _) => Some("double precision"),
        ("distinct" | "quantiles", Engine::Sqlite) => Some("BLOB"),
        ("distinct" | "quantiles", Engine::Mysql) => Some("LONGBLOB"),
        ("distinct" | "quantiles", Engine::Postgres) => Some("bytea"),
        // CrateDB has no column of bytes: they are kept in base64.
        ("distinct" | "quantiles", Engine::Cratedb) => Some("text"),
        _ => None,
    }
}

/// Whether a PostgreSQL server can compress by LZ4: one from version 14 that was built with it.
pub(crate) fn lz4() -> Statement {
    sql("SELECT count(*) > 0 AS lz4 FROM pg_catalog.pg_settings \
         WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)")
}

impl RollupSql<'_> {
    /// Has sketches compressed by LZ4 on PostgreSQL; `None` where there are none.
    ///
    /// Its own compression, which is the default, is slow for them: writing 2,154 of each kind took 0.42 s beside 0.73 s to
    /// read and fold the million rows that they are of, and less than 0.1 s with LZ4.
    pub(crate) fn compress(&self) -> Option<Statement> {
        if self.source.engine != Engine::Postgres {
            return None;
        }
        let sketches: Vec<_> = [Extra::Distinct, Extra::Quantiles]
            .into_iter()
            .filter(|extra| self.extras.has(*extra))
            .flat_map(|extra| self.sums.columns.iter().flat_map(move |of| Rollup::extra_columns(of, extra)))
            .collect();
        if sketches.is_empty() {
            return None;
        }
        let mut sql = SqlBuilder::new(self.source.engine);
        sql.push("ALTER TABLE ").table(self.target).push(" ").join(", ", &sketches, |sql, name| {
            sql.push("ALTER COLUMN ").ident(name).push(" SET COMPRESSION lz4");
        });
        Some(sql.build())
    }

    /// Reads the source between two instants in the order of time: series, time, and values, or states of a finer rollup.
    ///
    /// Where the source is a rollup, `finer` is what it keeps.
    pub(crate) fn rows(&self, from: DateTime<Utc>, until: DateTime<Utc>, finer: Extras) -> Statement {
        let mut sql = SqlBuilder::new(self.source.engine);
        sql.push("SELECT ").join("", self.by, |sql, column| {
            sql.ident(column).push(", ");
        });
        sql.ident(&self.source.time);
        for column in self.sums.columns {
            if self.sums.rolled {
                for name in state_columns(column, finer) {
                    sql.push(", ").ident(&name);
                }
            } else {
                sql.push(", ").ident(column);
            }
        }
        sql.push(" FROM ").table(&self.source.table);
        self.source.between(&mut sql, from, until);
        sql.push(" ORDER BY ").ident(&self.source.time);
        sql.build()
    }

    /// Reads the states of the rollup itself between two instants: bucket, series, states.
    pub(crate) fn states(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Statement {
        let mut sql = SqlBuilder::new(self.source.engine);
        sql.push("SELECT ").name(BUCKET).join("", self.by, |sql, column| {
            sql.push(", ").ident(column);
        });
        self.push_states(&mut sql);
        sql.push(" FROM ").table(self.target).push(" WHERE ").name(BUCKET).push(" >= ");
        sql.bind(self.source.kind.value(from)).push(" AND ").name(BUCKET).push(" < ");
        sql.bind(self.source.kind.value(until));
        sql.build()
    }

    fn push_states(&self, sql: &mut SqlBuilder) {
        for name in self.sums.columns.iter().flat_map(|column| state_columns(column, self.extras)) {
            sql.push(", ").ident(&name);
        }
    }

    /// Inserts one row: series, bucket, states.
    pub(crate) fn insert(&self) -> Statement {
        let mut sql = SqlBuilder::new(self.source.engine);
        sql.push("INSERT INTO ").table(self.target).push(" (").join("", self.by, |sql, column| {
            sql.ident(column).push(", ");
        });
        sql.name(BUCKET);
        self.push_states(&mut sql);
        let states = self.sums.columns.len() * crate::aggregate::Series::width(self.extras);
        sql.push(") VALUES (").join(", ", 0..=self.by.len() + states, |sql, _| {
            sql.push("?");
        });
        sql.push(")");
        sql.build()
    }

    /// The condition for the row of one bucket and series; NULL is a value there.
    fn one(&self, sql: &mut SqlBuilder, bucket: &Value, by: &[Value]) {
        sql.push(" WHERE ").name(BUCKET).push(" = ").bind(bucket.clone());
        for (column, value) in self.by.iter().zip(by) {
            match self.source.engine {
                // Its collations take `a` and `A` for the same.
                Engine::Mysql => {
                    sql.push(" AND CAST(")
                        .ident(column)
                        .push(" AS BINARY) <=> CAST(")
                        .bind(value.clone())
                        .push(" AS BINARY)");
                }
                Engine::Sqlite => {
                    sql.push(" AND ").ident(column).push(" IS ").bind(value.clone());
                }
                _ => {
                    sql.push(" AND ").ident(column).push(" IS NOT DISTINCT FROM ").bind(value.clone());
                }
            }
        }
    }

    /// Reads the states of one bucket and series.
    pub(crate) fn state_of(&self, bucket: &Value, by: &[Value]) -> Statement {
        let mut sql = SqlBuilder::new(self.source.engine);
        let columns = self.sums.columns.iter().flat_map(|column| state_columns(column, self.extras));
        sql.push("SELECT ").join(", ", columns, |sql, name| {
            sql.ident(&name);
        });
        sql.push(" FROM ").table(self.target);
        self.one(&mut sql, bucket, by);
        sql.build()
    }

    /// Deletes the row of one bucket and series, to be written again in the same transaction.
    pub(crate) fn clear_one(&self, bucket: &Value, by: &[Value]) -> Statement {
        let mut sql = SqlBuilder::new(self.source.engine);
        sql.push("DELETE FROM ").table(self.target);
        self.one(&mut sql, bucket, by);
        sql.build()
    }

    /// Makes buckets unknown that have too few values: one statement for each column and stretch of equal buckets.
    pub(crate) fn unknown(&self, boundaries: &[DateTime<Utc>], coverage: Coverage) -> Vec<Statement> {
        let mut stretches: Vec<(DateTime<Utc>, DateTime<Utc>, TimeDelta)> = Vec::new();
        for bucket in boundaries.windows(2) {
            let width = bucket[1] - bucket[0];
            match stretches.last_mut() {
                Some((_, until, known)) if *known == width => *until = bucket[1],
                _ => stretches.push((bucket[0], bucket[1], width)),
            }
        }
        let statement = |column: &Ident, (from, until, width): &(DateTime<Utc>, DateTime<Utc>, TimeDelta)| {
            let count = Rollup::column(column, Stat::Count);
            let mut sql = SqlBuilder::new(self.source.engine);
            sql.push("UPDATE ").table(self.target).push(" SET ");
            let all = state_columns(column, self.extras).filter(|name| *name != count);
            sql.join(", ", all, |sql, name| {
                sql.ident(&name).push(" = NULL");
            });
            sql.push(" WHERE ").name(BUCKET).push(" >= ").bind(self.source.kind.value(*from));
            sql.push(" AND ").name(BUCKET).push(" < ").bind(self.source.kind.value(*until));
            sql.push(" AND ").ident(&count).push(" < ").bind(coverage.values(*width));
            sql.build()
        };
        stretches
            .iter()
            .flat_map(|stretch| self.sums.columns.iter().map(move |column| (column, stretch)))
            .map(|(column, stretch)| statement(column, stretch))
            .collect()
    }

    /// The columns whose type the source does not have, with their types.
    pub(super) fn typed_extras(&self) -> impl Iterator<Item = (Ident, &'static str)> {
        let extras = self.extras;
        let of = move |column| {
            extras.iter().flat_map(move |extra| Rollup::extra_columns(column, extra).zip(extra.suffixes()))
        };
        let engine = self.source.engine;
        let columns = self.sums.columns.iter().flat_map(of);
        columns.filter_map(move |(name, suffix)| Some((name, extra_type(engine, suffix)?)))
    }

    /// Appends what the table of the rollup has for an extra, so that its type is known: a value of that type.
    ///
    /// MariaDB and MySQL have no value without data of each type: there the columns are declared.
    pub(super) fn push_extra(&self, sql: &mut SqlBuilder, column: &Ident, extra: Extra) {
        for (name, suffix) in Rollup::extra_columns(column, extra).zip(extra.suffixes()) {
            let kind = extra_type(self.source.engine, suffix);
            if kind.is_some() && self.source.engine == Engine::Mysql {
                continue;
            }
            sql.push(", ");
            match kind {
                Some(kind) => sql.push("CAST(NULL AS ").push(kind).push(")"),
                None => {
                    let is_time = suffix.ends_with("_at");
                    let from = match (self.sums.rolled, is_time) {
                        (true, _) => &name,
                        (false, true) => &self.source.time,
                        (false, false) => column,
                    };
                    sql.push("min(").ident(from).push(")")
                }
            };
            sql.push(" AS ").ident(&name);
        }
    }
}
