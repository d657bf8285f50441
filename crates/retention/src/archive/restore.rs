//! An archive, back into a table.

use std::fs::File;

use clusterkeep_core::sql::{Capabilities, Db, Engine, Ident, Session, SqlBuilder, Statement, TableName, Value};
use clusterkeep_core::{Error, Result};
use tokio::sync::mpsc;

use super::error::lost;
use super::gather;
use super::location::Location;
use super::manifest::Manifest;
use super::mark::mark;
use super::part::Part;
use super::reader::Reader;
use super::schema::{self, Field, declared};
use super::verify;

/// How many batches may wait to be written.
const WAITING: usize = 2;

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Into the table that they come from, where none of its rows may lie in the span of the archive.
    Own,
    /// Into this table, which is made where it is not there, with the archive's columns and without keys, defaults and
    /// indexes; one that is there must have the same columns and no row.
    Table(TableName),
}

/// Rows that are back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The table that they are in.
    pub table: TableName,
    /// How many there are.
    pub rows: u64,
    /// Whether the table was made for them.
    pub created: bool,
    /// They were there before, every one of them and no other; nothing was written.
    pub already: bool,
}

/// Brings the rows of an archive back, in batches, and reads them from the table again: their number and all checksums
/// must be those of the archive.
///
/// Where these very rows are there already, from a run whose answer was lost, that is all that is said. Rows that are others
/// refuse it.
///
/// It is one transaction, so that what fails leaves nothing. On MariaDB and MySQL, whose tables are made outside of
/// transactions, a table that was made is removed again.
///
/// # Errors
///
/// There is no such archive, or it is damaged; a table that does not fit, or has rows there already; another engine than
/// the archive's; what the database says.
pub async fn restore(location: &Location, archive: &str, db: &Db, target: &Target) -> Result<Restored> {
    restore_from(location, &verify::manifest(location, archive).await?, db, target).await
}

/// The same, of an archive with this very manifest.
pub(crate) async fn restore_from(
    location: &Location,
    manifest: &Manifest,
    db: &Db,
    target: &Target,
) -> Result<Restored> {
    comes_from(manifest, db)?;
    let (table, rows) = place(manifest, target);
    // Before anything is changed every byte of it was looked at.
    let file = verify::open(location, manifest).await?;
    let mut session = db.session().await?;
    let there = schema::exists(&mut *session, &table).await?;
    if !there && *target == Target::Own {
        return Err(no_table(&table));
    }
    let work = Work { manifest, table: &table, rows: &rows };
    let Capabilities { transactional_ddl, .. } = db.capabilities();
    if !there && !transactional_ddl {
        session.execute(&work.create(db.engine())?).await?;
    }
    let restored = work.restore(&mut *session, file, !there && transactional_ddl).await;
    if restored.is_err() {
        if let Err(error) = session.rollback().await {
            tracing::debug!(%error, "a transaction that failed is rolled back by the server");
        }
        // Where that was lost, too, only the end of the session lets go of the table.
        drop(session);
        if !there && !transactional_ddl {
            let mut drop = SqlBuilder::new(db.engine());
            drop.push("DROP TABLE IF EXISTS ").table(&table);
            db.execute(drop.build()).await?;
        }
    }
    restored.map(|already| Restored { table, rows: manifest.rows, created: !there, already })
}

/// What is where the rows of an archive would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No row.
    Nothing {
        /// Whether there is no table either, and one is made.
        creates: bool,
    },
    /// All of them and no other.
    TheseRows,
}

/// Looks at what is where the rows of an archive would go, and changes nothing.
///
/// # Errors
///
/// [`Error::Refused`] where other rows are there, or the table does not fit; [`Error::Input`] where there is none, or the
/// archive comes from another engine; its file is not there; what the database says.
pub(crate) async fn look(location: &Location, manifest: &Manifest, db: &Db, target: &Target) -> Result<Found> {
    comes_from(manifest, db)?;
    mark(location, manifest).await?;
    let (table, rows) = place(manifest, target);
    let mut session = db.session().await?;
    if !schema::exists(&mut *session, &table).await? {
        return if *target == Target::Own { Err(no_table(&table)) } else { Ok(Found::Nothing { creates: true }) };
    }
    if session.engine() == Engine::Postgres {
        session.begin().await?;
    }
    schema::prepare(&mut *session).await?;
    let work = Work { manifest, table: &table, rows: &rows };
    let fields = gather::fields_of(&mut *session, &table, &manifest.columns).await?;
    match work.is_there(&mut *session, &fields).await? {
        true => Ok(Found::TheseRows),
        false => Ok(Found::Nothing { creates: false }),
    }
}

