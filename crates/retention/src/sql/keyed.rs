//! The making of a rollup on an engine without transactions: rows with a key, so that each is replaced as a whole.
//!
//! The key is the bucket and a text of the series that no other series has: NULL is no part of a key, and two rows of one
//! series could never be told apart. Each making marks the rows that it wrote; those of series that are gone keep the
//! mark of an earlier one, and go.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement};
use clusterkeep_core::{Error, Result};

use super::stream::{extra_type, state_columns};
use super::{BUCKET, CatalogueColumn, RollupSql, Runs};
use crate::aggregate::Extras;
use crate::model::{Rollup, Stat};

/// The column that holds the text of the series.
pub(crate) const SERIES: &str = "series_key";
/// The column that says by which making a row was written.
const MADE: &str = "made";

/// What is kept in a column of CrateDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Number { sum: &'static str, own: &'static str },
    Other(&'static str),
}

/// How a column of a source is kept in a rollup; `None` for what has no place in one.
fn kept(type_name: &str) -> Option<Kept> {
    let number = |sum, own| Some(Kept::Number { sum, own });
    match type_name {
        "smallint" => number(" BIGINT", " SMALLINT"),
        "integer" => number(" BIGINT", " INTEGER"),
        "bigint" => number(" BIGINT", " BIGINT"),
        "real" => number(" DOUBLE PRECISION", " REAL"),
        "double precision" => number(" DOUBLE PRECISION", " DOUBLE PRECISION"),
        "boolean" => Some(Kept::Other(" BOOLEAN")),
        "ip" => Some(Kept::Other(" IP")),
        "timestamp with time zone" => Some(Kept::Other(" TIMESTAMP WITH TIME ZONE")),
        "timestamp without time zone" => Some(Kept::Other(" TIMESTAMP WITHOUT TIME ZONE")),
        name if name == "text" || name.starts_with("character") => Some(Kept::Other(" TEXT")),
        _ => None,
    }
}

