//! A session: one connection, one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use reqwest::{Client, Response};
use serde_json::Value as Json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use super::super::super::lexer::{Kind, tokens};
use super::super::super::placeholder::{self, Prepared};
use super::super::super::records::Column;
use super::super::super::value::Value;
use super::super::super::{Engine, Records, Row, RowStream, Session, Statement};
use super::super::report::Report;
use super::answer::{Answer, Part};
use super::http::{Call, Endpoint, Running, failed};
use super::value::encode;
use super::{Failure, Shared, many};
use crate::error::{Error, ErrorClass, Result};

pub(super) struct CrateSession {
    shared: Arc<Shared>,
    client: Option<Client>,
    busy: bool,
    altered: bool,
    _seat: OwnedSemaphorePermit,
}

impl CrateSession {
    pub(super) const fn new(shared: Arc<Shared>, client: Client, seat: OwnedSemaphorePermit) -> Self {
        Self { shared, client: Some(client), busy: false, altered: false, _seat: seat }
    }

    fn limit(&self, statement: &Statement) -> Duration {
        statement.deadline().unwrap_or(self.shared.options.statement_timeout)
    }

    /// The connection, marked busy until [`end`](Self::end).
    fn begin_call(&mut self, operation: &str) -> Result<Client> {
        if self.busy {
            self.client = None;
        }
        let Some(client) = self.client.clone() else {
            let closed = Report::new(ErrorClass::Unreachable, "the session was closed after a call that did not end");
            return Err(closed.into_error(operation, &self.shared.address, 1, Duration::ZERO));
        };
        self.busy = true;
        Ok(client)
    }

    /// Takes the outcome of a call; the session is not busy any more, or closed.
    fn end<T>(&mut self, operation: &str, start: Instant, outcome: Result<Result<T, Failure>, Elapsed>) -> Result<T> {
        let report = match outcome {
            Ok(Ok(value)) => {
                self.busy = false;
                return Ok(value);
            }
            Ok(Err(Failure::Bind(error))) => {
                self.busy = false;
                return Err(error);
            }
            Ok(Err(Failure::Decode(error))) => {
                self.client = None;
                return Err(error);
            }
            Ok(Err(Failure::Server(report))) => report,
            Err(_) => {
                self.client = None;
                Report::new(ErrorClass::Timeout, "the deadline has passed; the session is closed")
            }
        };
        self.busy = report.class == ErrorClass::Unreachable;
        Err(report.into_error(operation, &self.shared.address, 1, start.elapsed()))
    }

    fn prepare<'a>(&mut self, statement: &'a Statement) -> Result<(Prepared<'a>, Vec<Json>)> {
        let prepared = placeholder::prepare(Engine::Cratedb, statement.text(), statement.params().len())?;
        let args = statement.params().iter().map(encode).collect::<Result<_, _>>().map_err(|cause| {
            Error::caused(format!("bind the parameters of {}", placeholder::excerpt(statement.text())), cause)
        })?;
        self.altered |= prepared.alters_session;
        Ok((prepared, args))
    }

    fn no_transactions<T>(&self, operation: &str) -> Result<T> {
        let report = Report::new(ErrorClass::Unsupported, "CrateDB has no transactions");
        Err(report.into_error(operation, &self.shared.address, 1, Duration::ZERO))
    }
}

#[async_trait]
impl Session for CrateSession {
    fn engine(&self) -> Engine {
        Engine::Cratedb
    }

    async fn query(&mut self, statement: &Statement) -> Result<Records> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let (prepared, args) = self.prepare(statement)?;
        let client = self.begin_call("query")?;
        let outcome = timeout(limit, collect(&self.shared.endpoint, &client, &prepared.text, args)).await;
        self.end("query", start, outcome).map(|(records, _)| records)
    }

    async fn stream<'a>(&'a mut self, statement: &'a Statement) -> Result<RowStream<'a>> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let (prepared, args) = self.prepare(statement)?;
        let client = self.begin_call("stream")?;
        let Shared { endpoint, address, .. } = &*self.shared;
        let text = prepared.text.into_owned();
        let rows = Source { endpoint, client, text, args, sent: None };
        // A deadline of the statement's own is for the whole; the default is for each wait, since the reader may be slow.
        let whole = statement.deadline().is_some();
        let stream = Streamed { rows, busy: &mut self.busy, address, start, limit, whole };
        Ok(stream::try_unfold(stream, Streamed::next).boxed())
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let (prepared, args) = self.prepare(statement)?;
        let client = self.begin_call("execute")?;
        let outcome = timeout(limit, collect(&self.shared.endpoint, &client, &prepared.text, args)).await;
        let (_, changed) = self.end("execute", start, outcome)?;
        Ok(if prepared.changes_rows { changed } else { 0 })
    }

    async fn execute_many(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<u64> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let Some(prepared) = placeholder::prepare_many(Engine::Cratedb, statement, rows)? else { return Ok(0) };
        let client = self.begin_call("execute many")?;
        let outcome = timeout(limit, many::run(&self.shared.endpoint, &client, &prepared.text, rows)).await;
        self.end("execute many", start, outcome)
    }

    async fn execute_each(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<Vec<bool>> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        let Some(prepared) = placeholder::prepare_many(Engine::Cratedb, statement, rows)? else {
            return Ok(Vec::new());
        };
        let client = self.begin_call("execute many")?;
        let outcome = timeout(limit, many::each(&self.shared.endpoint, &client, &prepared.text, rows)).await;
        self.end("execute many", start, outcome)
    }

    async fn execute_script(&mut self, statement: &Statement) -> Result<()> {
        let (start, limit) = (Instant::now(), self.limit(statement));
        if !statement.params().is_empty() {
            return Err(Error::input("a script takes no parameters"));
        }
        let text = placeholder::prepare_script(Engine::Cratedb, statement.text())?;
        self.altered = true;
        let client = self.begin_call("execute a script")?;
        let outcome = timeout(limit, async {
            for one in statements(&text) {
                collect(&self.shared.endpoint, &client, one, Vec::new()).await?;
            }
            Ok(())
        })
        .await;
        self.end("execute a script", start, outcome)
    }

    async fn begin(&mut self) -> Result<()> {
        self.no_transactions("begin")
    }

    async fn commit(&mut self) -> Result<()> {
        self.no_transactions("commit")
    }

    async fn rollback(&mut self) -> Result<()> {
        self.no_transactions("roll back")
    }
}