/// How many rows are where those of an archive would be; nothing where there is no table.
pub(crate) async fn count(manifest: &Manifest, db: &Db, target: &Target) -> Result<Option<u64>> {
    let (table, rows) = place(manifest, target);
    let mut session = db.session().await?;
    if !schema::exists(&mut *session, &table).await? {
        return Ok(None);
    }
    session.query(&rows.count(db.engine())?).await?.scalar().map(Some)
}

fn comes_from(manifest: &Manifest, db: &Db) -> Result<()> {
    let (from, into) = (manifest.source.engine, db.engine());
    if from == into {
        return Ok(());
    }
    Err(Error::input(format!("`{}` comes from {from} and can't be restored into {into}", manifest.name)))
}

/// The table that rows go to, and which of its rows will be those of the archive.
fn place(manifest: &Manifest, target: &Target) -> (TableName, Part) {
    match target {
        Target::Own => (manifest.table.clone(), own(manifest)),
        Target::Table(table) => (table.clone(), Part::whole(table.clone())),
    }
}

fn no_table(table: &TableName) -> Error {
    Error::input(format!("table not found: `{table}`"))
        .with_hint("restore into a table beside it, which is made from the archive")
}

/// Whether the table that an archive is of has rows where those of the archive would be.
///
/// # Errors
///
/// What the database says.
pub async fn is_in_table(session: &mut dyn Session, manifest: &Manifest) -> Result<bool> {
    if !schema::exists(session, &manifest.table).await? {
        return Ok(false);
    }
    let mut query = SqlBuilder::new(session.engine());
    query.push("SELECT 1 AS n");
    own(manifest).from(&mut query)?;
    query.push(" LIMIT 1");
    Ok(session.query(&query.build()).await?.rows().next().is_some())
}

/// The rows of its own table that an archive stands for.
fn own(manifest: &Manifest) -> Part {
    match &manifest.span {
        Some(span) => Part::slice(manifest.table.clone(), span.clone()),
        None => Part::whole(manifest.table.clone()),
    }
}

struct Work<'a> {
    manifest: &'a Manifest,
    table: &'a TableName,
    /// The rows of the table that will be those of the archive.
    rows: &'a Part,
}

