//! What the commands of `cluster` print as JSON and YAML, as types; their schemas lie under `schemas/`.

use chrono::{DateTime, Utc};
use clusterkeep_core::cloud::{self, ExportJob, ImportJob};
use clusterkeep_core::managed::{ClusterInfo, Health, Keeper, RunState};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::diagnostics::DatabaseInfo;

/// A cluster in a list, as `cluster list --format json` prints them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ListedCluster {
    /// Its name.
    pub(crate) name: String,
    /// Its id, for one of the Cloud.
    pub(crate) id: Option<Uuid>,
    /// What to say to `--cluster` to mean it.
    pub(crate) address: String,
    /// Who keeps it.
    pub(crate) keeper: Keeper,
    /// The project that it belongs to, by its name where that is known.
    pub(crate) project: Option<String>,
    /// Where it is: a region, or a folder.
    pub(crate) place: Option<String>,
    /// The product and its tier, or the engine.
    pub(crate) product: Option<String>,
    /// The version of the database.
    pub(crate) version: Option<String>,
    /// What it is doing.
    pub(crate) state: RunState,
    /// How it is, in the keeper's word.
    pub(crate) health: Option<String>,
    /// What was done to it last.
    pub(crate) last_operation: Option<ListedOperation>,
}

/// What was done to a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ListedOperation {
    /// What it was, in the keeper's word.
    pub(crate) kind: String,
    /// How far it is, in the keeper's word.
    pub(crate) status: String,
    /// What the keeper says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// When it was accepted.
    pub(crate) began: Option<DateTime<Utc>>,
    /// When it ended or last moved.
    pub(crate) changed: Option<DateTime<Utc>>,
}

/// What `cluster info --format json` prints, and `start` and `stop` for what they have done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ClusterDocument {
    /// What is the same for every keeper.
    #[serde(flatten)]
    pub(crate) cluster: ClusterInfo,
    /// What the Cloud says of it, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cloud: Option<Box<cloud::Cluster>>,
    /// What the database says of itself, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<DatabaseInfo>,
}

/// What `cluster health --format json` prints.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct HealthDocument {
    /// Whether it can be worked with: its database answers, and no data is missing.
    pub(crate) well: bool,
    /// Which cluster.
    pub(crate) cluster: ClusterInfo,
    /// What its keeper and its database say.
    #[serde(flatten)]
    pub(crate) health: Health,
}

/// What `cluster ping --format json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct PingDocument {
    /// Whether the Cloud answers and knows the cluster; nothing for a cluster that is not in the Cloud.
    pub(crate) cloud: Option<bool>,
    /// Whether the database answers.
    pub(crate) database: bool,
}

/// A job of a cluster, as `cluster jobs --format json` prints them.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "job", rename_all = "snake_case")]
pub(crate) enum ListedJob {
    /// One that brings data in.
    Import(Box<ImportJob>),
    /// One that takes data out.
    Export(Box<ExportJob>),
}
