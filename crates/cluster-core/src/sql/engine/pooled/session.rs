//! A session on a pooled connection.
//!
//! While a call runs the session is *busy*. A session that is dropped busy, in a transaction, or altered is closed, and
//! so is one whose call passed its deadline.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;
use sqlx::{AssertSqlSafe, Either, SqlSafeStr as _, SqlStr};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::super::super::placeholder::{self, Prepared};
use super::super::super::records::Column;
use super::super::super::value::Value;
use super::super::super::{ByteStream, Engine, Records, Row, RowStream, Session, Statement};
use super::super::report::Report;
use super::copied::Copied;
use super::many::{Batch, atomically};
use super::pool::Inner;
use super::rows::Rows;
use super::{Arguments, Connection, Driver, Failure, Link, decode_row, report, run_to_end};
use crate::error::{Error, ErrorClass, Result};

/// Whether a transaction is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// The server has ended it, or takes nothing but a rollback.
    Doomed,
}

pub(super) struct PooledSession<D: Driver> {
    pool: Arc<Inner<D>>,
    link: Option<Link<D>>,
    state: State,
    /// Given back when the session ends, whatever becomes of its connection.
    _seat: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) busy: bool,
    altered: bool,
    transaction: Transaction,
}

impl<D: Driver> PooledSession<D> {
    pub(super) const fn new(pool: Arc<Inner<D>>, link: Link<D>, seat: OwnedSemaphorePermit) -> Self {
        let state = State { busy: false, altered: false, transaction: Transaction::None };
        Self { pool, link: Some(link), state, _seat: seat }
    }

    fn limit(&self, statement: &Statement) -> Duration {
        statement.deadline().unwrap_or(self.pool.options.statement_timeout)
    }

    /// The connection, marked busy until [`end`](Self::end).
    fn begin_call(&mut self, operation: &'static str) -> Result<&mut Connection<D>> {
        if self.state.busy {
            self.close();
        }
        if self.state.transaction == Transaction::Doomed && D::ENGINE != Engine::Postgres {
            let gone = Report::new(ErrorClass::Conflict, "the server has rolled the transaction back");
            return Err(gone.into_error(operation, self.pool.driver.address(), 1, Duration::ZERO));
        }
        let Some(link) = &mut self.link else { return Err(closed(&self.pool.driver, operation)) };
        self.state.busy = true;
        Ok(&mut link.connection)
    }

    /// Takes the outcome of a call; the session is not busy any more, or closed.
    fn end<T>(
        &mut self,
        operation: &'static str,
        start: Instant,
        outcome: Result<Result<T, Failure>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        let failure = match outcome {
            Ok(Ok(value)) => {
                self.state.busy = false;
                return Ok(value);
            }
            Ok(Err(failure)) => failure,
            Err(_) => {
                self.close();
                let late = Report::new(ErrorClass::Timeout, "the deadline has passed; the session is closed");
                return Err(late.into_error(operation, self.pool.driver.address(), 1, start.elapsed()));
            }
        };
        let error = match failure {
            // The driver has not read to the end.
            Failure::Decode(error) => {
                self.close();
                return Err(error);
            }
            Failure::Bind(error) => {
                self.state.busy = false;
                return Err(error);
            }
            Failure::Driver(error) => error,
        };
        let (report, ends_transaction) = report::<D>(error);
        self.state.after_error(&report, ends_transaction);
        if self.state.busy {
            self.close();
        }
        Err(report.into_error(operation, self.pool.driver.address(), 1, start.elapsed()))
    }

    /// Closes the connection, and stops what runs on it.
    fn close(&mut self) {
        if let Some(Link { connection, stop }) = self.link.take() {
            if self.state.busy {
                self.pool.driver.stop(stop);
            }
            drop(connection);
        }
        self.state.busy = false;
        self.state.transaction = Transaction::None;
    }

    /// Runs a command of the session itself, such as `COMMIT`.
    async fn command(&mut self, operation: &'static str, text: &'static str) -> Result<()> {
        let (start, limit) = (Instant::now(), self.pool.options.statement_timeout);
        let connection = self.begin_call(operation)?;
        let outcome = timeout(limit, run_to_end::<D>(connection, SqlStr::from_static(text), None, false)).await;
        self.end(operation, start, outcome.map(sent)).map(drop)
    }

