//! What a catalogue says of a table: one file per engine, one line each in [`describe`].

#[cfg(feature = "cratedb")]
pub(crate) mod cratedb;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "mysql")]
mod mysql_bounds;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Ident, Session, TableName};
use clusterkeep_core::{Error, Result};

use super::TimeKind;
use crate::model::{KnownTable, Meaning, TimeColumn};
use crate::observe::{Obstacle, PartitionId, Unknown};

/// A table as its catalogue describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Described {
    pub(crate) columns: Vec<CatalogueColumn>,
    /// Its own partitions, where it is partitioned by ranges of its column of time.
    pub(crate) partitions: Option<Vec<NativePartition>>,
    /// How many bytes it takes, where the engine says so.
    pub(crate) bytes: Option<u64>,
    /// What deleting its rows would set off beside it: triggers, and foreign keys that cascade.
    pub(crate) side_effects: Vec<String>,
    /// Why nothing may be removed from it on this server.
    pub(crate) obstacle: Option<Obstacle>,
    /// The column that the keys of its partitions are made from, by which bounds can be read from the data.
    pub(crate) key_base: Option<KeyBase>,
}

/// A column that the keys of partitions are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyBase {
    pub(crate) column: Ident,
    pub(crate) kind: TimeKind,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct CatalogueColumn {
    pub(crate) name: Ident,
    /// The type as the engine names it.
    pub(crate) type_name: String,
}

/// One of the engine's own partitions.
#[derive(Debug, Clone)]
pub(crate) struct NativePartition {
    pub(crate) id: PartitionId,
    /// The first instant that can be in it; `None` where there is no bound or none that can be read.
    pub(crate) start: Option<DateTime<Utc>>,
    /// The first instant after it; likewise.
    pub(crate) end: Option<DateTime<Utc>>,
    /// Why its end is not known, where it is not.
    pub(crate) unknown: Option<Unknown>,
    pub(crate) bytes: Option<u64>,
}

/// The tables that there are, without partitions, views and what the engine keeps for itself.
pub(crate) async fn tables(session: &mut dyn Session) -> Result<Vec<KnownTable>> {
    match session.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::tables(session).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::tables(session).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::tables(session).await,
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => cratedb::tables(session).await,
        other => Err(unsupported(other)),
    }
}

/// A table with its schema, which needs no naming where the search path finds it.
#[cfg(any(feature = "postgres", feature = "cratedb"))]
fn known_table(row: &clusterkeep_core::sql::Row) -> Result<KnownTable> {
    let (schema, name) = (row.get::<String>("schema")?, Ident::new(row.get::<String>("name")?)?);
    let table =
        if row.get("visible")? { TableName::bare(name) } else { TableName::within(Ident::new(schema.as_str())?, name) };
    Ok(KnownTable { table, schema })
}

/// Describes `table`; `None` where there is no such table.
pub(crate) async fn describe(
    session: &mut dyn Session,
    table: &TableName,
    time: Option<&TimeColumn>,
) -> Result<Option<Described>> {
    match session.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::describe(session, table, time).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::describe(session, table, time).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::describe(session, table, time).await,
        #[cfg(feature = "cratedb")]
        Engine::Cratedb => cratedb::describe(session, table, time).await,
        other => Err(unsupported(other)),
    }
}

fn unsupported(engine: Engine) -> Error {
    Error::input(format!("retention does not work on {engine} yet"))
        .with_hint("it works on SQLite, PostgreSQL, MariaDB/MySQL and CrateDB")
}

impl Described {
    /// The columns of any of these types.
    pub(crate) fn columns_of_type(&self, types: &[&str]) -> Vec<Ident> {
        let of_type = |column: &&CatalogueColumn| types.contains(&column.type_name.as_str());
        self.columns.iter().filter(of_type).map(|column| column.name.clone()).collect()
    }

    /// The column of that name.
    ///
    /// # Errors
    ///
    /// There is none; the hint names those that there are.
    pub(crate) fn column(&self, table: &TableName, name: &Ident) -> Result<&CatalogueColumn> {
        self.columns.iter().find(|column| column.name == *name).ok_or_else(|| {
            let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
            Error::input(format!("table `{table}` has no column `{name}`"))
                .with_hint(format!("its columns are {}", names.join(", ")))
        })
    }
}

