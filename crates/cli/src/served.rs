//! The clusters that jobs work on: the one that the command line, the environment or `.env` names, and those that jobs name.
//!
//! None of them is the database that schedules are kept in: a job may stop it, or restore it to what it was. That is looked
//! at when a program starts, for what its files say, and once more before a job gets a connection, for what only shows then.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clusterkeep_core::address::{AddressSources, ClusterAddress, DatabaseUrl, Resolved, SecretRef};
use clusterkeep_core::managed::Opener;
use clusterkeep_core::secret::Secret;
use clusterkeep_core::sql::{ConnectOptions, Db, Engine};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::Target;
use clusterkeep_scheduler::target::{Clusters, fetch};
use tokio::sync::OnceCell;

use crate::args::ClusterArgs;
use crate::compose::{CLUSTER_START, CLUSTER_STOP, RETENTION};
use crate::context::expecting_a_path;

/// The clusters of a program's jobs; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Served(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    args: ClusterArgs,
    /// Where schedules are kept, unless that is the memory of this process.
    state: Option<DatabaseUrl>,
    open: Mutex<Vec<Open>>,
}

/// A connection that is made when it is first needed, and stays.
#[derive(Debug, Clone)]
struct Open {
    address: ClusterAddress,
    db: Arc<OnceCell<Db>>,
}

/// What of a cluster a job works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// One database.
    Database,
    /// All that runs on its server.
    Server,
}

impl Served {
    /// The clusters of jobs whose schedules are kept in `state`.
    pub(crate) fn of(args: &ClusterArgs, state: Option<DatabaseUrl>) -> Self {
        Self(Arc::new(Inner { args: args.clone(), state, open: Mutex::default() }))
    }

    /// Looks for the cluster of jobs that name none, where one is named: a database is connected to, so that a mistake shows
    /// at once. A cluster that has a name may be started by a job: it is enough that it is there.
    pub(crate) async fn begin(&self) -> Result<()> {
        let Some(Resolved { address, origin }) = self.sources(None).resolve_any()? else { return Ok(()) };
        tracing::info!(%address, %origin, "the cluster of jobs that name none");
        match &address {
            ClusterAddress::Url(url) => {
                self.refuse(&[(url.clone(), Part::Database)])?;
                self.db(None).await.map(drop).map_err(expecting_a_path)
            }
            named => {
                let url = url_of(named, self.0.state.as_ref()).await?;
                self.refuse(url.map(|url| (url, Part::Database)).as_slice())
            }
        }
    }

    /// Whether a cluster is named for jobs that name none.
    pub(crate) fn has_own(&self) -> Result<bool> {
        self.sources(None).resolve_any().map(|resolved| resolved.is_some())
    }

    /// The address of the cluster that a job names, what it refers to fetched; of the program's own where it names none.
    pub(crate) fn address(&self, cluster: Option<&str>) -> Result<ClusterAddress> {
        let cluster = cluster.map(fetch).transpose()?;
        self.resolve(cluster.as_ref().map(Secret::expose))
    }

    /// The connection to a cluster that jobs share.
    pub(crate) async fn db(&self, cluster: Option<&str>) -> Result<Db> {
        let address = self.address(cluster)?;
        self.close_moved(&address).await?;
        let cell = {
            let mut open = self.open();
            match open.iter().find(|one| one.address == address) {
                Some(one) => one.db.clone(),
                None => {
                    let db = Arc::<OnceCell<Db>>::default();
                    open.push(Open { address: address.clone(), db: db.clone() });
                    db
                }
            }
        };
        cell.get_or_try_init(|| self.connect_to(&address, ConnectOptions::default())).await.cloned()
    }

    /// Closes what jobs share.
    pub(crate) async fn close(&self) {
        let open = std::mem::take(&mut *self.open());
        for db in open.iter().filter_map(|one| one.db.get()) {
            db.close().await;
        }
    }

