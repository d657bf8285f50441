//! Credentials of other stores, which the Cloud is to keep.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Credentials of another store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SecretData {
    /// Amazon's S3, or a store that speaks it.
    Aws {
        /// The key.
        access_key: String,
        /// Its secret.
        secret_key: Secret,
    },
    /// Azure's Blob Storage.
    Azure {
        /// All of it in one line.
        connection_string: Secret,
    },
}

impl SecretData {
    /// As the API takes it, the secret included.
    pub(in crate::cloud) fn to_json(&self, name: &str) -> Result<Value> {
        if name.is_empty() || name.chars().count() > 512 {
            return Err(Error::input("a secret needs a name of up to 512 characters"));
        }
        Ok(match self {
            Self::Aws { access_key, secret_key } => json!({
                "name": name,
                "type": "AWS",
                "data": { "aws_secret": { "access_key": access_key, "secret_key": secret_key.expose() } },
            }),
            Self::Azure { connection_string } => json!({
                "name": name,
                "type": "AZURE",
                "data": { "azure_secret": { "connection_string": connection_string.expose() } },
            }),
        })
    }
}
