//! What differs between the engines: one file each, one line each in [`recipe`].

mod cratedb;
mod mariadb;
mod postgres;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::home::Home;
use super::ready::Probe;
use super::supervisor::Commands;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::Engine;

/// How an engine is found, prepared and started. Nothing here does more than look for files and write small ones.
pub(super) trait Recipe: Sync {
    /// The product.
    fn product(&self) -> &'static str;

    /// A short name for directories.
    fn slug(&self) -> &'static str;

    /// The accounts to run under where this process is root, best first.
    fn accounts(&self) -> &'static [&'static str];

    /// How many ports it listens on; clients use the first.
    fn ports(&self) -> usize;

    /// The database that is always there.
    fn maintenance(&self) -> &'static str;

    /// The database that it gives where none is named.
    fn database(&self) -> &'static str;

    /// Whether its superuser can have a password.
    fn takes_password(&self) -> bool {
        true
    }

    /// Where it is installed: in `directory` alone, or where packages and people put it.
    fn find(&self, directory: Option<&Path>) -> Option<Installation>;

    /// How to get it, for a hint.
    fn advice(&self) -> &'static str;

    /// The signal by which it ends in order and soon, as a user would send it.
    fn signal(&self) -> &'static str {
        // The shell that started it had it ignore `INT`, which few care to change.
        "TERM"
    }

    /// How long it gets to end, in order and by each signal.
    fn grace(&self, temporary: bool) -> Duration;

    /// What to run.
    fn launch(&self, installation: &Installation, wish: &Wish<'_>) -> Result<Commands>;

    /// How to ask whether it is ready.
    fn probe(&self) -> Probe;

    /// The address of the server at `port` of this machine, up to and with the slash before the name of a database.
    fn url(&self, port: u16, password: Option<&Secret>) -> Secret;

    /// Removes from `home` what an earlier server left there that would keep the next one from starting; called where
    /// it is certain that none that was started here is left.
    fn tidy(&self, _home: &Home) -> Result<()> {
        Ok(())
    }

    /// Whether several of its servers make a cluster.
    fn forms_clusters(&self) -> bool {
        false
    }
}

/// An installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    /// The server's program.
    pub(super) server: PathBuf,
    /// The program that makes its data, where there is one.
    pub(super) setup: Option<PathBuf>,
}

/// What the caller asked for, and what was decided on the way.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) home: &'a Home,
    pub(super) ports: &'a [u16],
    pub(super) database: &'a str,
    pub(super) password: Option<&'a Secret>,
    /// What was committed survives a crash of this machine.
    pub(super) durable: bool,
    pub(super) settings: &'a [(String, String)],
    /// The cluster that it is a node of; none where it is on its own.
    pub(super) peers: Option<&'a Peers>,
}

/// The cluster that a server is a node of.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    /// The name by which its nodes know one another.
    pub(super) cluster: String,
    /// Which of them this one is, from 0.
    pub(super) node: usize,
    /// The ports that the nodes talk to one another by, in order of the nodes.
    pub(super) transports: Vec<u16>,
    /// Where all of them keep their snapshots.
    pub(super) repo: PathBuf,
    /// Whether the cluster was never there before, so that its nodes must be told who may found it.
    pub(super) founding: bool,
}

/// The recipe of `engine`.
pub(super) fn recipe(engine: Engine) -> Result<&'static dyn Recipe> {
    match engine {
        Engine::Postgres => Ok(&postgres::Postgres),
        Engine::Mysql => Ok(&mariadb::MariaDb),
        Engine::Cratedb => Ok(&cratedb::CrateDb),
        Engine::Sqlite => Err(Error::input(format!("{engine} has no server that could be started"))
            .with_hint("connect to a file with an address such as `sqlite://weather.db`")),
    }
}

/// The environment of every server: nothing of the user's, whose `PG*` or `JAVA_*` would change what is started.
fn environment(home: &Home) -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from));
    vec![
        // A PATH that can't be joined holds a separator within a directory: it was none that works.
        ("PATH".into(), std::env::join_paths(directories).unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".into())),
        ("HOME".into(), home.path().into()),
        ("TMPDIR".into(), home.file("tmp").into()),
        ("LC_ALL".into(), "C".into()),
        ("TZ".into(), "UTC".into()),
    ]
}

/// The directories of `PATH`, then those that servers are installed in.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/local/bin", "/usr/sbin", "/usr/bin"].map(PathBuf::from)).collect()
}

/// The first of `names` in `directory` that is a file.
fn program(directory: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| directory.join(name)).find(|path| path.is_file())
}
