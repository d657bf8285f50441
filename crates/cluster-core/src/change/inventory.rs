//! What is there, as far as a change has to know: as plain data, read by `observe`.

use std::net::IpAddr;

use crate::cloud::{Channels, Cluster, Product, Project, Snapshot};

/// What is there, as far as a change has to know. What it has nothing to do with is empty.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Inventory {
    /// The cluster that is changed.
    pub cluster: Option<Cluster>,
    /// What is being done to it, as words.
    pub running: Option<String>,
    /// The project that it is in, or goes into.
    pub project: Option<Project>,
    /// The region that it is in, or goes into.
    pub region: Option<String>,
    /// The clusters of the organization, where one is created.
    pub siblings: Vec<Cluster>,
    /// The products of the name that the cluster has, or is to have.
    pub products: Vec<Product>,
    /// The products that it can be moved to, where it is.
    pub available_products: Vec<Product>,
    /// The versions that it can be upgraded to, where it is.
    pub upgrades: Option<Channels>,
    /// What it costs a month as it is, where that is known.
    pub price_now: Option<f64>,
    /// What it would cost a month, where that is known.
    pub price_then: Option<f64>,
    /// The address that the service sees the caller at, where that matters and is known.
    pub own_address: Option<IpAddr>,
    /// Snapshots, the newest first: those of the cluster to delete, or of the one to restore from.
    pub snapshots: Vec<Snapshot>,
    /// The cluster whose snapshot is restored, where it is another one.
    pub source: Option<Cluster>,
    /// The project of that cluster.
    pub source_project: Option<Project>,
}
