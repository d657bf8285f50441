//! Connections that wait for their next use.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Connection as _;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::super::super::{Capabilities, ConnectOptions, Database, Engine, Server, Session, sql};
use super::super::report::Report;
use super::super::retry;
use super::session::PooledSession;
use super::{Driver, Link, report};
use crate::error::{ErrorClass, Result};

/// A connection that has waited longer than this is asked whether it still works before it is used.
const TRUSTED: Duration = Duration::from_millis(500);
/// The most that this question, or closing a connection, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that nobody used for so long is closed.
const LONGEST_IDLE: Duration = Duration::from_secs(10 * 60);

/// A database over a pool of connections.
pub(in super::super) struct Pool<D: Driver>(Arc<Inner<D>>);

pub(super) struct Inner<D: Driver> {
    pub(super) driver: D,
    pub(super) options: ConnectOptions,
    seats: Arc<Semaphore>,
    idle: Mutex<Vec<Idle<D>>>,
}

struct Idle<D: Driver> {
    link: Link<D>,
    since: Instant,
}

impl<D: Driver> Pool<D> {
    /// Opens the first connection, which tells whether address and credentials are right.
    pub(in super::super) async fn open(driver: D, options: ConnectOptions) -> Result<Self> {
        let seats = Arc::new(Semaphore::new(usize::try_from(options.max_sessions.max(1)).unwrap_or(usize::MAX >> 3)));
        let inner = Arc::new(Inner { driver, options, seats, idle: Mutex::new(Vec::new()) });
        let link = inner.connect().await?;
        inner.put_back(link);
        Ok(Self(inner))
    }
}

impl<D: Driver> Inner<D> {
    async fn connect(&self) -> Result<Link<D>> {
        retry::connect(self.driver.address(), self.options.connect_timeout, || async {
            self.driver.open().await.map_err(|error| report::<D>(error).0)
        })
        .await
    }

    /// An idle connection that answers, or a new one.
    async fn link(&self) -> Result<Link<D>> {
        while let Some(Idle { mut link, since }) = self.take_idle() {
            if since.elapsed() < TRUSTED {
                return Ok(link);
            }
            if since.elapsed() < LONGEST_IDLE && matches!(timeout(PATIENCE, link.connection.ping()).await, Ok(Ok(()))) {
                return Ok(link);
            }
            tracing::debug!(address = self.driver.address(), "an idle connection was lost or is too old");
        }
        self.connect().await
    }

    fn take_idle(&self) -> Option<Idle<D>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn put_back(&self, link: Link<D>) {
        let idle = Idle { link, since: Instant::now() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }
}

#[async_trait]
impl<D: Driver> Database for Pool<D> {
    fn engine(&self) -> Engine {
        D::ENGINE
    }

    fn address(&self) -> String {
        self.0.driver.address().to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.driver.capabilities()
    }

    fn file(&self) -> Option<std::path::PathBuf> {
        self.0.driver.file()
    }

    async fn session(&self) -> Result<Box<dyn Session>> {
        let (start, limit) = (Instant::now(), self.0.options.session_timeout);
        let Ok(Ok(seat)) = timeout(limit, Arc::clone(&self.0.seats).acquire_owned()).await else {
            let all = format!("all {} sessions were in use all the time", self.0.options.max_sessions);
            let report = Report::new(ErrorClass::Unavailable, all);
            return Err(report.into_error("wait for a session", self.0.driver.address(), 1, start.elapsed()));
        };
        let link = self.0.link().await?;
        Ok(Box::new(PooledSession::new(Arc::clone(&self.0), link, seat)))
    }

    async fn server(&self) -> Result<Server> {
        self.session().await?.query(&sql(D::VERSION)).await?.scalar().map(D::server)
    }

    async fn close(&self) {
        while let Some(Idle { link, .. }) = self.0.take_idle() {
            // What can't be closed in time is dropped, which closes it, too.
            timeout(PATIENCE, link.connection.close()).await.ok();
        }
    }
}

impl<D: Driver> fmt::Debug for Pool<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("driver", &self.0.driver).finish_non_exhaustive()
    }
}