impl Work<'_> {
    /// Whether the rows were there already.
    async fn restore(&self, session: &mut dyn Session, file: File, create: bool) -> Result<bool> {
        session.begin().await?;
        schema::prepare(session).await?;
        if create {
            session.execute(&self.create(session.engine())?).await?;
        }
        let fields = gather::fields_of(session, self.table, &self.manifest.columns).await?;
        if self.is_there(session, &fields).await? {
            session.rollback().await?;
            return Ok(true);
        }
        self.insert(session, file, &fields).await?;
        let contents = gather::sum_up(session, self.rows, fields).await?;
        if let Some(difference) = self.manifest.difference(&contents) {
            let what = format!("`{}` does not hold what was restored into it: {difference}", self.table);
            return Err(Error::failed(what)
                .with_hint("rows may lie outside of the archive's span, or triggers change them: restore beside it"));
        }
        session.commit().await.map(|()| false)
    }

    /// Whether the very rows of the archive are there; other ones are in the way.
    async fn is_there(&self, session: &mut dyn Session, fields: &[Field]) -> Result<bool> {
        let there: u64 = session.query(&self.rows.count(session.engine())?).await?.scalar()?;
        if there == 0 {
            return Ok(false);
        }
        if there == self.manifest.rows {
            let contents = gather::sum_up(session, self.rows, fields.to_vec()).await?;
            if self.manifest.difference(&contents).is_none() {
                return Ok(true);
            }
        }
        let what = format!("`{}` has {there} rows where those of the archive would be", self.table);
        Err(Error::refused(what).with_hint("restore into a table beside it"))
    }

    /// Writes all rows, batch by batch.
    async fn insert(&self, session: &mut dyn Session, file: File, fields: &[Field]) -> Result<()> {
        let engine = session.engine();
        // What the engine computes it takes no values for; they are compared in the end.
        let taken: Vec<(usize, &Field)> = fields.iter().enumerate().filter(|(_, field)| !field.generated).collect();
        let insert = insert(engine, self.table, &taken);
        let (batches, mut read) = mpsc::channel::<Vec<Vec<Value>>>(WAITING);
        let columns = self.manifest.columns.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = Reader::open(file, &columns)?;
            while let Some(batch) = reader.next()? {
                let batch = batch.iter().zip(&columns).map(|(column, of)| {
                    column.values().map_err(|why| Error::failed(format!("column `{}` of an archive: {why}", of.name)))
                });
                if batches.blocking_send(batch.collect::<Result<_>>()?).is_err() {
                    return Ok(());
                }
            }
            Ok(())
        });
        let mut written = Ok(());
        while let Some(batch) = read.recv().await {
            let batch: Vec<Vec<Value>> = batch
                .into_iter()
                .enumerate()
                .filter(|(nth, _)| !fields[*nth].generated)
                .map(|(_, values)| values)
                .collect();
            written = match engine {
                Engine::Postgres => session.execute(&unnest(self.table, &taken, batch)?).await.map(drop),
                _ => session.execute_many(&insert, &rows(batch)).await.map(drop),
            };
            if written.is_err() {
                break;
            }
        }
        drop(read);
        let ended: Result<()> = reading.await.map_err(|e| lost("read an archive", e))?;
        written?;
        ended
    }

    /// The statement that makes the table.
    fn create(&self, engine: Engine) -> Result<Statement> {
        let mut columns = Vec::with_capacity(self.manifest.columns.len());
        for column in &self.manifest.columns {
            let name = Ident::new(&column.name)?.quoted(engine);
            let null = if column.nullable { "NULL" } else { "NOT NULL" };
            columns.push(format!("{name} {} {null}", declared(engine, &column.declared)?));
        }
        let mut table = SqlBuilder::new(engine);
        table.table(self.table);
        // Text of every language, told apart to the last character.
        let end = if engine == Engine::Mysql { ") CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" } else { ")" };
        // Names in quotes, and types that are nothing else.
        Ok(Statement::assert_safe(format!("CREATE TABLE {} ({}{end}", table.build().text(), columns.join(", "))))
    }
}

/// Columns of values as rows of them.
fn rows(columns: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    let count = columns.first().map_or(0, Vec::len);
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (0..count).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect()
}

fn head(sql: &mut SqlBuilder, table: &TableName, fields: &[(usize, &Field)]) {
    sql.push("INSERT INTO ").table(table).push(" (").join(", ", fields, |sql, (_, field)| {
        sql.ident(&field.ident);
    });
    sql.push(") ");
}

fn insert(engine: Engine, table: &TableName, fields: &[(usize, &Field)]) -> Statement {
    let mut sql = SqlBuilder::new(engine);
    head(&mut sql, table, fields);
    sql.push("VALUES (").join(", ", fields, |sql, _| {
        sql.push("?");
    });
    sql.push(")");
    sql.build()
}

/// Inserts many rows on PostgreSQL: each column goes as one array, and each value is cast to the type of its column, for
/// what is kept as text is not taken for anything else by itself.
fn unnest(table: &TableName, fields: &[(usize, &Field)], columns: Vec<Vec<Value>>) -> Result<Statement> {
    let mut sql = SqlBuilder::new(Engine::Postgres);
    head(&mut sql, table, fields);
    let place = |nth: usize| format!("c{nth}");
    let casts = fields.iter().map(|(nth, field)| {
        let declared = declared(Engine::Postgres, &field.type_name)?;
        Ok(format!("CAST(u.{} AS {declared})", place(*nth)))
    });
    let casts = casts.collect::<Result<Vec<_>>>()?.join(", ");
    let places: Vec<_> = fields.iter().map(|(nth, _)| place(*nth)).collect();
    let arrays = vec!["?"; fields.len()].join(", ");
    // Names in quotes, types that are nothing else, and numbers.
    let text = format!(
        "{} OVERRIDING SYSTEM VALUE SELECT {casts} FROM unnest({arrays}) AS u ({})",
        sql.build().text(),
        places.join(", ")
    );
    Ok(Statement::assert_safe(text).bind_all(columns.into_iter().map(Value::Array)))
}
