//! What a catalogue says of a table: one file per engine, one line each in [`describe`].

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_bounds;
#[cfg(feature = "sqlite")]
mod sqlite;

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, Ident, Session, TableName};
use clusterkeep_core::{Error, Result};

use super::TimeKind;
use crate::model::{Meaning, TimeColumn};

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
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct CatalogueColumn {
    pub(crate) name: Ident,
    /// The type as the engine names it.
    pub(crate) type_name: String,
}

/// A partition that is a table of its own.
#[derive(Debug, Clone)]
pub(crate) struct NativePartition {
    pub(crate) name: TableName,
    /// The first instant that can be in it; `None` where there is no bound or none that can be read.
    pub(crate) start: Option<DateTime<Utc>>,
    /// The first instant after it; likewise.
    pub(crate) end: Option<DateTime<Utc>>,
    pub(crate) bytes: Option<u64>,
}

/// Describes `table`; `None` where there is no such table.
pub(crate) async fn describe(
    session: &mut dyn Session,
    table: &TableName,
    time: Option<&TimeColumn>,
) -> Result<Option<Described>> {
    match session.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::describe(session, table).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::describe(session, table, time).await,
        other => Err(unsupported(other)),
    }
}

/// The bounds of a partition, as the plan knows them.
pub(crate) type Bounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The bounds of `partition` if it is one of `parent` at this moment.
#[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only an engine with partitions looks"))]
pub(crate) async fn partition_bounds(
    session: &mut dyn Session,
    parent: &TableName,
    partition: &TableName,
    kind: TimeKind,
) -> Result<Option<Bounds>> {
    match session.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::bounds_within(session, parent, partition, kind).await,
        other => Err(unsupported(other)),
    }
}

fn unsupported(engine: Engine) -> Error {
    Error::input(format!("retention does not work on {engine} yet")).with_hint("it works on SQLite and PostgreSQL")
}

impl Described {
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
    meaning: Option<Meaning>,
) -> Result<(TimeKind, Option<String>)> {
    let type_name = column.type_name.to_ascii_lowercase();
    let family = match engine {
        Engine::Sqlite if type_name.contains("int") => Family::Number,
        Engine::Postgres => match type_name.as_str() {
            "timestamp with time zone" => Family::Instant,
            "timestamp without time zone" => Family::Civil,
            "bigint" | "integer" => Family::Number,
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
        (Family::Number, Some(meaning)) if meaning.per_second().is_some() => Ok((TimeKind::Meant(meaning), None)),
        (Family::Civil, Some(Meaning::Utc)) => Ok((TimeKind::Meant(Meaning::Utc), None)),
        (Family::Other, _) => Err(Error::input(format!("what column `{name}` of `{table}` ({shown}) means as time can't be known"))
            .with_hint("use a column that is a point in time, or a whole number of seconds, milliseconds or microseconds since 1970")),
        (_, None) => Err(Error::input(format!("column `{name}` of `{table}` ({shown}) is no point in time by its type"))
            .with_hint(if family == Family::Number {
                "say what it means: `time: { column: .., as: epoch_seconds }` (or epoch_millis, epoch_micros)"
            } else {
                "say which zone it is in: `time: { column: .., as: utc }`"
            })),
        (_, Some(meaning)) => Err(Error::input(format!("column `{name}` of `{table}` ({shown}) can't mean `{meaning}`"))
            .with_hint("numbers mean `epoch_seconds`, `epoch_millis` or `epoch_micros`; times without a zone mean `utc`")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Instant,
    Civil,
    Number,
    Other,
}
