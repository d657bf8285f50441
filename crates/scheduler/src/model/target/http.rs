//! A request.

use std::collections::BTreeMap;
use std::fmt;

use clusterkeep_core::age::Age;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text;
use crate::model::when::fixed;

/// A request, and what its answer means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where it goes: a URL of `http` or `https`.
    pub http: String,
    /// Its method.
    #[serde(default, skip_serializing_if = "is_get")]
    pub method: Method,
    /// Its headers. A value `env:NAME` or `file:PATH` is fetched from there; so is what follows `Bearer ` or `Basic `.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Its body: text as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// The statuses that mean success; without, those from 200 to 299.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<u16>,
    /// The statuses with which another attempt may succeed, as far as the job's `retry` goes; without, 408, 425, 429, 500,
    /// 502, 503 and 504. Any other that is not expected is a failure for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<Vec<u16>>,
    /// How many redirects are followed; without, none: a redirect is an answer.
    #[serde(default, skip_serializing_if = "is_none")]
    pub redirects: u8,
    /// How long it may take, its answer included; without, 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Age>,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads the headers.
    Head,
    /// Sends something.
    Post,
    /// Puts something in a place.
    Put,
    /// Changes something.
    Patch,
    /// Removes something.
    Delete,
    /// Asks what can be done.
    Options,
}

impl Method {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_get(method: &Method) -> bool {
    *method == Method::Get
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_none(redirects: &u8) -> bool {
    *redirects == 0
}

impl Http {
    /// A request that reads `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            http: url.into(),
            method: Method::Get,
            headers: BTreeMap::new(),
            body: None,
            expect: Vec::new(),
            retry_on: None,
            redirects: 0,
            within: None,
        }
    }

    /// The scheme, the host, and the port where one is said, as they are written: `https://HOST:PORT`.
    pub(crate) fn origin(&self) -> String {
        let (scheme, rest) = self.http.split_once("://").unwrap_or_default();
        // A backslash is as good as a slash (WHATWG URL, "authority state").
        let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}")
    }

    /// Where it goes, without what may be secret: user, query and fragment.
    #[must_use]
    pub fn place(&self) -> String {
        let (scheme, rest) = self.http.split_once("://").unwrap_or(("", &self.http));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}{path}")
    }

    pub(super) fn check(&self) -> Result<()> {
        let rest = self.http.strip_prefix("http://").or_else(|| self.http.strip_prefix("https://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        if host.is_empty() || self.http.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Error::input(format!("`{}` is no URL of http:// or https://", self.place()))
                .with_hint("write it with its scheme and host: `http: https://example.org/path`"));
        }
        for (name, value) in &self.headers {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                return Err(Error::input(format!("{name:?} is no name of a header")));
            }
            text(&format!("header `{name}`"), value)?;
            if value.contains(['\r', '\n']) {
                return Err(Error::input(format!("header `{name}` has a line end, which can't stand in a header")));
            }
        }
        let known = self.expect.iter().chain(self.retry_on.iter().flatten());
        if let Some(status) = known.into_iter().find(|status| !(100..=599).contains(*status)) {
            return Err(Error::input(format!("{status} is no status of HTTP")).with_hint("they go from 100 to 599"));
        }
        self.within.map(fixed).transpose().map(drop)
    }
}