    /// Fails where one of these would work on the database that schedules are kept in. What can't be found out now is left
    /// to the run.
    pub(crate) async fn apart<'a>(&self, targets: impl IntoIterator<Item = &'a Target>) -> Result<()> {
        if self.0.state.is_none() {
            return Ok(());
        }
        let mut named: Vec<(ClusterAddress, Part)> = Vec::new();
        for (cluster, part) in targets.into_iter().filter_map(cluster_of) {
            let Ok(address) = self.address(cluster) else { continue };
            if !named.contains(&(address.clone(), part)) {
                named.push((address, part));
            }
        }
        let mut urls = Vec::new();
        for (address, part) in named {
            let url = url_of(&address, self.0.state.as_ref()).await;
            urls.extend(url.ok().flatten().map(|url| (url, part)));
        }
        self.refuse(&urls)
    }

    /// Fails where a job that starts or stops this cluster would stop what schedules are kept in.
    pub(crate) async fn may_stop(&self, address: &ClusterAddress) -> Result<()> {
        let url = url_of(address, self.0.state.as_ref()).await?;
        self.refuse(url.map(|url| (url, Part::Server)).as_slice()).map_err(as_refusal)
    }

    fn refuse(&self, all: &[(DatabaseUrl, Part)]) -> Result<()> {
        let Some(state) = &self.0.state else { return Ok(()) };
        if !all.iter().any(|(url, part)| is_same(state, url, *part)) {
            return Ok(());
        }
        Err(Error::input("schedules are not kept in the database that their jobs work on").with_hint(
            "name another database with --state; by default it is a SQLite file in the user's state directory",
        ))
    }

    /// Forgets the connection to a cluster of this machine that has been started anew since, on another port.
    async fn close_moved(&self, address: &ClusterAddress) -> Result<()> {
        let found = self.open().iter().find(|one| one.address == *address).cloned();
        let (ClusterAddress::Local(_), Some(one)) = (address, found) else { return Ok(()) };
        let Some(db) = one.db.get() else { return Ok(()) };
        let (now, then) = (Opener::new().open(address).await?.info().await?.url, db.address().parse::<DatabaseUrl>()?);
        let stays = now.is_some_and(|now| now.parse().is_ok_and(|now| is_same(&then, &now, Part::Server)));
        if !stays {
            self.open().retain(|other| !Arc::ptr_eq(&other.db, &one.db));
            db.close().await;
        }
        Ok(())
    }

    async fn connect_to(&self, address: &ClusterAddress, options: ConnectOptions) -> Result<Db> {
        let db = match address {
            ClusterAddress::Url(url) => Db::connect_with(url, options).await?,
            address => Opener::new().open(address).await?.connect(options).await?,
        };
        // Where it is is known by now, whatever it is called.
        if let Ok(url) = db.address().parse()
            && let Err(error) = self.refuse(&[(url, Part::Database)])
        {
            db.close().await;
            return Err(as_refusal(error));
        }
        Ok(db)
    }

    fn resolve(&self, cluster: Option<&str>) -> Result<ClusterAddress> {
        self.sources(cluster).resolve().map(|resolved| resolved.address)
    }

    fn sources(&self, cluster: Option<&str>) -> AddressSources {
        let args = &self.0.args;
        let sources = AddressSources::new().process_environment().allow_plaintext(&args.allow_plaintext);
        match (cluster, &args.cluster) {
            (Some(text), _) => sources.flag("cluster", text),
            (None, Some(text)) => sources.dotenv(Path::new(".env")).flag("--cluster", text),
            (None, None) => sources.dotenv(Path::new(".env")),
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each run of SQL has a connection of its own, as its job wants it.
#[async_trait::async_trait]
impl Clusters for Served {
    async fn connect(&self, cluster: Option<&str>, options: ConnectOptions) -> Result<Db> {
        self.connect_to(&self.resolve(cluster)?, options).await
    }
}

/// The address as it is written in a job; nothing where it says where the address is. It fetches nothing.
pub(crate) fn written(cluster: &str) -> Result<Option<ClusterAddress>> {
    match cluster.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) if cluster.parse::<SecretRef>().is_ok() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The cluster that a job works on, if any: the one that it names, or the program's own.
fn cluster_of(target: &Target) -> Option<(Option<&str>, Part)> {
    match target {
        Target::Sql(sql) => Some((sql.cluster.as_deref(), Part::Database)),
        Target::Action(action) => {
            let part = match action.action.as_str() {
                RETENTION => Part::Database,
                CLUSTER_START | CLUSTER_STOP => Part::Server,
                _ => return None,
            };
            Some((action.args.get("cluster").and_then(serde_json::Value::as_str), part))
        }
        _ => None,
    }
}

/// Where the database of this cluster is, as far as it matters beside `state`: nobody is asked about what can't be the same.
async fn url_of(address: &ClusterAddress, state: Option<&DatabaseUrl>) -> Result<Option<DatabaseUrl>> {
    if let ClusterAddress::Url(url) = address {
        return Ok(Some(url.clone()));
    }
    let cluster = Opener::new().open(address).await?;
    match state {
        Some(state) if state.path().is_none() => Ok(cluster.info().await?.url.and_then(|url| url.parse().ok())),
        _ => Ok(None),
    }
}

/// Whether two addresses lead to the same place.
fn is_same(one: &DatabaseUrl, other: &DatabaseUrl, part: Part) -> bool {
    if one.engine() != other.engine() {
        return false;
    }
    match (one.path(), other.path()) {
        (Some(one), Some(other)) => whole(one) == whole(other),
        (None, None) if one.engine() != Engine::Sqlite => {
            let server = |url: &DatabaseUrl| (host(url), url.port());
            server(one) == server(other) && (part == Part::Server || one.database() == other.database())
        }
        _ => false,
    }
}

/// The host, by one name where it is this machine.
fn host(url: &DatabaseUrl) -> String {
    if url.is_local() { "localhost".to_owned() } else { url.host().trim_end_matches('.').to_ascii_lowercase() }
}

/// The path of a file that may not be there yet.
fn whole(path: &Path) -> PathBuf {
    let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    path.canonicalize().unwrap_or_else(|_| {
        match (folder.and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_path_buf(),
        }
    })
}

/// A run that must not be is a refused one.
fn as_refusal(error: Error) -> Error {
    let refused = Error::refused(error.to_string());
    error.hint().into_iter().fold(refused, Error::with_hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str, part: Part) -> bool {
        is_same(&one.parse().unwrap(), &other.parse().unwrap(), part)
    }

    #[test]
    fn a_place_is_the_same_however_it_is_written() {
        for (one, other, database, server) in [
            ("postgres://a@db/x", "postgres://b@DB:5432/x", true, true),
            ("postgres://a@db/x", "postgres://a@db/y", false, true),
            ("postgres://a@db/x", "postgres://a@db:5433/x", false, false),
            ("postgres://a@localhost/x", "postgres://a@127.0.0.1/x", true, true),
            ("crate://db:4200", "crate://db", true, true),
            ("crate://db:4200", "postgres://db:4200/x", false, false),
            ("sqlite://not-there.db", "sqlite://./not-there.db", true, true),
            ("sqlite://not-there.db", "sqlite://nor-this.db", false, false),
        ] {
            assert_eq!(same(one, other, Part::Database), database, "{one} {other}");
            assert_eq!(same(one, other, Part::Server), server, "{one} {other}");
        }
    }

    #[test]
    fn addresses_are_read_and_references_are_left_alone() {
        assert!(matches!(written("local:dev"), Ok(Some(ClusterAddress::Local(_)))));
        assert!(matches!(written("env:CLUSTERKEEP_NO_SUCH_VARIABLE"), Ok(None)));
        assert!(matches!(written("file:/run/secrets/cluster"), Ok(None)));
        assert!(written("weather.db").is_err());
    }
}
