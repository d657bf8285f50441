//! Where the API is and who asks, as the environment, a `.env` file, or the vendor's own client knows it.
//!
//! Endpoint and credentials always come from one of these together: a `.env` file can't send a key out of the environment
//! to a host of its choice, and an endpoint without a key never gets the key of another place.

mod profile;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use self::profile::Profile;
use super::client::no_credentials;
use super::{CloudClient, CloudClientBuilder, Credentials, DEFAULT_ENDPOINT};
use crate::address::dotenv;
use crate::env::{self, Variable};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Where the API is, who asks, and what new clusters are made of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CloudSettings {
    /// Where the API is.
    pub endpoint: String,
    /// Who asks; nobody where no credentials were found.
    pub credentials: Option<Credentials>,
    /// The region that is asked; all where none is named.
    pub region: Option<String>,
    /// The organization that new projects and clusters belong to.
    pub organization: Option<Uuid>,
    /// The subscription that pays for new clusters, or `free_tier`.
    pub subscription: Option<String>,
    /// What new clusters are made of.
    pub deploy: DeployDefaults,
    /// Where the credentials were found.
    pub origin: SettingsOrigin,
}

/// What new clusters are made of, where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployDefaults {
    /// The product.
    pub product: Option<String>,
    /// The tier of the product.
    pub tier: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Which releases they follow.
    pub channel: Option<String>,
    /// The version of CrateDB.
    pub version: Option<String>,
}

/// Where credentials were found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsOrigin {
    /// The program gave them.
    Program,
    /// The environment.
    Environment,
    /// A `.env` file.
    DotEnv(PathBuf),
    /// A profile of the vendor's own client.
    Profile(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl fmt::Display for SettingsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("the program"),
            Self::Environment => f.write_str("the environment"),
            Self::DotEnv(file) | Self::Profile(file) => write!(f, "`{}`", file.display()),
            Self::Nowhere => f.write_str("nowhere"),
        }
    }
}

impl CloudSettings {
    /// Settings that a program gives itself.
    pub fn new(endpoint: impl Into<String>, credentials: Credentials) -> Self {
        let origin = SettingsOrigin::Program;
        Self { credentials: Some(credentials), origin, ..Self::nothing(&endpoint.into()) }
    }

    fn nothing(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.into(),
            credentials: None,
            region: None,
            organization: None,
            subscription: None,
            deploy: DeployDefaults::default(),
            origin: SettingsOrigin::Nowhere,
        }
    }

    /// What this process's environment says, else the `.env` in the working directory, else the vendor's own client.
    ///
    /// # Errors
    ///
    /// See [`resolve`](Self::resolve).
    pub fn from_env() -> Result<Self> {
        Self::resolve(&CloudSources::of_process())
    }

    /// What `sources` say: the first of them with credentials, and what the ones before it say on anything else.
    ///
    /// Where there are no credentials at all, [`client`](Self::client) says so.
    ///
    /// # Errors
    ///
    /// A key without its secret or the other way round, an endpoint without either, an id that is none, or a file that
    /// can't be read.
    pub fn resolve(sources: &CloudSources) -> Result<Self> {
        let mut layers = vec![Layer::new("environment variable ", "", sources.environment.clone())];
        let mut found = layers[0].access()?.map(|access| (access, SettingsOrigin::Environment));
        if let (None, Some(path)) = (&found, &sources.dotenv) {
            let layer = Layer::new("", &format!(" in {}", path.display()), dotenv::read(path)?);
            found = layer.access()?.map(|access| (access, SettingsOrigin::DotEnv(path.clone())));
            layers.push(layer);
        }
        let mut settings = Self::nothing(DEFAULT_ENDPOINT);
        let mut profile = None;
        if let Some((access, origin)) = found {
            settings.endpoint = access.endpoint.unwrap_or(settings.endpoint);
            (settings.credentials, settings.origin) = (Some(access.credentials), origin);
        } else if let Some(path) = &sources.profile {
            profile = Profile::read(path)?;
            if let Some(credentials) = profile.as_ref().and_then(Profile::credentials) {
                (settings.credentials, settings.origin) = (Some(credentials), SettingsOrigin::Profile(path.clone()));
            }
        }
        let text = |variable: Variable| layers.iter().find_map(|layer| layer.get(variable)).map(str::to_owned);
        settings.subscription = text(env::CRATEDB_CLOUD_SUBSCRIPTION_ID);
        settings.deploy = DeployDefaults {
            product: text(env::CRATEDB_CLOUD_PRODUCT),
            tier: text(env::CRATEDB_CLOUD_TIER),
            region: text(env::CRATEDB_CLOUD_REGION),
            channel: text(env::CRATEDB_CHANNEL),
            version: text(env::CRATEDB_VERSION),
        };
        for layer in &layers {
            settings.organization = settings.organization.or(layer.organization()?);
        }
        if let Some(profile) = profile {
            settings.endpoint = profile.endpoint.unwrap_or(settings.endpoint);
            settings.region = profile.region;
            settings.organization = settings.organization.or(profile.organization);
        }
        Ok(settings)
    }

    /// A client to be, for these settings; deadlines can still be set.
    ///
    /// # Errors
    ///
    /// There are no credentials.
    pub fn client_builder(&self) -> Result<CloudClientBuilder> {
        let credentials = self.credentials.clone().ok_or_else(no_credentials)?;
        let builder = CloudClient::builder().endpoint(&self.endpoint).credentials(credentials);
        Ok(match &self.region {
            Some(region) => builder.region(region),
            None => builder,
        })
    }

    /// A client for these settings.
    ///
    /// # Errors
    ///
    /// There are no credentials, or the endpoint is none; see [`CloudClientBuilder::build`].
    pub fn client(&self) -> Result<CloudClient> {
        self.client_builder()?.build()
    }
}

