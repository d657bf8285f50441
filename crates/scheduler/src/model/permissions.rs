//! Documents of `kind: Permissions`: what jobs that came out of a store may use on this machine.
//!
//! Who can write to a store's tables has no shell and no way to a secret by that: without such a document, stored jobs
//! run nothing but handlers and actions that the program has registered by name, and name no cluster, manifest, sink or
//! secret. It is asked of everything in a job, also of what later versions add to it.

use std::collections::{BTreeMap, BTreeSet};

use clusterkeep_core::manifest::Manifest;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JobSpec, SinkSpec, Sinks, Target, TargetKind, sink};

/// What jobs that came out of a store may use, by namespace; and where timetables may come from.
///
/// ```
/// use clusterkeep_scheduler::{JobSpec, Permissions};
/// let job = |run: &str| serde_json::from_str::<JobSpec>(&format!(r#"{{"name": "a", "when": "@daily", "run": {run}}}"#));
/// let none = Permissions::default();
/// assert!(none.check("weather", &job(r#"{"action": "thin-out"}"#).unwrap()).is_ok());
/// assert!(none.check("weather", &job(r#"{"command": "echo hello"}"#).unwrap()).is_err());
/// let some: Permissions = serde_json::from_str(r#"{"namespaces": {"weather": {"targets": ["command"]}}}"#).unwrap();
/// assert!(some.check("weather", &job(r#"{"command": "echo hello"}"#).unwrap()).is_ok());
/// assert!(some.check("other", &job(r#"{"command": "echo hello"}"#).unwrap()).is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// What stored jobs may use, by the name of their namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, Permission>,
    /// Addresses that timetables may be read from without a checksum: whole ones, or, where one ends with `/`, all that
    /// begin with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timetables: Vec<String>,
    /// Where notifications of stored jobs go, by the names under which namespaces may list them: a store keeps no sinks,
    /// so that it is this machine that says what is reached, and with which secret.
    #[serde(default, skip_serializing_if = "Sinks::is_empty")]
    pub sinks: Sinks,
}

/// What the stored jobs of a namespace may use. What is not listed they may not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Permission {
    /// Kinds of target beside named actions. Whoever can write to the store can make this machine run these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<TargetKind>,
    /// Clusters that jobs may name, written as they name them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub clusters: BTreeSet<String>,
    /// Manifests that jobs may name.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub manifests: BTreeSet<String>,
    /// Where requests of jobs may go, as their URLs begin: `https://HOST`, or `https://HOST:PORT`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<String>,
    /// References to secrets that jobs may use: `env:NAME`, `file:PATH`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub references: BTreeSet<String>,
    /// Sinks of notifications that jobs may name.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sinks: BTreeSet<String>,
}

impl Manifest for Permissions {
    const KIND: &'static str = "Permissions";
}

impl Permissions {
    /// The sinks of this machine that stored jobs of a namespace may name.
    pub(crate) fn sinks_for(&self, namespace: &str) -> impl Iterator<Item = (&String, &SinkSpec)> {
        let listed = self.namespaces.get(namespace).map(|permission| &permission.sinks);
        self.sinks.iter().filter(move |(name, _)| listed.is_some_and(|listed| listed.contains(*name)))
    }

    /// What should be said otherwise, with the line that it is in (0 where that is not known): secrets in plain text.
    #[must_use]
    pub fn warnings(&self) -> Vec<(u64, String)> {
        sink::warnings(&self.sinks)
    }

    /// Fails where a job of this namespace, which came out of a store, may not run here.
    ///
    /// # Errors
    ///
    /// The first thing in it that is not listed, as a refusal.
    pub fn check(&self, namespace: &str, spec: &JobSpec) -> Result<()> {
        let nothing = Permission::default();
        let permission = self.namespaces.get(namespace).unwrap_or(&nothing);
        let kind = spec.run.kind();
        if kind != TargetKind::Action && !permission.targets.contains(&kind) {
            return Err(refused(namespace, &format!("targets of the kind {kind}"), "targets", kind.as_str()));
        }
        if let Target::Http(http) = &spec.run
            && !permission.origins.contains(&http.origin())
        {
            let origin = shown(&http.origin());
            return Err(refused(namespace, &format!("requests to `{origin}`"), "origins", &origin));
        }
        let json = serde_json::to_value(spec).map_err(|error| Error::caused("write a job as JSON", error))?;
        let Value::Object(fields) = json else { return Err(Error::failed("a job is no JSON object")) };
        for (key, value) in &fields {
            // These name nothing of this machine.
            match key.as_str() {
                "name" | "description" | "when" | "zone" => {}
                "notify" => permission.look(namespace, Within::Notify, key, value)?,
                _ => permission.look(namespace, Within::Job, key, value)?,
            }
        }
        Ok(())
    }

