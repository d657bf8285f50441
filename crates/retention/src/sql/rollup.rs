//! The making of a rollup: pushed down to the database, whole buckets at a time.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::PlanHasher;
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement, TableName};

use super::source::{push_series, push_stat};
use super::stream::extra_type;
use super::{CatalogueColumn, Runs, SourceSql, Sums, TimeKind};
use crate::aggregate::Extras;
use crate::model::{Rollup, Stat};

/// The column of a rollup that holds the UTC instant of its bucket's civil start, in the kind of the source's time.
pub(crate) const BUCKET: &str = "bucket";

/// Statements about one rollup.
#[derive(Debug, Clone)]
pub(crate) struct RollupSql<'a> {
    pub(crate) source: &'a SourceSql,
    pub(crate) target: &'a TableName,
    pub(crate) by: &'a [Ident],
    pub(crate) sums: Sums<'a>,
    /// What it keeps beside count, sum, minimum and maximum.
    pub(crate) extras: Extras,
}

impl RollupSql<'_> {
    fn new_builder(&self) -> SqlBuilder {
        SqlBuilder::new(self.source.engine)
    }

    /// Creates the table where it is missing; types come from the source.
    pub(crate) fn create(&self, source_columns: &[CatalogueColumn], runs: &Runs) -> Statement {
        let mut sql = self.new_builder();
        sql.push("CREATE TABLE IF NOT EXISTS ").table(self.target);
        if self.source.engine == Engine::Mysql {
            // Of the bucket the type is said: the query's own keeps microseconds, and a first TIMESTAMP would change with
            // every update.
            sql.push(" (").name(BUCKET).push(match self.source.kind {
                TimeKind::Instant => " TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
                TimeKind::Civil(_) => " DATETIME NOT NULL",
                TimeKind::Date(_) => " DATE NOT NULL",
                TimeKind::Count(_) | TimeKind::Digits(_) => " BIGINT NOT NULL",
                TimeKind::Text(_) => " VARCHAR(64) NOT NULL",
            });
            for (name, kind) in self.typed_extras() {
                sql.push(", ").ident(&name).push(" ").push(kind);
            }
            // An index can't be made `IF NOT EXISTS` on MySQL: it comes with the table.
            sql.push(", INDEX ").ident(&index_name(&self.target.name)).push(" (");
            self.push_index_columns(&mut sql);
            sql.push(")) AS ");
            self.select(&mut sql, runs, self.extras);
            sql.push(" LIMIT 0");
            return sql.build();
        }
        if self.source.engine != Engine::Sqlite {
            // The query that fills it knows the type of each of its columns.
            sql.push(" AS ");
            self.select(&mut sql, runs, self.extras);
            sql.push(" WITH NO DATA");
            return sql.build();
        }
        let affinity = |name: &Ident| {
            let declared = source_columns.iter().find(|column| column.name == *name);
            match declared.map(|column| column.type_name.to_ascii_uppercase()) {
                Some(text) if text.contains("INT") => " INTEGER",
                Some(text) if text.contains("CHAR") || text.contains("TEXT") || text.contains("CLOB") => " TEXT",
                Some(text) if text.contains("REAL") || text.contains("FLOA") || text.contains("DOUB") => " REAL",
                Some(text) if text.is_empty() || text.contains("BLOB") => " BLOB",
                _ => " NUMERIC",
            }
        };
        sql.push(" (").join("", self.by, |sql, column| {
            sql.ident(column).push(affinity(column)).push(", ");
        });
        sql.name(BUCKET).push(" INTEGER NOT NULL");
        for column in self.sums.columns {
            for stat in Stat::ALL {
                let name = Rollup::column(column, stat);
                let kind = if self.sums.rolled { affinity(&name) } else { affinity(column) };
                sql.push(", ").ident(&name).push(if stat == Stat::Count { " INTEGER" } else { kind });
            }
            for extra in self.extras.iter() {
                for (name, suffix) in Rollup::extra_columns(column, extra).zip(extra.suffixes()) {
                    sql.push(", ").ident(&name).push(match extra_type(Engine::Sqlite, suffix) {
                        Some("REAL") => " REAL",
                        Some(_) => " BLOB",
                        None if suffix.ends_with("_at") => " INTEGER",
                        None if self.sums.rolled => affinity(&name),
                        None => affinity(column),
                    });
                }
            }
        }
        sql.push(")");
        sql.build()
    }

    /// Creates the index that buckets are found by, where the table does not bring it.
    pub(crate) fn create_index(&self) -> Option<Statement> {
        if self.source.engine == Engine::Mysql {
            return None;
        }
        let name = index_name(&self.target.name);
        let mut sql = self.new_builder();
        sql.push("CREATE INDEX IF NOT EXISTS ");
        let mut on = self.target.clone();
        if let (Engine::Sqlite, Some(schema)) = (self.source.engine, on.schema.take()) {
            sql.ident(&schema).push(".");
        } else {
            on = self.target.clone();
        }
        sql.ident(&name).push(" ON ").table(&on).push(" (");
        self.push_index_columns(&mut sql);
        sql.push(")");
        Some(sql.build())
    }

    fn push_index_columns(&self, sql: &mut SqlBuilder) {
        sql.name(BUCKET);
        // Columns of text without a length can't be in an index of MariaDB's.
        let by = if self.source.engine == Engine::Mysql { &[][..] } else { self.by };
        sql.join("", by, |sql, column| {
            sql.push(", ").ident(column);
        });
    }

    /// Deletes the buckets of `[from, until)`, to be made again in the same transaction.
    pub(crate) fn clear(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Statement {
        let mut sql = self.new_builder();
        sql.push("DELETE FROM ").table(self.target).push(" WHERE ").name(BUCKET).push(" >= ");
        sql.bind(self.source.kind.value(from)).push(" AND ").name(BUCKET).push(" < ");
        sql.bind(self.source.kind.value(until));
        sql.build()
    }

    /// Makes the buckets.
    pub(crate) fn fill(&self, runs: &Runs) -> Statement {
        let mut sql = self.new_builder();
        sql.push("INSERT INTO ").table(self.target).push(" (").join("", self.by, |sql, column| {
            sql.ident(column).push(", ");
        });
        sql.name(BUCKET);
        for column in self.sums.columns {
            for stat in Stat::ALL {
                sql.push(", ").ident(&Rollup::column(column, stat));
            }
        }
        sql.push(") ");
        self.select(&mut sql, runs, Extras::default());
        sql.build()
    }

    /// The aggregates, and for `extras` something of their types.
    fn select(&self, sql: &mut SqlBuilder, runs: &Runs, extras: Extras) {
        self.select_with(sql, runs, extras, |_| ());
    }

    /// The same with `further` columns.
    pub(super) fn select_with(
        &self,
        sql: &mut SqlBuilder,
        runs: &Runs,
        extras: Extras,
        further: impl FnOnce(&mut SqlBuilder),
    ) {
        sql.push("SELECT ").join("", self.by, |sql, column| {
            sql.ident(column).push(", ");
        });
        runs.push(sql, &self.source.time, &self.source.kind);
        sql.push(" AS ").name(BUCKET);
        for column in self.sums.columns {
            for stat in Stat::ALL {
                sql.push(", ");
                push_stat(sql, self.source, column, stat, self.sums.rolled);
            }
            for extra in extras.iter() {
                self.push_extra(sql, column, extra);
            }
        }
        further(sql);
        sql.push(" FROM ").table(&self.source.table);
        self.source.between(sql, runs.from(), runs.until());
        sql.push(" GROUP BY ").join("", self.by.iter().enumerate(), |sql, (nth, column)| {
            push_series(sql, column, nth + 1);
            sql.push(", ");
        });
        sql.number(i64::try_from(self.by.len() + 1).unwrap_or(i64::MAX));
    }
}

/// A name for the index of a table, within what every engine takes; long names get a digest, so that two never share one.
fn index_name(table: &Ident) -> Ident {
    const LONGEST: usize = 40;
    let full = table.as_str();
    let name = if full.len() <= LONGEST {
        format!("{full}_bucket")
    } else {
        let end = (0..=LONGEST).rev().find(|at| full.is_char_boundary(*at)).unwrap_or(0);
        let mut digest = PlanHasher::new("index");
        digest.text(full);
        format!("{}_{}_bucket", &full[..end], digest.finish().short())
    };
    Ident::new(name).unwrap_or_else(|_| Ident::literal("rollup_bucket"))
}
