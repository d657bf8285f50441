//! Requests: what is sent, and what the answer means.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use super::reference::fetch;
use super::{Http, Runner, Target};
use crate::run::{MOST_OUTPUT, Run};

/// How long a request may take, where nothing else is said.
const WITHIN: Duration = Duration::from_secs(30);

/// With which statuses another attempt may succeed, where nothing else is said.
const AGAIN: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

/// How much of an answer is read.
const MOST_BODY: usize = MOST_OUTPUT;

/// Sends requests.
///
/// Redirects are followed as far as the job says, and never to another host where the request has headers or a body of its
/// own, or where the job came out of a store: what is meant for one place is not sent to another.
#[derive(Debug, Default)]
pub struct HttpRunner {
    /// One client per way to follow redirects: building one reads the machine's certificates.
    clients: Mutex<HashMap<(u8, bool), Client>>,
}

impl HttpRunner {
    /// Sends them with clients of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self, redirects: u8, elsewhere: bool) -> Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(redirects, elsewhere)) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .redirect(policy(redirects, elsewhere))
            // It would tell the next place the whole address of the one before, with what is secret in its query.
            .referer(false)
            .user_agent(concat!("clusterkeep/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::caused("make a client for HTTP", error))?;
        clients.insert((redirects, elsewhere), client.clone());
        Ok(client)
    }

    async fn work(&self, http: &Http, run: &Run) -> Result<()> {
        let began = Instant::now();
        // Of a stored job it was looked at where it goes, and not where that would send it.
        let elsewhere = http.headers.is_empty() && http.body.is_none() && !run.is_stored();
        let method = reqwest::Method::from_bytes(http.method.as_str().as_bytes())
            .map_err(|error| Error::caused("read the method of the request", error))?;
        let within = http.within.and_then(|within| within.as_duration()).unwrap_or(WITHIN);
        let mut request = self.client(http.redirects, elsewhere)?.request(method, &http.http).timeout(within);
        request = match &http.body {
            None => request,
            Some(serde_json::Value::String(text)) => request.body(text.clone()),
            Some(value) => request.header(CONTENT_TYPE, "application/json").body(value.to_string()),
        };
        // A header that the job names takes the place of one that is set for it.
        request = request.headers(headers(http)?);
        let response = request.send().await.map_err(|error| {
            if error.is_builder() {
                run.fails_for_good();
            }
            // The URL may hold what is secret.
            Error::caused(format!("{} {}", http.method, http.place()), error.without_url())
        })?;
        let status = response.status();
        let body = Body::read(response).await?;
        run.output(body.text());
        if let Some(value) = body.json() {
            run.result(value);
        }
        run.message(format!("{status}, {} in {:.2} s", body.length(), began.elapsed().as_secs_f64())).await;
        judge(http, status, &body, run)
    }
}

#[async_trait]
impl Runner for HttpRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Http(http) = run.target() else {
            return Err(Error::input(format!("job `{}` sends no request", run.job())));
        };
        tokio::select! {
            biased;
            () = run.ending() => Err(Error::failed("the request was given up")),
            done = self.work(http, &run) => done,
        }
    }
}

fn policy(redirects: u8, elsewhere: bool) -> Policy {
    if redirects == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt| {
        let before = attempt.previous();
        let may = before.last().is_none_or(|last| leads(last, attempt.url(), elsewhere));
        // The redirect itself is the answer then.
        if before.len() > usize::from(redirects) || !may { attempt.stop() } else { attempt.follow() }
    })
}

/// Whether a redirect is followed: to the same place, and where the request has nothing of its own also `elsewhere`, but not
/// out of TLS, and not from a place in the world to one behind the walls of this machine's network: its answer would be kept
/// with the run. Names are not looked up.
fn leads(from: &Url, to: &Url, elsewhere: bool) -> bool {
    let origin = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let out_of_tls = from.scheme() == "https" && to.scheme() != "https";
    origin(from) == origin(to) || (elsewhere && !out_of_tls && (!is_within(to) || is_within(from)))
}

