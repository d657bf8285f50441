//! The client: where the API is, who asks, and how long an answer may take.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::loopback::is_loopback;
use super::{CloudError, CloudErrorKind, Credentials};
use crate::error::{Error, Result};
use crate::hex;

/// Where the API is, unless told otherwise: one address for all regions.
pub const DEFAULT_ENDPOINT: &str = "https://console.cratedb.cloud";

/// A client of the API: cheap to clone, one connection pool behind all clones.
///
/// ```
/// use clusterkeep_core::cloud::{CloudClient, Credentials};
/// let cloud = CloudClient::builder().credentials(Credentials::key("key", "secret")).build().unwrap();
/// assert_eq!(cloud.endpoint(), "https://console.cratedb.cloud");
/// assert!(!format!("{cloud:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct CloudClient(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) http: reqwest::Client,
    /// Moves content, which is never unpacked on its way; made when it is used first.
    files: OnceLock<reqwest::Client>,
    pub(super) endpoint: Url,
    text: String,
    identity: String,
    /// The session's token changes where the server says so.
    pub(super) credentials: Mutex<Credentials>,
    pub(super) region: String,
    pub(super) sudo: bool,
    pub(super) timeout: Duration,
    pub(super) deadline: Duration,
}

impl CloudClient {
    /// A client to be.
    #[must_use]
    pub fn builder() -> CloudClientBuilder {
        CloudClientBuilder::default()
    }

    /// Where the API is, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.0.text
    }

    /// A digest of endpoint and caller, as hexadecimal digits: a name for what is kept on their behalf. It is no secret.
    #[must_use]
    pub fn identity(&self) -> String {
        self.0.identity.clone()
    }

    /// The most that one call may take, all attempts together.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.0.deadline
    }

    /// A client for the same caller with connections of its own, since connections end with the runtime that made them.
    ///
    /// # Errors
    ///
    /// The operating system has no source of trust or chance.
    pub fn fresh(&self) -> Result<Self> {
        let Inner { endpoint, text, identity, credentials, region, sudo, timeout, deadline, .. } = &*self.0;
        let credentials = credentials.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Self(Arc::new(Inner {
            http: build(http(endpoint, *timeout))?,
            files: OnceLock::new(),
            endpoint: endpoint.clone(),
            text: text.clone(),
            identity: identity.clone(),
            credentials: Mutex::new(credentials),
            region: region.clone(),
            sudo: *sudo,
            timeout: *timeout,
            deadline: *deadline,
        })))
    }

    /// The client that moves content.
    pub(super) fn content(&self) -> Result<&reqwest::Client> {
        if let Some(files) = self.0.files.get() {
            return Ok(files);
        }
        let files = build(http(&self.0.endpoint, self.0.timeout).no_gzip())?;
        Ok(self.0.files.get_or_init(|| files))
    }
}

impl fmt::Debug for CloudClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudClient").field("endpoint", &self.0.text).finish_non_exhaustive()
    }
}

/// Makes a [`CloudClient`].
#[derive(Debug, Clone)]
pub struct CloudClientBuilder {
    endpoint: String,
    credentials: Option<Credentials>,
    region: String,
    sudo: bool,
    timeout: Duration,
    deadline: Duration,
}

impl Default for CloudClientBuilder {
    fn default() -> Self {
        Self {
            endpoint: DEFAULT_ENDPOINT.into(),
            credentials: None,
            region: "_any_".into(),
            sudo: false,
            timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
        }
    }
}

impl CloudClientBuilder {
    /// Sets where the API is; plain `http://` is for this very machine only.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Sets who asks.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets the region that is asked; all of them by default.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Asks as a superuser, where the caller is one.
    #[must_use]
    pub const fn sudo(mut self, sudo: bool) -> Self {
        self.sudo = sudo;
        self
    }

