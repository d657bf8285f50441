//! The making of a rollup: pushed down to the database, whole buckets at a time.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::PlanHasher;
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement, TableName};

use super::source::push_stat;
use super::{CatalogueColumn, Runs, SourceSql, Sums};
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
}

impl RollupSql<'_> {
    fn new_builder(&self) -> SqlBuilder {
        SqlBuilder::new(self.source.engine)
    }

    /// Creates the table where it is missing; types come from the source.
    pub(crate) fn create(&self, source_columns: &[CatalogueColumn], runs: &Runs) -> Statement {
        let mut sql = self.new_builder();
        sql.push("CREATE TABLE IF NOT EXISTS ").table(self.target);
        if self.source.engine != Engine::Sqlite {
            // The query that fills it knows the type of each of its columns.
            sql.push(" AS ");
            self.select(&mut sql, runs);
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
        }
        sql.push(")");
        sql.build()
    }

    /// Creates the index that buckets are found by.
    pub(crate) fn create_index(&self) -> Statement {
        let name = index_name(&self.target.name);
        let mut sql = self.new_builder();
        sql.push("CREATE INDEX IF NOT EXISTS ");
        let mut on = self.target.clone();
        if let (Engine::Sqlite, Some(schema)) = (self.source.engine, on.schema.take()) {
            sql.ident(&schema).push(".");
        } else {
            on = self.target.clone();
        }
        sql.ident(&name).push(" ON ").table(&on).push(" (").name(BUCKET);
        sql.join("", self.by, |sql, column| {
            sql.push(", ").ident(column);
        });
        sql.push(")");
        sql.build()
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
        self.select(&mut sql, runs);
        sql.build()
    }

    fn select(&self, sql: &mut SqlBuilder, runs: &Runs) {
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
        }
        sql.push(" FROM ").table(&self.source.table);
        self.source.between(sql, runs.from(), runs.until());
        sql.push(" GROUP BY ").join(", ", 1..=self.by.len() + 1, |sql, position| {
            sql.number(i64::try_from(position).unwrap_or(i64::MAX));
        });
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
