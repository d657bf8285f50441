//! The Cloud in the hands of a test.

use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::cloud::{CloudClient, CloudSettings, Credentials};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::backing;
use super::fault::Fault;
use super::fixture::Fixture;
use super::log::Request;
use super::server::{Shared, lock};
use super::start::Builder;
use super::world::World;
use super::world::operation::Kind;
use super::world::people::{Key, Organization, Project, Role, Subscription, User, random};

/// A Cloud on this machine. It ends when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends it"]
pub struct LocalCloud {
    pub(super) shared: Arc<Shared>,
    pub(super) keys: Keys,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) ended: Mutex<mpsc::Receiver<()>>,
}

/// What is there from the beginning.
#[derive(Debug)]
pub(super) struct Keys {
    key: String,
    secret: String,
    session: String,
    organization: Uuid,
    project: Uuid,
    subscription: Uuid,
}

impl Keys {
    pub(super) fn of(world: &mut World) -> Self {
        let first = world.keys.first();
        let (key, secret) = first.map(|key| (key.key.clone(), key.secret.clone())).unwrap_or_default();
        let user = first.map(|key| key.user).unwrap_or_default();
        let session = random(48);
        world.sessions.push((session.clone(), user));
        Self {
            key,
            secret,
            session,
            organization: world.organizations.first().map(|organization| organization.id).unwrap_or_default(),
            project: world.projects.first().map(|project| project.id).unwrap_or_default(),
            subscription: world.subscriptions.first().map(|subscription| subscription.id).unwrap_or_default(),
        }
    }
}

