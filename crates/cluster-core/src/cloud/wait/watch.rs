//! Watching one operation of a cluster: which one it is, how far it is, and what to say of it.

use std::collections::HashSet;

use super::super::{
    CloudClient, CloudError, CloudErrorKind, Cluster, Operation, OperationFilter, OperationKind, OperationStatus,
};
use super::pace::Pace;
use super::{Changing, Wait};
use crate::error::{Error, Result};
use crate::event::Event;

/// How many operations are looked at: the newest ones.
const LOOK_AT: u32 = 10;
/// How many requests in a row may fail before waiting ends: the service may be away for a while.
const FAILURES: u32 = 10;
/// How often in a row a cluster that was just created may not be known yet.
const UNKNOWN: u32 = 5;

/// What is known of the change that is waited for.
pub(super) struct Watch<'a> {
    pub(super) client: &'a CloudClient,
    pub(super) changing: &'a Changing,
    pub(super) wait: &'a Wait,
    /// The cluster's name, as soon as it is known.
    pub(super) name: String,
    /// The operations that were there before.
    known: HashSet<String>,
    /// What was said last.
    said: Option<(String, String, Option<String>)>,
    failures: u32,
}

impl<'a> Watch<'a> {
    pub(super) fn new(client: &'a CloudClient, changing: &'a Changing, wait: &'a Wait) -> Self {
        let name = changing.cluster.to_string();
        Self { client, changing, wait, name, known: HashSet::new(), said: None, failures: 0 }
    }

    /// The newest operations, whatever they do.
    pub(super) async fn operations(&self) -> Result<Vec<Operation>> {
        let newest = OperationFilter { limit: Some(LOOK_AT), ..OperationFilter::default() };
        self.client.operations(self.changing.cluster, &newest).await
    }

    /// The cluster as it is now.
    pub(super) async fn cluster(&mut self) -> Result<Cluster> {
        let cluster = self.client.cluster(self.changing.cluster).await?;
        self.name.clone_from(&cluster.name);
        Ok(cluster)
    }

    /// Takes what is there for what was there before.
    pub(super) fn remember(&mut self, operations: &[Operation], cluster: &Cluster) {
        self.known.extend(operations.iter().map(|operation| operation.id.clone()));
        // The list is missing at times; the cluster knows of its last operation as well.
        self.known.extend(cluster.last_async_operation.as_ref().and_then(|last| last.id.clone()));
    }

    /// The operation that is waited for, among the newest ones.
    pub(super) fn ours<'o>(&self, operations: &'o [Operation]) -> Option<&'o Operation> {
        operations.iter().find(|one| one.r#type.as_ref() == Some(&self.changing.kind) && !self.known.contains(&one.id))
    }

    /// How far our operation is, as far as the cluster itself says.
    pub(super) fn last<'c>(&self, cluster: &'c Cluster) -> Option<&'c OperationStatus> {
        let last = cluster.last_async_operation.as_ref()?;
        let ours = last.r#type.as_ref() == Some(&self.changing.kind);
        if ours && !self.known.contains(last.id.as_ref()?) { last.status.as_ref() } else { None }
    }

    /// Says how far it is, where that is new.
    pub(super) fn say(&mut self, what: &str, status: &OperationStatus, message: Option<&str>) {
        let said = (what.to_owned(), status.words(), message.map(str::to_owned));
        if self.said.as_ref() == Some(&said) {
            return;
        }
        let (what, status, message) = said.clone();
        self.wait.events.emit(Event::Operation { cluster: self.name.clone(), what, status, message });
        self.said = Some(said);
    }

    /// Counts a request that failed while waiting, or gives the failure back where it is one for good.
    pub(super) fn bear(&mut self, error: Error) -> Result<()> {
        self.failures += 1;
        let passes = |cause: &CloudError| match cause.kind {
            // What was just created may not be known everywhere yet.
            CloudErrorKind::NotFound => self.changing.kind == OperationKind::Create && self.failures < UNKNOWN,
            _ => cause.is_ambiguous() && self.failures < FAILURES,
        };
        match &error {
            Error::Cloud(cause) if passes(cause) => {
                tracing::debug!(cluster = self.name, %error, "waiting goes on though a request failed");
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Notes that a request was answered.
    pub(super) const fn answered(&mut self) {
        self.failures = 0;
    }

    fn error(&self, kind: CloudErrorKind) -> CloudError {
        let mut error = CloudError::new(format!("{} cluster {}", self.changing.what, self.name), kind);
        error.cluster = Some(self.name.clone());
        error
    }

    /// The error of an operation that has failed, with what the keeper says of it.
    pub(super) fn failed(&self, message: Option<&str>, pace: &Pace<'_>) -> Error {
        let mut error = self.error(CloudErrorKind::OperationFailed);
        error.message = message.map(str::to_owned);
        error.elapsed = pace.elapsed();
        error.into()
    }

    /// The error of a wait that took too long.
    pub(super) fn late(&self, pace: &Pace<'_>) -> Error {
        let mut error = self.error(CloudErrorKind::Timeout);
        error.elapsed = pace.elapsed();
        let waited = format!("after {:.0} s", error.elapsed.as_secs_f64());
        error.message = Some(match &self.said {
            Some((_, status, Some(message))) => format!("{waited} it is {status}: {message}"),
            Some((_, status, None)) => format!("{waited} it is {status}"),
            None => format!("{waited} nothing is heard of it"),
        });
        error.into()
    }

    /// The same error, naming the cluster as people do.
    pub(super) fn named(&self, error: Error) -> Error {
        match error {
            Error::Cloud(mut cause) if cause.cluster.is_none() => {
                cause.operation = cause.operation.replace(&self.changing.cluster.to_string(), &self.name);
                cause.cluster = Some(self.name.clone());
                Error::Cloud(cause)
            }
            other => other,
        }
    }
}
