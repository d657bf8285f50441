//! What the service says of itself.

use serde_json::Value;

use super::super::transport::Call;
use super::super::{Channels, CloudClient, IpAddress, Jwks, Meta};
use crate::error::Result;

impl CloudClient {
    /// What the service says of itself.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn meta(&self) -> Result<Meta> {
        self.read(Call::get("ask for the version of the service", "/meta/")).await
    }

    /// The versions of CrateDB that new clusters can have.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn cratedb_versions(&self) -> Result<Channels> {
        self.read(Call::get("list versions of CrateDB", "/meta/cratedb-versions/")).await.map(channels)
    }

    /// The address that the service sees the caller at, for an allow list.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn ip_address(&self) -> Result<IpAddress> {
        self.read(Call::get("ask for the own address", "/meta/ip-address/")).await
    }

    /// The public keys that tokens are signed with.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn jwks(&self) -> Result<Jwks> {
        self.read(Call::get("fetch the keys of tokens", "/meta/jwk/")).await
    }
}

/// The versions in an answer, which wraps them or not.
pub(super) fn channels(answer: Value) -> Channels {
    let inner = match answer {
        Value::Object(mut outer) if outer.contains_key("crate_versions") => outer.remove("crate_versions"),
        other => Some(other),
    };
    let empty = || Value::Object(serde_json::Map::new());
    let inner = inner.filter(Value::is_object).unwrap_or_else(empty);
    // An object is one of these, whatever is in it.
    serde_json::from_value(inner).unwrap_or(Channels {
        stable: None,
        testing: None,
        nightly: None,
        other: serde_json::Map::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_may_be_missing() {
        let version = json!({"stable": {"major": 6, "minor": 1, "hotfix": 2, "version": "6.1.2"}, "nightly": null});
        for answer in [json!({"crate_versions": version}), version] {
            let channels = channels(answer);
            assert_eq!(channels.stable.unwrap().version.as_deref(), Some("6.1.2"));
            assert_eq!((channels.testing, channels.nightly), (None, None));
        }
        assert_eq!(channels(json!([])).stable, None);
    }
}
