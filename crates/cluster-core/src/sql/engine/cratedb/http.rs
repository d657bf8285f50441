//! Requests to `/_sql`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::super::super::TokenSource;
use super::super::report::Report;
use super::error::refusal;
use crate::address::{DatabaseUrl, Tls};
use crate::error::{Error, ErrorClass, Result};
use crate::secret::Secret;

/// The most that stopping a statement that nobody waits for may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server is, and who asks.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    base: String,
    user: Option<String>,
    password: Option<Secret>,
    tokens: Option<Arc<dyn TokenSource>>,
    schema: Option<String>,
    tls: Tls,
    root: Option<Certificate>,
    is_local: bool,
}

/// What is sent.
#[derive(Debug, Serialize)]
pub(super) struct Call<'a> {
    pub(super) stmt: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) args: Vec<Json>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) bulk_args: &'a [Vec<Json>],
}

impl Endpoint {
    pub(super) fn new(url: &DatabaseUrl) -> Result<Self> {
        let scheme = if url.tls() == Tls::Off { "http" } else { "https" };
        let host = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
        let root = match url.root_certificates() {
            Some(path) => {
                let pem = std::fs::read(path).map_err(|cause| Error::io("read", path, cause))?;
                let certificate = Certificate::from_pem(&pem);
                Some(certificate.map_err(|cause| Error::caused(format!("read `{}`", path.display()), cause))?)
            }
            None => None,
        };
        Ok(Self {
            base: format!("{scheme}://{host}:{}", url.port()),
            user: url.username().map(Into::into),
            password: url.password().cloned(),
            tokens: None,
            schema: url.schema().map(Into::into),
            tls: url.tls(),
            root,
            is_local: url.is_local(),
        })
    }

    /// The same endpoint for somebody who is let in by tokens.
    pub(super) fn with_tokens(self, tokens: Arc<dyn TokenSource>) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// The request with who asks.
    async fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, Report> {
        if let Some(tokens) = &self.tokens {
            let token = tokens.token().await.map_err(no_token)?;
            return Ok(request.bearer_auth(token.expose()));
        }
        if self.user.is_none() && self.password.is_none() {
            return Ok(request);
        }
        let user = self.user.as_deref().unwrap_or("crate");
        Ok(request.basic_auth(user, self.password.as_ref().map(Secret::expose)))
    }

    /// A client with one connection: what a session sets on the server belongs to the connection.
    pub(super) fn client(&self) -> Result<Client, Report> {
        let mut client = Client::builder()
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .tls_danger_accept_invalid_certs(matches!(self.tls, Tls::Prefer | Tls::Require))
            .tls_danger_accept_invalid_hostnames(matches!(self.tls, Tls::VerifyCa));
        if self.is_local {
            // What stays on this machine takes no way around.
            client = client.no_proxy();
        }
        if let Some(root) = &self.root {
            client = client.tls_certs_only([root.clone()]);
        } else if self.base.starts_with("http://") {
            // Where nothing is encrypted, reading the machine's certificates would only take its milliseconds.
            client = client.tls_certs_only([]);
        }
        client.build().map_err(failed)
    }

    /// Sends a statement; an answer that comes is one of success.
    pub(super) async fn send(&self, client: &Client, call: &Call<'_>) -> Result<Response, Report> {
        let mut request = self.authorized(client.post(format!("{}/_sql?types=true", self.base)).json(call)).await?;
        if let Some(schema) = &self.schema {
            request = request.header("Default-Schema", schema);
        }
        let response = request.send().await.map_err(failed)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        // Where the body breaks off the status still says enough.
        Err(refusal(status, &response.text().await.unwrap_or_default()))
    }

    /// What the server says of itself.
    pub(super) async fn version(&self, client: &Client) -> Result<String, Report> {
        #[derive(Deserialize)]
        struct Root {
            version: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            number: String,
        }
        let request = self.authorized(client.get(&self.base).header("Accept", "application/json")).await?;
        let response = request.send().await.map_err(failed)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(refusal(status, &response.text().await.unwrap_or_default()));
        }
        let root: Root = response.json().await.map_err(failed)?;
        Ok(root.version.number)
    }

    /// Ends the statement that is tagged `tag`: the server would go on without anybody listening.
    async fn kill(&self, tag: Uuid) -> Result<(), Report> {
        #[derive(Deserialize)]
        struct Found {
            rows: Vec<(Uuid,)>,
        }
        let client = self.client()?;
        // A statement that was sent just now may not be in the list yet.
        for pause in [0, 200, 1000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let find = "SELECT id FROM sys.jobs WHERE stmt LIKE ?";
            let call = Call { stmt: find, args: vec![format!("%{tag}%").into()], bulk_args: &[] };
            let found: Found = self.send(&client, &call).await?.json().await.map_err(failed)?;
            for (id,) in &found.rows {
                // KILL takes no parameter; an id is one by its type.
                let stmt = format!("KILL '{id}'");
                self.send(&client, &Call { stmt: &stmt, args: Vec::new(), bulk_args: &[] }).await?;
            }
            if !found.rows.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// A statement that runs: unless told that it has ended, it is stopped on the server when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    endpoint: Endpoint,
    tag: Uuid,
    ended: bool,
}

impl Running {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), tag: Uuid::new_v4(), ended: false }
    }

    /// The text with a mark by which the server finds the statement.
    pub(super) fn tagged(&self, text: &str) -> String {
        format!("{text}\n/* clusterkeep {} */", self.tag)
    }

    pub(super) const fn ended(&mut self) {
        self.ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.ended {
            return;
        }
        let (endpoint, tag) = (self.endpoint.clone(), self.tag);
        runtime.spawn(async move {
            if !matches!(tokio::time::timeout(STOP_TIMEOUT, endpoint.kill(tag)).await, Ok(Ok(()))) {
                tracing::debug!(%tag, "could not stop a statement that nobody waits for");
            }
        });
    }
}

/// No token was to be had, so that nothing was sent.
fn no_token(error: Error) -> Report {
    let class = if error.is_retryable() { ErrorClass::Unavailable } else { ErrorClass::Authentication };
    Report::new(class, error)
}

/// A request that got no answer, or half of one.
pub(super) fn failed(error: reqwest::Error) -> Report {
    let class = if error.is_timeout() {
        ErrorClass::Timeout
    } else if error.is_builder() || error.is_decode() {
        ErrorClass::Other
    } else {
        ErrorClass::Unreachable
    };
    Report::new(class, error.without_url())
}
