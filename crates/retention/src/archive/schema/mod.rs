//! What the catalogues say of the columns of a table, and which type each has in an archive.
//!
//! A column whose type can't be kept exactly is refused here, by name, before anything is written.

mod declared;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use clusterkeep_core::sql::{Engine, Ident, Session, SqlBuilder, TableName};
use clusterkeep_core::{Error, Result};

pub(super) use self::declared::declared;
use super::kind::Kind;
use super::part::Part;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) ident: Ident,
    pub(super) name: String,
    /// Its type as the engine declares it.
    pub(super) type_name: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    /// The engine computes it, and takes no value for it.
    pub(super) generated: bool,
    pub(super) form: Form,
}

/// How a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
        expect(dead_code, reason = "no engine that is compiled in has its tables kept in files")
    )]
    Plain,
    /// By a cast to this type.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "mysql")),
        expect(dead_code, reason = "SQLite's columns are kept as they are")
    )]
    Cast(&'static str),
}

impl Field {
    /// Appends the expression that reads it.
    pub(super) fn read(&self, sql: &mut SqlBuilder) {
        match self.form {
            Form::Plain => sql.ident(&self.ident),
            Form::Cast(to) => sql.push("CAST(").ident(&self.ident).push(" AS ").push(to).push(")"),
        };
    }

    /// A column that may be NULL and is read as it is.
    #[cfg(test)]
    pub(super) fn of(name: &'static str, kind: Kind) -> Self {
        let ident = Ident::literal(name);
        let (name, type_name) = (name.to_owned(), format!("{kind:?}"));
        Self { ident, name, type_name, kind, nullable: true, generated: false, form: Form::Plain }
    }
}

/// The error of a column that can't be kept.
#[cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    expect(dead_code, reason = "SQLite's columns are kept as they are")
)]
fn refused(table: &TableName, column: &str, type_name: &str) -> Error {
    Error::refused(format!("column `{column}` of `{table}` has type {type_name}, which an archive can't keep exactly"))
        .with_hint("leave this table to the server's own backup, or change the type of the column")
}

/// The columns of a table, in its order. On SQLite each is of [`Kind::Any`]: see [`settle`].
pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Vec<Field>> {
    let fields = match session.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::describe(session, table).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::describe(session, table).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::describe(session, table).await,
        Engine::Cratedb => Err(Error::input(format!("`{table}` is kept by CrateDB, whose archives are snapshots"))),
        #[allow(unreachable_patterns, reason = "where every engine is compiled in, none is left")]
        engine => Err(Error::input(format!("support for {engine} is not compiled in"))),
    };
    let fields: Vec<Field> = fields?;
    if fields.is_empty() {
        return Err(Error::input(format!("table not found, or without columns: `{table}`")));
    }
    Ok(fields)
}

/// Whether a table is there.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
    expect(unused_variables, reason = "no engine that is compiled in has its tables kept in files")
)]
pub(super) async fn exists(session: &mut dyn Session, table: &TableName) -> Result<bool> {
    match session.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::exists(session, table).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::exists(session, table).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::exists(session, table).await,
        engine => Err(Error::input(format!("archives are not restored into {engine}"))),
    }
}

/// Gives columns of [`Kind::Any`] the type that all values of these rows have, where they have one in common.
#[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "the catalogue tells all"))]
pub(super) async fn settle(session: &mut dyn Session, part: &Part, fields: &mut [Field]) -> Result<()> {
    match session.engine() {
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::settle(session, part, fields).await,
        _ => Ok(()),
    }
}

/// Sets what decides how values look as text, for the transaction that is open.
pub(super) async fn prepare(session: &mut dyn Session) -> Result<()> {
    match session.engine() {
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::prepare(session).await,
        _ => Ok(()),
    }
}
