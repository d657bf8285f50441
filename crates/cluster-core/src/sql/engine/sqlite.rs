//! SQLite, in process.
//!
//! A value has the type of its storage, whatever the column was declared as; what SQLite has no storage for is kept as
//! text, and read back by asking for the type ([`Row::get`](super::super::Row::get)):
//!
//! | bound | kept as |
//! |---|---|
//! | booleans | integer 0 or 1 |
//! | instants | text, RFC 3339 in UTC with six digits of a second, so that text order is time order |
//! | dates and times without a zone | text, ISO 8601, with six digits of a second |
//! | decimals, UUIDs | text; a column declared `NUMERIC` or `DECIMAL` turns decimals into floats, one declared `TEXT` does not |
//! | JSON, arrays | text, as JSON |
//!
//! NaN can't be bound: SQLite would make NULL of it. Files that this creates are in WAL mode, others stay in theirs;
//! foreign keys are on, and a lock is waited for up to five seconds. A database in memory lives as long as its handle;
//! all its sessions see the same one, and wait while another one writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{Datelike, NaiveDate, SecondsFormat};
use futures::future::BoxFuture;
use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteQueryResult, SqliteRow,
};
use sqlx::{
    Arguments as _, Column as _, ConnectOptions as _, Decode, Executor as _, Row as _, SqlStr, Statement as _,
    TypeInfo as _, ValueRef as _,
};
use uuid::Uuid;

use super::super::records::Column;
use super::super::value::Value;
use super::super::{Capabilities, ConnectOptions, Database, Engine, Server};
use super::pooled::{Batch, Classified, Driver, Failure, Link, Pool, Steps, insert_rows};
use crate::address::DatabaseUrl;
use crate::error::{BoxError, Error, ErrorClass, Result};

/// How long a statement waits for another session's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// After so many of SQLite's own operations a running statement looks whether somebody still wants it.
const OPERATIONS_PER_LOOK: i32 = 10_000;
/// SQLite's limit, which the bundled library keeps.
const MAX_PARAMS: usize = 32_766;

