//! The traits that each engine implements, and the handle that programs hold.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::{Engine, Records, Row, Statement, Value};
use crate::address::DatabaseUrl;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Rows as they arrive.
pub type RowStream<'a> = BoxStream<'a, Result<Row>>;

/// Bytes as they arrive, in pieces that end anywhere.
pub type ByteStream<'a> = BoxStream<'a, Result<Bytes>>;

/// What an engine can do; callers ask this instead of comparing engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// `begin`, `commit` and `rollback` mean what they say.
    pub transactions: bool,
    /// DDL takes part in transactions.
    pub transactional_ddl: bool,
    /// Schemas are name spaces of their own (else state tables get a prefix).
    pub schemas: bool,
    /// Text may hold the NUL character.
    pub nul_in_text: bool,
    /// Floating-point columns hold NaN and the infinities.
    pub non_finite_floats: bool,
    /// The most parameters that one statement takes.
    pub max_params: usize,
    /// The most bytes (PostgreSQL) or characters (MariaDB/MySQL) that a name may have.
    pub max_identifier: usize,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The product's name, such as `MariaDB`.
    pub product: String,
    /// The version as the server writes it.
    pub version: String,
}

/// How to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The most that connecting may take, all attempts together.
    pub connect_timeout: Duration,
    /// The most that waiting for a session may take while all are in use.
    pub session_timeout: Duration,
    /// The most that a statement may take that has no deadline of its own.
    pub statement_timeout: Duration,
    /// The most sessions that are open at once; a further one waits.
    pub max_sessions: u32,
    /// Sessions refuse to write, where the engine has a way to say so.
    pub read_only: bool,
    /// A SQLite file that does not exist is created.
    pub create: bool,
    /// The most that a transaction may stand still before the server ends it, and with it the session (PostgreSQL).
    pub idle_in_transaction: Option<Duration>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(60),
            statement_timeout: Duration::from_secs(15 * 60),
            max_sessions: 8,
            read_only: false,
            create: false,
            idle_in_transaction: None,
        }
    }
}

impl ConnectOptions {
    /// Sets the most that connecting may take, all attempts together.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the most that waiting for a session may take while all are in use.
    #[must_use]
    pub const fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// Sets the most that a statement may take that has no deadline of its own.
    #[must_use]
    pub const fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Sets the most sessions that are open at once.
    #[must_use]
    pub const fn max_sessions(mut self, sessions: u32) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Makes sessions refuse to write, where the engine has a way to say so.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Has the server end a transaction, and its session, that stands still for so long (PostgreSQL): a program that hangs
    /// in the middle of one keeps nobody else from what it has locked.
    #[must_use]
    pub const fn idle_in_transaction(mut self, timeout: Duration) -> Self {
        self.idle_in_transaction = Some(timeout);
        self
    }

    /// Creates a SQLite file that does not exist.
    #[must_use]
    pub const fn create(mut self) -> Self {
        self.create = true;
        self
    }
}

/// Where tokens come from that a database lets its caller in by, instead of a password.
///
/// It is asked before each request: what is expensive to get, the source keeps.
#[async_trait]
pub trait TokenSource: Send + Sync + fmt::Debug {
    /// A token that is good now and for as long as a request takes to begin.
    ///
    /// # Errors
    ///
    /// There is none to be had; the request is then not sent.
    async fn token(&self) -> Result<Secret>;
}

/// A database that sessions can be opened on.
#[async_trait]
pub trait Database: Send + Sync + fmt::Debug {
    /// Which engine it is.
    fn engine(&self) -> Engine;

    /// The address without its password.
    fn address(&self) -> String;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The file that holds it, where it is one file of this machine (SQLite).
    fn file(&self) -> Option<PathBuf> {
        None
    }

    /// A session, from the pool or new; waits while all are taken.
    async fn session(&self) -> Result<Box<dyn Session>>;

    /// What the server says of itself.
    async fn server(&self) -> Result<Server>;

    /// Closes all sessions that are not in use.
    async fn close(&self);
}

/// One conversation with a database.
///
/// # Cancellation
///
/// Where the future of a call is dropped before it ends, or a stream before its last row, the session is closed, and never
/// pooled again: nobody knows what the server still sends on it. Further calls on it fail. The same goes for a deadline
/// that passed and for a value that can't be decoded. What runs on the server is stopped as well as the engine can.
///
/// A session that is dropped in a transaction rolls it back, and one that was set to something else (`SET`, `PRAGMA`, a
/// session's lock) is closed and not given to others.
#[async_trait]
pub trait Session: Send {
    /// Which engine it is.
    fn engine(&self) -> Engine;

    /// Runs a statement and collects its rows.
    async fn query(&mut self, statement: &Statement) -> Result<Records>;

    /// Runs a statement and gives its rows as they arrive, in bounded memory.
    async fn stream<'a>(&'a mut self, statement: &'a Statement) -> Result<RowStream<'a>>;