/// Everything that may say where the API is and who asks.
#[derive(Clone, Default)]
pub struct CloudSources {
    environment: BTreeMap<String, String>,
    dotenv: Option<PathBuf>,
    profile: Option<PathBuf>,
}

impl fmt::Debug for CloudSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { environment: _, dotenv, profile } = self;
        f.debug_struct("CloudSources").field("dotenv", dotenv).field("profile", profile).finish_non_exhaustive()
    }
}

impl CloudSources {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This process's environment, `.env` in the working directory, and the profile file of the vendor's own client.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        let text = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let sources = Self::new().environment(text).dotenv(".env");
        match profile::default_path(&sources.environment) {
            Some(path) => sources.profile(path),
            None => sources,
        }
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

    /// Adds the file at `path`, which is read only where the environment has no credentials.
    #[must_use]
    pub fn dotenv(mut self, path: impl AsRef<Path>) -> Self {
        self.dotenv = Some(path.as_ref().into());
        self
    }

    /// Adds the profile file at `path`, which is read only where nothing before it has credentials.
    #[must_use]
    pub fn profile(mut self, path: impl AsRef<Path>) -> Self {
        self.profile = Some(path.as_ref().into());
        self
    }
}

/// Variables of one place, and how that place is called around a variable's name.
struct Layer {
    before: &'static str,
    after: String,
    variables: BTreeMap<String, String>,
}

/// Who asks, and where.
struct Access {
    endpoint: Option<String>,
    credentials: Credentials,
}

impl Layer {
    fn new(before: &'static str, after: &str, variables: BTreeMap<String, String>) -> Self {
        Self { before, after: after.into(), variables }
    }

    fn get(&self, variable: Variable) -> Option<&str> {
        self.variables.get(variable.name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn place(&self, variable: Variable) -> String {
        format!("{}{}{}", self.before, variable.name, self.after)
    }

    /// The credentials of this place, with its endpoint.
    fn access(&self) -> Result<Option<Access>> {
        let (key, secret) = (env::CRATEDB_CLOUD_API_KEY, env::CRATEDB_CLOUD_API_SECRET);
        let endpoint = self.get(env::CRATEDB_CLOUD_ENDPOINT).map(str::to_owned);
        let half = |there: Variable, missing: Variable| {
            Err(Error::input(format!("{} is set, and {} is not", self.place(there), missing.name))
                .with_hint("a key and its secret are set in the same place, both or none"))
        };
        match (self.get(key), self.get(secret)) {
            (Some(key), Some(secret)) => {
                let credentials = Credentials::Key { key: key.into(), secret: Secret::new(secret) };
                Ok(Some(Access { endpoint, credentials }))
            }
            (Some(_), None) => half(key, secret),
            (None, Some(_)) => half(secret, key),
            (None, None) if endpoint.is_some() => Err(Error::input(format!(
                "{} is set, and {} and {} are not",
                self.place(env::CRATEDB_CLOUD_ENDPOINT),
                key.name,
                secret.name
            ))
            .with_hint("endpoint and credentials are taken from one place together; set all three there")),
            (None, None) => Ok(None),
        }
    }

    fn organization(&self) -> Result<Option<Uuid>> {
        let variable = env::CRATEDB_CLOUD_ORGANIZATION_ID;
        let malformed = |_| Error::input(format!("{} is no id of an organization", self.place(variable)));
        self.get(variable).map(|id| id.parse().map_err(malformed)).transpose()
    }
}

#[cfg(test)]
mod tests;