/// Whether an address says by itself that it is of this machine or of its network.
fn is_within(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let within = |ip: Ipv4Addr| {
        ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || ip.octets()[0] == 0
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => within(ip),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some_and(within)
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// The headers that the job names, with what they refer to.
fn headers(http: &Http) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &http.headers {
        let (scheme, rest) = credentials(value);
        let rest = fetch(rest)?;
        let value = if scheme.is_empty() { rest.expose().to_owned() } else { format!("{scheme} {}", rest.expose()) };
        let wrong = || Error::failed(format!("header `{name}` can't be sent: its value holds what no header may"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The scheme of a header such as `Bearer env:TOKEN`, and what follows it.
fn credentials(value: &str) -> (&str, &str) {
    match value.split_once(' ') {
        Some((scheme @ ("Bearer" | "Basic" | "Token"), rest)) => (scheme, rest),
        _ => ("", value),
    }
}

/// What the status means.
fn judge(http: &Http, status: StatusCode, body: &Body, run: &Run) -> Result<()> {
    let code = status.as_u16();
    let expected = if http.expect.is_empty() { status.is_success() } else { http.expect.contains(&code) };
    if expected {
        return Ok(());
    }
    if !http.retry_on.as_deref().unwrap_or(&AGAIN).contains(&code) {
        run.fails_for_good();
    }
    let said = body.first_line().map(|line| format!(": {line}")).unwrap_or_default();
    Err(Error::failed(format!("{} {} answered {status}{said}", http.method, http.place())))
}

/// As much of an answer as is read.
struct Body {
    bytes: Vec<u8>,
    /// There is more.
    cut: bool,
}

impl Body {
    async fn read(mut response: Response) -> Result<Self> {
        let mut bytes = Vec::new();
        let failed = |error: reqwest::Error| Error::caused("read the answer", error.without_url());
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let room = MOST_BODY - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok(Self { bytes, cut: true });
            }
        }
        Ok(Self { bytes, cut: false })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn json(&self) -> Option<serde_json::Value> {
        if self.cut { None } else { serde_json::from_slice(&self.bytes).ok() }
    }

    fn length(&self) -> String {
        let more = if self.cut { "more than " } else { "" };
        format!("{more}{} bytes", self.bytes.len())
    }

    /// What it says first, in short.
    fn first_line(&self) -> Option<String> {
        let text = self.text();
        let line: String = text.lines().next()?.chars().filter(|c| !c.is_control()).take(200).collect();
        Some(line).filter(|line| !line.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_out_of_no_tls_and_behind_no_wall() {
        for (from, to, elsewhere, may) in [
            ("https://a.example.org/x", "https://a.example.org/y", false, true),
            ("https://a.example.org/x", "https://b.example.org/", false, false),
            ("https://a.example.org/x", "https://a.example.org:8443/", false, false),
            ("https://a.example.org/x", "https://b.example.org/", true, true),
            ("https://a.example.org/x", "http://a.example.org/", true, false),
            ("http://a.example.org/x", "https://a.example.org/", true, true),
            ("http://a.example.org/x", "http://169.254.169.254/latest/meta-data", true, false),
            ("http://a.example.org/x", "http://2130706433/", true, false),
            ("http://a.example.org/x", "http://localhost./", true, false),
            ("http://a.example.org/x", "http://[::ffff:10.0.0.1]/", true, false),
            ("http://a.example.org/x", "http://[fd00:ec2::254]/", true, false),
            ("http://a.example.org/x", "http://10.1.2.3/", true, false),
            ("http://10.1.2.4/x", "http://10.1.2.3/", true, true),
        ] {
            assert_eq!(leads(&from.parse().unwrap(), &to.parse().unwrap(), elsewhere), may, "{from} -> {to}");
        }
    }
}
