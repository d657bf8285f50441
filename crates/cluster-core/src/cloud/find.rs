//! Finding a cluster by what a user knows of it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{CloudClient, CloudErrorKind, Cluster, ClusterFilter};
use crate::error::{Error, Result};

/// A cluster of the Cloud, by its id or its name.
///
/// ```
/// use clusterkeep_core::cloud::CloudRef;
/// assert_eq!(CloudRef::from("staging"), CloudRef::Name("staging".into()));
/// let id = "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191";
/// assert_eq!(id.parse(), Ok(CloudRef::Id(id.parse().unwrap())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CloudRef {
    /// By its id.
    Id(Uuid),
    /// By its name, which need not be unique.
    Name(String),
}

impl FromStr for CloudRef {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl From<&str> for CloudRef {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.into()), Self::Id)
    }
}

impl fmt::Display for CloudRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl CloudClient {
    /// The one cluster that `wanted` means.
    ///
    /// # Errors
    ///
    /// There is none (the hint has names that are near), there are several of that name (they are listed with their ids),
    /// or a call fails.
    pub async fn find_cluster(&self, wanted: &CloudRef) -> Result<Cluster> {
        match wanted {
            CloudRef::Id(id) => match self.cluster(*id).await {
                Err(Error::Cloud(error)) if error.kind == CloudErrorKind::NotFound => Err(unknown(wanted, &[])),
                answer => answer,
            },
            CloudRef::Name(name) => choose(name, self.clusters(&ClusterFilter::default()).await?),
        }
    }
}

/// The one cluster of this name.
fn choose(name: &str, clusters: Vec<Cluster>) -> Result<Cluster> {
    let (mut named, others): (Vec<_>, Vec<_>) = clusters.into_iter().partition(|cluster| cluster.name == name);
    if named.len() > 1 {
        return Err(ambiguous(name, &named));
    }
    named.pop().ok_or_else(|| unknown(&CloudRef::Name(name.into()), &others))
}

fn unknown(wanted: &CloudRef, others: &[Cluster]) -> Error {
    let wanted = wanted.to_string();
    let mut near: Vec<(f64, &str)> = others
        .iter()
        .map(|cluster| (strsim::jaro_winkler(&wanted, &cluster.name), cluster.name.as_str()))
        .filter(|(nearness, _)| *nearness > 0.75)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    near.dedup_by_key(|(_, name)| *name);
    let near: Vec<_> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    let hint = if near.is_empty() {
        "`clusterkeep cluster list` shows the clusters that the API key can see".into()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Error::input(format!("cluster not found: `{}`", wanted.escape_debug())).with_hint(hint)
}

fn ambiguous(name: &str, clusters: &[Cluster]) -> Error {
    let candidates: Vec<_> = clusters
        .iter()
        .map(|cluster| match cluster.project_id {
            Some(project) => format!("{} (project {project})", cluster.id),
            None => cluster.id.to_string(),
        })
        .collect();
    Error::input(format!("{} clusters are named `{name}`: {}", clusters.len(), candidates.join(", ")))
        .with_hint("name the cluster by its id")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(names: &[&str]) -> Vec<Cluster> {
        let one = |name: &&str| {
            serde_json::from_value(json!({"id": Uuid::new_v4(), "name": name, "project_id": Uuid::nil()})).unwrap()
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn a_name_that_is_not_there_brings_those_that_are_near() {
        let error = choose("stagin", named(&["staging", "staging", "production", "testing"])).unwrap_err();
        assert_eq!(error.to_string(), "cluster not found: `stagin`");
        assert!(error.hint().unwrap().starts_with("did you mean `staging`"), "{:?}", error.hint());
        let error = choose("weather", named(&["staging"])).unwrap_err();
        assert!(error.hint().unwrap().contains("cluster list"));
    }

    #[test]
    fn a_name_of_several_clusters_lists_them() {
        let clusters = named(&["staging", "staging", "other"]);
        let ids: Vec<_> = clusters[..2].iter().map(|cluster| cluster.id.to_string()).collect();
        let error = choose("staging", clusters).unwrap_err();
        assert!(ids.iter().all(|id| error.to_string().contains(id)), "{error}");
        assert_eq!(crate::ExitCode::from(&error).code(), 2);
    }
}