    fn prepare<'a>(&mut self, statement: &'a Statement) -> Result<(Prepared<'a>, SqlStr, Arguments<D>)> {
        let prepared = placeholder::prepare(D::ENGINE, statement.text(), statement.params().len())?;
        let arguments = D::bind(statement.params()).map_err(|cause| {
            Error::caused(format!("bind the parameters of {}", placeholder::excerpt(statement.text())), cause)
        })?;
        self.state.altered |= prepared.alters_session;
        let text = AssertSqlSafe(D::key(&prepared.text, statement.params()).as_ref()).into_sql_str();
        Ok((prepared, text, arguments))
    }
}

fn closed<D: Driver>(driver: &D, operation: &str) -> Error {
    let report = Report::new(ErrorClass::Unreachable, "the session was closed after a call that did not end");
    report.into_error(operation, driver.address(), 1, Duration::ZERO)
}

impl State {
    /// What an error of the server leaves.
    pub(super) fn after_error(&mut self, report: &Report, ends_transaction: bool) {
        let lost = matches!(report.class, ErrorClass::Unreachable | ErrorClass::Unavailable);
        self.busy = lost;
        // PostgreSQL has such errors, too, where a statement that is kept prepared does not fit a changed table any more.
        self.altered |= matches!(report.class, ErrorClass::Unsupported | ErrorClass::Other);
        if self.transaction == Transaction::Open && ends_transaction {
            self.transaction = Transaction::Doomed;
        }
    }
}

/// The result of a call in which nothing is decoded.
fn sent<T>(outcome: Result<T, sqlx::Error>) -> Result<T, Failure> {
    outcome.map_err(Failure::Driver)
}

async fn execute<D: Driver>(
    connection: &mut Connection<D>,
    text: SqlStr,
    arguments: Arguments<D>,
    statement: &Statement,
) -> Result<u64, sqlx::Error> {
    match run_to_end::<D>(connection, text.clone(), Some(arguments), statement.is_fixed()).await {
        Err(error) if statement.params().is_empty() && D::refuses_to_prepare(&error) => {
            run_to_end::<D>(connection, text, None, false).await
        }
        outcome => outcome,
    }
}

async fn collect<D: Driver>(
    connection: &mut Connection<D>,
    text: SqlStr,
    arguments: Arguments<D>,
    statement: &Statement,
    gives_rows: bool,
) -> Result<Records, Failure> {
    let mut columns: Option<Arc<[Column]>> = None;
    let mut rows = Vec::new();
    {
        let mut steps = D::run(connection, text.clone(), Some(arguments), statement.is_fixed());
        while let Some(step) = steps.next().await {
            if let Either::Right(row) = step? {
                let columns = columns.get_or_insert_with(|| D::columns(&row));
                let values = decode_row::<D>(&row, columns).map_err(Failure::Decode)?;
                rows.push(Row::of(Arc::clone(columns), values));
            }
        }
    }
    let columns = match columns {
        Some(columns) => columns,
        None if gives_rows => D::describe(connection, text, statement.params()).await?,
        None => Arc::new([]),
    };
    Ok(Records::from_rows(columns, rows))
}

#[async_trait]
impl<D: Driver> Session for PooledSession<D> {
    fn engine(&self) -> Engine {
        D::ENGINE
    }