/// The file of that ending that SQLite keeps beside a database.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Opens the file that `url` names, or a database in memory.
pub(super) async fn connect(url: &DatabaseUrl, options: ConnectOptions) -> Result<Arc<dyn Database>> {
    let connect = SqliteConnectOptions::new().foreign_keys(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    let is_there = url.path().is_some_and(|path| path.exists());
    // To who only reads, a file that may be created later is an empty database: nothing is created for it.
    let path = url.path().filter(|_| is_there || !(options.read_only && options.create));
    let (connect, anchor) = match path {
        Some(path) if !options.create && !is_there => {
            return Err(Error::input(format!("there is no SQLite file `{}`", path.display()))
                .with_hint("check the path, which is relative to the working directory"));
        }
        Some(path) => {
            let connect = connect.filename(path).create_if_missing(options.create && !options.read_only);
            // What a crash left half written has to be rolled back before anybody can read it.
            let half_written = || std::fs::metadata(beside(path, "-journal")).is_ok_and(|journal| journal.len() > 0);
            let connect = if options.read_only {
                connect.read_only(!half_written()).pragma("query_only", "ON")
            } else if options.create && !is_there {
                connect.journal_mode(SqliteJournalMode::Wal)
            } else {
                // The mode is kept in the file: whoever made it has chosen.
                connect
            };
            (connect, None)
        }
        None => {
            // A name of its own in SQLite's file system in memory; it is gone when its last connection is.
            let connect =
                connect.filename(format!("/{}", Uuid::new_v4().simple())).vfs("memdb").create_if_missing(true);
            let anchor =
                connect.connect().await.map_err(|cause| Error::caused("open a SQLite database in memory", cause))?;
            (if options.read_only { connect.pragma("query_only", "ON") } else { connect }, Some(anchor))
        }
    };
    let driver = SqliteDriver { address: url.to_string(), path: url.path().map(Into::into), connect, _anchor: anchor };
    Ok(Arc::new(Pool::open(driver, options).await?))
}

#[derive(Debug)]
struct SqliteDriver {
    address: String,
    path: Option<PathBuf>,
    connect: SqliteConnectOptions,
    /// Keeps a database in memory alive while no session is open.
    _anchor: Option<SqliteConnection>,
}

impl Driver for SqliteDriver {
    type Db = Sqlite;
    type Stop = Arc<AtomicBool>;

    const ENGINE: Engine = Engine::Sqlite;
    // Taking the write lock at once avoids the upgrade that fails when two readers want to write.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const VERSION: &'static str = "SELECT sqlite_version()";

    fn address(&self) -> &str {
        &self.address
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactions: true,
            transactional_ddl: true,
            schemas: false,
            nul_in_text: true,
            non_finite_floats: false,
            max_params: MAX_PARAMS,
            // SQLite has no limit; longer names than this make no statement that others can read.
            max_identifier: 255,
        }
    }

    fn file(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    fn server(version: String) -> Server {
        Server { product: "SQLite".into(), version }
    }

    async fn open(&self) -> Result<Link<Self>, sqlx::Error> {
        let mut connection = self.connect.connect().await?;
        // SQLite looks into a file only when it has to; a file that is no database is to be told now.
        connection.execute("PRAGMA schema_version").await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        // Dropping a future does not end the statement that runs on the connection's thread: this does.
        connection
            .lock_handle()
            .await?
            .set_progress_handler(OPERATIONS_PER_LOOK, move || !stopped.load(Ordering::Relaxed));
        Ok(Link { connection, stop })
    }

    fn stop(&self, stop: Arc<AtomicBool>) {
        stop.store(true, Ordering::Relaxed);
    }

    fn run(
        connection: &mut SqliteConnection,
        text: SqlStr,
        arguments: Option<SqliteArguments>,
        keep_prepared: bool,
    ) -> Steps<'_, Self> {
        match arguments {
            Some(arguments) => connection.fetch_many(sqlx::query_with(text, arguments).persistent(keep_prepared)),
            None => connection.fetch_many(text),
        }
    }

    fn changed(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }

    fn bind(values: &[Value]) -> Result<SqliteArguments, BoxError> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values.len(), 0);
        values.iter().try_for_each(|value| bind(&mut arguments, value))?;
        Ok(arguments)
    }

    fn describe<'a>(
        connection: &'a mut SqliteConnection,
        text: SqlStr,
        _: &'a [Value],
    ) -> BoxFuture<'a, Result<Arc<[Column]>, sqlx::Error>> {
        Box::pin(async move { Ok(columns(connection.prepare(text).await?.columns())) })
    }

    fn columns(row: &SqliteRow) -> Arc<[Column]> {
        columns(row.columns())
    }

    fn decode(row: &SqliteRow, index: usize) -> Result<Value, BoxError> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let storage = raw.type_info().name().to_owned();
        Ok(match storage.as_str() {
            "INTEGER" => Value::Int(Decode::<Sqlite>::decode(raw)?),
            "REAL" => Value::Float(Decode::<Sqlite>::decode(raw)?),
            "TEXT" => Value::Text(Decode::<Sqlite>::decode(raw)?),
            "BLOB" => Value::Bytes(Decode::<Sqlite>::decode(raw)?),
            other => return Err(format!("SQLite has no storage class {other}").into()),
        })
    }

    fn run_many<'a>(connection: &'a mut SqliteConnection, batch: Batch<'a>) -> BoxFuture<'a, Result<u64, Failure>> {
        insert_rows::<Self>(connection, batch, MAX_PARAMS)
    }

    fn classify(error: &dyn DatabaseError) -> Classified {
        let code = error.code().map(|code| code.into_owned());
        let number = code.as_deref().and_then(|code| code.parse().ok()).unwrap_or(1);
        let class = class(number, error.message());
        // Disk full, out of memory, disk errors and interruptions can roll back by themselves.
        let ends_transaction = matches!(number & 0xff, 7 | 9 | 10 | 13);
        Classified { class, code, text: error.message().to_owned(), ends_transaction }
    }
}