    /// Sets the most that one attempt may take: 30 seconds by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the most that one call may take, all attempts together: 60 seconds by default.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// The endpoint is no URL of a host, or one that would get the credentials in plain text; there are no credentials.
    pub fn build(self) -> Result<CloudClient> {
        let text = self.endpoint.trim().trim_end_matches('/').to_owned();
        let endpoint = check_endpoint(&text)?;
        let credentials = self.credentials.ok_or_else(no_credentials)?;
        Ok(CloudClient(Arc::new(Inner {
            http: build(http(&endpoint, self.timeout))?,
            files: OnceLock::new(),
            identity: identity(&text, &credentials),
            endpoint,
            text,
            credentials: Mutex::new(credentials),
            region: self.region,
            sudo: self.sudo,
            timeout: self.timeout,
            deadline: self.deadline,
        })))
    }
}

/// What all clients have in common.
fn http(endpoint: &Url, timeout: Duration) -> reqwest::ClientBuilder {
    let http = reqwest::Client::builder()
        .redirect(Policy::none())
        .user_agent(concat!("clusterkeep/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeout);
    // What stays on this machine takes no way around.
    if is_loopback(endpoint) { http.no_proxy() } else { http }
}

fn build(http: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    http.build().map_err(|cause| Error::caused("prepare a client of CrateDB Cloud", cause))
}

/// Checks that credentials can be sent to `text`.
fn check_endpoint(text: &str) -> Result<Url> {
    let hint = format!("it reads like {DEFAULT_ENDPOINT}");
    let malformed = |what: &str| Error::input(format!("the endpoint of CrateDB Cloud {what}")).with_hint(hint.clone());
    let url = Url::parse(text).map_err(|_| malformed("is no URL"))?;
    // What is written before an `@` may be a password: it is not repeated.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(malformed("holds a user name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(malformed("goes on behind its path"));
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Error::input(format!("{url} would get the API key in plain text"))
            .with_hint("use https://; plain http:// is for this very machine only")),
        _ => Err(malformed("does not begin with https://")),
    }
}

/// What a call without credentials fails with.
pub(super) fn no_credentials() -> Error {
    let mut error = CloudError::new("no credentials for CrateDB Cloud", CloudErrorKind::Unauthorized);
    error.attempts = 0;
    error.into()
}

fn identity(endpoint: &str, credentials: &Credentials) -> String {
    let (kind, who) = match credentials {
        Credentials::Key { key, .. } => ("key", key.as_str()),
        Credentials::Session(token) => ("session", token.expose()),
    };
    let mut digest = Sha256::new();
    for part in [endpoint, kind, who] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex::digits(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(endpoint: &str) -> Result<CloudClient> {
        CloudClient::builder().endpoint(endpoint).credentials(Credentials::key("k", "hunter2")).build()
    }

    #[test]
    fn plain_text_is_for_this_machine_only() {
        for endpoint in ["http://127.0.0.1:8000", "http://localhost:1/", "http://[::1]:8000", "https://example.org"] {
            assert!(build(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in ["http://example.org", "http://localhost.example.org", "ftp://example.org", "example.org", ""] {
            let error = build(endpoint).unwrap_err();
            assert_eq!(crate::ExitCode::from(&error).code(), 2, "{error}");
        }
        let error = build("https://u:hunter2@example.org").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn the_identity_tells_callers_apart_and_holds_no_secret() {
        let one = build("https://example.org").unwrap().identity();
        assert_eq!(one, build("https://example.org/").unwrap().identity());
        assert_ne!(one, build("https://example.com").unwrap().identity());
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn without_credentials_it_says_where_to_get_them() {
        let error = CloudClient::builder().build().unwrap_err();
        assert_eq!(error.to_string(), "no credentials for CrateDB Cloud");
        let hint = error.hint().unwrap();
        assert!(hint.contains("https://console.cratedb.cloud") && hint.contains("CRATEDB_CLOUD_API_SECRET"), "{hint}");
    }
}
