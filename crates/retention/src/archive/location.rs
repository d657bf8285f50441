//! Where archives lie: a folder of this machine, or an object store by its URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::secret::Secret;
use clusterkeep_core::{Error, Result, env};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::{Host, Url};

use super::store::{Folder, Objects, Scrub, Store};

/// The most that connecting to an object store may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The most that one request may take, with at most 16 MiB each way.
const REQUEST: Duration = Duration::from_secs(120);
/// The most that a look at a place may take.
const LOOK: Duration = Duration::from_secs(20);
/// How often a request is tried again, and for how long.
const RETRIES: usize = 6;
const RETRYING: Duration = Duration::from_secs(60);

/// A place for archives.
///
/// - `/var/backups/weather` or `file:///var/backups/weather`: a folder of this machine, which is made where it is not
///   there. Files are for their owner alone.
/// - `s3://BUCKET/PREFIX`: S3 and what speaks like it. `?endpoint=URL`, `?region=NAME`; keys from `AWS_ACCESS_KEY_ID`,
///   `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or from other variables by `?access_key_id=env:NAME`,
///   `?secret_access_key=env:NAME` and `?session_token=env:NAME`; without any, from the machine's own role.
/// - `az://CONTAINER/PREFIX`: Azure. `?account=NAME`, else `AZURE_STORAGE_ACCOUNT_NAME`; `?endpoint=URL`; the key from
///   `AZURE_STORAGE_ACCOUNT_KEY` or by `?access_key=env:NAME`; without one, from the machine's own identity.
/// - `gs://BUCKET/PREFIX`: Google Cloud Storage. `?service_account=FILE`, else `GOOGLE_SERVICE_ACCOUNT`; without it, from
///   the machine's own account.
///
/// No key is ever part of it: an address that holds one is refused, and neither `Display` nor `Debug` nor an error shows any.
///
/// ```
/// use clusterkeep_retention::archive::Location;
/// let cold: Location = "/var/backups/weather".parse().unwrap();
/// assert_eq!(cold.to_string(), "/var/backups/weather");
/// assert!("s3://bucket/?secret_access_key=hunter2".parse::<Location>().is_err());
/// ```
#[derive(Clone)]
pub struct Location {
    shown: String,
    store: Store,
}

/// Gives the value of a variable by its name.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// As it was written.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Location").field(&self.shown).finish()
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, &env::named)
    }
}

impl Location {
    /// Reads an address; `variables` gives the variables that hold its keys, as [`FromStr`] takes from the environment.
    ///
    /// # Errors
    ///
    /// It is no such address, holds a key, or names a variable that is not set.
    pub fn parse(text: &str, variables: Variables<'_>) -> Result<Self> {
        let folder = |path: PathBuf| Self { shown: text.to_owned(), store: Store::Folder(Folder::new(path)) };
        if text.is_empty() {
            return Err(Error::input("a place for archives is empty"));
        }
        if !text.contains("://") {
            return Ok(folder(text.into()));
        }
        // The text may hold a key, so the parser's error does not show it.
        let url = Url::parse(text).map_err(|e| Error::input(format!("a place for archives is no URL: {e}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::input("the URL of a place for archives holds a user or password")
                .with_hint("keep keys in the environment, and name the variable: `?secret_access_key=env:NAME`"));
        }
        let options = Options::read(&url, variables)?;
        let (store, secrets) = match url.scheme() {
            "file" => {
                options.end()?;
                let path = url.to_file_path().map_err(|()| Error::input("a `file` URL has no path of this machine"))?;
                return Ok(folder(path));
            }
            "s3" => s3(&url, options)?,
            "az" => azure(&url, options)?,
            "gs" => google(&url, options)?,
            other => {
                return Err(Error::input(format!("archives can't be kept at `{other}://`"))
                    .with_hint("name a folder, or a URL that begins with `file://`, `s3://`, `az://` or `gs://`"));
            }
        };
        let prefix =
            Path::from_url_path(url.path()).map_err(|e| Error::caused("read the path of a URL", e.to_string()))?;
        let shown = text.to_owned();
        let objects = Objects::new(store, prefix, &shown, Scrub::new(secrets));
        Ok(Self { shown, store: Store::Objects(objects) })
    }

    /// Looks whether archives can be put there, as far as that can be known without writing: a folder that is there or can
    /// be made in the one above it, or a store that answers and lets its objects be listed.
    ///
    /// # Errors
    ///
    /// It is not there, is no folder, can't be listed, or does not answer in time.
    pub async fn look(&self) -> Result<()> {
        let looked = async {
            if let Store::Folder(folder) = &self.store {
                folder.look().await?;
            }
            // Of a folder that no table has: what counts is that there is an answer.
            self.store.list(Some("-")).await.map(drop)
        };
        match tokio::time::timeout(LOOK, looked).await {
            Ok(looked) => looked,
            Err(_) => Err(Error::failed(format!("{self} has not answered within {} s", LOOK.as_secs()))),
        }
    }

    /// What the small object `key` of this place holds; `None` where it is not there.
    ///
    /// # Errors
    ///
    /// The place does not answer, or the object is too large to be small.
    pub async fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.store.read(key).await?.map(|bytes| bytes.to_vec()))
    }

    /// Whether the place itself is there, as far as that can be told without a request.
    pub(crate) fn is_there(&self) -> bool {
        self.store.is_there()
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }
}

