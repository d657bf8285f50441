//! Documents of `kind: Timetable`.

use std::collections::HashSet;
use std::fmt;

use clusterkeep_core::Error;
use clusterkeep_core::error::custom;
use clusterkeep_core::manifest::Manifest;
use schemars::JsonSchema;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{JobName, JobSpec, Meta, Notify, Sinks, namespace, sink};

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
    /// What it says about itself.
    #[serde(default, skip_serializing_if = "Meta::is_empty")]
    pub meta: Meta,
    /// What the jobs' names are unique in. The command makes one of host, user and file where none is given; a program
    /// has the default one.
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Whether applying it to a store removes the jobs of the namespace that it does not have; else they stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prune: bool,
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
    /// The jobs of a namespace, and nothing else.
    #[must_use]
    pub fn of(namespace: impl Into<String>, jobs: Vec<JobSpec>) -> Self {
        let (meta, sinks, notify) = (Meta::default(), Sinks::new(), Vec::new());
        Self { meta, namespace: Some(namespace.into()), prune: false, sinks, notify, jobs }
    }

    /// The namespace, the default one where none is given.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(crate::DEFAULT_NAMESPACE)
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

/// What to do about a name that two jobs have.
pub(super) const OWN_NAME: &str = "give each job of a namespace a name of its own";

/// Reads the name of a namespace.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    namespace::check(&name).map_err(custom)?;
    Ok(Some(name))
}

/// Reads jobs and stops at the first that is wrong or has a name that was there before: the error stands at that job.
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
            while let Some(job) = list.next_element_seed(Another(&mut names))? {
                jobs.push(job);
            }
            Ok(jobs)
        }
    }
    /// A job whose name is none of these.
    struct Another<'a>(&'a mut HashSet<JobName>);
    impl<'de> DeserializeSeed<'de> for Another<'_> {
        type Value = JobSpec;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<JobSpec, D::Error> {
            let job = JobSpec::deserialize(deserializer)?;
            if !self.0.insert(job.name.clone()) {
                return Err(custom(Error::input(format!("job `{}` is there twice", job.name)).with_hint(OWN_NAME)));
            }
            job.checked().map_err(custom)
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
        assert_eq!(read(&format!("[{good}]")).unwrap().namespace(), "default");
        for (jobs, part) in [
            (format!("[{good}, {good}]"), "job `a` is there twice"),
            (good.replace("@daily", "0 0 30 2 *"), "it never fires"),
            (with(r#""zone": "Mars/Olympus""#), "Mars/Olympus"),
            (good.replace(r#""a""#, r#""""#), "is no name"),
            (good.replace(r#""when""#, r#""whem""#), "unknown field `whem`"),
            (r#"{"name": "a", "when": "@daily"}"#.to_owned(), "missing field `run`"),
            (with(r#""misfire": {"all": {"within": "2"}}"#), "has no unit"),
            (with(r#""overlap": {"allow": 0}"#), "0 is too few"),
            (with(r#""retry": {"attempts": 0}"#), "0 is too few"),
            (with(r#""timeout": 5"#), "`5` has no unit"),
        ] {
            let jobs = if jobs.starts_with('[') { jobs } else { format!("[{jobs}]") };
            let error = read(&jobs).unwrap_err().to_string();
            assert!(error.contains(part), "{jobs}: {error}");
        }
    }

    #[test]
    fn what_a_timetable_says_about_itself_is_read_strictly() {
        let read = |more: &str| serde_json::from_str::<Timetable>(&format!(r#"{{{more}, "jobs": []}}"#));
        let meta = r#""meta": {"authors": ["A. B. <a@example.org>"], "created": "2026-01-01",
            "updated": "2026-11-29T13:00:00+01:00", "origin": "https://example.org/jobs", "description": "what for"}"#;
        let timetable = read(meta).unwrap();
        assert_eq!(timetable.meta.updated.unwrap().to_string(), "2026-11-29T12:00:00Z");
        let again: Timetable = serde_json::from_str(&serde_json::to_string(&timetable).unwrap()).unwrap();
        assert_eq!(again, timetable);
        for (more, part) in [
            (r#""meta": {"author": "a"}"#, "unknown field `author`"),
            (r#""meta": {"created": "yesterday"}"#, "neither a date nor an instant"),
            (r#""namespace": """#, "no name for a namespace"),
            (r#""namespace": " weather""#, "no name for a namespace"),
            (r#""prune": "yes""#, "expected a boolean"),
        ] {
            let error = read(more).unwrap_err().to_string();
            assert!(error.contains(part), "{more}: {error}");
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