impl RollupSql<'_> {
    /// Creates the table where it is missing.
    ///
    /// # Errors
    ///
    /// A column that is no number is rolled up, or series are told apart by one that has no text of its own.
    pub(crate) fn create_keyed(&self, source_columns: &[CatalogueColumn]) -> Result<Statement> {
        let unfit = |name: &Ident| {
            Error::input(format!(
                "column `{name}` of `{}` can't be kept in rollup `{}`",
                self.source.table, self.target
            ))
            .with_hint(
                "numbers can be rolled up; numbers, text, points in time, addresses and booleans tell series apart",
            )
        };
        let of = |name: &Ident| {
            let found = source_columns.iter().find(|column| column.name == *name);
            found.and_then(|column| kept(&column.type_name)).ok_or_else(|| unfit(name))
        };
        let own = |name: &Ident| {
            of(name).map(|kept| match kept {
                Kept::Number { own, .. } | Kept::Other(own) => own,
            })
        };
        let mut sql = SqlBuilder::new(Engine::Cratedb);
        sql.push("CREATE TABLE IF NOT EXISTS ").table(self.target).push(" (");
        for column in self.by {
            sql.ident(column).push(own(column)?).push(", ");
        }
        sql.name(BUCKET).push(own(&self.source.time)?).push(" NOT NULL, ");
        for column in self.sums.columns {
            for stat in Stat::ALL {
                let name = Rollup::column(column, stat);
                let from = if self.sums.rolled { &name } else { column };
                let Kept::Number { sum, own } = of(from)? else { return Err(unfit(column)) };
                sql.ident(&name).push(match stat {
                    Stat::Count => " BIGINT",
                    Stat::Sum => sum,
                    Stat::Min | Stat::Max => own,
                });
                sql.push(", ");
            }
            for extra in self.extras.iter() {
                for (name, suffix) in Rollup::extra_columns(column, extra).zip(extra.suffixes()) {
                    let from = match (self.sums.rolled, suffix.ends_with("_at")) {
                        (true, _) => &name,
                        (false, true) => &self.source.time,
                        (false, false) => column,
                    };
                    sql.ident(&name).push(" ").push(match extra_type(Engine::Cratedb, suffix) {
                        Some(kind) => kind,
                        None => own(from)?,
                    });
                    // States are read, and never looked for: an index would only take their size once more.
                    if matches!(*suffix, "distinct" | "quantiles") {
                        sql.push(" INDEX OFF STORAGE WITH (columnstore = false)");
                    }
                    sql.push(", ");
                }
            }
        }
        sql.name(MADE).push(" BIGINT NOT NULL, ").name(SERIES).push(" TEXT NOT NULL, PRIMARY KEY (");
        sql.name(BUCKET).push(", ").name(SERIES).push("))");
        Ok(sql.build())
    }

    /// Asks which making was the last one.
    pub(crate) fn last_made(&self) -> Statement {
        let mut sql = SqlBuilder::new(Engine::Cratedb);
        sql.push("SELECT max(").name(MADE).push(") FROM ").table(self.target);
        sql.build()
    }

    /// Makes the buckets, replacing rows that are there.
    pub(crate) fn fill_keyed(&self, runs: &Runs, making: i64) -> Statement {
        let mut sql = SqlBuilder::new(Engine::Cratedb);
        sql.push("INSERT INTO ").table(self.target).push(" (").join("", self.by, |sql, column| {
            sql.ident(column).push(", ");
        });
        sql.name(BUCKET).push(", ");
        for column in self.sums.columns {
            for stat in Stat::ALL {
                sql.ident(&Rollup::column(column, stat)).push(", ");
            }
        }
        sql.name(SERIES).push(", ").name(MADE).push(") ");
        self.select_with(&mut sql, runs, Extras::default(), |sql| {
            sql.push(", ");
            self.push_series(sql);
            sql.push(" AS ").name(SERIES).push(", ").number(making).push(" AS ").name(MADE);
        });
        sql.push(" ON CONFLICT (").name(BUCKET).push(", ").name(SERIES).push(") DO UPDATE SET ");
        for column in self.sums.columns {
            for stat in Stat::ALL {
                let name = Rollup::column(column, stat);
                sql.ident(&name).push(" = excluded.").ident(&name).push(", ");
            }
        }
        sql.name(MADE).push(" = excluded.").name(MADE);
        sql.build()
    }

    /// Inserts one row, replacing one that is there: series, bucket, states, key, making.
    pub(crate) fn insert_keyed(&self) -> Statement {
        let states: Vec<Ident> =
            self.sums.columns.iter().flat_map(|column| state_columns(column, self.extras)).collect();
        let mut sql = SqlBuilder::new(Engine::Cratedb);
        sql.push("INSERT INTO ").table(self.target).push(" (").join("", self.by, |sql, column| {
            sql.ident(column).push(", ");
        });
        sql.name(BUCKET).join("", &states, |sql, name| {
            sql.push(", ").ident(name);
        });
        sql.push(", ").name(SERIES).push(", ").name(MADE).push(") VALUES (");
        sql.join(", ", 0..self.by.len() + states.len() + 3, |sql, _| {
            sql.push("?");
        });
        sql.push(") ON CONFLICT (").name(BUCKET).push(", ").name(SERIES).push(") DO UPDATE SET ");
        sql.join("", &states, |sql, name| {
            sql.ident(name).push(" = excluded.").ident(name).push(", ");
        });
        sql.name(MADE).push(" = excluded.").name(MADE);
        sql.build()
    }

    /// Deletes what an earlier making wrote into the buckets of `[from, until)` and this one did not.
    pub(crate) fn clear_earlier(&self, from: DateTime<Utc>, until: DateTime<Utc>, making: i64) -> Statement {
        let mut sql = SqlBuilder::new(Engine::Cratedb);
        sql.push("DELETE FROM ").table(self.target).push(" WHERE ").name(BUCKET).push(" >= ");
        sql.bind(self.source.kind.value(from)).push(" AND ").name(BUCKET).push(" < ");
        sql.bind(self.source.kind.value(until)).push(" AND ").name(MADE).push(" <> ").number(making);
        sql.build()
    }

    /// Appends a text that tells each series from every other: each value with its length before it, NULL as what no
    /// value is.
    fn push_series(&self, sql: &mut SqlBuilder) {
        if self.by.is_empty() {
            sql.push("''");
        }
        sql.join(" || ", self.by, |sql, column| {
            sql.push("CASE WHEN ").ident(column).push(" IS NULL THEN 'n' ELSE 'v' || char_length(CAST(").ident(column);
            sql.push(" AS TEXT)) || ':' || CAST(").ident(column).push(" AS TEXT) END");
        });
    }
}