/// What stands behind the `?` of a URL, and the variables.
struct Options<'a> {
    options: Vec<(String, String)>,
    variables: Variables<'a>,
}

impl<'a> Options<'a> {
    fn read(url: &Url, variables: Variables<'a>) -> Result<Self> {
        let mut options: Vec<(String, String)> = Vec::new();
        for (name, value) in url.query_pairs() {
            if options.iter().any(|(known, _)| *known == name) {
                return Err(Error::input(format!("a place for archives has `{name}` twice")));
            }
            options.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { options, variables })
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.options.iter().position(|(known, _)| known == name)?;
        Some(self.options.swap_remove(at).1)
    }

    /// What the option says, or else the variable.
    fn take_or(&mut self, name: &str, variable: &str) -> Option<String> {
        self.take(name).or_else(|| (self.variables)(variable))
    }

    /// A secret: by the variable that the option names, else by `usual`.
    fn secret(&mut self, name: &str, usual: &str) -> Result<Option<Secret>> {
        let Some(reference) = self.take(name) else { return Ok((self.variables)(usual).map(Secret::new)) };
        let Some(variable) = reference.strip_prefix("env:") else {
            return Err(Error::input(format!("`{name}` in a place for archives holds a key"))
                .with_hint(format!("keep it in the environment, and name the variable: `{name}=env:NAME`")));
        };
        let value = (self.variables)(variable);
        value.map(|value| Some(Secret::new(value))).ok_or_else(|| {
            Error::input(format!("environment variable {variable}, which a place for archives names, is not set"))
        })
    }

    /// Nothing may be left.
    fn end(self) -> Result<()> {
        match self.options.first() {
            Some((name, _)) => Err(Error::input(format!("a place for archives has no option `{name}`"))),
            None => Ok(()),
        }
    }
}

fn bucket(url: &Url) -> Result<&str> {
    url.host_str().ok_or_else(|| Error::input(format!("`{}://` names no bucket", url.scheme())))
}

type Made = (Arc<dyn ObjectStore>, Vec<Secret>);

fn made<S: ObjectStore>(built: object_store::Result<S>, secrets: Vec<Secret>) -> Result<Made> {
    match built {
        Ok(store) => Ok((Arc::new(store), secrets)),
        Err(error) => Err(Error::caused("set a place for archives up", Scrub::new(secrets).text(&error))),
    }
}

