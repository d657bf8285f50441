//! Database URLs.
//!
//! A URL is plain data: making one connects to nothing and reads nothing. Neither its `Display` nor its `Debug` nor its
//! serialisation shows a password.

use std::path::{Path, PathBuf};

use super::password::SecretRef;
use super::tls::{Tls, is_this_machine};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::Engine;

/// The address of a database, without or with the credentials for it.
///
/// | engine | forms |
/// |---|---|
/// | SQLite | `sqlite://relative.db`, `sqlite:///absolute.db`, `sqlite::memory:` |
/// | PostgreSQL | `postgres://user:password@host:5432/database` (`postgresql://` is the same) |
/// | MariaDB, MySQL | `mariadb://user:password@host:3306/database` (`mysql://` is the same) |
/// | CrateDB | `crate://user:password@host:4200/schema/table`, `https://host:4200`, `http://host:4200` |
///
/// Parameters, after `?`, joined by `&`; any other one is refused:
///
/// | parameter | what it says |
/// |---|---|
/// | `sslmode` | `disable`, `prefer`, `require`, `verify-ca` or `verify-full` (MySQL's spellings work, too) |
/// | `ssl` | CrateDB: `true` is HTTPS with its certificate checked |
/// | `sslrootcert` | a file with the certificates of the authorities to trust |
/// | `schema` | the schema that unqualified names are looked up in (PostgreSQL, CrateDB) |
/// | `socket` | a Unix socket: its directory (PostgreSQL) or the socket itself (MariaDB, MySQL) |
/// | `password` | where the password is: `env:NAME` or `file:PATH` |
///
/// Without `sslmode`, PostgreSQL and MariaDB/MySQL on another host must encrypt (`require`), on this machine they may
/// (`prefer`). A password is never sent to another host where the connection could be plain text, unless
/// [`allow_plaintext`](Self::allow_plaintext) was called.
///
/// ```
/// use clusterkeep_core::address::{DatabaseUrl, Tls};
/// use clusterkeep_core::sql::Engine;
/// let url: DatabaseUrl = "postgres://me:hunter2@db.example.org/weather".parse().unwrap();
/// assert_eq!((url.engine(), url.host(), url.port()), (Engine::Postgres, "db.example.org", 5432));
/// assert_eq!(url.tls(), Tls::Require);
/// assert_eq!(url.to_string(), "postgres://me@db.example.org/weather");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    pub(super) scheme: Scheme,
    pub(super) place: Location,
    pub(super) tls: Option<Tls>,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) plaintext_allowed: bool,
}

/// The scheme as it was written, so that it prints the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Sqlite,
    Postgres,
    Mysql,
    Mariadb,
    Crate,
    Http,
    Https,
}

impl Scheme {
    pub(super) const fn engine(self) -> Engine {
        match self {
            Self::Sqlite => Engine::Sqlite,
            Self::Postgres => Engine::Postgres,
            Self::Mysql | Self::Mariadb => Engine::Mysql,
            Self::Crate | Self::Http | Self::Https => Engine::Cratedb,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
            Self::Crate => "crate",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    Memory,
    File(PathBuf),
    Server(Box<Server>),
}

/// A server, and who asks for what there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) socket: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_from: Option<SecretRef>,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) table: Option<String>,
}

impl DatabaseUrl {
    pub(super) const fn new(scheme: Scheme, place: Location) -> Self {
        Self { scheme, place, tls: None, root_certificates: None, plaintext_allowed: false }
    }

    fn on(scheme: Scheme, host: impl Into<String>, port: u16) -> Self {
        let server = Server { host: host.into(), port: Some(port), ..Server::default() };
        Self::new(scheme, Location::Server(Box::new(server)))
    }

    pub(super) fn server(&self) -> Option<&Server> {
        match &self.place {
            Location::Server(server) => Some(server),
            Location::Memory | Location::File(_) => None,
        }
    }

    fn map_server(mut self, change: impl FnOnce(&mut Server)) -> Self {
        if let Location::Server(server) = &mut self.place {
            change(server);
        }
        self
    }

    /// A SQLite file.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::new(Scheme::Sqlite, Location::File(path.into()))
    }

    /// A SQLite database in memory, which ends with its connections.
    #[must_use]
    pub const fn sqlite_in_memory() -> Self {
        Self::new(Scheme::Sqlite, Location::Memory)
    }

    /// A PostgreSQL server.
    ///
    /// ```
    /// use clusterkeep_core::address::DatabaseUrl;
    /// let url = DatabaseUrl::postgres("127.0.0.1", 5432).with_user("me").with_password("hunter2").with_database("weather");
    /// assert_eq!(url.to_string(), "postgres://me@127.0.0.1:5432/weather");
    /// ```
    #[must_use]
    pub fn postgres(host: impl Into<String>, port: u16) -> Self {
        Self::on(Scheme::Postgres, host, port)
    }

    /// A MariaDB or MySQL server.
    #[must_use]
    pub fn mysql(host: impl Into<String>, port: u16) -> Self {
        Self::on(Scheme::Mysql, host, port)
    }

    /// A CrateDB server, over plain HTTP until [`with_tls`](Self::with_tls) says otherwise.
    #[must_use]
    pub fn cratedb(host: impl Into<String>, port: u16) -> Self {
        Self::on(Scheme::Crate, host, port)
    }