impl LocalCloud {
    /// A Cloud with one organization, one project, one subscription and no cluster, by this machine's clock.
    ///
    /// # Errors
    ///
    /// The machine is out of ports, threads or files.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A Cloud that is told more before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// The key of its first user, who administers the first organization and may act as a superuser.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.keys.key
    }

    /// The secret of that key.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.keys.secret
    }

    /// A session of the same user, as a browser gets it.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.keys.session
    }

    /// What a client needs to find it, and to be let in.
    #[must_use]
    pub fn settings(&self) -> CloudSettings {
        CloudSettings::new(self.endpoint(), Credentials::key(self.key(), self.secret()))
    }

    /// A client of it, with the first user's key.
    ///
    /// # Errors
    ///
    /// The machine can't make one.
    pub fn client(&self) -> clusterkeep_core::Result<CloudClient> {
        self.settings().client()
    }

    /// The organization that is there from the beginning.
    #[must_use]
    pub const fn organization(&self) -> Uuid {
        self.keys.organization
    }

    /// The project that is there from the beginning.
    #[must_use]
    pub const fn project(&self) -> Uuid {
        self.keys.project
    }

    /// The subscription that is there from the beginning.
    #[must_use]
    pub const fn subscription(&self) -> Uuid {
        self.keys.subscription
    }

    /// The instant that its clock shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    /// Adds a cluster.
    ///
    /// # Errors
    ///
    /// The fixture is backed by what is no address, or no port is free for it.
    pub fn add_cluster(&self, fixture: Fixture) -> io::Result<Uuid> {
        let now = self.now();
        let mut world = self.shared.world();
        let backed_by = fixture.backed_by.as_deref().map(backing::target).transpose()?.or(world.backed_by.clone());
        let mut cluster = fixture.build(&world, now);
        if let Some(target) = backed_by {
            world.back(&mut cluster, target)?;
        }
        for port in std::mem::take(&mut world.ports) {
            cluster.door = Some(backing::open(port, Arc::clone(&self.shared), &self.runtime));
        }
        world.adopt(cluster, now).map_err(|_| io::Error::other("a cluster with this id is there already"))
    }

    /// A cluster as `GET` would answer now; null where there is none.
    #[must_use]
    pub fn cluster(&self, id: Uuid) -> Value {
        let world = self.shared.world();
        let cluster = world.clusters.iter().find(|cluster| cluster.id == id);
        cluster.map_or(Value::Null, |cluster| cluster.value(self.now()))
    }

    /// All clusters, of whatever organization, oldest first.
    #[must_use]
    pub fn clusters(&self) -> Vec<Value> {
        self.shared.world().clusters.iter().map(|cluster| cluster.value(self.now())).collect()
    }

    /// The operations of a cluster, newest first.
    #[must_use]
    pub fn operations(&self, cluster: Uuid) -> Vec<Value> {
        let world = self.shared.world();
        let found = world.clusters.iter().find(|known| known.id == cluster);
        found
            .map(|cluster| cluster.operations.iter().rev().map(|one| one.view(self.now())).collect())
            .unwrap_or_default()
    }

    /// Adds an organization of which the first user is an administrator.
    pub fn add_organization(&self, name: &str) -> Uuid {
        let organization = Organization::new(name, self.now());
        let id = organization.id;
        let mut world = self.shared.world();
        world.organizations.push(organization);
        if let Some(user) = world.users.first_mut() {
            user.roles.push((id, Role::Admin));
        }
        id
    }

    /// Adds a project to an organization.
    pub fn add_project(&self, organization: Uuid, name: &str) -> Uuid {
        let project = Project::new(name, organization, super::world::catalogue::REGION, self.now());
        let id = project.id;
        self.shared.world().projects.push(project);
        id
    }

    /// Adds a subscription to an organization.
    pub fn add_subscription(&self, organization: Uuid, name: &str) -> Uuid {
        let subscription = Subscription::new(name, organization, "stripe", self.now());
        let id = subscription.id;
        self.shared.world().subscriptions.push(subscription);
        id
    }

    /// Adds a user who may look at an organization and change nothing. Gives his key and its secret.
    pub fn add_member(&self, organization: Uuid, email: &str) -> (String, String) {
        let user = User::new(email, false, vec![(organization, Role::Member)]);
        let key = Key::new(user.id, self.now());
        let pair = (key.key.clone(), key.secret.clone());
        let mut world = self.shared.world();
        world.users.push(user);
        world.keys.push(key);
        pair
    }

    /// Ends all sessions: their cookies are sent to log in from now on.
    pub fn expire_sessions(&self) {
        self.shared.world().sessions.clear();
    }

    /// How long operations take that begin from now on.
    pub fn set_operation_time(&self, time: Duration) {
        self.shared.world().operation_time = time;
    }

    /// How long tokens for databases live that are issued from now on; one hour, if nothing is said.
    pub fn set_token_time(&self, time: Duration) {
        self.shared.world().token_time = TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
    }

    /// Makes all refresh tokens worthless.
    pub fn forget_refresh_tokens(&self) {
        self.shared.world().refresh_tokens.clear();
    }

    /// The next operation of this kind, on whatever cluster, fails: with a message, or without a word.
    pub fn fail_next_operation(&self, kind: Kind, message: Option<&str>) {
        self.shared.world().failures.push((kind, message.map(str::to_owned)));
    }

    /// The next import or export fails with this message.
    pub fn fail_next_job(&self, message: &str) {
        self.shared.world().job_failures.push(message.to_owned());
    }

    /// Lets a fault happen.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).add(fault);
    }

    /// Takes back all faults that have not happened.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// All requests that came, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Forgets the requests that came. Those that are being answered may still come in without a status.
    pub fn clear_requests(&self) {
        lock(&self.shared.log).clear();
    }

    /// Every endpoint that it has: method, and path as the vendor's document writes it.
    pub fn endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
        super::api::routes().map(|route| (route.method, route.path))
    }

    /// Ends it, and waits until its port is free.
    pub fn stop(mut self) {
        self.signal();
        // Either it says so, or its thread is gone.
        let (Ok(()) | Err(_)) = lock(&self.ended).recv_timeout(Duration::from_secs(5));
    }

    fn signal(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens where it has ended already.
            let (Ok(()) | Err(())) = stop.send(());
        }
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        self.signal();
    }
}