    /// Fails where arguments that somebody left in a store for a run may not be used here, whatever its job is: those of a
    /// process are as good as a part of it.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_args(&self, namespace: &str, kind: TargetKind, args: &serde_json::Map<String, Value>) -> Result<()> {
        let nothing = Permission::default();
        let permission = self.namespaces.get(namespace).unwrap_or(&nothing);
        if kind != TargetKind::Action && !permission.targets.contains(&kind) {
            return Err(refused(
                namespace,
                &format!("arguments for targets of the kind {kind}"),
                "targets",
                kind.as_str(),
            ));
        }
        permission.look(namespace, Within::Job, "run", &Value::Object(args.clone()))
    }
}

/// Which part of a job is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Job,
    Notify,
}

impl Permission {
    fn look(&self, namespace: &str, within: Within, key: &str, value: &Value) -> Result<()> {
        match value {
            Value::String(text) => self.look_at_text(namespace, within, key, text),
            Value::Array(items) => items.iter().try_for_each(|item| self.look(namespace, within, key, item)),
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
                // Secrets may stand in names as well, such as in those of headers.
                self.references(namespace, name)?;
                self.look(namespace, within, name, value)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn look_at_text(&self, namespace: &str, within: Within, key: &str, text: &str) -> Result<()> {
        let (list, what, name) = match (within, key) {
            // A cluster that is listed is listed with the references in its address.
            (Within::Job, "cluster" | "clusters") => (&self.clusters, "cluster", "clusters"),
            (Within::Job, "manifest" | "manifests") => (&self.manifests, "manifest", "manifests"),
            (Within::Notify, "notify" | "to") => (&self.sinks, "sink", "sinks"),
            _ => return self.references(namespace, text),
        };
        match list.contains(text) {
            true => Ok(()),
            false => Err(refused(namespace, &format!("the {what} `{}`", shown(text)), name, &shown(text))),
        }
    }

    /// Looks for references anywhere in the text, since addresses and headers hold them in their midst.
    fn references(&self, namespace: &str, text: &str) -> Result<()> {
        match references(text).find(|reference| !self.references.contains(*reference)) {
            None => Ok(()),
            Some(other) => {
                let other = shown(other);
                Err(refused(namespace, &format!("the reference `{other}`"), "references", &other))
            }
        }
    }
}

/// What in `text` may be taken for a reference to a secret: from where it begins to the end of the text, since who fetches
/// it may take all of that for its name.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let begins = |at: &usize| {
        let (before, found) = text.split_at(*at);
        let scheme = found.starts_with("env:") || found.starts_with("file:");
        scheme && !before.chars().next_back().is_some_and(char::is_alphanumeric)
    };
    text.char_indices().map(|(at, _)| at).filter(move |at| begins(at)).map(|at| text.split_at(at).1)
}

/// Text out of a store must not steer the terminal that it is shown on, nor show a password in an address.
fn shown(text: &str) -> String {
    if super::secret::has_password(text) {
        return "***".to_owned();
    }
    text.escape_debug().take(200).collect()
}

