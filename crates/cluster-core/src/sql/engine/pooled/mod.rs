//! What SQLite, PostgreSQL and MariaDB/MySQL have in common: a pool of connections, and sessions on them.
//!
//! An engine implements [`Driver`]: how to connect, bind, decode and tell errors apart. Deadlines, cancellation and
//! transactions are done here, once. The pool is our own, because a session that is dropped may have no runtime to clean
//! up on, and because connecting is tried again with the number of attempts told.

mod copied;
mod many;
mod pool;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
mod repeat;
mod rows;
mod session;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::error::DatabaseError;
use sqlx::{Either, SqlStr};

pub(super) use self::many::Batch;
#[cfg(feature = "postgres")]
pub(super) use self::many::{chunk_length, run_each};
pub(super) use self::pool::Pool;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub(super) use self::repeat::insert_rows;
use super::super::records::Column;
use super::super::value::Value;
use super::super::{Capabilities, Engine, Server};
use super::report::{Report, Said};
use crate::error::{BoxError, Error, ErrorClass};

pub(super) type Connection<D> = <<D as Driver>::Db as sqlx::Database>::Connection;
pub(super) type Arguments<D> = <<D as Driver>::Db as sqlx::Database>::Arguments;
pub(super) type DriverRow<D> = <<D as Driver>::Db as sqlx::Database>::Row;
/// What a copy gives, and the errors of it.
pub(super) type Pieces<'a> = BoxStream<'a, Result<Bytes, sqlx::Error>>;
type Changed<D> = <<D as Driver>::Db as sqlx::Database>::QueryResult;
/// What running a statement gives: rows, and at the end of each statement how many it changed.
pub(super) type Steps<'a, D> = BoxStream<'a, Result<Either<Changed<D>, DriverRow<D>>, sqlx::Error>>;

/// A connection, and what it takes to stop what runs on it.
pub(super) struct Link<D: Driver> {
    pub(super) connection: Connection<D>,
    pub(super) stop: D::Stop,
}

/// What differs between the engines.
pub(super) trait Driver: fmt::Debug + Send + Sync + Sized + 'static {
    /// The engine in sqlx.
    type Db: sqlx::Database;
    /// What it takes to stop a statement from outside of its connection.
    type Stop: Send;

    /// Which engine it is.
    const ENGINE: Engine;
    /// Begins a transaction.
    const BEGIN: &'static str;
    /// Gives the version as the server writes it.
    const VERSION: &'static str;

    /// The address without its password.
    fn address(&self) -> &str;

    fn capabilities(&self) -> Capabilities;

    fn file(&self) -> Option<PathBuf> {
        None
    }

    /// What the server is, from what [`VERSION`](Self::VERSION) gave.
    fn server(version: String) -> Server;

    /// Opens a connection and sets its session up.
    fn open(&self) -> impl Future<Output = Result<Link<Self>, sqlx::Error>> + Send;

    /// Stops what runs on a connection that nobody waits for any more, without waiting for it.
    fn stop(&self, stop: Self::Stop);

    /// Runs text: as one prepared statement with arguments, without them as a script.
    fn run(
        connection: &mut Connection<Self>,
        text: SqlStr,
        arguments: Option<Arguments<Self>>,
        keep_prepared: bool,
    ) -> Steps<'_, Self>;

    /// How many rows a statement changed.
    fn changed(result: &Changed<Self>) -> u64;

    /// The text under which a statement with these values is kept prepared; by default the text alone.
    fn key<'a>(text: &'a str, values: &[Value]) -> Cow<'a, str> {
        let _ = values;
        Cow::Borrowed(text)
    }

    /// The values as the driver binds them.
    fn bind(values: &[Value]) -> Result<Arguments<Self>, BoxError>;

    /// The columns of a statement that gave no row.
    fn describe<'a>(
        connection: &'a mut Connection<Self>,
        text: SqlStr,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Arc<[Column]>, sqlx::Error>>;

    /// The columns of a row.
    fn columns(row: &DriverRow<Self>) -> Arc<[Column]>;

    /// One value of a row; the cause where its type can't be decoded.
    fn decode(row: &DriverRow<Self>, index: usize) -> Result<Value, BoxError>;

    /// Inserts or changes many rows within a transaction that is open.
    fn run_many<'a>(connection: &'a mut Connection<Self>, batch: Batch<'a>) -> BoxFuture<'a, Result<u64, Failure>>;

    /// Begins to give the rows of a query as `COPY` does; `None` where the engine does not.
    fn copy_out(
        connection: &mut Connection<Self>,
        query: String,
    ) -> Option<BoxFuture<'_, Result<Pieces<'_>, sqlx::Error>>> {
        let _ = (connection, query);
        None
    }

    /// Whether the server runs this statement only where it is not prepared first.
    fn refuses_to_prepare(error: &sqlx::Error) -> bool {
        let _ = error;
        false
    }

    /// What the server's error means.
    fn classify(error: &dyn DatabaseError) -> Classified;
}

/// What a server's error means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classified {
    pub(super) class: ErrorClass,
    pub(super) code: Option<String>,
    pub(super) text: String,
    /// Whether the error has ended or doomed the transaction that was open.
    pub(super) ends_transaction: bool,
}

/// A failed call.
#[derive(Debug)]
pub(super) enum Failure {
    /// Of the driver or the server.
    Driver(sqlx::Error),
    /// A value that came can't be decoded; more may still be on its way.
    Decode(Error),
    /// A value can't be bound; nothing was sent.
    Bind(Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

/// The error of a driver as ours, and whether it ended the transaction.
pub(super) fn report<D: Driver>(error: sqlx::Error) -> (Report, bool) {
    let class = match error {
        sqlx::Error::Database(error) => {
            let Classified { class, code, text, ends_transaction } = D::classify(&*error);
            return (Report { class, code, source: Box::new(Said(text)) }, ends_transaction);
        }
        sqlx::Error::Io(cause) => return (Report::new(ErrorClass::Unreachable, cause), true),
        sqlx::Error::Tls(cause) => return (Report::new(ErrorClass::Unreachable, cause), true),
        sqlx::Error::Encode(cause) => return (Report::new(ErrorClass::Other, cause), false),
        sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => ErrorClass::Unreachable,
        _ => ErrorClass::Other,
    };
    (Report::new(class, error), true)
}

/// Runs text to its end; returns how many rows it changed.
pub(super) async fn run_to_end<D: Driver>(
    connection: &mut Connection<D>,
    text: SqlStr,
    arguments: Option<Arguments<D>>,
    keep_prepared: bool,
) -> Result<u64, sqlx::Error> {
    let mut steps = D::run(connection, text, arguments, keep_prepared);
    let mut changed = 0;
    while let Some(step) = steps.next().await {
        if let Either::Left(result) = step? {
            changed += D::changed(&result);
        }
    }
    Ok(changed)
}

/// The row's values.
pub(super) fn decode_row<D: Driver>(row: &DriverRow<D>, columns: &[Column]) -> Result<Vec<Value>, Error> {
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            D::decode(row, index).map_err(|source| Error::Decode {
                column: column.name.clone(),
                type_name: column.type_name.clone(),
                source,
            })
        })
        .collect()
}