    /// The same address for the user `name`; SQLite has no users.
    #[must_use]
    pub fn with_user(self, name: impl Into<String>) -> Self {
        self.map_server(|server| server.username = Some(name.into()))
    }

    /// The same address with a password.
    #[must_use]
    pub fn with_password(self, password: impl Into<String>) -> Self {
        let password = Secret::new(password);
        self.map_server(|server| (server.password, server.password_from) = (Some(password), None))
    }

    /// The same address for the database `name`; on CrateDB, which has schemas only, it is the schema.
    #[must_use]
    pub fn with_database(self, name: impl Into<String>) -> Self {
        let cratedb = self.engine() == Engine::Cratedb;
        let name = Some(name.into());
        self.map_server(|server| if cratedb { server.schema = name } else { server.database = name })
    }

    /// The same address, with unqualified names looked up in `schema`.
    #[must_use]
    pub fn with_schema(self, schema: impl Into<String>) -> Self {
        self.map_server(|server| server.schema = Some(schema.into()))
    }

    /// The same address through a Unix socket.
    #[must_use]
    pub fn with_socket(self, path: impl Into<PathBuf>) -> Self {
        self.map_server(|server| server.socket = Some(path.into()))
    }

    /// The same address, encrypted as `tls` says.
    #[must_use]
    pub const fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same address, allowed to send its password in plain text to another host.
    #[must_use]
    pub const fn allow_plaintext(mut self) -> Self {
        self.plaintext_allowed = true;
        self
    }

    /// The engine that the scheme names.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.scheme.engine()
    }

    /// The scheme as it was written, such as `mariadb`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme.as_str()
    }

    /// The host, an IPv6 address without brackets; empty for SQLite.
    #[must_use]
    pub fn host(&self) -> &str {
        self.server().map_or("", |server| &server.host)
    }

    /// The port, or the usual one of the engine (4200, 5432, 3306); 0 for SQLite.
    #[must_use]
    pub fn port(&self) -> u16 {
        let usual = match self.engine() {
            Engine::Sqlite => 0,
            Engine::Postgres => 5432,
            Engine::Mysql => 3306,
            Engine::Cratedb => 4200,
        };
        self.server().and_then(|server| server.port).unwrap_or(usual)
    }

    /// The Unix socket, where the address names one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.server()?.socket.as_deref()
    }

    /// The user.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.server()?.username.as_deref()
    }

    /// The password, where the address holds it; see [`prepare`](Self::prepare) for one that it refers to.
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        self.server()?.password.as_ref()
    }

    /// Where the password is, where the address says that instead of holding it.
    #[must_use]
    pub fn password_reference(&self) -> Option<&SecretRef> {
        self.server()?.password_from.as_ref()
    }

    /// The database; CrateDB and SQLite have none to choose.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.server()?.database.as_deref()
    }

    /// The schema that unqualified names are looked up in, where the address says.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.server()?.schema.as_deref()
    }

    /// The table that a CrateDB address may name after its schema.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.server()?.table.as_deref()
    }

    /// The file of a SQLite database; `None` for one in memory and for servers.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Location::File(path) => Some(path),
            Location::Memory | Location::Server(_) => None,
        }
    }

    /// Whether the address leads to this machine: SQLite, a Unix socket, or a loopback host.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.server().is_none_or(|server| server.socket.is_some() || is_this_machine(&server.host))
    }

    /// How the connection is to be encrypted.
    #[must_use]
    pub fn tls(&self) -> Tls {
        match (self.tls, self.engine()) {
            (_, Engine::Sqlite) => Tls::Off,
            (Some(tls), _) => tls,
            (None, Engine::Cratedb) => Tls::Off,
            (None, _) if self.is_local() => Tls::Prefer,
            (None, _) => Tls::Require,
        }
    }

    /// The file with the certificates of the authorities to trust, instead of the well-known ones.
    #[must_use]
    pub fn root_certificates(&self) -> Option<&Path> {
        self.root_certificates.as_deref()
    }

    /// The address as a driver needs it: its password fetched from where `?password=` says, and its transport allowed.
    ///
    /// `env` answers what an environment variable holds.
    ///
    /// # Errors
    ///
    /// The password is not where the address says, or it would go to another host in plain text.
    pub fn prepare(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut ready = self.clone();
        if let Location::Server(server) = &mut ready.place
            && let Some(reference) = &server.password_from
            && server.password.is_none()
        {
            // A password that is there was fetched before, where its name may have meant another place (`.env`).
            server.password = Some(reference.load("an address takes its password from", env)?);
        }
        if ready.password().is_some() && !ready.is_local() && !ready.tls().is_certain() && !ready.plaintext_allowed {
            let encrypted = if self.engine() == Engine::Cratedb { "ssl=true" } else { "sslmode=require" };
            return Err(Error::refused(format!("the password for {self} could travel in plain text")).with_hint(format!(
                "ask for encryption with `?{encrypted}`, or allow this host by name: CLUSTERKEEP_ALLOW_PLAINTEXT={}",
                self.host()
            )));
        }
        Ok(ready)
    }
}
