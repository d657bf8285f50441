//! What was asked, and what was answered.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A request that the server got.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`, `PUT`, ...
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as it came, without the question mark; empty where there was none.
    pub query: String,
    /// The body, where it was JSON; else null.
    pub body: Value,
    /// Headers whose values give nothing away, by lowercase name: all but authorization and cookies.
    pub headers: Vec<(String, String)>,
    /// The status of the answer; none while there is none, and where a fault let the caller go without.
    pub status: Option<u16>,
    /// When it came, by the server's clock.
    pub at: DateTime<Utc>,
    /// Which connection it came on, counted from 1.
    pub connection: u64,
}