/// The class of an extended result code.
///
/// SQLite has one code for everything that is wrong with a statement's text. Its messages tell these apart: they come
/// from the library that is compiled in, in one language.
fn class(code: i32, message: &str) -> ErrorClass {
    match (code, code & 0xff) {
        (1555 | 2067 | 2579, _) => ErrorClass::DuplicateKey,
        (517, _) => ErrorClass::Conflict,
        (_, 19) => ErrorClass::Constraint,
        (_, 3 | 8 | 23) => ErrorClass::Permission,
        (_, 5 | 6) => ErrorClass::LockTimeout,
        (_, 9) => ErrorClass::Timeout,
        (_, 1) if message.starts_with("no such table") || message.starts_with("no such view") => {
            ErrorClass::MissingRelation
        }
        (_, 1) if message.starts_with("no such column") || message.contains(" has no column named ") => {
            ErrorClass::MissingColumn
        }
        (_, 1) if message.ends_with(" already exists") => ErrorClass::DuplicateRelation,
        (_, 1) if message.contains("syntax error") || message.starts_with("incomplete input") => ErrorClass::Syntax,
        (_, 1) if message.starts_with("unrecognized token") => ErrorClass::Syntax,
        _ => ErrorClass::Other,
    }
}

fn columns(columns: &[sqlx::sqlite::SqliteColumn]) -> Arc<[Column]> {
    columns
        .iter()
        .map(|column| Column { name: column.name().to_owned(), type_name: column.type_info().name().to_owned() })
        .collect()
}

fn bind(arguments: &mut SqliteArguments, value: &Value) -> Result<(), BoxError> {
    match value {
        Value::Null => arguments.add(None::<i64>),
        Value::Bool(b) => arguments.add(*b),
        Value::Int(n) => arguments.add(*n),
        Value::UInt(n) => Err(format!("{n} is above the largest integer of SQLite").into()),
        Value::Float(x) if x.is_nan() => Err("SQLite would make NULL of NaN".into()),
        Value::Float(x) => arguments.add(*x),
        Value::Text(text) => arguments.add(text.clone()),
        Value::Bytes(bytes) => arguments.add(bytes.clone()),
        Value::Timestamp(at) => {
            within_four_digits(at.date_naive())?;
            arguments.add(at.to_rfc3339_opts(SecondsFormat::Micros, true))
        }
        Value::DateTime(at) => {
            within_four_digits(at.date())?;
            arguments.add(at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
        }
        Value::Date(date) => {
            within_four_digits(*date)?;
            arguments.add(date.to_string())
        }
        Value::Time(time) => arguments.add(time.format("%H:%M:%S%.6f").to_string()),
        Value::Decimal(_) | Value::Uuid(_) | Value::Json(_) => arguments.add(value.to_string()),
        Value::Array(_) => arguments.add(serde_json::to_string(value)?),
    }
}

/// Outside of these years text order would not be time order.
fn within_four_digits(date: NaiveDate) -> Result<(), BoxError> {
    if (0..=9999).contains(&date.year()) {
        Ok(())
    } else {
        Err(format!("year {} needs more than four digits", date.year()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_instants_sorts_like_time() {
        let text = |micros| {
            let mut arguments = SqliteArguments::default();
            bind(&mut arguments, &Value::Timestamp(chrono::DateTime::from_timestamp_micros(micros).unwrap()))
        };
        assert!(text(0).is_ok());
        assert!(text(-70_000_000_000_000_000).is_err(), "before the year 0");
        assert!(text(253_402_300_800_000_000).is_err(), "the year 10000");
    }

    #[test]
    fn what_sqlite_cannot_hold_is_refused() {
        let mut arguments = SqliteArguments::default();
        assert!(bind(&mut arguments, &Value::Float(f64::NAN)).is_err());
        assert!(bind(&mut arguments, &Value::UInt(u64::MAX)).is_err());
        assert!(bind(&mut arguments, &Value::Float(f64::INFINITY)).is_ok());
    }

    #[test]
    fn classes_go_by_code() {
        assert_eq!(class(2067, ""), ErrorClass::DuplicateKey);
        assert_eq!(class(787, ""), ErrorClass::Constraint);
        assert_eq!(class(5, ""), ErrorClass::LockTimeout);
        assert_eq!(class(517, ""), ErrorClass::Conflict);
        assert_eq!(class(1, "no such table: t"), ErrorClass::MissingRelation);
        assert_eq!(class(1, "near \"SELEC\": syntax error"), ErrorClass::Syntax);
        assert_eq!(class(14, "unable to open database file"), ErrorClass::Other, "trying again can't help");
        assert_eq!(class(11, "database disk image is malformed"), ErrorClass::Other);
    }
}
