//! Credentials of other stores in the keeping of an organization.

use uuid::Uuid;

use super::super::transport::Call;
use super::super::{CloudClient, CloudSecret, SecretData};
use crate::error::Result;

impl CloudClient {
    /// The secrets of an organization, without what is in them.
    ///
    /// # Errors
    ///
    /// There is no such organization, or the call fails.
    pub async fn secrets(&self, organization: Uuid) -> Result<Vec<CloudSecret>> {
        let operation = format!("list secrets of organization {organization}");
        self.read_list(Call::get(operation, format!("/organizations/{organization}/secrets/")).secret()).await
    }

    /// Gives an organization a secret to keep.
    ///
    /// # Errors
    ///
    /// It can't have this name, or the call fails.
    pub async fn create_secret(&self, organization: Uuid, name: &str, data: &SecretData) -> Result<CloudSecret> {
        let body = data.to_json(name)?;
        let call = Call::post(format!("store secret {name}"), format!("/organizations/{organization}/secrets/"));
        self.read(call.body(body).secret()).await
    }

    /// Deletes a secret.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn delete_secret(&self, organization: Uuid, secret: Uuid) -> Result<()> {
        let operation = format!("delete secret {secret}");
        self.run(Call::delete(operation, format!("/organizations/{organization}/secrets/{secret}/"))).await
    }
}
