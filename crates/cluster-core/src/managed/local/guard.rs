//! The guard of a private server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::builder::LocalServerBuilder;
use super::engine::Recipe;
use super::home::Home;
use super::log;
use super::ready::{self, Obstacle};
use super::supervisor::Supervisor;
use super::urls::Urls;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::{Db, Engine};

/// A database server of this machine that lives as long as this value.
///
/// # Drop behaviour
///
/// Dropping it ends the server and removes its temporary directory. That works in a runtime of any flavour and without
/// one, never panics, blocks while the server ends (a scratch server: some ten milliseconds; the time it is granted at
/// most), and logs what went wrong. [`stop`](Self::stop) does the same without blocking the runtime, and returns it.
/// Where this process is killed, a supervisor does it.
#[must_use = "dropping the guard ends the server"]
pub struct LocalServer {
    recipe: &'static dyn Recipe,
    ports: Vec<u16>,
    urls: Urls,
    /// Goes before the home: a directory is removed when nobody writes to it any more.
    supervisor: Option<Supervisor>,
    home: Home,
}

impl LocalServer {
    /// A PostgreSQL.
    pub const fn postgres() -> LocalServerBuilder {
        Self::engine(Engine::Postgres)
    }

    /// A MariaDB.
    pub const fn mariadb() -> LocalServerBuilder {
        Self::engine(Engine::Mysql)
    }

    /// A CrateDB of one node.
    pub const fn cratedb() -> LocalServerBuilder {
        Self::engine(Engine::Cratedb)
    }

    /// A server of `engine`.
    pub const fn engine(engine: Engine) -> LocalServerBuilder {
        LocalServerBuilder::new(engine)
    }

    pub(super) fn new(
        recipe: &'static dyn Recipe,
        database: &str,
        ports: Vec<u16>,
        root: Secret,
        home: Home,
        supervisor: Supervisor,
    ) -> Self {
        let urls = Urls::new(root, database, recipe.maintenance());
        Self { recipe, ports, urls, supervisor: Some(supervisor), home }
    }

    /// Waits until the server answers.
    pub(super) async fn become_ready(&mut self, deadline: Instant) -> Result<(), Obstacle> {
        let port = self.port();
        let answers = async {
            self.recipe.probe().until_answered(port).await;
            ready::let_in(self.urls.database.expose()).await
        };
        let ended = async {
            match &mut self.supervisor {
                Some(supervisor) => supervisor.ended().await,
                None => std::future::pending().await,
            }
        };
        let what = tokio::select! {
            // Whoever answers when our server has ended is somebody else's.
            biased;
            status = ended => format!("it ended with {status}"),
            answer = answers => return answer.map_err(Obstacle::Refusal),
            () = tokio::time::sleep_until(deadline.into()) => "it did not answer in time".to_owned(),
        };
        Err(Obstacle::Silence(what))
    }

    /// Where the log is, or will be when the home is gone, and its end.
    fn log(&self) -> (PathBuf, String) {
        let path = if self.home.is_own() { log::keep(self.recipe.slug(), &[self.home.log()]) } else { None };
        (path.unwrap_or_else(|| self.home.log()), self.home.log_tail())
    }

    /// The address of its database, as its superuser, with the password.
    #[must_use]
    pub fn url(&self) -> &str {
        self.urls.database.expose()
    }