fn s3(url: &Url, mut options: Options<'_>) -> Result<Made> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket(url)?).with_retry(retry());
    builder = builder.with_region(options.take_or("region", "AWS_REGION").unwrap_or_else(|| "us-east-1".into()));
    let mut client = client();
    if let Some(endpoint) = options.take("endpoint") {
        client = client.with_allow_http(is_plain(&endpoint)?);
        builder = builder.with_endpoint(endpoint);
    }
    let key = options.secret("access_key_id", "AWS_ACCESS_KEY_ID")?;
    let secret = options.secret("secret_access_key", "AWS_SECRET_ACCESS_KEY")?;
    let token = options.secret("session_token", "AWS_SESSION_TOKEN")?;
    options.end()?;
    if let Some(key) = &key {
        builder = builder.with_access_key_id(key.expose());
    }
    if let Some(secret) = &secret {
        builder = builder.with_secret_access_key(secret.expose());
    }
    if let Some(token) = &token {
        builder = builder.with_token(token.expose());
    }
    made(builder.with_client_options(client).build(), [key, secret, token].into_iter().flatten().collect())
}

fn azure(url: &Url, mut options: Options<'_>) -> Result<Made> {
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(bucket(url)?).with_retry(retry());
    let account = options.take_or("account", "AZURE_STORAGE_ACCOUNT_NAME");
    let account = account.ok_or_else(|| {
        Error::input("an `az` URL names no account").with_hint("add `?account=NAME`, or set AZURE_STORAGE_ACCOUNT_NAME")
    })?;
    builder = builder.with_account(account);
    let mut client = client();
    if let Some(endpoint) = options.take("endpoint") {
        client = client.with_allow_http(is_plain(&endpoint)?);
        builder = builder.with_endpoint(endpoint);
    }
    let key = options.secret("access_key", "AZURE_STORAGE_ACCOUNT_KEY")?;
    options.end()?;
    if let Some(key) = &key {
        builder = builder.with_access_key(key.expose());
    }
    made(builder.with_client_options(client).build(), key.into_iter().collect())
}

fn google(url: &Url, mut options: Options<'_>) -> Result<Made> {
    let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket(url)?).with_retry(retry());
    if let Some(file) = options.take_or("service_account", "GOOGLE_SERVICE_ACCOUNT") {
        builder = builder.with_service_account_path(file);
    }
    options.end()?;
    made(builder.with_client_options(client()).build(), Vec::new())
}

fn client() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST)
}

fn retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRYING }
}

/// Whether an endpoint is in plain text, which is for this machine alone: rows would be read on the way.
fn is_plain(endpoint: &str) -> Result<bool> {
    let url = Url::parse(endpoint).map_err(|e| Error::input(format!("an endpoint is no URL: {e}")))?;
    if url.password().is_some() || !url.username().is_empty() {
        return Err(Error::input("an endpoint holds a user or password"));
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(false),
        "http" if here => Ok(true),
        "http" => {
            Err(Error::refused("an endpoint would get rows in plain text over the network").with_hint("use `https`"))
        }
        other => Err(Error::input(format!("an endpoint is reached by `https`, not by `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Error {
        text.parse::<Location>().expect_err(text)
    }

    #[test]
    fn keys_are_never_part_of_it() {
        for text in [
            "s3://key:hunter2@bucket/x",
            "s3://bucket/x?secret_access_key=hunter2",
            "az://box/x?account=a&access_key=hunter2",
            "s3://bucket/x?endpoint=https://key:hunter2@host",
        ] {
            let error = error(text);
            let text = format!("{error} {error:?} {:?}", error.hint());
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in ["", "ftp://host/x", "s3:///x", "s3://b/x?regoin=eu", "s3://b/x?region=a&region=b", "file:///x?y=z"]
        {
            error(text);
        }
        assert!(matches!(error("s3://b/x?endpoint=http://10.0.0.1:9000"), Error::Refused { .. }));
        assert!(error("s3://b/x?secret_access_key=env:NO_SUCH_VARIABLE").to_string().contains("NO_SUCH_VARIABLE"));
    }

    #[test]
    fn places_are_shown_as_they_were_written() {
        for text in ["relative/folder", "file:///srv/x", "s3://b/x?endpoint=http://127.0.0.1:9000&region=eu"] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), text);
            assert_eq!(format!("{location:?}"), format!("Location({text:?})"));
        }
    }
}
