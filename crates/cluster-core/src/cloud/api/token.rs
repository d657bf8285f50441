//! Tokens with which the database of a cluster lets its owner in.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::super::model::lenient;
use super::super::transport::Call;
use super::super::{CloudClient, CloudError, CloudErrorKind};
use crate::error::Result;
use crate::secret::Secret;

/// A token with which a cluster's database lets its owner in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterToken {
    /// The token.
    pub token: Secret,
    /// What the next token is had for.
    pub refresh: Option<Secret>,
    /// From when on the token is refused, where the service says so.
    pub expiry: Option<DateTime<Utc>>,
}

impl ClusterToken {
    /// A token that was kept.
    #[must_use]
    pub const fn new(token: Secret, refresh: Option<Secret>, expiry: Option<DateTime<Utc>>) -> Self {
        Self { token, refresh, expiry }
    }

    /// Whether the token is good for certain at `now` and for `margin` longer.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// use clusterkeep_core::{cloud::ClusterToken, secret::Secret};
    /// let expiry = "2026-07-10T10:00:00Z".parse().unwrap();
    /// let token = ClusterToken::new(Secret::new("a.b.c"), None, Some(expiry));
    /// assert!(token.is_good_at(expiry - TimeDelta::minutes(10), TimeDelta::minutes(5)));
    /// assert!(!token.is_good_at(expiry - TimeDelta::minutes(5), TimeDelta::minutes(5)));
    /// ```
    #[must_use]
    pub fn is_good_at(&self, now: DateTime<Utc>, margin: TimeDelta) -> bool {
        self.expiry.is_some_and(|expiry| expiry.signed_duration_since(now) > margin)
    }
}

/// A token as the API writes it; it implements no `Debug`.
#[derive(Deserialize)]
struct Sent {
    token: String,
    #[serde(default, deserialize_with = "lenient::option")]
    refresh: Option<String>,
    #[serde(default, deserialize_with = "lenient::time")]
    expiry: Option<DateTime<Utc>>,
}

impl CloudClient {
    async fn token(&self, call: Call, operation: &str) -> Result<ClusterToken> {
        let sent: Sent = self.read(call.secret()).await?;
        if sent.token.is_empty() {
            return Err(CloudError::new(operation, CloudErrorKind::Nonsense).with_message("the token is empty").into());
        }
        let Sent { token, refresh, expiry } = sent;
        Ok(ClusterToken { token: Secret::new(token), refresh: refresh.map(Secret::new), expiry })
    }

    /// A token for the database of a cluster.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn jwt(&self, cluster: Uuid) -> Result<ClusterToken> {
        let operation = format!("get a token for cluster {cluster}");
        self.token(Call::get(&operation, format!("/clusters/{cluster}/jwt/")), &operation).await
    }

    /// The token that follows one that will expire.
    ///
    /// # Errors
    ///
    /// The refresh token is not good any more, or the call fails.
    pub async fn refresh_jwt(&self, refresh: &Secret) -> Result<ClusterToken> {
        let operation = "refresh the token of a cluster";
        let call = Call::post(operation, "/meta/jwt/refresh/")
            .body(json!({ "refresh_token": refresh.expose() }))
            .hiding(refresh);
        self.token(call, operation).await
    }
}