    async fn query(&mut self, statement: &Statement) -> Result<Records> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let (prepared, text, arguments) = self.prepare(statement)?;
        let connection = self.begin_call("query")?;
        let call = collect::<D>(connection, text, arguments, statement, prepared.gives_rows);
        let outcome = timeout(limit, call).await;
        self.end("query", start, outcome)
    }

    async fn stream<'a>(&'a mut self, statement: &'a Statement) -> Result<RowStream<'a>> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let (_, text, arguments) = self.prepare(statement)?;
        self.begin_call("stream")?;
        let Self { pool, link, state, .. } = self;
        let Some(link) = link else { return Err(Error::failed("a session lost its connection")) };
        let steps = D::run(&mut link.connection, text, Some(arguments), statement.is_fixed());
        // A deadline of the statement's own is for the whole; the default is for each wait, since the reader may be slow.
        let whole = statement.deadline().is_some();
        let rows = Rows::<D> { steps, columns: None, state, address: pool.driver.address(), start, limit, whole };
        Ok(stream::try_unfold(rows, Rows::<D>::next).boxed())
    }

    async fn copy_out<'a>(&'a mut self, query: &'a Statement) -> Result<ByteStream<'a>> {
        let (start, limit) = (Instant::now(), self.limit(query));
        if !query.params().is_empty() {
            return Err(Error::input("a query whose rows are copied takes no parameters"));
        }
        let text = placeholder::prepare(D::ENGINE, query.text(), 0)?.text.into_owned();
        self.begin_call("copy")?;
        let Self { pool, link, state, .. } = self;
        let address = pool.driver.address();
        let Some(link) = link else { return Err(Error::failed("a session lost its connection")) };
        let Some(begun) = D::copy_out(&mut link.connection, text) else {
            state.busy = false;
            return Err(Error::failed(format!("{} does not copy rows out", D::ENGINE)));
        };
        let pieces = match timeout(limit, begun).await {
            Ok(Ok(pieces)) => pieces,
            Ok(Err(error)) => {
                let (report, ends_transaction) = report::<D>(error);
                state.after_error(&report, ends_transaction);
                return Err(report.into_error("copy", address, 1, start.elapsed()));
            }
            // Still busy, so that the session is closed.
            Err(_) => return Err(Copied::<D>::late(address, start)),
        };
        let copied = Copied::<D> { pieces: pieces.fuse(), state, address, start, limit, driver: PhantomData };
        Ok(stream::try_unfold(copied, Copied::next).boxed())
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let (prepared, text, arguments) = self.prepare(statement)?;
        let connection = self.begin_call("execute")?;
        let outcome = timeout(limit, execute::<D>(connection, text, arguments, statement)).await;
        let changed = self.end("execute", start, outcome.map(sent))?;
        // SQLite repeats the count of an earlier statement after one that changes no rows.
        Ok(if prepared.changes_rows { changed } else { 0 })
    }

    async fn execute_many(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<u64> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let Some(batch) = Batch::new(D::ENGINE, statement, rows)? else { return Ok(0) };
        let before = self.state.transaction;
        let connection = self.begin_call("execute many")?;
        let outcome = timeout(limit, atomically::<D>(connection, batch, before != Transaction::None)).await;
        let undone = matches!(outcome, Ok(Err((_, true))));
        let changed = self.end("execute many", start, outcome.map(|result| result.map_err(|(failure, _)| failure)));
        if undone && self.link.is_some() {
            self.state.transaction = before;
        }
        changed
    }

    async fn execute_script(&mut self, statement: &Statement) -> Result<()> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        if !statement.params().is_empty() {
            return Err(Error::input("a script takes no parameters"));
        }
        let text = AssertSqlSafe(placeholder::prepare_script(D::ENGINE, statement.text())?.as_ref()).into_sql_str();
        // Nobody has read what it sets.
        self.state.altered = true;
        let connection = self.begin_call("execute a script")?;
        let outcome = timeout(limit, run_to_end::<D>(connection, text, None, false)).await;
        self.end("execute a script", start, outcome.map(sent)).map(drop)
    }

    async fn begin(&mut self) -> Result<()> {
        if self.state.transaction != Transaction::None {
            return Err(Error::failed("a transaction is open already on this session"));
        }
        self.command("begin", D::BEGIN).await?;
        self.state.transaction = Transaction::Open;
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        match self.state.transaction {
            Transaction::None if self.link.is_none() => return Err(closed(&self.pool.driver, "commit")),
            Transaction::None => return Err(Error::failed("no transaction is open on this session")),
            Transaction::Open => {}
            Transaction::Doomed => {
                self.rollback().await?;
                // PostgreSQL answers such a COMMIT with success, and rolls back.
                let lost = Report::new(ErrorClass::Conflict, "a statement had failed, so all of it was rolled back");
                return Err(lost.into_error("commit", self.pool.driver.address(), 1, Duration::ZERO));
            }
        }
        let committed = self.command("commit", "COMMIT").await;
        // On SQLite a commit that met a lock leaves the transaction open, to be tried again or rolled back.
        if committed.is_ok() || D::ENGINE != Engine::Sqlite {
            self.state.transaction = Transaction::None;
        }
        committed
    }

    async fn rollback(&mut self) -> Result<()> {
        let was = std::mem::replace(&mut self.state.transaction, Transaction::None);
        // Where the connection is gone, the server has rolled back.
        if self.link.is_none() || was == Transaction::None {
            return Ok(());
        }
        let outcome = self.command("roll back", "ROLLBACK").await;
        // SQLite says that there is no transaction where it has rolled back by itself.
        if was == Transaction::Doomed && self.link.is_some() { Ok(()) } else { outcome }
    }
}

impl<D: Driver> Drop for PooledSession<D> {
    fn drop(&mut self) {
        if self.state.busy || self.state.altered || self.state.transaction != Transaction::None {
            self.close();
        } else if let Some(link) = self.link.take() {
            self.pool.put_back(link);
        }
    }
}