    /// Runs a query and gives its rows as PostgreSQL's `COPY ... TO STDOUT (FORMAT binary)` writes them: no value is made of
    /// a row, which is several times as fast as [`stream`](Self::stream).
    ///
    /// The statement is the query alone, one statement without parameters.
    ///
    /// # Errors
    ///
    /// Another engine than PostgreSQL; a query with parameters; what the server says.
    async fn copy_out<'a>(&'a mut self, query: &'a Statement) -> Result<ByteStream<'a>> {
        let _ = query;
        Err(Error::failed(format!("{} does not copy rows out", self.engine())))
    }

    /// Runs a statement and returns the number of rows that it changed; 0 where the engine does not say.
    async fn execute(&mut self, statement: &Statement) -> Result<u64>;

    /// Runs a statement once per row of parameters, batched by the engine's fastest way; returns the rows changed.
    ///
    /// The statement's own parameters must be empty. It is atomic where the engine has transactions.
    async fn execute_many(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<u64>;

    /// Runs a statement once per row of parameters, and says of each whether it changed anything: on CrateDB, in one
    /// request, for statements that name one row by its whole key. A row that is not there, or that another one changed
    /// first (`"_seq_no"`), was not changed.
    ///
    /// The statement's own parameters must be empty. It is atomic in a transaction alone.
    async fn execute_each(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<Vec<bool>> {
        let mut changed = Vec::with_capacity(rows.len());
        for row in rows {
            changed.push(self.execute(&statement.clone().bind_all(row.iter().cloned())).await? > 0);
        }
        Ok(changed)
    }

    /// Runs a script of several statements without parameters.
    async fn execute_script(&mut self, statement: &Statement) -> Result<()>;

    /// Begins a transaction; on SQLite it takes the write lock at once.
    async fn begin(&mut self) -> Result<()>;

    /// Commits the transaction.
    async fn commit(&mut self) -> Result<()>;

    /// Rolls the transaction back.
    async fn rollback(&mut self) -> Result<()>;
}

/// A database handle: cheap to clone, one pool behind all clones.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::sql::{Db, sql};
/// let db = Db::connect("sqlite://weather.db").await?;
/// let hot = db.query(sql("SELECT count(*) FROM observations WHERE temp > ?").bind(95.0)).await?;
/// println!("{hot}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Db(Arc<dyn Database>);

impl Db {
    /// Connects to the database at `url`, with default options.
    ///
    /// # Errors
    ///
    /// A malformed address or an engine that is not compiled in; a server that does not answer in time.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(&url.parse()?, ConnectOptions::default()).await
    }

    /// Connects to the database at `url`.
    ///
    /// # Errors
    ///
    /// An engine that is not compiled in; a server that does not answer in time.
    pub async fn connect_with(url: &DatabaseUrl, options: ConnectOptions) -> Result<Self> {
        super::engine::connect(url, options).await.map(Self)
    }

    /// Connects to the database at `url` by tokens instead of a password; CrateDB only.
    ///
    /// # Errors
    ///
    /// An engine that knows no tokens; an address that names a user or would get tokens in plain text over the network; no
    /// token to be had; a server that does not answer in time, or does not take the token.
    pub async fn connect_as(url: &DatabaseUrl, tokens: Arc<dyn TokenSource>, options: ConnectOptions) -> Result<Self> {
        super::engine::connect_as(url, tokens, options).await.map(Self)
    }

    /// A handle over somebody's own implementation.
    pub fn new(database: impl Database + 'static) -> Self {
        Self(Arc::new(database))
    }

    /// Whether both handles share one pool, so that a transaction of the one is one of the other.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.0.engine()
    }

    /// The address without its password.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    /// The file that holds it, where it is one file of this machine (SQLite).
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.0.file()
    }

    /// A session, from the pool or new.
    ///
    /// # Errors
    ///
    /// The server does not answer, or no session becomes free in time.
    pub async fn session(&self) -> Result<Box<dyn Session>> {
        self.0.session().await
    }

    /// What the server says of itself.
    ///
    /// # Errors
    ///
    /// The server does not answer.
    pub async fn server(&self) -> Result<Server> {
        self.0.server().await
    }

    /// Runs a statement in a session of its own and collects its rows.
    ///
    /// # Errors
    ///
    /// What the server says, and columns that can't be decoded.
    pub async fn query(&self, statement: impl Into<Statement> + Send) -> Result<Records> {
        let statement = statement.into();
        self.session().await?.query(&statement).await
    }

    /// Runs a statement in a session of its own; returns the number of rows that it changed.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn execute(&self, statement: impl Into<Statement> + Send) -> Result<u64> {
        let statement = statement.into();
        self.session().await?.execute(&statement).await
    }

    /// Closes all sessions that are not in use.
    pub async fn close(&self) {
        self.0.close().await;
    }
}
