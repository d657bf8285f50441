//! Where the state of a test lies: a database of its own on each engine, which can be opened more than once.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(dead_code, unused_macros, unused_imports, reason = "each test program uses a part")]

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Ident};
use clusterkeep_core::state::{DEFAULT_NAME, State};
use clusterkeep_testkit::servers::TestDatabase;

/// A database of a test's own.
pub(crate) struct Place {
    pub(crate) url: String,
    /// The name of the state: on CrateDB that of the schema that the test has for itself.
    pub(crate) name: Ident,
    pub(crate) database: Option<TestDatabase>,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/state.db", folder.path().display());
        Self { url, name: Ident::literal(DEFAULT_NAME), database: None, _folder: Some(folder) }
    }

    pub(crate) fn on(database: TestDatabase) -> Self {
        let name = match database.engine() {
            Engine::Cratedb => Ident::new(database.name()).unwrap(),
            _ => Ident::literal(DEFAULT_NAME),
        };
        Self { url: database.url().to_owned(), name, database: Some(database), _folder: None }
    }

    /// A handle with a pool of its own, as another process has one.
    pub(crate) async fn open(&self) -> State {
        self.open_at(&self.url).await
    }

    /// The same by another way.
    pub(crate) async fn open_at(&self, url: &str) -> State {
        let db = Db::connect_with(&url.parse().unwrap(), ConnectOptions::default().create()).await.unwrap();
        State::of(db).named(self.name.clone())
    }

    pub(crate) async fn with_state(&self) -> State {
        let state = self.open().await;
        state.ensure(noon()).await.unwrap();
        state
    }
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2014-01-15T12:00:00.123456Z".parse().unwrap()
}

/// Makes a test of each function for each engine with transactions.
macro_rules! on_each_engine {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(Place::sqlite()).await;
            })*
        }

        $crate::places::on_servers! { postgres: $($test),* }
        $crate::places::on_servers! { mariadb: $($test),* }
    };
}

/// Makes a test of each function for one kind of server.
macro_rules! on_servers {
    ($server:ident: $($test:ident),* $(,)?) => {
        mod $server {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let Some(server) = clusterkeep_testkit::servers::$server().await else { return };
                super::$test(Place::on(server)).await;
            })*
        }
    };
}

pub(crate) use {on_each_engine, on_servers};
