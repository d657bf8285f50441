//! Everything that the server knows, in memory.
//!
//! It changes in two ways only: a handler changes it, and [`World::settle`] lets operations end whose time has come.

pub(super) mod catalogue;
pub(super) mod cluster;
pub(super) mod job;
pub(super) mod operation;
pub(super) mod people;
pub(super) mod versions;
pub(super) mod view;

use std::io;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use super::api::members::Entry;
use super::api::money::Credit;
use super::backing::{self, Port};
use super::call::Call;
use super::errands::Errand;
use catalogue::{Product, Region};
use cluster::Cluster;
use job::{File, Job, StoredSecret};
use operation::Kind;
use people::{Key, Organization, Project, Role, Subscription, User};

/// The state of the whole Cloud.
#[derive(Debug)]
pub(super) struct World {
    pub(super) organizations: Vec<Organization>,
    pub(super) projects: Vec<Project>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) users: Vec<User>,
    pub(super) keys: Vec<Key>,
    pub(super) sessions: Vec<(String, Uuid)>,
    pub(super) regions: Vec<Region>,
    pub(super) products: Vec<Product>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) jobs: Vec<Job>,
    pub(super) files: Vec<File>,
    pub(super) secrets: Vec<StoredSecret>,
    pub(super) audit: Vec<Entry>,
    pub(super) credits: Vec<Credit>,
    /// Who is billed for an organization.
    pub(super) customers: Vec<(Uuid, Value)>,
    /// Work for real databases that nobody has taken up yet.
    pub(super) errands: Vec<Errand>,
    /// What the next jobs fail with.
    pub(super) job_failures: Vec<String>,
    pub(super) operation_time: Duration,
    pub(super) token_time: TimeDelta,
    pub(super) refresh_tokens: Vec<(String, Uuid)>,
    /// The database behind clusters that are made.
    pub(super) backed_by: Option<Url>,
    /// Ports that are taken and not open yet.
    pub(super) ports: Vec<Port>,
    pub(super) conflict_status: u16,
    /// Operations that are to fail, the next of each kind first.
    pub(super) failures: Vec<(Kind, Option<String>)>,
}

impl World {
    /// One organization with a project and a subscription, one user with a key, the regions and the products.
    pub(super) fn new(now: DateTime<Utc>, operation_time: Duration) -> Self {
        let organization = Organization::new("Clusterkeep", now);
        let project = Project::new("default", organization.id, catalogue::REGION, now);
        let subscription = Subscription::new("default", organization.id, "stripe", now);
        let user = User::new("admin@example.org", true, vec![(organization.id, Role::Admin)]);
        let key = Key::new(user.id, now);
        Self {
            organizations: vec![organization],
            projects: vec![project],
            subscriptions: vec![subscription],
            users: vec![user],
            keys: vec![key],
            sessions: Vec::new(),
            regions: catalogue::regions(now),
            products: catalogue::products(),
            clusters: Vec::new(),
            jobs: Vec::new(),
            files: Vec::new(),
            secrets: Vec::new(),
            audit: Vec::new(),
            credits: Vec::new(),
            customers: Vec::new(),
            errands: Vec::new(),
            job_failures: Vec::new(),
            operation_time,
            token_time: TimeDelta::hours(1),
            refresh_tokens: Vec::new(),
            backed_by: None,
            ports: Vec::new(),
            conflict_status: 400,
            failures: Vec::new(),
        }
    }

    /// Lets operations end whose time has come.
    pub(super) fn settle(&mut self, now: DateTime<Utc>) {
        for cluster in self.clusters.iter_mut().filter(|cluster| cluster.open) {
            cluster.settle(now, &self.products);
        }
    }

    /// What `user` is in an organization; none where the organization is not his.
    pub(super) fn role(&self, call: &Call, organization: Uuid) -> Option<Role> {
        let user = self.users.iter().find(|user| user.id == call.user)?;
        if call.sudo && user.superuser {
            return Some(Role::Admin);
        }
        user.roles.iter().find(|(id, _)| *id == organization).map(|(_, role)| *role)
    }

    /// Whether the caller may act as a superuser, and says that he wants to.
    pub(super) fn is_sudo(&self, call: &Call) -> bool {
        call.sudo && self.users.iter().any(|user| user.id == call.user && user.superuser)
    }

    /// The caller belongs to the organization.
    pub(super) fn may_see(&self, call: &Call, organization: Uuid) -> Result<(), Answer> {
        if !self.organizations.iter().any(|known| known.id == organization) {
            return Err(Answer::not_found());
        }
        self.role(call, organization).map(|_| ()).ok_or_else(Answer::forbidden)
    }

    /// The caller may change what belongs to the organization.
    pub(super) fn may_change(&self, call: &Call, organization: Uuid) -> Result<(), Answer> {
        self.may_see(call, organization)?;
        if self.role(call, organization) == Some(Role::Admin) { Ok(()) } else { Err(Answer::forbidden()) }
    }

    pub(super) fn project(&self, id: Uuid) -> Result<&Project, Answer> {
        self.projects.iter().find(|project| project.id == id).ok_or_else(Answer::not_found)
    }

    /// The organization that a cluster belongs to, by way of its project.
    pub(super) fn organization_of(&self, cluster: &Cluster) -> Uuid {
        self.project(cluster.project).map_or(Uuid::nil(), |project| project.organization)
    }

    /// The cluster of the path, to look at.
    pub(super) fn cluster(&self, call: &Call) -> Result<&Cluster, Answer> {
        let id = call.id("cluster_id")?;
        let cluster = self.clusters.iter().find(|cluster| cluster.id == id).ok_or_else(Answer::not_found)?;
        self.may_see(call, self.organization_of(cluster))?;
        Ok(cluster)
    }

    /// The cluster of the path, to change.
    pub(super) fn cluster_mut(&mut self, call: &Call) -> Result<&mut Cluster, Answer> {
        let organization = self.organization_of(self.cluster(call)?);
        self.may_change(call, organization)?;
        let id = call.id("cluster_id")?;
        self.clusters.iter_mut().find(|cluster| cluster.id == id).ok_or_else(Answer::not_found)
    }

    /// Puts a real database behind a cluster.
    pub(super) fn back(&mut self, cluster: &mut Cluster, target: Url) -> io::Result<()> {
        let port = backing::reserve(cluster, target.clone())?;
        cluster.backing = Some(target);
        self.ports.push(port);
        Ok(())
    }

    /// Why the next operation of `kind` is to fail, if it is.
    pub(super) fn failure(&mut self, kind: Kind) -> Option<Option<String>> {
        let at = self.failures.iter().position(|(of, _)| *of == kind)?;
        Some(self.failures.remove(at).1)
    }
}
