//! CrateDB, over HTTP.
//!
//! There are no transactions: each row is written on its own, and a batch that fails keeps the rows that did not. What
//! was written is found by queries after the next refresh, once a second by default.
//!
//! CrateDB keeps instants to the millisecond: one with more digits is refused and not rounded. It has no type for bytes.
//! JSON documents are objects. A query's result is made as a whole by the server and read here row by row.
//!
//! A session has a connection of its own, since what it sets belongs to the connection. A statement that nobody waits
//! for any more is ended with `KILL`. There is no read-only session; give such a user no more than `DQL`.

mod answer;
mod error;
mod http;
mod many;
mod session;
#[cfg(all(test, feature = "cloud"))]
mod token_tests;
mod value;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::Client;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use self::http::{Call, Endpoint};
use self::session::CrateSession;
use super::super::{Capabilities, ConnectOptions, Database, Engine, Server, Session, TokenSource};
use super::report::Report;
use super::retry;
use crate::address::DatabaseUrl;
use crate::error::{Error, ErrorClass, Result};

/// Connects to the server that `url` names.
pub(super) async fn connect(url: &DatabaseUrl, options: ConnectOptions) -> Result<Arc<dyn Database>> {
    open(url, Endpoint::new(url)?, options).await
}

/// Connects to the server that `url` names, and is let in by tokens.
pub(super) async fn connect_as(
    url: &DatabaseUrl,
    tokens: Arc<dyn TokenSource>,
    options: ConnectOptions,
) -> Result<Arc<dyn Database>> {
    if url.username().is_some() || url.password().is_some() || url.password_reference().is_some() {
        return Err(Error::input(format!("{url} names a user, and its caller is let in by tokens"))
            .with_hint("leave out user and password"));
    }
    // A token is guarded on its way like a password; this one is never sent.
    url.clone().with_user("token").with_password("token").prepare(&|_| None)?;
    let endpoint = Endpoint::new(url)?.with_tokens(tokens);
    open(url, endpoint, options).await
}

async fn open(url: &DatabaseUrl, endpoint: Endpoint, options: ConnectOptions) -> Result<Arc<dyn Database>> {
    let seats = Arc::new(Semaphore::new(usize::try_from(options.max_sessions.max(1)).unwrap_or(usize::MAX >> 3)));
    let shared = Shared { endpoint, address: url.to_string(), options, seats, idle: Mutex::new(Vec::new()) };
    let client = shared.connect().await?;
    shared.put_back(client);
    Ok(Arc::new(CrateDatabase(Arc::new(shared))))
}

struct CrateDatabase(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    address: String,
    options: ConnectOptions,
    seats: Arc<Semaphore>,
    idle: Mutex<Vec<Client>>,
}

/// A failed call.
#[derive(Debug)]
enum Failure {
    /// What the server says, or that it says nothing.
    Server(Report),
    /// A value that came can't be decoded.
    Decode(Error),
    /// A value can't be bound; nothing was sent.
    Bind(Error),
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Server(report)
    }
}

impl Shared {
    /// A client whose server answers and lets its user in.
    async fn connect(&self) -> Result<Client> {
        retry::connect(&self.address, self.options.connect_timeout, || async {
            let client = self.endpoint.client()?;
            let call = Call { stmt: "SELECT 1", args: Vec::new(), bulk_args: &[] };
            self.endpoint.send(&client, &call).await?.bytes().await.map_err(http::failed)?;
            Ok(client)
        })
        .await
    }

    fn put_back(&self, client: Client) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    fn take_idle(&self) -> Option<Client> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

#[async_trait]
impl Database for CrateDatabase {
    fn engine(&self) -> Engine {
        Engine::Cratedb
    }

    fn address(&self) -> String {
        self.0.address.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactions: false,
            transactional_ddl: false,
            schemas: true,
            nul_in_text: true,
            non_finite_floats: true,
            // The server has no limit of its own; a statement of this many is slow to parse already.
            max_params: 10_000,
            max_identifier: 255,
        }
    }

    async fn session(&self) -> Result<Box<dyn Session>> {
        let (start, limit) = (Instant::now(), self.0.options.session_timeout);
        let Ok(Ok(seat)) = timeout(limit, Arc::clone(&self.0.seats).acquire_owned()).await else {
            let all = format!("all {} sessions were in use all the time", self.0.options.max_sessions);
            let report = Report::new(ErrorClass::Unavailable, all);
            return Err(report.into_error("wait for a session", &self.0.address, 1, start.elapsed()));
        };
        // A client whose connection was lost makes a new one with its next request.
        let client = match self.0.take_idle() {
            Some(client) => client,
            None => self.0.connect().await?,
        };
        Ok(Box::new(CrateSession::new(Arc::clone(&self.0), client, seat)))
    }

    async fn server(&self) -> Result<Server> {
        let start = Instant::now();
        let asked = async { self.0.endpoint.version(&self.0.endpoint.client()?).await };
        let version = match timeout(self.0.options.connect_timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Report::new(ErrorClass::Timeout, "the server does not answer")),
        };
        match version {
            Ok(version) => Ok(Server { product: "CrateDB".into(), version }),
            Err(report) => Err(report.into_error("ask for the version", &self.0.address, 1, start.elapsed())),
        }
    }

    async fn close(&self) {
        // A client closes its connection when it is dropped.
        while self.0.take_idle().is_some() {}
    }
}

impl fmt::Debug for CrateDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrateDatabase").field("address", &self.0.address).finish_non_exhaustive()
    }
}
