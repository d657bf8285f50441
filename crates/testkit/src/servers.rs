//! Real database servers for tests: one of each kind per test program, and a database of its own for every test.
//!
//! ```no_run
//! # async fn a_test() {
//! use clusterkeep_testkit::servers;
//!
//! let Some(database) = servers::postgres().await else { return };
//! let db = database.connect().await;
//! # }
//! ```
//!
//! The shared servers are never stopped: they end with the test program, since statics are never dropped and a private
//! server ends with its owner. What they write survives the crash of a server, and not that of the machine.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clusterkeep_core::managed::local::{LocalServer, LocalServerBuilder};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Ident, SqlBuilder, TableName, sql};
use clusterkeep_core::{Error, Result};
use tokio::sync::OnceCell;

use crate::skip::{name, skip};

/// How long removing a test's database may take.
const REMOVAL: Duration = Duration::from_secs(10);

static POSTGRES: Shared = Shared::new();
static MARIADB: Shared = Shared::new();
static CRATEDB: Shared = Shared::new();

/// A database of its own on the shared PostgreSQL; nothing, and a word about it, where there is no PostgreSQL.
///
/// # Panics
///
/// The server is there and does not start, or it is required and not there.
pub async fn postgres() -> Option<TestDatabase> {
    // A crash of the machine takes the whole directory; one of the server alone loses nothing without `fsync`. Every
    // test has its own pools.
    let builder = || LocalServer::postgres().setting("fsync", "off").setting("max_connections", 400);
    database(Engine::Postgres, &POSTGRES, builder).await
}

/// A database of its own on the shared MariaDB; nothing, and a word about it, where there is no MariaDB.
///
/// # Panics
///
/// The server is there and does not start, or it is required and not there.
pub async fn mariadb() -> Option<TestDatabase> {
    let builder = || LocalServer::mariadb().setting("debug-no-sync", 1).setting("max-connections", 400);
    database(Engine::Mysql, &MARIADB, builder).await
}

/// A schema of its own on the shared CrateDB; nothing, and a word about it, where there is no CrateDB.
///
/// # Panics
///
/// The server is there and does not start, or it is required and not there.
pub async fn cratedb() -> Option<TestDatabase> {
    database(Engine::Cratedb, &CRATEDB, || builder(Engine::Cratedb)).await
}

/// A server for one test alone, which may kill it; nothing, and a word about it, where there is none.
///
/// # Panics
///
/// The server is there and does not start, or it is required and not there.
pub async fn private(engine: Engine) -> Option<LocalServer> {
    if !is_there(engine) {
        return None;
    }
    Some(must(builder(engine).start().await, "a private server starts"))
}

fn builder(engine: Engine) -> LocalServerBuilder {
    let builder = LocalServer::engine(engine);
    match engine {
        // What a test writes is little, however full the disk is of other things: CrateDB would wait for room for ever.
        Engine::Cratedb => builder.setting("cluster.routing.allocation.disk.threshold_enabled", "false"),
        _ => builder,
    }
}

/// A database that a test has for itself.
///
/// It is removed when the test has passed, and stays, until the server goes with the test program, when it has not.
#[derive(Debug)]
#[must_use = "dropping it removes the database"]
pub struct TestDatabase {
    server: &'static LocalServer,
    engine: Engine,
    name: String,
    url: String,
}

impl TestDatabase {
    /// The engine of the server.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Its address, with user and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database; on CrateDB that of the schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that it is on, which other tests use at the same time.
    pub const fn server(&self) -> &'static LocalServer {
        self.server
    }

    /// Connects to it.
    ///
    /// # Panics
    ///
    /// The server does not answer.
    pub async fn connect(&self) -> Db {
        self.connect_with(ConnectOptions::default()).await
    }

    /// Connects to it.
    ///
    /// # Panics
    ///
    /// The server does not answer.
    pub async fn connect_with(&self, options: ConnectOptions) -> Db {
        must(open(&self.url, options).await, "the test's database answers")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (engine, name, admin) = (self.engine, self.name.clone(), self.server.admin_url().to_owned());
        // A thread with a runtime of its own: the test's may be of any flavour, and about to end. Nobody waits for it:
        // if the program ends first, the server goes with everything that is on it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            let removal = async { tokio::time::timeout(REMOVAL, remove(engine, &name, &admin)).await };
            let removed = runtime.block_on(removal);
            if !matches!(removed, Ok(Ok(()))) {
                tracing::debug!(name, ?removed, "a test's database was left behind");
            }
        });
    }
}

