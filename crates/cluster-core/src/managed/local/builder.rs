//! What a private server is to be like, and its start.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::account;
use super::engine::{self, Installation, Recipe, Wish};
use super::guard::LocalServer;
use super::home::Home;
use super::port;
use super::supervisor::{Commands, Supervisor};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::Engine;

/// How often other ports are tried where somebody took the chosen ones in the meantime.
pub(super) const ATTEMPTS: u32 = 5;

/// The most that a start may take, whatever is asked for; no clock overflows by it.
const MOST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that a start may take where nothing is asked for.
pub(super) const TIMEOUT: Duration = Duration::from_secs(90);

/// A server to start; made by [`LocalServer::engine`] and its like.
///
/// Without further words it is a scratch server: a temporary directory, free ports, a random password, and data that
/// is as durable as the engine makes it by default.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct LocalServerBuilder {
    pub(super) engine: Engine,
    pub(super) directory: Option<PathBuf>,
    pub(super) binaries: Option<PathBuf>,
    pub(super) database: Option<String>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) port: Option<u16>,
    pub(super) password: bool,
    pub(super) durable: bool,
    pub(super) timeout: Duration,
    pub(super) grace: Option<Duration>,
}

impl LocalServerBuilder {
    pub(super) const fn new(engine: Engine) -> Self {
        Self {
            engine,
            directory: None,
            binaries: None,
            database: None,
            settings: Vec::new(),
            environment: Vec::new(),
            port: None,
            password: true,
            durable: true,
            timeout: TIMEOUT,
            grace: None,
        }
    }

    /// Keeps everything in `directory`, which is made if it is not there and stays when the server ends.
    ///
    /// A directory that an earlier server of the same engine left is taken up again, with its data and its password.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Takes the programs of `directory` instead of those found on this machine; for CrateDB the directory that holds
    /// `bin/crate`.
    pub fn binaries(mut self, directory: impl Into<PathBuf>) -> Self {
        self.binaries = Some(directory.into());
        self
    }

    /// Makes a database of this name with the data, and leads [`LocalServer::url`] there.
    ///
    /// Names are of lower-case letters, digits and underscores. On CrateDB it is a schema, which is there as soon as it
    /// is written to.
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = Some(name.into());
        self
    }

    /// Sets a configuration setting of the server by its own name; the last word on a setting counts.
    pub fn setting(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    /// Sets an environment variable of the server, such as `CRATE_HEAP_SIZE`. It sees nothing else of this process's.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Listens on `port` and no other; for CrateDB it is the one for HTTP.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Lets everybody on this machine in. CrateDB always trusts its user `crate` from this machine.
    pub const fn without_password(mut self) -> Self {
        self.password = false;
        self
    }

    /// With `false` the server forgoes whatever makes data survive a crash, which is a good deal faster.
    ///
    /// It is for scratch data alone: the combination with [`directory`](Self::directory) is refused. CrateDB has no
    /// such setting.
    pub const fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Sets the most that the start may take; 90 seconds otherwise.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long the server gets to end in order before it is killed, in whole seconds.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The server program that would be started, where one is installed.
    #[must_use]
    pub fn installed(&self) -> Option<PathBuf> {
        engine::recipe(self.engine).ok()?.find(self.binaries.as_deref()).map(|found| found.server)
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Guarantees
    ///
    /// A start that fails, times out or is cancelled leaves no process and no temporary directory. Where it fails, the
    /// log is put aside among the temporary files, and the error names it; the ten newest such logs stay.
    ///
    /// # Errors
    ///
    /// Settings that contradict one another; no such server on this machine; a server that ends or does not answer in
    /// time, with the end of its log.
    pub async fn start(self) -> Result<LocalServer> {
        self.start_on(port::free).await
    }

    async fn start_on(self, mut choose: impl FnMut(usize) -> io::Result<Vec<u16>> + Send) -> Result<LocalServer> {
        let deadline = self.deadline();
        let recipe = engine::recipe(self.engine)?;
        self.check()?;
        let installation = self.find(recipe)?;
        let mut attempt = 1;
        loop {
            let mut ports = choose(recipe.ports()).map_err(|error| Error::caused("find a free port", error))?;
            if let (Some(first), Some(port)) = (ports.first_mut(), self.port) {
                *first = port;
            }
            let mut server = self.launch(recipe, &installation, ports)?;
            let Err(obstacle) = server.become_ready(deadline).await else { return Ok(server) };
            let ports = server.ports().to_vec();
            // Whoever listens there when our server is gone is somebody else.
            let (error, log) = server.discard(obstacle).await;
            match port::taken(&ports) {
                Some(port) if self.port == Some(port) => {
                    return Err(Error::caused(format!("port {port} is taken"), error)
                        .with_hint("end who listens there, or give another port"));
                }
                Some(_) if attempt < ATTEMPTS && Instant::now() < deadline => {
                    attempt += 1;
                    log.into_iter().for_each(|log| drop(std::fs::remove_file(log)));
                }
                _ => return Err(error),
            }
        }
    }

    /// When the start has failed.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout.min(MOST_TIMEOUT)
    }

    /// From here on there is a process; it is in the guard at once.
    fn launch(&self, recipe: &'static dyn Recipe, installation: &Installation, ports: Vec<u16>) -> Result<LocalServer> {
        let account = account::unprivileged(recipe.accounts())?;
        let home = match &self.directory {
            Some(directory) => Home::kept(directory, account)?,
            None => Home::temporary(recipe.slug(), account)?,
        };
        let password = if recipe.takes_password() { self.password_for(&home)? } else { None };
        let database = self.database.as_deref().unwrap_or_else(|| recipe.database());
        let wish = Wish {
            home: &home,
            ports: &ports,
            database,
            password: password.as_ref(),
            durable: self.durable,
            settings: &self.settings,
            peers: None,
        };
        let commands = self.commands(recipe, installation, &wish)?;
        let grace = self.grace.unwrap_or_else(|| recipe.grace(home.is_temporary()));
        tracing::debug!(product = recipe.product(), home = %home.path().display(), ?ports, "starting a private server");
        let supervisor = Supervisor::spawn(&home, &commands, grace)?;
        let root = recipe.url(ports.first().copied().unwrap_or_default(), password.as_ref());
        Ok(LocalServer::new(recipe, database, ports, root, home, supervisor))
    }

    /// What to run, in the environment that was asked for.
    pub(super) fn commands(
        &self,
        recipe: &'static dyn Recipe,
        installation: &Installation,
        wish: &Wish<'_>,
    ) -> Result<Commands> {
        let mut commands = recipe.launch(installation, wish)?;
        let own = self.environment.iter().map(|(name, value)| (name.into(), value.into()));
        commands.environment.extend(own);
        Ok(commands)
    }

    /// The password of an earlier start, else a new one.
    pub(super) fn password_for(&self, home: &Home) -> Result<Option<Secret>> {
        if home.data().exists() {
            return Ok(home.read("password")?.map(|text| Secret::new(text.trim())));
        }
        if !self.password {
            return Ok(None);
        }
        let password = uuid::Uuid::new_v4().simple().to_string();
        home.write_private("password", &password)?;
        Ok(Some(Secret::new(password)))
    }

    /// Checks what can be known to be wrong before anything is touched.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(name) = self.database.as_deref().filter(|name| !is_plain_name(name)) {
            return Err(Error::input(format!("`{name}` can't be the name of a private server's database"))
                .with_hint("up to 48 lower-case letters, digits and underscores, a letter first"));
        }
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        let names = self.settings.iter().chain(&self.environment).map(|(name, _)| name);
        if let Some(name) = names.into_iter().find(|name| !is_word(name)) {
            return Err(Error::input(format!("`{name}` can't be the name of a server's setting")));
        }
        if self.directory.is_some() && !self.durable {
            return Err(Error::input("data that is kept in a directory can't be given up for speed")
                .with_hint("leave out `durable(false)`, or the directory"));
        }
        Ok(())
    }

    pub(super) fn find(&self, recipe: &'static dyn Recipe) -> Result<Installation> {
        let place = |directory: &Path| format!(" in `{}`", directory.display());
        recipe.find(self.binaries.as_deref()).ok_or_else(|| {
            let place = self.binaries.as_deref().map_or_else(|| " on this machine".into(), place);
            Error::failed(format!("find {}{place}", recipe.product())).with_hint(recipe.advice())
        })
    }
}

