//! Which of the addresses that were given is meant.
//!
//! A flag beats the environment, and the environment beats the `.env` file, whatever form the address has. Within one of
//! these ranks there may be one address; two are an error that names both. The credentials come from the rank of the
//! address: a `.env` file can't send a key out of the environment to a host of its choice.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ClusterAddress, DatabaseUrl, SecretRef, dotenv};
use crate::env::{self, Variable};
use crate::error::{Error, Result};
use crate::sql::Engine;

/// How the value of a variable is read.
type Read = fn(&str) -> Result<ClusterAddress>;

/// The variables that name a cluster, each with how it is read.
const ADDRESSES: [(Variable, Read); 5] = [
    (env::CLUSTER, |text| text.parse()),
    (env::CRATEDB_CLUSTER_ID, ClusterAddress::cloud_id),
    (env::CRATEDB_CLUSTER_NAME, ClusterAddress::cloud_name),
    (env::CRATEDB_CLUSTER_URL, |text| text.parse().map(ClusterAddress::Url)),
    (env::CRATEDB_URI, |text| text.parse().map(ClusterAddress::Url)),
];

/// Where an address was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command.
    Flag(String),
    /// A variable of the environment.
    Environment(&'static str),
    /// A variable in a `.env` file.
    DotEnv(&'static str, PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::DotEnv(name, file) => write!(f, "{name} in {}", file.display()),
        }
    }
}

/// The address that is meant, with the credentials of its rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The address; a URL is ready for a driver, its password fetched.
    pub address: ClusterAddress,
    /// Where it was given.
    pub origin: Origin,
}

/// Everything that may name a cluster.
///
/// ```
/// use clusterkeep_core::address::AddressSources;
/// let environment = [("CRATEDB_CLUSTER_ID", "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191")];
/// let sources = AddressSources::new().flag("--cluster", "sqlite://weather.db").environment(environment);
/// assert_eq!(sources.resolve().unwrap().address.to_string(), "sqlite://weather.db");
/// ```
#[derive(Debug, Clone, Default)]
pub struct AddressSources {
    flags: Vec<(String, String)>,
    environment: BTreeMap<String, String>,
    dotenv: Option<PathBuf>,
    plaintext: Vec<String>,
}