impl Drop for CrateSession {
    fn drop(&mut self) {
        if let Some(client) = self.client.take().filter(|_| !self.busy && !self.altered) {
            self.shared.put_back(client);
        }
    }
}

/// The statements of a script, without those that hold nothing but comments.
fn statements(script: &str) -> Vec<&str> {
    let (mut statements, mut start, mut at, mut blank) = (Vec::new(), 0, 0, true);
    for token in tokens(Engine::Cratedb, script) {
        at += token.text.len();
        if token.is_mark(";") {
            if !blank {
                statements.push(&script[start..at - 1]);
            }
            (start, blank) = (at, true);
        } else {
            blank &= token.kind == Kind::Space;
        }
    }
    if !blank {
        statements.push(&script[start..]);
    }
    statements
}

/// The whole result of a statement, and how many rows it changed.
async fn collect(endpoint: &Endpoint, client: &Client, text: &str, args: Vec<Json>) -> Result<(Records, u64), Failure> {
    let mut rows = Rows::open(endpoint, client, text, args).await?;
    let mut collected = Vec::new();
    loop {
        match rows.next().await? {
            Part::Row(values) => collected.push(Row::of(Arc::clone(rows.answer.columns()), values)),
            Part::End(changed) => {
                let records = Records::from_rows(Arc::clone(rows.answer.columns()), collected);
                return Ok((records, changed.unwrap_or_default()));
            }
        }
    }
}

/// An answer that arrives; dropped before its end, the statement is stopped.
struct Rows {
    response: Response,
    answer: Answer,
    running: Running,
}

impl Rows {
    async fn open(endpoint: &Endpoint, client: &Client, text: &str, args: Vec<Json>) -> Result<Self, Failure> {
        let mut running = Running::new(endpoint);
        let text = running.tagged(text);
        match endpoint.send(client, &Call { stmt: &text, args, bulk_args: &[] }).await {
            Ok(response) => Ok(Self { response, answer: Answer::default(), running }),
            Err(report) => {
                if report.class != ErrorClass::Unreachable {
                    running.ended();
                }
                Err(report.into())
            }
        }
    }

    async fn next(&mut self) -> Result<Part, Failure> {
        loop {
            if let Some(part) = self.answer.next().map_err(Failure::Decode)? {
                if matches!(part, Part::End(_)) {
                    self.running.ended();
                }
                return Ok(part);
            }
            match self.response.chunk().await.map_err(failed)? {
                Some(bytes) => self.answer.feed(&bytes),
                None => return Err(Report::new(ErrorClass::Unreachable, "the answer ended too early").into()),
            }
        }
    }
}

/// Where rows come from. A request is sent when the first row is asked for: the server answers when it has all of them.
struct Source<'a> {
    endpoint: &'a Endpoint,
    client: Client,
    text: String,
    args: Vec<Json>,
    sent: Option<Rows>,
}

impl Source<'_> {
    async fn next(&mut self) -> Result<(Part, Arc<[Column]>), Failure> {
        let rows = match &mut self.sent {
            Some(rows) => rows,
            None => {
                let args = std::mem::take(&mut self.args);
                self.sent.insert(Rows::open(self.endpoint, &self.client, &self.text, args).await?)
            }
        };
        let part = rows.next().await?;
        Ok((part, Arc::clone(rows.answer.columns())))
    }
}

struct Streamed<'a> {
    rows: Source<'a>,
    busy: &'a mut bool,
    address: &'a str,
    start: Instant,
    limit: Duration,
    whole: bool,
}

impl Streamed<'_> {
    async fn next(mut self) -> Result<Option<(Row, Self)>> {
        let limit = if self.whole { self.limit.saturating_sub(self.start.elapsed()) } else { self.limit };
        let report = match timeout(limit, self.rows.next()).await {
            Ok(Ok((Part::Row(values), columns))) => return Ok(Some((Row::of(columns, values), self))),
            Ok(Ok((Part::End(_), _))) => {
                *self.busy = false;
                return Ok(None);
            }
            Ok(Err(Failure::Decode(error) | Failure::Bind(error))) => return Err(error),
            Ok(Err(Failure::Server(report))) => report,
            Err(_) => Report::new(ErrorClass::Timeout, "the deadline has passed"),
        };
        Err(report.into_error("stream", self.address, 1, self.start.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn scripts_are_split_between_statements_only() {
        assert_eq!(statements("SELECT ';'; -- ;\n\n;/* ; */ SELECT 2 ;"), ["SELECT ';'", "/* ; */ SELECT 2 "]);
        assert_eq!(statements("  -- nothing\n"), Vec::<&str>::new());
    }
}
