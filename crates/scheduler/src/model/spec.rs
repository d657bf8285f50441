//! A job as plain data: what a timetable holds and a store keeps.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::age::Age;
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use super::when::fixed;
use super::{Exclusion, Misfire, Notify, OnCrash, Overlap, Retry, Schedule, Target, When};
use crate::civil::Zone;
use crate::trigger::{Fold, Gap};

/// A job: its name, and when it runs, what it does then, and what happens in between, which are read and changed as if
/// they were its own fields.
///
/// It is cheap to clone: clones have all but their names in common until one of them is changed. A million jobs that
/// differ in their names alone take little more memory than those names.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// Its name, unique in its namespace.
    pub name: JobName,
    body: Arc<JobBody>,
}

/// A job: when it runs, what it does then, and what happens in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "JobSpec")]
pub struct JobBody {
    /// Its name, unique in its namespace.
    // Empty in a `JobSpec`, which has it beside this.
    pub(super) name: JobName,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it runs.
    pub when: When,
    /// The zone whose civil time `when` means.
    #[serde(default)]
    pub zone: Zone,
    /// What happens to civil times that do not come; the default is `run-after` for fixed times, else `skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// What happens to civil times that come twice; the default is `first` for fixed times, else `both`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// The instant from which on it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<DateTime<Utc>>,
    /// The instant before which it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<DateTime<Utc>>,
    /// How often it fires at most, counted from `starts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Each fire comes later by less than this, and before the next one: by how much depends on the job's name and the fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Age>,
    /// Times of its zone at which it does not fire: holidays and windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Exclusion>,
    /// What it does.
    pub run: Target,
    /// How long an attempt may take; one that takes longer is cut off, and has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Age>,
    /// What a fire does while an earlier run is still going.
    #[serde(default)]
    pub overlap: Overlap,
    /// What to do about fires whose time has passed while no scheduler was there.
    #[serde(default)]
    pub misfire: Misfire,
    /// How often a run that fails is attempted; without it, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Which of several jobs' waiting runs go first: those of the greater.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i16,
    /// What becomes of a run whose scheduler ended before it did; the default is `retry` for actions that converge, else
    /// `fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_crash: Option<OnCrash>,
    /// Who is told what of it; without it, what the timetable says for all of its jobs.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::notify::some_checked")]
    pub notify: Option<Vec<Notify>>,
}

impl From<JobBody> for JobSpec {
    fn from(mut body: JobBody) -> Self {
        let name = std::mem::replace(&mut body.name, JobName::elsewhere());
        Self { name, body: Arc::new(body) }
    }
}

impl Deref for JobSpec {
    type Target = JobBody;

    fn deref(&self) -> &JobBody {
        &self.body
    }
}

impl DerefMut for JobSpec {
    fn deref_mut(&mut self) -> &mut JobBody {
        Arc::make_mut(&mut self.body)
    }
}

impl PartialEq for JobSpec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && (Arc::ptr_eq(&self.body, &other.body) || self.body == other.body)
    }
}

impl Serialize for JobSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        JobBody { name: self.name.clone(), ..JobBody::clone(&self.body) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JobSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        JobBody::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for JobSpec {
    fn schema_name() -> Cow<'static, str> {
        JobBody::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        JobBody::json_schema(generator)
    }
}

impl JobBody {
    /// Whether two jobs that say this may fire at different times, for their names' sake. It is sometimes said of jobs of
    /// which it is not so.
    pub(crate) fn goes_by_name(&self) -> bool {
        let hashed = |text: &str| text.contains(['H', 'h', '~']);
        self.jitter.is_some()
            || match &self.when {
                When::Cron { text, .. } => hashed(text),
                When::Any(_) | When::All(_) => true,
                _ => false,
            }
    }
}

impl JobSpec {
    /// A job of this name that says this.
    pub(crate) const fn of(name: JobName, body: Arc<JobBody>) -> Self {
        Self { name, body }
    }

    /// Its name, and what it says.
    pub(crate) fn into_parts(self) -> (JobName, JobBody) {
        (self.name, Arc::unwrap_or_clone(self.body))
    }

    /// What it says, without its name.
    pub(crate) const fn body(&self) -> &Arc<JobBody> {
        &self.body
    }

    /// The same, if it can be scheduled.
    pub(crate) fn checked(self) -> Result<Self> {
        self.timeout.map(fixed).transpose()?;
        for wait in self.retry.iter().flat_map(|retry| [retry.first, retry.most]) {
            fixed(wait)?;
        }
        self.run.check()?;
        self.schedule().map(|_| self)
    }

    /// The schedule that the job follows.
    ///
    /// # Errors
    ///
    /// An expression that can't be read; limits that it can't have.
    pub fn schedule(&self) -> Result<Schedule> {
        let mut schedule = Schedule::new(self.when.trigger(self.name.as_str())?).zone(self.zone.clone());
        if let Some(gap) = self.gap {
            schedule = schedule.gap(gap);
        }
        if let Some(fold) = self.fold {
            schedule = schedule.fold(fold);
        }
        let limited = self.starts.is_some()
            || self.ends.is_some()
            || self.count.is_some()
            || self.jitter.is_some()
            || !self.except.is_empty();
        if limited && !schedule.trigger().is_nominal() {
            return Err(Error::input(format!(
                "job `{}`: `{}` has no fires that could be limited",
                self.name, self.when
            ))
            .with_hint("`starts`, `ends`, `count`, `jitter` and `except` are for times that are known beforehand"));
        }
        if let (Some(starts), Some(ends)) = (self.starts, self.ends)
            && starts >= ends
        {
            return Err(Error::input(format!("job `{}` ends before it starts", self.name)));
        }
        if let Some(starts) = self.starts {
            schedule = schedule.starts(starts);
        }
        if let Some(ends) = self.ends {
            schedule = schedule.ends(ends);
        }
        if !self.except.is_empty() {
            schedule = schedule.except(self.except.iter().cloned());
        }
        if let Some(jitter) = self.jitter {
            schedule = schedule.jitter(fixed(jitter)?, self.name.as_str());
        }
        if let Some(count) = self.count {
            schedule = schedule.count(count)?;
        }
        // Each part may fire, and still nothing where they must come together or between limits.
        let before_all = DateTime::UNIX_EPOCH - TimeDelta::nanoseconds(1);
        if schedule.trigger().is_nominal() && schedule.next_after(before_all).is_none() {
            return Err(Error::input(format!("job `{}` never fires", self.name))
                .with_hint("look at what must fire together, and at `starts`, `ends` and `except`"));
        }
        Ok(schedule)
    }
}

/// What a file need not say.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(priority: &i16) -> bool {
    *priority == 0
}

/// The name of a job: not empty, without control characters or blanks at its ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct JobName(SmolStr);

impl JobName {
    /// A name.
    ///
    /// # Errors
    ///
    /// An empty name, or one that could not be told apart on the screen.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
            return Err(Error::input(format!("{name:?} is no name for a job"))
                .with_hint("a name has at least one character, none of control, and no blank at its ends"));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JobName {
    /// The name of what has its name elsewhere.
    fn elsewhere() -> Self {
        Self(SmolStr::default())
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JobName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(custom)
    }
}

impl JsonSchema for JobName {
    fn schema_name() -> Cow<'static, str> {
        "JobName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}
