//! Changes of a store in the audit: what somebody is about to do, and what came of it.
//!
//! It is the audit that applies of timetables are in. What can't be written down is not done. Runs that schedulers make by
//! themselves are in the run history alone.

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::{Audit, Entry, Event};
use clusterkeep_core::clock::Clock;
use clusterkeep_core::{Error, Result};
use serde_json::{Map, Value, json};

use crate::deploy;
use crate::store::ScheduleRecord;

/// How many jobs go into one record: a namespace may have a million.
const MOST: usize = 1_000;

/// How many records go to the audit in one call.
const AT_ONCE: usize = 16;

/// Who changes a store, and the audit that says so.
///
/// ```
/// use std::sync::Arc;
/// use clusterkeep_core::audit::{Audit, MemoryAudit};
/// use clusterkeep_core::clock::SystemClock;
/// use clusterkeep_scheduler::control::{Change, Changes};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let audit: Audit = Arc::new(MemoryAudit::default());
/// let changes = Changes::new(audit.clone(), "memory", "ops@db1").why("disk swap".to_owned());
/// let change = Change::of("pause", "weather").job("nightly", 1);
/// changes.record(change, &SystemClock, async { Ok(((), serde_json::Value::Null)) }).await?;
/// assert_eq!(audit.read(1, 10).await?.len(), 2);
/// # Ok::<(), clusterkeep_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Changes {
    audit: Audit,
    subject: String,
    by: String,
    why: Option<String>,
}

/// What is changed.
#[derive(Debug, Clone)]
pub struct Change {
    what: &'static str,
    namespace: String,
    /// Each with its version.
    jobs: Vec<(String, u32)>,
    more: Map<String, Value>,
}

impl Change {
    /// A change in one word, and the namespace that it is made in.
    #[must_use]
    pub fn of(what: &'static str, namespace: impl Into<String>) -> Self {
        Self { what, namespace: namespace.into(), jobs: Vec::new(), more: Map::new() }
    }

    /// A change of one job.
    #[must_use]
    pub fn of_job(what: &'static str, record: &ScheduleRecord) -> Self {
        Self::of(what, &record.namespace).job(record.spec.name.as_str(), record.generation)
    }

    /// Adds a job, with the version that is changed, or that is made.
    #[must_use]
    pub fn job(mut self, name: &str, generation: u32) -> Self {
        self.add(name, generation);
        self
    }

    /// Says more of it. Nothing that may be secret belongs here.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn add(&mut self, name: &str, generation: u32) {
        self.jobs.push((name.to_owned(), generation));
    }

    /// The change of the jobs that `first` says, and that of the others.
    pub(crate) fn split(mut self, first: impl Fn(&str) -> bool) -> (Self, Self) {
        let (these, others) = std::mem::take(&mut self.jobs).into_iter().partition(|(job, _)| first(job));
        (Self { jobs: these, ..self.clone() }, Self { jobs: others, ..self })
    }

    /// What the records say of so many of its jobs.
    fn data(&self, jobs: &[(String, u32)]) -> Map<String, Value> {
        let objects: Vec<String> = jobs.iter().map(|(job, _)| format!("{}/{job}", self.namespace)).collect();
        let versions: Map<String, Value> = jobs.iter().map(|(job, version)| (job.clone(), (*version).into())).collect();
        let mut data = self.more.clone();
        data.extend([("change".to_owned(), self.what.into()), ("objects".to_owned(), objects.into())]);
        data.insert("versions".to_owned(), versions.into());
        data
    }
}

impl Changes {
    /// Changes of the store that people know as `place`, by somebody: user and host.
    #[must_use]
    pub fn new(audit: Audit, place: &str, by: impl Into<String>) -> Self {
        Self { audit, subject: deploy::subject(place), by: by.into(), why: None }
    }

    /// Says why they are made.
    #[must_use]
    pub fn why(mut self, why: impl Into<Option<String>>) -> Self {
        self.why = why.into();
        self
    }

    /// Makes a change: what is about to be done is written down before it, and behind it what came of it, which `work` says.
    ///
    /// # Errors
    ///
    /// Those of `work`. An audit that can't be written to: nothing was done where it failed before, and the error says so
    /// where it failed behind it.
    pub async fn record<T>(
        &self,
        change: Change,
        clock: &dyn Clock,
        work: impl Future<Output = Result<(T, Value)>>,
    ) -> Result<T> {
        let changes = [&change];
        self.intend(&changes, clock.now()).await?;
        match work.await {
            Ok((done, came)) => {
                self.came(&changes, "done", &came, clock.now()).await?;
                Ok(done)
            }
            Err(error) => {
                let came = json!({ "message": error.to_string() });
                // That it failed is what the caller has to know first.
                if let Err(error) = self.came(&changes, "failed", &came, clock.now()).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "the audit can't be written to");
                }
                Err(error)
            }
        }
    }

    /// Writes down what is about to be done.
    pub(crate) async fn intend(&self, changes: &[&Change], now: DateTime<Utc>) -> Result<()> {
        self.append(Event::Intent, changes, &Map::new(), now).await
    }

    /// Writes down what came of it.
    pub(crate) async fn came(
        &self,
        changes: &[&Change],
        outcome: &str,
        came: &Value,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut more = came.as_object().cloned().unwrap_or_default();
        more.insert("outcome".to_owned(), outcome.into());
        self.append(Event::Outcome, changes, &more, now)
            .await
            .map_err(|error| Error::caused("write into the audit what came of a change that was made", error))
    }

    async fn append(
        &self,
        event: Event,
        changes: &[&Change],
        more: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut entries = Vec::new();
        for change in changes {
            for jobs in change.jobs.chunks(MOST) {
                if entries.len() == AT_ONCE {
                    self.audit.append(std::mem::take(&mut entries)).await?;
                }
                let mut data = change.data(jobs);
                data.extend(self.why.as_ref().map(|why| ("reason".to_owned(), why.as_str().into())));
                data.extend(more.clone());
                entries.push(Entry {
                    at: now,
                    actor: self.by.clone(),
                    event,
                    subject: self.subject.clone(),
                    plan: String::new(),
                    as_of: now,
                    step: None,
                    data: data.into(),
                });
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.audit.append(entries).await.map(drop)
    }
}