fn refused(namespace: &str, what: &str, list: &str, name: &str) -> Error {
    let namespace: String = namespace.escape_debug().collect();
    Error::refused(format!("what comes out of the store may not use {what} in namespace `{namespace}` here")).with_hint(
        format!(
            "list `{name}` under `namespaces: {{ {namespace}: {{ {list}: [..] }} }}` in the file that --allow names"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(run: &str) -> JobSpec {
        serde_json::from_str(&format!(r#"{{"name": "a", "when": "@daily", "run": {run}}}"#)).unwrap()
    }

    fn listed(text: &str) -> Permissions {
        serde_json::from_str(&format!(r#"{{"namespaces": {{"n": {text}}}}}"#)).unwrap()
    }

    #[test]
    fn nothing_but_named_actions_runs_where_nothing_is_listed() {
        let none = Permissions::default();
        none.check("n", &job(r#"{"action": "thin-out", "days": 3, "note": "a file of it"}"#)).unwrap();
        for run in [
            r#"{"command": "true"}"#,
            r#"{"exec": ["true"]}"#,
            r#"{"sql": "SELECT 1"}"#,
            r#"{"http": "http://localhost/"}"#,
            r#"{"python": "a.py"}"#,
            r#"{"node": "a.ts"}"#,
            r#"{"container": "alpine:3"}"#,
            r#"{"action": "retention", "manifest": "weather"}"#,
            r#"{"action": "copy", "cluster": "production"}"#,
            r#"{"action": "copy", "more": [{"cluster": "production"}]}"#,
            r#"{"action": "call", "token": "env:TOKEN"}"#,
            r#"{"action": "call", "header": "Bearer env:TOKEN"}"#,
            r#"{"action": "call", "of": {"env:TOKEN": 1}}"#,
            r#"{"action": "call", "url": "postgres://a@b/c?password=file:/etc/shadow"}"#,
        ] {
            let error = none.check("n", &job(run)).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }) && error.hint().is_some(), "{run}: {error}");
        }
    }

    #[test]
    fn what_is_listed_may_be_used_and_nothing_near_it() {
        let some = listed(
            r#"{"targets": ["http", "sql"], "origins": ["http://localhost", "https://api:8080"],
                "clusters": ["production", "postgres://a@b/c?password=env:PG"],
                "manifests": ["weather"], "references": ["env:TOKEN", "file:/run/secrets/x"]}"#,
        );
        for (run, may) in [
            (r#"{"http": "http://localhost/", "headers": {"Authorization": "env:TOKEN"}}"#, true),
            (r#"{"http": "http://localhost/", "headers": {"Authorization": "env:TOKEN2"}}"#, false),
            (r#"{"http": "http://localhost/", "headers": {"Authorization": "env:TOKE"}}"#, false),
            (r#"{"http": "http://localhost/", "headers": {"X": "file:/run/secrets/x"}}"#, true),
            (r#"{"http": "http://localhost/", "headers": {"X": "file:/run/secrets/x/../y"}}"#, false),
            (r#"{"http": "http://localhost/", "headers": {"X": "file:/run/secrets/x y"}}"#, false),
            (r#"{"http": "http://localhost/", "headers": {"X": "file:/run/secrets/x,y"}}"#, false),
            (r#"{"http": "http://localhost/", "headers": {"X": "Bearer env:TOKEN"}}"#, true),
            (r#"{"http": "http://localhost/", "headers": {"X": "env:TOKEN&"}}"#, false),
            (r#"{"http": "http://localhost/", "body": {"deep": ["env:HOME"]}}"#, false),
            (r#"{"http": "https://me@api:8080?x"}"#, true),
            (r#"{"http": "http://api:8080"}"#, false),
            (r#"{"http": "https://api:8081"}"#, false),
            (r#"{"http": "https://api"}"#, false),
            (r#"{"http": "http://localhost:80/"}"#, false),
            (r#"{"http": "http://localhost.evil/"}"#, false),
            (r#"{"http": "http://localhost@evil/"}"#, false),
            (r#"{"http": "http://evil#@localhost/"}"#, false),
            (r#"{"http": "http://evil\\@localhost/"}"#, false),
            (r#"{"http": "http://evil/@localhost"}"#, false),
            (r#"{"sql": "SELECT 1", "cluster": "production"}"#, true),
            (r#"{"sql": "SELECT 1", "cluster": "Production"}"#, false),
            (r#"{"sql": "SELECT 1", "cluster": "postgres://a@b/c?password=env:PG"}"#, true),
            (r#"{"sql": "SELECT 1", "cluster": "postgres://a@evil/c?password=env:PG"}"#, false),
            (r#"{"sql": "SELECT 1", "cluster": "postgres://a@b/c?password=env%3APG"}"#, false),
            (r#"{"command": "true"}"#, false),
            (r#"{"action": "retention", "manifest": "weather"}"#, true),
            (r#"{"action": "retention", "manifest": "other"}"#, false),
        ] {
            assert_eq!(some.check("n", &job(run)).is_ok(), may, "{run}");
            assert!(some.check("N", &job(run)).is_err(), "another namespace: {run}");
        }
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        let found = |text| references(text).collect::<Vec<_>>();
        assert_eq!(found("env:A"), ["env:A"]);
        assert_eq!(found("Bearer env:A"), ["env:A"]);
        assert_eq!(found("é env:A, file:/b c"), ["env:A, file:/b c", "file:/b c"]);
        assert_eq!(found("x?password=env:A&b=c"), ["env:A&b=c"]);
        assert_eq!(found("myenv:A profile:B"), Vec::<&str>::new());
        assert_eq!(found("profile:env:A"), ["env:A"]);
    }

    #[test]
    fn a_document_is_read_strictly() {
        for text in [
            r#"{"namespace": {}}"#,
            r#"{"namespaces": {"n": {"target": ["http"]}}}"#,
            r#"{"namespaces": {"n": {"targets": ["shell"]}}}"#,
        ] {
            assert!(serde_json::from_str::<Permissions>(text).is_err(), "{text}");
        }
    }
}
