//! Organizations, projects and regions.

use serde_json::json;
use uuid::Uuid;

use super::super::transport::Call;
use super::super::{CloudClient, Organization, Project, Region, check_project_name};
use crate::error::Result;

impl CloudClient {
    /// The organizations that the caller is in.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn organizations(&self) -> Result<Vec<Organization>> {
        self.read_list(Call::get("list organizations", "/organizations/")).await
    }

    /// An organization.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn organization(&self, id: Uuid) -> Result<Organization> {
        self.read(Call::get(format!("look at organization {id}"), format!("/organizations/{id}/"))).await
    }

    /// The projects that the caller can see.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn projects(&self) -> Result<Vec<Project>> {
        self.read_list(Call::get("list projects", "/projects/")).await
    }

    /// The projects of an organization.
    ///
    /// # Errors
    ///
    /// There is no such organization, or the call fails.
    pub async fn organization_projects(&self, organization: Uuid) -> Result<Vec<Project>> {
        let operation = format!("list projects of organization {organization}");
        self.read_list(Call::get(operation, format!("/organizations/{organization}/projects/"))).await
    }

    /// A project.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn project(&self, id: Uuid) -> Result<Project> {
        self.read(Call::get(format!("look at project {id}"), format!("/projects/{id}/"))).await
    }

    /// Creates a project.
    ///
    /// # Errors
    ///
    /// It can't have this name, or the call fails.
    pub async fn create_project(&self, organization: Uuid, name: &str, region: &str) -> Result<Project> {
        check_project_name(name)?;
        let body = json!({ "name": name, "organization_id": organization, "region": region });
        self.read(Call::post(format!("create project {name}"), "/projects/").body(body)).await
    }

    /// Gives a project another name.
    ///
    /// # Errors
    ///
    /// It can't have this name, or the call fails.
    pub async fn rename_project(&self, id: Uuid, name: &str) -> Result<Project> {
        check_project_name(name)?;
        let call = Call::patch(format!("rename project {id}"), format!("/projects/{id}/"));
        self.read(call.body(json!({ "name": name }))).await
    }

    /// Deletes a project, which must have no clusters.
    ///
    /// # Errors
    ///
    /// There is none, it has clusters, or the call fails.
    pub async fn delete_project(&self, id: Uuid) -> Result<()> {
        self.run(Call::delete(format!("delete project {id}"), format!("/projects/{id}/"))).await
    }

    /// The regions that the caller can see.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn regions(&self) -> Result<Vec<Region>> {
        self.read_list(Call::get("list regions", "/regions/")).await
    }
}
