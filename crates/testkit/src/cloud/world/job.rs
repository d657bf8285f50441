//! Jobs that bring data in or out: like operations, a function of the clock, and of real work where a real database is
//! behind the cluster.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::time;
use super::operation::Status;

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cloud) enum Direction {
    Import,
    Export,
}

/// A job of a cluster.
#[derive(Debug)]
pub(in crate::cloud) struct Job {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) cluster: Uuid,
    pub(in crate::cloud) direction: Direction,
    /// What was asked for, in the API's keys.
    pub(in crate::cloud) request: Value,
    pub(in crate::cloud) began: DateTime<Utc>,
    pub(in crate::cloud) length: Duration,
    pub(in crate::cloud) outcome: Outcome,
    /// The file that an export goes to.
    pub(in crate::cloud) file: Option<Uuid>,
}

/// How a job ends, or that this is not known yet.
#[derive(Debug, Clone)]
pub(in crate::cloud) enum Outcome {
    /// A real database is at it.
    Working,
    Done {
        records: u64,
        failed: u64,
        bytes: u64,
    },
    Failed(String),
}

impl Job {
    pub(in crate::cloud) fn ends(&self) -> DateTime<Utc> {
        self.began + TimeDelta::from_std(self.length).unwrap_or(TimeDelta::MAX)
    }

    pub(in crate::cloud) fn status(&self, now: DateTime<Utc>) -> Status {
        let part = |hundredths: i32| {
            let length = TimeDelta::from_std(self.length).unwrap_or(TimeDelta::MAX);
            self.began + length.checked_mul(hundredths).map_or(length, |long| long / 100)
        };
        match &self.outcome {
            _ if now < part(10) => Status::Registered,
            _ if now < part(25) => Status::Sent,
            Outcome::Working => Status::InProgress,
            _ if now < self.ends() => Status::InProgress,
            Outcome::Done { .. } => Status::Succeeded,
            Outcome::Failed(_) => Status::Failed,
        }
    }

    /// How much of it is done, from 0 to 1.
    fn share(&self, now: DateTime<Utc>) -> f64 {
        let gone = (now - self.began).as_seconds_f64() / self.length.as_secs_f64().max(1e-9);
        match self.status(now) {
            Status::Registered | Status::Sent => 0.0,
            Status::InProgress => gone.clamp(0.0, 0.99),
            Status::Succeeded | Status::Failed => 1.0,
        }
    }

    /// Status and numbers as they are now.
    pub(in crate::cloud) fn progress(&self, now: DateTime<Utc>) -> Progress {
        let (status, share) = (self.status(now), self.share(now));
        let (records, failed, bytes) = match self.outcome {
            Outcome::Done { records, failed, bytes } => (records, failed, bytes),
            Outcome::Working | Outcome::Failed(_) => (0, 0, 0),
        };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of what is far below 2^53"
        )]
        let part = |whole: u64| if share >= 1.0 { whole } else { (whole as f64 * share) as u64 };
        let (what, done) = match self.direction {
            Direction::Import => ("Import", "Import succeeded"),
            Direction::Export => ("Export", "Export succeeded"),
        };
        let message = match (&self.outcome, status) {
            (Outcome::Failed(message), Status::Failed) => message.clone(),
            (_, Status::Succeeded) => done.to_owned(),
            (_, Status::InProgress) => format!("{what} in progress"),
            _ => format!("{what} is pending"),
        };
        Progress {
            status,
            message,
            records: part(records),
            total: records + failed,
            failed: part(failed),
            bytes: part(bytes),
            percent: (share * 10_000.0).round() / 100.0,
        }
    }

    /// As lists and single jobs have it. `file` is the file that it is about.
    pub(in crate::cloud) fn view(&self, now: DateTime<Utc>, file: Option<Value>) -> Value {
        let progress = self.progress(now);
        let mut view = self.request.clone();
        view["id"] = json!(self.id);
        view["cluster_id"] = json!(self.cluster);
        view["status"] = progress.status.word().into();
        view["dc"] = time::dc(self.began, if now < self.ends() { now } else { self.ends() });
        let mut numbers = progress.numbers();
        numbers["message"] = progress.message.clone().into();
        if self.direction == Direction::Import {
            let ended = progress.status == Status::Succeeded;
            numbers["processed_files"] = i32::from(ended).into();
            numbers["total_files"] = 1.into();
            numbers["failed_files"] = i32::from(progress.status == Status::Failed).into();
        }
        numbers["details"] = json!({});
        view["progress"] = numbers;
        match (self.direction, file) {
            (Direction::Import, Some(file)) => view["file"] = file,
            (Direction::Export, Some(file)) => view["destination"]["file"] = file,
            (_, None) => {}
        }
        view
    }
}

/// How far a job is.
#[derive(Debug)]
pub(in crate::cloud) struct Progress {
    pub(in crate::cloud) status: Status,
    pub(in crate::cloud) message: String,
    records: u64,
    total: u64,
    failed: u64,
    bytes: u64,
    percent: f64,
}

impl Progress {
    /// The numbers alone.
    pub(in crate::cloud) fn numbers(&self) -> Value {
        json!({
            "records": self.records,
            "total_records": self.total,
            "failed_records": self.failed,
            "bytes": self.bytes,
            "percent": self.percent,
        })
    }
}

/// A file of an organization.
#[derive(Debug)]
pub(in crate::cloud) struct File {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) organization: Uuid,
    pub(in crate::cloud) name: String,
    /// What makes its addresses hard to guess.
    pub(in crate::cloud) token: String,
    /// What is in it, once it was uploaded.
    pub(in crate::cloud) content: Option<Vec<u8>>,
    pub(in crate::cloud) created: DateTime<Utc>,
    pub(in crate::cloud) modified: DateTime<Utc>,
}

impl File {
    pub(in crate::cloud) fn new(organization: Uuid, name: &str, now: DateTime<Utc>) -> Self {
        let token = super::people::random(48);
        let name = name.to_owned();
        Self { id: Uuid::new_v4(), organization, name, token, content: None, created: now, modified: now }
    }

    pub(in crate::cloud) fn download_url(&self, endpoint: &str) -> String {
        format!("{endpoint}/downloads/{}", self.token)
    }

    pub(in crate::cloud) fn view(&self, endpoint: &str) -> Value {
        let mut view = json!({
            "id": self.id,
            "name": self.name,
            "organization_id": self.organization,
            "status": if self.content.is_some() { "UPLOADED" } else { "PENDING" },
            "dc": time::dc(self.created, self.modified),
        });
        match &self.content {
            Some(content) => {
                view["file_size"] = content.len().into();
                view["download_url"] = self.download_url(endpoint).into();
            }
            None => view["upload_url"] = format!("{endpoint}/uploads/{}", self.token).into(),
        }
        view
    }

    /// As jobs have it.
    pub(in crate::cloud) fn brief(&self, endpoint: &str) -> Value {
        let mut view = self.view(endpoint);
        if let Some(map) = view.as_object_mut() {
            map.remove("organization_id");
            map.remove("dc");
        }
        view
    }
}

/// Access to somebody else's storage. What is secret of it is not kept: nothing here goes there.
#[derive(Debug)]
pub(in crate::cloud) struct StoredSecret {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) organization: Uuid,
    pub(in crate::cloud) name: String,
    pub(in crate::cloud) kind: String,
    pub(in crate::cloud) created: DateTime<Utc>,
}

impl StoredSecret {
    pub(in crate::cloud) fn view(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "type": self.kind,
            "description": "",
            "dc": time::dc(self.created, self.created),
        })
    }
}
