//! Jobs that import and export data.

use uuid::Uuid;

use super::super::transport::Call;
use super::super::{CloudClient, ExportJob, ExportRequest, ImportJob, ImportProgress, ImportRequest};
use crate::error::Result;

impl CloudClient {
    /// Starts to import data; [`wait_for_import`](Self::wait_for_import) waits for its end.
    ///
    /// # Errors
    ///
    /// Something about it would be refused, or the call fails.
    pub async fn create_import_job(&self, cluster: Uuid, import: &ImportRequest) -> Result<ImportJob> {
        let body = import.to_json()?;
        let operation = format!("import into table {} of cluster {cluster}", import.target.table);
        self.read(Call::post(operation, format!("/clusters/{cluster}/import-jobs/")).body(body)).await
    }

    /// The import jobs of a cluster.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn import_jobs(&self, cluster: Uuid) -> Result<Vec<ImportJob>> {
        let operation = format!("list import jobs of cluster {cluster}");
        self.read_list(Call::get(operation, format!("/clusters/{cluster}/import-jobs/"))).await
    }

    /// An import job.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn import_job(&self, cluster: Uuid, job: Uuid) -> Result<ImportJob> {
        let operation = format!("look at import job {job}");
        self.read(Call::get(operation, format!("/clusters/{cluster}/import-jobs/{job}/"))).await
    }

    /// How far an import job is, with all of its files.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn import_progress(&self, cluster: Uuid, job: Uuid) -> Result<ImportProgress> {
        let operation = format!("ask how far import job {job} is");
        let call = Call::get(operation, format!("/clusters/{cluster}/import-jobs/{job}/progress/"));
        self.read(call.query("limit", Some("ALL"))).await
    }

    /// Cancels an import job that runs, or drops one that has ended from the list.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn delete_import_job(&self, cluster: Uuid, job: Uuid) -> Result<()> {
        let operation = format!("delete import job {job}");
        self.run(Call::delete(operation, format!("/clusters/{cluster}/import-jobs/{job}/"))).await
    }

    /// Starts to export a table; [`wait_for_export`](Self::wait_for_export) waits for its end.
    ///
    /// # Errors
    ///
    /// Something about it would be refused, or the call fails.
    pub async fn create_export_job(&self, cluster: Uuid, export: &ExportRequest) -> Result<ExportJob> {
        let body = export.to_json()?;
        let operation = format!("export table {} of cluster {cluster}", export.table);
        self.read(Call::post(operation, format!("/clusters/{cluster}/export-jobs/")).body(body)).await
    }

    /// The export jobs of a cluster.
    ///
    /// # Errors
    ///
    /// There is no such cluster, or the call fails.
    pub async fn export_jobs(&self, cluster: Uuid) -> Result<Vec<ExportJob>> {
        let operation = format!("list export jobs of cluster {cluster}");
        self.read_list(Call::get(operation, format!("/clusters/{cluster}/export-jobs/"))).await
    }

    /// An export job.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn export_job(&self, cluster: Uuid, job: Uuid) -> Result<ExportJob> {
        let operation = format!("look at export job {job}");
        self.read(Call::get(operation, format!("/clusters/{cluster}/export-jobs/{job}/"))).await
    }

    /// Cancels an export job that runs, or drops one that has ended from the list.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn delete_export_job(&self, cluster: Uuid, job: Uuid) -> Result<()> {
        let operation = format!("delete export job {job}");
        self.run(Call::delete(operation, format!("/clusters/{cluster}/export-jobs/{job}/"))).await
    }
}
