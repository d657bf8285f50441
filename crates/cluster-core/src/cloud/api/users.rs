//! The caller, and the caller's API keys.

use serde::Deserialize;
use serde_json::json;

use super::super::transport::{Call, part};
use super::super::{ApiKey, CloudClient, CurrentUser, NewApiKey};
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
        self.read_list(Call::get("list API keys", "/users/me/api-keys/").secret()).await
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
            secret: String,
        }
        let sent: Sent = self.read(Call::post("make an API key", "/users/me/api-keys/").secret()).await?;
        Ok(NewApiKey { key: sent.key, secret: Secret::new(sent.secret) })
    }

    /// Makes an API key work, or not work.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn set_api_key_active(&self, key: &str, active: bool) -> Result<ApiKey> {
        let verb = if active { "activate" } else { "deactivate" };
        let call = Call::patch(format!("{verb} an API key"), format!("/users/me/api-keys/{}/", part(key)));
        self.read(call.body(json!({ "active": active })).secret()).await
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
