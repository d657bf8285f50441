//! Documents of `kind: Timetable`.

use std::collections::HashSet;
use std::fmt;

use clusterkeep_core::Error;
use clusterkeep_core::error::custom;
use clusterkeep_core::manifest::Manifest;
use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{JobSpec, Notify, Sinks, sink};

/// The jobs of a namespace.
///
/// ```
/// use clusterkeep_scheduler::Timetable;
/// let timetable: Timetable = serde_json::from_str(r#"{
///     "namespace": "weather",
///     "jobs": [{ "name": "nightly", "when": "30 3 * * *", "zone": "America/New_York",
///                "run": { "action": "retention", "manifest": "weather", "approve": "within_guards" } }]
/// }"#).unwrap();
/// assert_eq!(timetable.jobs[0].run.as_action().unwrap().args["manifest"], "weather");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timetable {
    /// What the jobs' names are unique in.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Where notifications go, by the names that they call it.
    #[serde(default, skip_serializing_if = "Sinks::is_empty")]
    pub sinks: Sinks,
    /// Who is told what of each job that says nothing about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "super::notify::checked")]
    pub notify: Vec<Notify>,
    /// The jobs.
    #[serde(deserialize_with = "unique")]
    pub jobs: Vec<JobSpec>,
}

impl Timetable {
    /// Jobs of a namespace, without notifications.
    #[must_use]
    pub const fn of(namespace: String, jobs: Vec<JobSpec>) -> Self {
        Self { namespace, sinks: Sinks::new(), notify: Vec::new(), jobs }
    }

    /// The sinks that its notifications name, with the job (none: all of them) and the place of each.
    pub fn named_sinks(&self) -> impl Iterator<Item = (Option<&JobSpec>, &str, Option<(u64, u64)>)> {
        let of_jobs = self.jobs.iter().flat_map(|job| job.notify.iter().flatten().map(move |rule| (Some(job), rule)));
        let all = self.notify.iter().map(|rule| (None, rule)).chain(of_jobs);
        all.flat_map(|(job, rule)| rule.to.iter().map(move |sink| (job, sink.as_str(), rule.to.place())))
    }

    /// What should be said otherwise, with the line that it is in (0 where that is not known): secrets in plain text.
    #[must_use]
    pub fn warnings(&self) -> Vec<(u64, String)> {
        sink::warnings(&self.sinks)
    }
}

impl Manifest for Timetable {
    const KIND: &'static str = "Timetable";
}

fn default_namespace() -> String {
    crate::DEFAULT_NAMESPACE.to_owned()
}

/// Reads jobs and stops at the first name that was there before, so that the error has its place.
fn unique<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<JobSpec>, D::Error> {
    struct Jobs;
    impl<'de> Visitor<'de> for Jobs {
        type Value = Vec<JobSpec>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of jobs")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<JobSpec>, A::Error> {
            let mut jobs: Vec<JobSpec> = Vec::new();
            let mut names = HashSet::new();
            while let Some(job) = list.next_element::<JobSpec>()? {
                if !names.insert(job.name.clone()) {
                    return Err(custom(Error::input(format!("job `{}` is there twice", job.name))));
                }
                jobs.push(job.checked().map_err(custom)?);
            }
            Ok(jobs)
        }
    }
    deserializer.deserialize_seq(Jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(jobs: &str) -> Result<Timetable, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"jobs": {jobs}}}"#))
    }

    #[test]
    fn what_is_wrong_in_a_file_is_refused() {
        let good = r#"{"name": "a", "when": "@daily", "run": {"action": "x"}}"#;
        let with = |more: &str| format!("{}, {more}}}", &good[..good.len() - 1]);
        assert_eq!(read(&format!("[{good}]")).unwrap().namespace, "default");
        for (jobs, part) in [
            (format!("[{good}, {good}]"), "job `a` is there twice"),
            (good.replace("@daily", "0 0 30 2 *"), "it never fires"),
            (with(r#""zone": "Mars/Olympus""#), "Mars/Olympus"),
            (good.replace(r#""a""#, r#""""#), "is no name"),
            (good.replace(r#""when""#, r#""whem""#), "unknown field `whem`"),
            (r#"{"name": "a", "when": "@daily"}"#.to_owned(), "missing field `run`"),
            (with(r#""misfire": {"all": {"within": "2"}}"#), "has no unit"),
            (with(r#""overlap": {"allow": 0}"#), "nonzero"),
        ] {
            let jobs = if jobs.starts_with('[') { jobs } else { format!("[{jobs}]") };
            let error = read(&jobs).unwrap_err().to_string();
            assert!(error.contains(part), "{jobs}: {error}");
        }
    }

    #[test]
    fn policies_read_as_the_handbook_says() {
        let text = r#"[{"name": "a", "when": "@daily", "run": {"action": "x", "n": 1}, "overlap": {"allow": 2},
            "misfire": {"all": {"within": "2 days"}}, "gap": "run-after", "fold": "both", "on_crash": "retry"}]"#;
        let timetable = read(text).unwrap();
        let again: Timetable = serde_json::from_str(&serde_json::to_string(&timetable).unwrap()).unwrap();
        assert_eq!(again, timetable);
    }
}
