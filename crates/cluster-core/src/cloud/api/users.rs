//! The caller, and the caller's API keys.

use serde::Deserialize;
use serde_json::json;

use super::super::model::lenient;
use super::super::transport::{Call, part};
use super::super::{ApiKey, CloudClient, CloudError, CloudErrorKind, CurrentUser, NewApiKey};
use crate::error::Result;
use crate::secret::Secret;

impl CloudClient {
    /// The caller.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn me(&self) -> Result<CurrentUser> {
        self.read(Call::get("ask who the caller is", "/users/me/")).await
    }

    /// The API keys of the caller, without their secrets.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let mut keys = self.read_list(Call::get("list API keys", "/users/me/api-keys/").secret()).await?;
        keys.iter_mut().for_each(|key| drop(without_secret(key)));
        Ok(keys)
    }

    /// Makes an API key; its secret is never shown again.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn create_api_key(&self) -> Result<NewApiKey> {
        #[derive(Deserialize)]
        struct Sent {
            key: ApiKey,
            #[serde(default, deserialize_with = "lenient::option")]
            secret: Option<String>,
        }
        let operation = "make an API key";
        let Sent { mut key, secret } = self.read(Call::post(operation, "/users/me/api-keys/").secret()).await?;
        let within = without_secret(&mut key);
        match secret.map(Secret::new).or(within) {
            Some(secret) => Ok(NewApiKey { key, secret }),
            None => Err(CloudError::new(operation, CloudErrorKind::Nonsense)
                .with_message(format!("key {} came without its secret", key.key))
                .into()),
        }
    }

    /// Makes an API key work, or not work.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn set_api_key_active(&self, key: &str, active: bool) -> Result<ApiKey> {
        let verb = if active { "activate" } else { "deactivate" };
        let call = Call::patch(format!("{verb} an API key"), format!("/users/me/api-keys/{}/", part(key)));
        let mut key = self.read(call.body(json!({ "active": active })).secret()).await?;
        drop(without_secret(&mut key));
        Ok(key)
    }

    /// Deletes an API key.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn delete_api_key(&self, key: &str) -> Result<()> {
        self.run(Call::delete("delete an API key", format!("/users/me/api-keys/{}/", part(key)))).await
    }
}

/// Takes the secret out of a key: the service repeats it within the key, where everybody would see it.
fn without_secret(key: &mut ApiKey) -> Option<Secret> {
    key.other.remove("secret")?.as_str().filter(|secret| !secret.is_empty()).map(Secret::new)
}
