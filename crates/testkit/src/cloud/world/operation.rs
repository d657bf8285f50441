//! Operations: where one is, is a pure function of its beginning, its length and the clock.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::time;

/// What an operation does to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A cluster is made.
    Create,
    /// Its number of nodes is changed.
    Scale,
    /// Its version is changed.
    Upgrade,
    /// The list of networks that may connect is replaced.
    Allow,
    /// The password of its first user is changed.
    Password,
    /// Its disks are made larger.
    Storage,
    /// It is suspended, or resumed: the API has one word for both.
    Suspend,
    /// Its product is changed.
    Product,
    /// The hours of its backups are changed.
    BackupSchedule,
    /// A snapshot is restored into it.
    Restore,
}

impl Kind {
    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Scale => "SCALE",
            Self::Upgrade => "UPGRADE",
            Self::Allow => "ALLOWED_CIDR_UPDATE",
            Self::Password => "PASSWORD_UPDATE",
            Self::Storage => "EXPAND_STORAGE",
            Self::Suspend => "SUSPEND",
            Self::Product => "CHANGE_COMPUTE",
            Self::BackupSchedule => "BACKUP_SCHEDULE_UPDATE",
            Self::Restore => "RESTORE_SNAPSHOT",
        }
    }

    /// What the API calls a request for it.
    const fn noun(self) -> &'static str {
        match self {
            Self::Create => "creation",
            Self::Scale => "scaling",
            Self::Upgrade => "upgrade",
            Self::Allow => "IP restrictions update",
            Self::Password => "password update",
            Self::Storage => "storage expansion",
            Self::Suspend => "suspension",
            Self::Product => "product change",
            Self::BackupSchedule => "backup schedule update",
            Self::Restore => "snapshot restore",
        }
    }
}

/// What becomes of the cluster when the operation succeeds.
#[derive(Debug, Clone)]
pub(in crate::cloud) enum Effect {
    Created,
    Suspended(bool),
    Unit(i64),
    Version(String),
    Product(String),
    DiskSize(i64),
    Allow(Value),
    Schedule(String),
    Password(String),
    Restored,
}

/// The five states of an operation, and of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cloud) enum Status {
    Registered,
    Sent,
    InProgress,
    Succeeded,
    Failed,
}

impl Status {
    pub(in crate::cloud) const fn word(self) -> &'static str {
        match self {
            Self::Registered => "REGISTERED",
            Self::Sent => "SENT",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }
}

/// One operation on one cluster.
#[derive(Debug)]
pub(in crate::cloud) struct Operation {
    pub(in crate::cloud) id: Uuid,
    pub(in crate::cloud) kind: Kind,
    pub(in crate::cloud) cluster: Uuid,
    pub(in crate::cloud) began: DateTime<Utc>,
    pub(in crate::cloud) length: Duration,
    pub(in crate::cloud) effect: Effect,
    /// What it says while in progress, one after the other.
    pub(in crate::cloud) messages: Vec<String>,
    /// It fails, with or without a word.
    pub(in crate::cloud) failure: Option<Option<String>>,
    pub(in crate::cloud) facts: Value,
}

/// Where in its course it was handed on to the region, and where the region began, in hundredths.
const SENT: u32 = 10;
const BEGUN: u32 = 25;

impl Operation {
    pub(in crate::cloud) fn ends(&self) -> DateTime<Utc> {
        self.at(100)
    }

    fn at(&self, hundredths: u32) -> DateTime<Utc> {
        let length = TimeDelta::from_std(self.length).unwrap_or(TimeDelta::MAX);
        self.began + length.checked_mul(hundredths.cast_signed()).map_or(length, |long| long / 100)
    }

    pub(in crate::cloud) fn has_ended(&self, now: DateTime<Utc>) -> bool {
        now >= self.ends()
    }

    /// Status, message, and since when.
    pub(in crate::cloud) fn state(&self, now: DateTime<Utc>) -> (Status, Option<String>, DateTime<Utc>) {
        let noun = match self.effect {
            Effect::Suspended(false) => "resumption",
            _ => self.kind.noun(),
        };
        if self.has_ended(now) {
            return match &self.failure {
                Some(message) => (Status::Failed, message.clone(), self.ends()),
                None => (Status::Succeeded, Some(format!("Your {noun} request was completed.")), self.ends()),
            };
        }
        if now < self.at(SENT) {
            let message = format!("Your {noun} request was received and is pending processing.");
            return (Status::Registered, Some(message), self.began);
        }
        if now < self.at(BEGUN) {
            return (Status::Sent, Some(format!("Your {noun} request was sent to the region.")), self.at(SENT));
        }
        let count = u32::try_from(self.messages.len()).unwrap_or(1).max(1);
        let step = (0..count).rev().find(|step| now >= self.step(*step, count)).unwrap_or_default();
        let message = self.messages.get(step as usize).cloned();
        (Status::InProgress, message, self.step(step, count))
    }

    /// When the message of number `step` begins, of `count` that share the time in progress.
    fn step(&self, step: u32, count: u32) -> DateTime<Utc> {
        self.at(BEGUN + (100 - BEGUN) * step / count)
    }

    /// As the list of operations has it.
    pub(in crate::cloud) fn view(&self, now: DateTime<Utc>) -> Value {
        let (status, message, since) = self.state(now);
        let feedback = message.map_or_else(|| json!({}), |message| json!({"message": message}));
        json!({
            "id": self.id,
            "type": self.kind.word(),
            "status": status.word(),
            "entity": "CLUSTER",
            "entity_id": self.cluster,
            "dc": time::dc(self.began, since),
            "feedback_data": feedback,
            "non_sensitive_data": self.facts,
        })
    }
}