/// Settles how a column keeps time.
///
/// Returns a note where the policy says something that the type makes needless.
///
/// # Errors
///
/// The type alone is no point in time, and the policy does not say what it means, or says what can't be.
pub(crate) fn time_kind(
    engine: Engine,
    table: &TableName,
    column: &CatalogueColumn,
    meaning: Option<&Meaning>,
) -> Result<(TimeKind, Option<String>)> {
    let type_name = column.type_name.to_ascii_lowercase();
    let family = match engine {
        Engine::Sqlite if type_name.contains("int") => Family::Number,
        Engine::Sqlite if ["char", "clob", "text"].iter().any(|text| type_name.contains(text)) => Family::Text,
        Engine::Mysql => match type_name.split(['(', ' ']).next().unwrap_or_default() {
            "timestamp" => Family::Instant,
            "datetime" => Family::Civil,
            "date" => Family::Date,
            "bigint" | "int" | "mediumint" | "smallint" | "tinyint" | "year" => Family::Number,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Family::Text,
            _ => Family::Other,
        },
        Engine::Postgres => match type_name.as_str() {
            "timestamp with time zone" => Family::Instant,
            "timestamp without time zone" => Family::Civil,
            "date" => Family::Date,
            "bigint" | "integer" => Family::Number,
            "text" | "character varying" | "character" => Family::Text,
            _ => Family::Other,
        },
        Engine::Cratedb => match type_name.as_str() {
            "timestamp with time zone" => Family::Instant,
            "timestamp without time zone" => Family::Civil,
            "bigint" | "integer" | "smallint" => Family::Number,
            "text" => Family::Text,
            name if name.starts_with("character") => Family::Text,
            _ => Family::Other,
        },
        _ => Family::Other,
    };
    let name = &column.name;
    let shown = if column.type_name.is_empty() { "no declared type" } else { &column.type_name };
    match (family, meaning) {
        (Family::Instant, None) => Ok((TimeKind::Instant, None)),
        (Family::Instant, Some(meaning)) => {
            Ok((TimeKind::Instant, Some(format!("{table}.{name} is a point in time by its type; `as: {meaning}` is not needed"))))
        }
        (Family::Number, Some(meaning)) if let Some(count) = meaning.count() => Ok((TimeKind::Count(count), None)),
        (Family::Civil, Some(meaning)) if let Some(zone) = meaning.civil_zone() => Ok((TimeKind::Civil(zone), None)),
        (Family::Date, Some(meaning)) if let Some(zone) = meaning.civil_zone() => Ok((TimeKind::Date(zone), None)),
        (Family::Number, Some(Meaning::Format(format))) => Ok((TimeKind::Digits(format.clone()), None)),
        (Family::Text, Some(Meaning::Format(format))) => Ok((TimeKind::Text(format.clone()), None)),
        (Family::Other, _) => Err(Error::input(format!("what column `{name}` of `{table}` ({shown}) means as time can't be known"))
            .with_hint("use a column that is a point in time, or a whole number of seconds, milliseconds or microseconds since 1970")),
        (_, None) => Err(Error::input(format!("column `{name}` of `{table}` ({shown}) is no point in time by its type"))
            .with_hint(match family {
                Family::Number => "say what it means: `time: { column: .., as: epoch_seconds }` (or epoch_millis, epoch_micros)",
                Family::Text => "say what it means: `time: { column: .., as: { format: { format: '%Y-%m-%d', zone: UTC } } }`",
                _ => "say which zone it is in: `time: { column: .., as: utc }`, or `as: { zone: Europe/Berlin }`",
            })),
        (_, Some(meaning)) => Err(Error::input(format!("column `{name}` of `{table}` ({shown}) can't mean `{meaning}`"))
            .with_hint("numbers mean `epoch_seconds`, `epoch_millis` or `epoch_micros`; times without a zone mean `utc`")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Instant,
    Civil,
    Date,
    Number,
    Text,
    Other,
}
