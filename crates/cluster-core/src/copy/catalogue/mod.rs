//! What the catalogues say of tables: one file per engine.

mod cratedb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use super::Definition;
use super::inventory::{Column, Kind};
use super::model::Tables;
use crate::error::{Error, Result};
use crate::sql::{Db, Engine, Ident, Session, SqlBuilder, TableName};

/// A table or something like it.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) table: TableName,
    pub(super) kind: Kind,
}

/// What is known of one relation.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) kind: Kind,
    pub(super) columns: Vec<Column>,
    pub(super) definition: Option<Definition>,
    pub(super) granted: bool,
    pub(super) without_transactions: Option<String>,
    pub(super) references: Vec<TableName>,
}

/// The end of the name that a copy has in CrateDB until it is verified.
pub(super) const SUFFIX: &str = "__clusterkeep_copy";

/// Which relations the users have: of all schemas or of one.
pub(super) async fn relations(session: &mut dyn Session, schema: Option<&Ident>) -> Result<Vec<Relation>> {
    match session.engine() {
        Engine::Cratedb => cratedb::relations(session, schema).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::relations(session, schema).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::relations(session, schema).await,
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::relations(session, schema).await,
        #[allow(unreachable_patterns, reason = "where every engine is compiled in, none is left")]
        engine => Err(Error::input(format!("support for {engine} is not compiled in"))),
    }
}

/// Describes a relation; `None` where it is not there.
pub(super) async fn describe(session: &mut dyn Session, table: &TableName) -> Result<Option<Described>> {
    match session.engine() {
        Engine::Cratedb => cratedb::describe(session, table).await,
        #[cfg(feature = "postgres")]
        Engine::Postgres => postgres::describe(session, table).await,
        #[cfg(feature = "mysql")]
        Engine::Mysql => mysql::describe(session, table).await,
        #[cfg(feature = "sqlite")]
        Engine::Sqlite => sqlite::describe(session, table).await,
        #[allow(unreachable_patterns, reason = "where every engine is compiled in, none is left")]
        engine => Err(Error::input(format!("support for {engine} is not compiled in"))),
    }
}

/// Counts the rows of a table.
pub(super) async fn count(session: &mut dyn Session, table: &TableName) -> Result<u64> {
    let mut query = SqlBuilder::new(session.engine());
    query.push("SELECT count(*) AS n FROM ").table(table);
    let n: i64 = session.query(&query.build()).await?.scalar()?;
    u64::try_from(n).map_err(|e| Error::caused(format!("count the rows of `{table}`"), e))
}

/// Makes all rows that were written findable, where the engine needs to be told.
pub(super) async fn refresh(session: &mut dyn Session, table: &TableName) -> Result<()> {
    if session.engine() != Engine::Cratedb {
        return Ok(());
    }
    let mut refresh = SqlBuilder::new(Engine::Cratedb);
    refresh.push("REFRESH TABLE ").table(table);
    session.execute(&refresh.build()).await.map(drop)
}

/// The relations that are meant.
pub(super) async fn select(db: &Db, tables: &Tables) -> Result<Vec<Relation>> {
    let mut session = db.session().await?;
    let mut found = match tables {
        Tables::All => relations(&mut *session, None).await?,
        Tables::Schema(schema) => relations(&mut *session, Some(schema)).await?,
        Tables::Named(names) => {
            let mut found = Vec::with_capacity(names.len());
            for name in names {
                found.push(named(&mut *session, name).await?);
            }
            found
        }
    };
    if !matches!(tables, Tables::Named(_)) {
        found.retain(|one| one.kind == Kind::Table && !one.table.name.as_str().ends_with(SUFFIX));
    }
    found.sort_by(|a, b| a.table.cmp(&b.table));
    found.dedup_by(|a, b| a.table == b.table);
    match (found.is_empty(), tables) {
        (false, _) => Ok(found),
        (true, Tables::Schema(schema)) => {
            Err(Error::input(format!("schema `{schema}` in {} has no tables", db.address())))
        }
        (true, _) => Err(Error::input(format!("{} has no tables", db.address()))),
    }
}

/// The relation of this name, with its schema where the engine has schemas.
async fn named(session: &mut dyn Session, name: &TableName) -> Result<Relation> {
    let all = relations(session, name.schema.as_ref()).await?;
    // Without a schema it is the one that the session looks in first.
    let first = match (&name.schema, session.engine()) {
        (None, Engine::Cratedb) => Some(cratedb::current_schema(session).await?),
        (schema, _) => schema.clone(),
    };
    let is_meant = |one: &&Relation| {
        one.table.name == name.name && (first.is_none() || one.table.schema.is_none() || one.table.schema == first)
    };
    if let Some(found) = all.iter().find(is_meant) {
        return Ok(found.clone());
    }
    let unknown = Error::input(format!("table not found: `{name}`"));
    let near = all.iter().map(|one| (strsim::jaro_winkler(one.table.name.as_str(), name.name.as_str()), one));
    let nearest = near.filter(|(nearness, _)| *nearness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    Err(match nearest {
        Some((_, one)) => unknown.with_hint(format!("did you mean `{}`?", one.table)),
        None => unknown,
    })
}

/// The schema that a session of CrateDB looks in first.
pub(super) async fn current_schema(session: &mut dyn Session) -> Result<Ident> {
    cratedb::current_schema(session).await
}
