//! Waiting for jobs that import and export data.

use uuid::Uuid;

use super::super::{CloudClient, CloudError, CloudErrorKind, ExportJob, ImportJob, JobStatus, Progress};
use super::Wait;
use super::pace::Pace;
use crate::error::{Error, Result};
use crate::event::Event;

/// How many requests in a row may fail before waiting ends.
const FAILURES: u32 = 10;
/// How often a job that was just created may not be known yet.
const UNKNOWN: u32 = 3;

/// What both kinds of job have in common.
trait Job {
    fn status(&self) -> Option<&JobStatus>;
    fn progress(&self) -> Option<&Progress>;
}

impl Job for ImportJob {
    fn status(&self) -> Option<&JobStatus> {
        self.status.as_ref()
    }

    fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }
}

impl Job for ExportJob {
    fn status(&self) -> Option<&JobStatus> {
        self.status.as_ref()
    }

    fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }
}

impl CloudClient {
    /// Waits until an import job has ended, and returns it.
    ///
    /// It may have ended well and still have refused records: [`ImportJob::failed_records`] says how many.
    ///
    /// # Errors
    ///
    /// The job fails (the error has the keeper's own words, and what is wrong with each file), the time is over, or the
    /// service is away for long.
    pub async fn wait_for_import(&self, cluster: Uuid, job: Uuid, wait: &Wait) -> Result<ImportJob> {
        finished("import", cluster, job, || self.import_job(cluster, job), wait).await
    }

    /// Waits until an export job has ended, and returns it.
    ///
    /// # Errors
    ///
    /// The job fails, the time is over, or the service is away for long.
    pub async fn wait_for_export(&self, cluster: Uuid, job: Uuid, wait: &Wait) -> Result<ExportJob> {
        finished("export", cluster, job, || self.export_job(cluster, job), wait).await
    }
}

impl ImportJob {
    /// How many records were refused, as far as the job says.
    #[must_use]
    pub fn failed_records(&self) -> u64 {
        self.progress.as_ref().and_then(|progress| progress.failed_records).unwrap_or(0)
    }
}

async fn finished<J: Job, F: Future<Output = Result<J>>>(
    what: &str,
    cluster: Uuid,
    job: Uuid,
    read: impl Fn() -> F,
    wait: &Wait,
) -> Result<J> {
    let mut pace = Pace::new(wait);
    let (mut failures, mut said, mut counted) = (0, None, None);
    loop {
        match read().await {
            Ok(job_now) => {
                failures = 0;
                let progress = job_now.progress();
                let status = job_now.status().cloned().unwrap_or(JobStatus::InProgress);
                let message = progress.and_then(|progress| progress.message.clone());
                let say = Some((status.words(), message.clone()));
                if said != say {
                    let (cluster, what, status) = (cluster.to_string(), what.to_owned(), status.words());
                    wait.events.emit(Event::Operation { cluster, what, status, message });
                    said = say;
                }
                let count = progress.map(|progress| (progress.records.unwrap_or(0), progress.total_records));
                if let Some((done, total)) = count.filter(|_| counted != count) {
                    wait.events.emit(Event::Progress { what: what.into(), done, total });
                    counted = count;
                }
                match status {
                    JobStatus::Succeeded => return Ok(job_now),
                    JobStatus::Failed => return Err(failed(what, cluster, job, progress, &pace)),
                    _ => {}
                }
            }
            Err(error) => {
                failures += 1;
                let bearable = match &error {
                    Error::Cloud(cause) if cause.kind == CloudErrorKind::NotFound => {
                        said.is_none() && failures < UNKNOWN
                    }
                    Error::Cloud(cause) => cause.is_ambiguous() && failures < FAILURES,
                    _ => false,
                };
                if !bearable {
                    return Err(error);
                }
            }
        }
        if !pace.pause().await {
            let mut error = CloudError::new(format!("{what} job {job} of cluster {cluster}"), CloudErrorKind::Timeout);
            error.cluster = Some(cluster.to_string());
            error.elapsed = pace.elapsed();
            let status = said.map_or_else(|| "not to be seen".into(), |(status, _)| status);
            return Err(error
                .with_message(format!("after {:.0} s it is {status}", pace.elapsed().as_secs_f64()))
                .into());
        }
    }
}

/// The error of a job that has failed, with what is wrong with each of its files.
fn failed(what: &str, cluster: Uuid, job: Uuid, progress: Option<&Progress>, pace: &Pace<'_>) -> Error {
    let operation = format!("{what} job {job} of cluster {cluster}");
    let mut error = CloudError::new(operation, CloudErrorKind::OperationFailed);
    error.cluster = Some(cluster.to_string());
    error.elapsed = pace.elapsed();
    if let Some(progress) = progress {
        error.message.clone_from(&progress.message);
        for file in &progress.files {
            if let (Some(name), Some(message)) = (&file.name, &file.message) {
                error.fields.entry(name.clone()).or_default().push(message.clone());
            }
        }
    }
    error.into()
}