/// A server that all tests of this program share, or why it does not start.
struct Shared(OnceCell<std::result::Result<LocalServer, String>>);

impl Shared {
    const fn new() -> Self {
        Self(OnceCell::const_new())
    }
}

#[expect(clippy::panic, reason = "it is how a test fails")]
async fn database(
    engine: Engine,
    shared: &'static Shared,
    builder: impl FnOnce() -> LocalServerBuilder,
) -> Option<TestDatabase> {
    let builder = builder();
    if !is_there(engine) {
        return None;
    }
    // Why it does not start is kept, too: trying again in each test would take as long each time.
    let start = async { builder.start().await.map_err(|error| chain(&error)) };
    let server = match shared.0.get_or_init(|| start).await {
        Ok(server) => server,
        Err(why) => panic!("{why}"),
    };
    let name = unique_name();
    must(create(engine, &name, server.admin_url()).await, "a database for the test is made");
    let url = server.url_of(&name);
    Some(TestDatabase { server, engine, name, url })
}

/// Whether a server of `engine` is installed; a test goes without, and says so, where it is not.
///
/// # Panics
///
/// It is required and not there.
#[must_use]
pub fn is_there(engine: Engine) -> bool {
    let found = LocalServer::engine(engine).installed().is_some();
    if !found {
        skip(engine, &format!("no {} is installed", name(engine)));
    }
    found
}

/// A name that no other test of this program has.
fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn open(url: &str, options: ConnectOptions) -> Result<Db> {
    Db::connect_with(&url.parse()?, options).await
}

/// A connection for one statement; pools belong to the runtime that they were made in, and each test has its own.
async fn admin(url: &str) -> Result<Db> {
    open(url, ConnectOptions::default().max_sessions(1)).await
}

async fn create(engine: Engine, name: &str, admin_url: &str) -> Result<()> {
    if engine == Engine::Cratedb {
        // A schema is there as soon as something is in it.
        return Ok(());
    }
    let db = admin(admin_url).await?;
    let mut statement = SqlBuilder::new(engine);
    statement.push("CREATE DATABASE ").ident(&Ident::new(name)?);
    db.execute(statement.build()).await?;
    db.close().await;
    Ok(())
}

async fn remove(engine: Engine, name: &str, admin_url: &str) -> Result<()> {
    let db = admin(admin_url).await?;
    let database = Ident::new(name)?;
    let mut statement = SqlBuilder::new(engine);
    match engine {
        Engine::Cratedb => {
            let tables = sql("SELECT table_name FROM information_schema.tables WHERE table_schema = ?").bind(name);
            for row in db.query(tables).await?.iter() {
                let table = TableName::within(database.clone(), Ident::new(row.get::<String>(0)?)?);
                let mut drop = SqlBuilder::new(engine);
                drop.push("DROP TABLE ").table(&table);
                db.execute(drop.build()).await?;
            }
            return Ok(());
        }
        // Sessions that the test left open don't keep it.
        Engine::Postgres => statement.push("DROP DATABASE ").ident(&database).push(" WITH (FORCE)"),
        _ => statement.push("DROP DATABASE ").ident(&database),
    };
    db.execute(statement.build()).await?;
    db.close().await;
    Ok(())
}

/// Takes what a test can't go on without, or fails it.
#[expect(clippy::panic, reason = "it is how a test fails")]
fn must<T>(result: std::result::Result<T, Error>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {}", chain(&error)),
    }
}

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
