//! Sending a call, again where that is safe, until an answer comes or the deadline passes.

use std::hash::{BuildHasher, RandomState};
use std::sync::PoisonError;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::answer::{self, Answer};
use super::{CloudClient, CloudError, CloudErrorKind, Credentials};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How often a call is sent at most.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What is left as it is in a part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A part of a path, out of somebody's text.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A call to be sent. It implements no `Debug`: its body may hold a password.
pub(super) struct Call {
    operation: String,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    secret: bool,
    hidden: Vec<Secret>,
}

impl Call {
    fn new(operation: impl Into<String>, method: Method, path: String) -> Self {
        Self {
            operation: operation.into(),
            method,
            path,
            query: Vec::new(),
            body: None,
            secret: false,
            hidden: Vec::new(),
        }
    }

    pub(super) fn get(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::GET, path.into())
    }

    pub(super) fn post(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::POST, path.into())
    }

    pub(super) fn put(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::PUT, path.into())
    }

    pub(super) fn patch(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::PATCH, path.into())
    }

    pub(super) fn delete(operation: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(operation, Method::DELETE, path.into())
    }

    pub(super) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Says that the body holds this secret, so that no error shows it where the server repeats it.
    pub(super) fn hiding(mut self, secret: &Secret) -> Self {
        self.hidden.push(secret.clone());
        self
    }

    /// Says that the answer holds a secret, so that no error keeps it.
    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A call that failed, and what may help.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Box<CloudError>,
    /// Nothing was sent, so that nothing can have been done.
    pub(super) unsent: bool,
    /// When the server wants to be asked again.
    pub(super) after: Option<Duration>,
}

impl From<CloudError> for Failed {
    fn from(error: CloudError) -> Self {
        Self { error: Box::new(error), unsent: false, after: None }
    }
}

impl CloudClient {
    /// The answer to `call` as a `T`.
    pub(super) async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let answer = self.send(&call).await?;
        answer.parse(&call.operation, call.secret)
    }

    /// The answer to `call` as a `T`, or nothing where there is none (204).
    pub(super) async fn read_optional<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>> {
        let answer = self.send(&call).await?;
        if answer.is_empty() { Ok(None) } else { answer.parse(&call.operation, call.secret).map(Some) }
    }

    /// The answer to `call` as a list; one object alone is a list of one.
    pub(super) async fn read_list<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>> {
        let answer = self.send(&call).await?;
        answer.parse_list(&call.operation, call.secret)
    }

    /// Sends `call`, whose answer says nothing.
    pub(super) async fn run(&self, call: Call) -> Result<()> {
        self.send(&call).await.map(drop)
    }

    /// Sends `call` until an answer of success comes.
    ///
    /// Reading calls are tried again where nothing answers or the server is busy; others only where nothing was sent.
    async fn send(&self, call: &Call) -> Result<Answer> {
        let start = Instant::now();
        let deadline = start + self.0.deadline;
        let (mut attempts, mut pause) = (0, FIRST_PAUSE);
        loop {
            attempts += 1;
            let limit = self.0.timeout.min(deadline.saturating_duration_since(Instant::now()));
            let Failed { mut error, unsent, after } = match timeout(limit, self.attempt(call)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => failed,
                Err(_) => CloudError::new(&call.operation, CloudErrorKind::Timeout)
                    .with_message(format!("the deadline of {:.1} s has passed", limit.as_secs_f64()))
                    .into(),
            };
            let may_pass =
                matches!(error.kind, CloudErrorKind::Busy | CloudErrorKind::Unreachable | CloudErrorKind::Timeout);
            let again = attempts < ATTEMPTS && (unsent || (may_pass && call.method == Method::GET));
            let rest = pause.mul_f64(1.0 + jitter()).max(after.unwrap_or_default());
            if !again || Instant::now() + rest >= deadline {
                error.attempts = attempts;
                error.elapsed = start.elapsed();
                self.hide(&mut error, &call.hidden);
                return Err(Error::Cloud(error));
            }
            tracing::debug!(operation = call.operation, attempts, %error, "a call failed, trying again");
            sleep(rest).await;
            pause *= 2;
        }
    }

    /// Takes the caller's secrets out of what the server says: some repeat what they were sent.
    fn hide(&self, error: &mut CloudError, hidden: &[Secret]) {
        let own = match &*self.0.credentials.lock().unwrap_or_else(PoisonError::into_inner) {
            Credentials::Key { secret, .. } | Credentials::Session(secret) => secret.clone(),
        };
        for secret in hidden.iter().chain([&own]).map(Secret::expose).filter(|secret| !secret.is_empty()) {
            let texts =
                [&mut error.body].into_iter().chain(&mut error.message).chain(error.fields.values_mut().flatten());
            for text in texts.filter(|text| text.contains(secret)) {
                *text = text.replace(secret, "***");
            }
        }
    }

    /// Sends `call` once.
    async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        let mut url = self.0.endpoint.clone();
        let path = format!("{}/api/v2{}", url.path().trim_end_matches('/'), call.path);
        url.set_path(&path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.authorized(self.0.http.request(call.method.clone(), url), &call.operation)?;
        request = request.header(ACCEPT, "application/json").header("X-Region", &self.0.region);
        if self.0.sudo {
            request = request.header("X-Auth-Sudo", "1");
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|cause| unanswered(&call.operation, cause))?;
        tracing::debug!(operation = call.operation, status = response.status().as_u16(), "CrateDB Cloud answered");
        self.take_session(response.headers());
        answer::receive(&call.operation, response, call.secret).await
    }

    fn authorized(&self, request: RequestBuilder, operation: &str) -> Result<RequestBuilder, Failed> {
        match &*self.0.credentials.lock().unwrap_or_else(PoisonError::into_inner) {
            Credentials::Key { key, secret } => Ok(request.basic_auth(key, Some(secret.expose()))),
            Credentials::Session(token) => {
                let mut cookie = HeaderValue::from_str(&format!("session={}", token.expose())).map_err(|_| {
                    CloudError::new(operation, CloudErrorKind::Unauthorized)
                        .with_message("the session's token holds characters that can't be sent")
                })?;
                cookie.set_sensitive(true);
                Ok(request.header(COOKIE, cookie))
            }
        }
    }

    /// Takes the session's next token, where the server sends one.
    fn take_session(&self, headers: &HeaderMap) {
        let mut credentials = self.0.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        let Credentials::Session(token) = &mut *credentials else { return };
        for cookie in headers.get_all(SET_COOKIE) {
            let next = cookie.to_str().ok().and_then(|text| text.split(';').next()?.trim().strip_prefix("session="));
            if let Some(next) = next.map(|next| next.trim_matches('"')).filter(|next| !next.is_empty()) {
                *token = Secret::new(next);
            }
        }
    }
}

/// A request that got no answer, or half of one.
pub(super) fn unanswered(operation: &str, cause: reqwest::Error) -> Failed {
    let kind = if cause.is_timeout() { CloudErrorKind::Timeout } else { CloudErrorKind::Unreachable };
    let unsent = cause.is_connect() || cause.is_builder();
    let mut error = Box::new(CloudError::new(operation, kind));
    // A URL may be one that lets whoever has it read or write.
    error.source = Some(cause.without_url().into());
    Failed { error, unsent, after: None }
}

/// A number from 0 to 1, so that many clients don't all come at once.
pub(super) fn jitter() -> f64 {
    // Every RandomState has other keys.
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