impl AddressSources {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the flag `name`, which says `text`.
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.flags.push((name.into(), text.into()));
        self
    }

    /// Adds variables as if they were the environment.
    #[must_use]
    pub fn environment<N: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Adds the environment of this process.
    #[must_use]
    pub fn process_environment(self) -> Self {
        // A name or value that is no text can't be meant: an address is text, and a password is checked where it is read.
        let variables = std::env::vars_os();
        self.environment(
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Adds the file at `path`, which is read only where neither a flag nor the environment names a cluster.
    #[must_use]
    pub fn dotenv(mut self, path: impl AsRef<Path>) -> Self {
        self.dotenv = Some(path.as_ref().into());
        self
    }

    /// Allows passwords in plain text to these hosts, next to those that the environment allows.
    #[must_use]
    pub fn allow_plaintext<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.plaintext.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// The address that is meant.
    ///
    /// # Errors
    ///
    /// No address, two of the same rank, a malformed one, a password that can't be had, or one that would travel in plain
    /// text to a host that is not allowed by name.
    pub fn resolve(&self) -> Result<Resolved> {
        self.resolve_any()?.ok_or_else(|| {
            Error::input("no cluster is named").with_hint(format!(
                "give --cluster sqlite://weather.db (or postgres://, mariadb://, crate://), or set {}",
                env::CLUSTER.name
            ))
        })
    }

    /// The same, where there may be none.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve), but for that there is none.
    pub fn resolve_any(&self) -> Result<Option<Resolved>> {
        let Some((resolved, variables)) = self.pick()? else { return Ok(None) };
        let Resolved { address: ClusterAddress::Url(url), origin } = resolved else { return Ok(Some(resolved)) };
        let file = matches!(origin, Origin::DotEnv(..));
        let url = if let Origin::Flag(_) = origin { url } else { with_credentials(url, &variables) };
        if file && matches!(url.password_reference(), Some(SecretRef::File(_))) {
            // A file of the user's would be sent wherever the `.env` says.
            return Err(Error::refused(format!("{origin} takes its password from a file"))
                .with_hint("put the password into the same file, and refer to it with `?password=env:NAME`"));
        }
        let own = if file { variables.get(env::ALLOW_PLAINTEXT.name) } else { None };
        let url = if self.allows_plaintext(url.host(), own) { url.allow_plaintext() } else { url };
        let lookup: &BTreeMap<String, String> = if file { &variables } else { &self.environment };
        let url = url.prepare(&|name| lookup.get(name).cloned().filter(|value| !value.is_empty()))?;
        Ok(Some(Resolved { address: ClusterAddress::Url(url), origin }))
    }

    /// The first rank that names a cluster: the address, and the variables that go with it.
    fn pick(&self) -> Result<Option<(Resolved, BTreeMap<String, String>)>> {
        match self.flags.as_slice() {
            [] => {}
            [(name, text)] => {
                let address = text.parse().map_err(|error| said_by(name, error))?;
                return Ok(Some((Resolved { address, origin: Origin::Flag(name.clone()) }, self.environment.clone())));
            }
            [(first, _), (second, _), ..] => return Err(two(first, second)),
        }
        if let Some((name, address)) = named(&self.environment, "environment variable ", "")? {
            return Ok(Some((Resolved { address, origin: Origin::Environment(name) }, self.environment.clone())));
        }
        if let Some(path) = &self.dotenv {
            let variables = dotenv::read(path)?;
            if let Some((name, address)) = named(&variables, "", &format!(" in {}", path.display()))? {
                return Ok(Some((Resolved { address, origin: Origin::DotEnv(name, path.clone()) }, variables)));
            }
        }
        Ok(None)
    }

    fn allows_plaintext(&self, host: &str, own: Option<&String>) -> bool {
        let environment = self.environment.get(env::ALLOW_PLAINTEXT.name);
        let listed = environment.into_iter().chain(own).flat_map(|hosts| hosts.split(','));
        listed.chain(self.plaintext.iter().map(String::as_str)).any(|allowed| allowed.trim().eq_ignore_ascii_case(host))
    }
}

/// The one address among `variables`, and the variable that holds it.
fn named(
    variables: &BTreeMap<String, String>,
    before: &str,
    after: &str,
) -> Result<Option<(&'static str, ClusterAddress)>> {
    let mut set = ADDRESSES
        .iter()
        .filter_map(|(variable, read)| Some((variable.name, read, variables.get(variable.name)?)))
        .filter(|(_, _, text)| !text.trim().is_empty());
    let Some((name, read, text)) = set.next() else { return Ok(None) };
    if let Some((other, ..)) = set.next() {
        return Err(two(&format!("{before}{name}{after}"), &format!("{before}{other}{after}")));
    }
    let address = read(text.trim()).map_err(|error| said_by(&format!("{before}{name}{after}"), error))?;
    Ok(Some((name, address)))
}

/// A CrateDB address without credentials takes those of the variables beside it.
fn with_credentials(mut url: DatabaseUrl, variables: &BTreeMap<String, String>) -> DatabaseUrl {
    if url.engine() != Engine::Cratedb {
        return url;
    }
    let get = |variable: Variable| variables.get(variable.name).filter(|value| !value.is_empty());
    let user = get(env::CRATEDB_USERNAME);
    // The password belongs to the user that is named with it, and to no other one that the address may name.
    let same_user = user.is_none() || url.username().is_none() || url.username() == user.map(String::as_str);
    if same_user && url.password().is_none() && url.password_reference().is_none() {
        if let Some(user) = user {
            url = url.with_user(user);
        }
        if let Some(password) = get(env::CRATEDB_PASSWORD) {
            url = url.with_password(password);
        }
    }
    match get(env::CRATEDB_SCHEMA) {
        Some(schema) if url.schema().is_none() => url.with_schema(schema),
        _ => url,
    }
}

fn two(first: &str, second: &str) -> Error {
    Error::input(format!("{first} and {second} both name a cluster"))
        .with_hint("give one of them; --cluster beats the environment, and the environment beats .env")
}

/// Says which of the many places the malformed address is in.
fn said_by(place: &str, error: Error) -> Error {
    match error {
        Error::Input { what, place: at, hint, source } => {
            Error::Input { what: format!("{place}: {what}"), place: at, hint, source }
        }
        other => other,
    }
}