    /// The address of the database that is always there, as its superuser, with the password.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        self.urls.maintenance.expose()
    }

    /// The address of the database `name` on it, as its superuser, with the password.
    #[must_use]
    pub fn url_of(&self, name: &str) -> String {
        self.urls.of(name)
    }

    /// The port of 127.0.0.1 that clients use.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.first().copied().unwrap_or_default()
    }

    /// All ports of 127.0.0.1 that it listens on: for CrateDB those for HTTP, for the protocol of PostgreSQL, and
    /// between nodes.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Its directory, with the data and `server.log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// The id of the server's process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.home.read("pid").ok()??.trim().parse().ok()
    }

    /// Connects to its database.
    ///
    /// # Errors
    ///
    /// The driver is not compiled in, or the server has ended.
    pub async fn connect(&self) -> Result<Db> {
        Db::connect(self.url()).await
    }

    /// Ends the server, and removes its directory where that is temporary.
    ///
    /// # Errors
    ///
    /// It had ended by itself before, with the end of its log; it had to be killed; its directory can't be removed. It
    /// is gone in each case.
    pub async fn stop(mut self) -> Result<()> {
        // Where the runtime is shutting down the task is dropped unrun, and the guard in it ends the server.
        match tokio::task::spawn_blocking(move || self.end()).await {
            Ok(result) => result,
            Err(error) => Err(Error::caused("wait for a private server to end", error)),
        }
    }

    /// Ends what did not become a server; returns why it did not, and the log where that was put aside.
    pub(super) async fn discard(mut self, obstacle: Obstacle) -> (Error, Option<PathBuf>) {
        let (path, tail) = match &obstacle {
            Obstacle::Silence(_) => self.log(),
            Obstacle::Refusal(_) => (self.home.log(), String::new()),
        };
        let error = obstacle.into_error(self.recipe.product(), &path, &tail);
        let aside = Some(path).filter(|path| *path != self.home.log());
        let end = move || {
            // Why it ended is known already.
            let mut supervisor = self.supervisor.take();
            supervisor.as_mut().map(Supervisor::end);
            self.home.remove()
        };
        drop(tokio::task::spawn_blocking(end).await);
        (error, aside)
    }

    /// Lets the server live on when this value, or this process, is gone.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn keep(mut self) -> Result<KeptServer> {
        let ended = || Error::failed(format!("keep a private {} that has ended already", self.recipe.product()));
        let pid = self.pid().ok_or_else(ended)?;
        let mut supervisor = self.supervisor.take().ok_or_else(ended)?;
        if supervisor.exited().is_some() {
            return Err(ended());
        }
        supervisor.keep().map_err(|error| Error::caused("keep a private server", error))?;
        self.home.keep();
        Ok(KeptServer {
            product: self.recipe.product(),
            signal: self.recipe.signal(),
            urls: self.urls.clone(),
            directory: self.home.path().to_owned(),
            pid,
        })
    }

    /// Ends the server; nothing is left to do the second time.
    fn end(&mut self) -> Result<()> {
        let Some(mut supervisor) = self.supervisor.take() else { return Ok(()) };
        let early = supervisor.exited();
        let log = early.map(|_| self.log());
        let in_order = supervisor.end();
        self.home.remove()?;
        let product = self.recipe.product();
        match (early, log) {
            (Some(status), Some((path, tail))) => {
                Err(ready::with_log(format!("{product} had ended with {status}"), &path, &tail))
            }
            _ if !in_order => Err(Error::failed(format!("{product} did not end in time and was killed"))),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("LocalServer");
        text.field("product", &self.recipe.product()).field("ports", &self.ports).field("directory", &self.home.path());
        text.finish_non_exhaustive()
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(product = self.recipe.product(), directory = %self.home.path().display(), %error, "private server");
        }
    }
}

/// A server that nobody guards any more: see [`LocalServer::keep`]. Its text says how to end it.
#[derive(Debug, Clone)]
pub struct KeptServer {
    product: &'static str,
    signal: &'static str,
    urls: Urls,
    directory: PathBuf,
    pid: u32,
}

impl KeptServer {
    /// The address of its database, as its superuser, with the password.
    #[must_use]
    pub fn url(&self) -> &str {
        self.urls.database.expose()
    }

    /// The address of the database that is always there, as its superuser, with the password.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        self.urls.maintenance.expose()
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The id of its process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }
}

impl fmt::Display for KeptServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pid, signal, directory) = (self.pid, self.signal, self.directory.display());
        write!(f, "{} runs as process {pid} in `{directory}`: end it with `kill -{signal} {pid}`", self.product)
    }
}
