//! Files in the keeping of an organization.

use serde_json::json;
use uuid::Uuid;

use super::super::transport::Call;
use super::super::{CloudClient, CloudFile};
use crate::error::{Error, Result};

impl CloudClient {
    /// Registers a file that is to be uploaded; [`upload`](Self::upload) does both.
    ///
    /// # Errors
    ///
    /// It can't have this name, or the call fails.
    pub async fn create_file(&self, organization: Uuid, name: &str) -> Result<CloudFile> {
        if name.is_empty() || name.chars().count() > 512 || name.contains(char::is_control) {
            return Err(Error::input("a file needs a name of up to 512 characters"));
        }
        let call = Call::post(format!("register file {name}"), format!("/organizations/{organization}/files/"));
        // Whoever has the URL in the answer may write the file.
        self.read(call.body(json!({ "name": name })).secret()).await
    }

    /// The files of an organization.
    ///
    /// # Errors
    ///
    /// There is no such organization, or the call fails.
    pub async fn files(&self, organization: Uuid) -> Result<Vec<CloudFile>> {
        let operation = format!("list files of organization {organization}");
        self.read_list(Call::get(operation, format!("/organizations/{organization}/files/")).secret()).await
    }

    /// A file.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn file(&self, organization: Uuid, file: Uuid) -> Result<CloudFile> {
        let operation = format!("look at file {file}");
        self.read(Call::get(operation, format!("/organizations/{organization}/files/{file}/")).secret()).await
    }

    /// Deletes a file.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn delete_file(&self, organization: Uuid, file: Uuid) -> Result<()> {
        let operation = format!("delete file {file}");
        self.run(Call::delete(operation, format!("/organizations/{organization}/files/{file}/"))).await
    }
}
