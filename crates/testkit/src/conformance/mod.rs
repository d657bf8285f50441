//! What every engine must do alike, as one suite that runs against the real server.
//!
//! [`conformance!`](crate::conformance!) makes a test of each function here for one engine. Where engines differ by
//! their nature (types, SQL's spelling), the difference stands in one table beside the check; where one lacks something,
//! [`Capabilities`](clusterkeep_core::sql::Capabilities) says so and the check is left out by name.
//!
//! The checks fail by panicking. They know nothing of how an engine is implemented.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is how a check fails")]

pub mod cancellation;
pub mod errors;
pub mod identifiers;
pub mod many;
pub mod pool;
pub mod restart;
pub mod statements;
pub mod streaming;
pub mod transactions;
pub mod type_cases;
pub mod types;

use std::pin::Pin;

use clusterkeep_core::sql::{ConnectOptions, Db, Engine, SqlBuilder, Statement, TableName, sql};
use clusterkeep_core::{Error, ErrorClass};
use tempfile::TempDir;

use crate::servers::{self, TestDatabase};

/// The database that a check runs against, made for it alone.
#[derive(Debug)]
pub struct Subject {
    engine: Engine,
    url: String,
    keep: Keep,
}

/// What has to live as long as the database.
#[derive(Debug)]
enum Keep {
    Directory { _removed_at_the_end: TempDir },
    Database(TestDatabase),
}

impl Subject {
    /// A database of its own; nothing, and a word about it, where the server is not to be had.
    pub async fn new(engine: Engine) -> Option<Self> {
        let database = match engine {
            Engine::Postgres => servers::postgres().await?,
            Engine::Mysql => servers::mariadb().await?,
            Engine::Cratedb => servers::cratedb().await?,
            _ => {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", directory.path().join("test.db").display());
                return Some(Self { engine, url, keep: Keep::Directory { _removed_at_the_end: directory } });
            }
        };
        Some(Self { engine, url: database.url().to_owned(), keep: Keep::Database(database) })
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// The address, with its password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port of the server, where there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.keep {
            Keep::Directory { .. } => None,
            Keep::Database(database) => Some(database.server().port()),
        }
    }

    /// A connection with default options; a SQLite file is created.
    pub async fn connect(&self) -> Db {
        self.connect_with(ConnectOptions::default()).await
    }

    /// A connection; a SQLite file is created.
    pub async fn connect_with(&self, options: ConnectOptions) -> Db {
        let options = if options.read_only { options } else { options.create() };
        Db::connect_with(&self.url.parse().unwrap(), options).await.unwrap_or_else(|error| fail("connect", &error))
    }

    /// A statement that takes so long that nobody waits for it.
    #[must_use]
    pub fn endless(&self) -> Statement {
        match self.engine {
            Engine::Postgres => sql("SELECT pg_sleep(600)"),
            Engine::Mysql => sql("SELECT sleep(600)"),
            Engine::Cratedb => sql("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b"),
            _ => sql("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"),
        }
    }

    /// A table `name` with the columns that `columns` declares, in the program's own text.
    pub async fn create(&self, db: &Db, name: &TableName, columns: &'static str) {
        let mut create = SqlBuilder::new(self.engine);
        create.push("CREATE TABLE ").table(name).push(" (").push(columns).push(")");
        db.execute(create.build()).await.unwrap_or_else(|error| fail("create a table", &error));
    }

    /// Makes what was written visible to queries, which CrateDB does once a second only.
    pub async fn refresh(&self, db: &Db, name: &TableName) {
        if self.engine == Engine::Cratedb {
            let mut refresh = SqlBuilder::new(self.engine);
            refresh.push("REFRESH TABLE ").table(name);
            db.execute(refresh.build()).await.unwrap_or_else(|error| fail("refresh a table", &error));
        }
    }

    /// How many rows a table has.
    pub async fn count(&self, db: &Db, name: &TableName) -> i64 {
        self.refresh(db, name).await;
        let mut count = SqlBuilder::new(self.engine);
        count.push("SELECT count(*) FROM ").table(name);
        db.query(count.build()).await.and_then(|records| records.scalar()).unwrap_or_else(|error| fail("count", &error))
    }
}

/// Runs one check against a database of its own; not at all, with a word about it, where the server is not to be had.
pub async fn run(engine: Engine, check: impl for<'a> FnOnce(&'a Subject) -> Pin<Box<dyn Future<Output = ()> + 'a>>) {
    // Boxes keep the types of the futures, which hold those of all that they call, within what the compiler takes.
    let subject: Pin<Box<dyn Future<Output = _>>> = Box::pin(Subject::new(engine));
    if let Some(subject) = subject.await {
        check(&subject).await;
    }
}

/// A table name in the program's own text.
#[must_use]
pub fn table(name: &'static str) -> TableName {
    TableName::bare(clusterkeep_core::sql::Ident::literal(name))
}

/// Ends the check with an error and all its causes.
#[track_caller]
fn fail(what: &str, error: &Error) -> ! {
    panic!("{what}: {}", chain(error))
}

/// An error and all its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The error of a call that must fail, with the class that it must have.
#[track_caller]
fn must_be<T: std::fmt::Debug>(class: ErrorClass, result: Result<T, Error>) -> Error {
    let error = result.expect_err("it succeeded");
    assert_eq!(error.class(), Some(class), "{}", chain(&error));
    error
}

/// Makes a test of every check in [`conformance`](mod@crate::conformance) that the named groups hold, for one engine.
///
/// - `common`: what every engine does
/// - `transactional`: what engines with transactions do
/// - `server`: what goes over a network and has users
///
/// ```text
/// clusterkeep_testkit::conformance!(Postgres: common transactional server);
/// ```
#[macro_export]
macro_rules! conformance {
    ($engine:ident: $($group:ident)+) => {
        $(mod $group {
            $crate::conformance! { @$group $engine }
        })+
    };
    (@common $engine:ident) => {
        $crate::conformance! { @tests $engine
            types { round_trip undecodable_is_an_error zones_are_converted null_of_every_type }
            identifiers { round_trip }
            statements { question_marks one_at_a_time empty_results_have_columns changed_rows }
            errors { syntax missing_relation missing_column duplicate_key duplicate_relation timeout }
            many { inserts_and_reads_back any_statement wrong_widths_are_refused }
            cancellation { dropped_future dropped_stream deadline }
            pool { sixty_four_on_eight waiting_ends }
        }
    };
    (@transactional $engine:ident) => {
        $crate::conformance! { @tests $engine
            transactions { commit_and_roll_back dropped_is_rolled_back order_is_checked failed_statement }
            statements { scripts }
            errors { read_only }
            many { is_atomic within_a_transaction }
            cancellation { within_a_transaction }
            pool { altered_sessions_are_closed }
        }
    };
    (@server $engine:ident) => {
        $crate::conformance! { @tests $engine
            errors { permission refused wrong_password }
            restart { cut_while_idle cut_while_running refused_and_back stalled killed_in_the_middle }
        }
    };
    (@tests $engine:ident $($module:ident { $($check:ident)* })*) => {$(
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    let engine = ::clusterkeep_core::sql::Engine::$engine;
                    $crate::conformance::run(engine, |subject| {
                        ::std::boxed::Box::pin($crate::conformance::$module::$check(subject))
                    })
                    .await;
                }
            )*
        }
    )*};
}