/// Whether `name` is the same in every engine without quotes.
fn is_plain_name(name: &str) -> bool {
    name.len() <= 48
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_found_before_anything_is_touched() {
        let new = || LocalServerBuilder::new(Engine::Postgres);
        for (builder, complaint) in [
            (new().database("o'clock"), "`o'clock` can't be the name"),
            (new().database(""), "`` can't be the name"),
            (new().setting("port=1 -c x", 1), "can't be the name of a server's setting"),
            (new().directory("/somewhere").durable(false), "can't be given up"),
        ] {
            let error = builder.check().unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
        new().database("weather_2013").setting("work_mem", "4MB").check().unwrap();
    }

    #[tokio::test]
    async fn sqlite_has_no_server() {
        let error = LocalServerBuilder::new(Engine::Sqlite).start().await.unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_a_hint() {
        let nowhere = tempfile::tempdir().unwrap();
        let error = LocalServerBuilder::new(Engine::Postgres).binaries(nowhere.path()).start().await.unwrap_err();
        assert!(error.to_string().starts_with("find PostgreSQL in `"), "{error}");
        assert!(error.hint().unwrap().contains("apt-get install postgresql"));
    }
    #[tokio::test]
    async fn other_ports_are_tried_while_somebody_takes_them() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.path(), open.clone()).unwrap();
        for (name, text) in [("initdb", "mkdir -p \"$2\""), ("postgres", "exit 1")] {
            std::fs::write(place.path().join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(place.path().join(name), open.clone()).unwrap();
        }
        let somebody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = somebody.local_addr().unwrap().port();
        for (taken_at_first, tried) in [(0, 1), (2, 3), (100, ATTEMPTS)] {
            let mut chosen = 0;
            let start = LocalServerBuilder::new(Engine::Postgres).binaries(place.path()).start_on(|count| {
                chosen += 1;
                if chosen <= taken_at_first { Ok(vec![taken]) } else { port::free(count) }
            });
            let error = start.await.unwrap_err().to_string();
            assert!(error.contains("ended with exit status: 1"), "{error}");
            assert_eq!(chosen, tried);
            // One log for the last try alone.
            let log = error.split('`').nth(1).unwrap();
            assert!(log.contains("clusterkeep-postgres-"), "{error}");
            std::fs::remove_file(log).unwrap();
        }
    }
}
