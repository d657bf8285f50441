//! Jobs for other schedulers: what can be said there as text, and what can't by its name.
//!
//! Pure functions of jobs. A job that would do something else there is left out and named; one that would only lose
//! something, or fire otherwise where the clock changes, is written, and that is named.

mod civil;
mod crontab;
mod kubernetes;
mod systemd;

use serde::Serialize;

use crate::model::{JobName, JobSpec, When};
use crate::named::by_name;

/// Whom jobs are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A user's crontab, with `CRON_TZ` as cronie takes it.
    Crontab,
    /// The same with a user in front of each command, as in `/etc/cron.d`.
    SystemCrontab,
    /// A timer and a service of systemd for each job, as `systemctl cat` would print them.
    Systemd,
    /// Objects of kind `CronJob` of Kubernetes.
    Kubernetes,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Crontab, Self::SystemCrontab, Self::Systemd, Self::Kubernetes];

    /// The name, as a command line writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crontab => "crontab",
            Self::SystemCrontab => "system-crontab",
            Self::Systemd => "systemd",
            Self::Kubernetes => "kubernetes",
        }
    }
}

by_name!(Format, "format `{}` is unknown");

/// What became of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The text for the other scheduler.
    pub text: String,
    /// How many jobs are in it.
    pub written: usize,
    /// What is not said there.
    pub lost: Vec<Lost>,
}

/// Something that a job says and the other scheduler can't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The job.
    pub job: JobName,
    /// What is lost, or why the job is left out.
    pub text: String,
}

/// Writes jobs for another scheduler.
///
/// ```
/// use clusterkeep_scheduler::{JobSpec, export::{Format, export}};
/// let job: JobSpec = serde_json::from_str(r#"{"name": "a", "when": "30 2 * * *", "run": {"command": "date +%F"},
///     "overlap": {"allow": 9}, "misfire": "skip"}"#).unwrap();
/// let exported = export(Format::Crontab, &[job]);
/// assert!(exported.text.ends_with("CRON_TZ=UTC\n30 2 * * * date +\\%F\n"));
/// assert!(exported.lost.is_empty());
/// ```
#[must_use]
pub fn export(format: Format, jobs: &[JobSpec]) -> Exported {
    let mut exported = Exported { text: String::new(), written: 0, lost: Vec::new() };
    let mut zone = None;
    for job in jobs {
        let mut lost = Vec::new();
        let written = match format {
            Format::Crontab => crontab::write(job, false, &mut zone, &mut lost),
            Format::SystemCrontab => crontab::write(job, true, &mut zone, &mut lost),
            Format::Systemd => systemd::write(job, &mut lost),
            Format::Kubernetes => kubernetes::write(job, &mut lost),
        };
        match written {
            Ok(text) => {
                exported.text.push_str(&text);
                exported.written += 1;
            }
            Err(why) => lost = vec![format!("left out: {why}")],
        }
        let named = |text| Lost { job: job.name.clone(), text };
        exported.lost.extend(lost.into_iter().map(named));
    }
    exported
}

/// Why a job is left out.
type Written = std::result::Result<String, String>;

/// Names what none of the others has.
fn common(job: &JobSpec, lost: &mut Vec<String>) -> std::result::Result<(), String> {
    if !job.except.is_empty() {
        return Err("it has times at which it does not run, which can't be said there".to_owned());
    }
    if job.starts.is_some() || job.ends.is_some() || job.count.is_some() {
        return Err("it has a start, an end or a count, which can't be said there".to_owned());
    }
    if job.priority != 0 {
        lost.push("`priority` is not said there".to_owned());
    }
    if job.on_crash.is_some() {
        lost.push("`on_crash` is not said there".to_owned());
    }
    if job.notify.as_ref().is_some_and(|notify| !notify.is_empty()) {
        lost.push("`notify` is not said there".to_owned());
    }
    Ok(())
}

/// The job once for each of several times of which any is enough, with that one alone; else the job as it is.
fn each(job: &JobSpec) -> Vec<JobSpec> {
    let When::Any(parts) = &job.when else { return vec![job.clone()] };
    let with = |when: &When| {
        let mut one = job.clone();
        one.when = when.clone();
        each(&one)
    };
    parts.iter().flat_map(with).collect()
}

/// Text of ours on one line of somebody else's file.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What a value of the environment says where it is no reference; those are named instead.
fn plain<'a>(name: &str, value: &'a str, lost: &mut Vec<String>) -> Option<&'a str> {
    if value.starts_with("env:") || value.starts_with("file:") {
        lost.push(format!("`{name}` is fetched from `{value}`, which can't be said there"));
        return None;
    }
    Some(value)
}
