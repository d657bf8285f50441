//! Filling in what was not said of a cluster that is to be created, where there is only one choice.
//!
//! Nothing is guessed: where there are several, the error lists them. Nothing here creates anything.

use uuid::Uuid;

use super::super::deploy::{Deploy, FREE_PRODUCT, FREE_SUBSCRIPTION};
use crate::cloud::{Channel, CloudClient, NewCluster, Organization, Project, Region, Subscription};
use crate::env;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// A cluster that can be created: everything about it is decided and checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Chosen {
    /// The organization that it will belong to.
    pub organization: Uuid,
    /// The region that it will be in.
    pub region: String,
    /// The cluster.
    pub cluster: NewCluster,
}

impl Deploy {
    /// Decides everything about a cluster `name`, asking what there is to choose from. Creates nothing.
    ///
    /// # Errors
    ///
    /// What would be refused, and what there are several choices for, which are listed.
    pub async fn choose(&self, name: &str, client: &CloudClient) -> Result<Chosen> {
        let (username, password) = self.admin_of(name)?;
        let organization = self.organization_of(client).await?;
        let projects = client.organization_projects(organization).await?;
        let project_name = self.project.as_deref().unwrap_or(name);
        let project = project_of(&projects, project_name, self.region.as_deref())?;
        let region = match project.and_then(|project| project.region.clone()).or_else(|| self.region.clone()) {
            Some(region) => region,
            None => one_region(client.regions().await?)?,
        };
        let channel = self.channel_said();
        let version = self.version_of(&channel, client).await?;
        let product = self.product.clone().unwrap_or_else(|| FREE_PRODUCT.into());
        let subscription = self.subscription_of(&product, organization, client).await?;
        let tier = self.tier.clone().unwrap_or_else(|| "default".into());
        let mut cluster = NewCluster::new(name, username, password, version)
            .channel(channel)
            .product(product, tier, self.unit.unwrap_or(0))
            .subscription(subscription);
        cluster = match project {
            Some(project) => cluster.project(project.id),
            None => cluster.new_project(project_name, &region),
        };
        cluster.check()?;
        Ok(Chosen { organization, region, cluster })
    }

    fn admin_of(&self, name: &str) -> Result<(String, Secret)> {
        let password = self.password.clone().ok_or_else(|| {
            Error::input(format!("cluster {name} would be created, and there is no password for its administrator"))
                .with_hint(format!("24 characters or more, in {}", env::CRATEDB_PASSWORD.name))
        })?;
        Ok((self.username.clone().unwrap_or_else(|| "admin".into()), password))
    }

    async fn organization_of(&self, client: &CloudClient) -> Result<Uuid> {
        if let Some(text) = &self.organization {
            return text.parse().map_err(|source: uuid::Error| Error::Input {
                what: "the id of an organization is malformed".into(),
                place: None,
                hint: Some("it is a UUID, such as 3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191".into()),
                source: Some(source.into()),
            });
        }
        let all = client.organizations().await?;
        let text = |one: &Organization| format!("{} {}", one.id, one.name);
        let hint = format!("set {}, or say `.organization(id)`", env::CRATEDB_CLOUD_ORGANIZATION_ID.name);
        Ok(only_one(all, "organization", text, &hint)?.id)
    }

    fn channel_said(&self) -> Channel {
        match (&self.channel, self.version.as_deref()) {
            (Some(channel), _) => Channel::from(channel.as_str()),
            (None, Some(version)) if version.starts_with("nightly") => Channel::Nightly,
            (None, _) => Channel::Stable,
        }
    }

    /// The version that was said, else the newest of the channel.
    async fn version_of(&self, channel: &Channel, client: &CloudClient) -> Result<String> {
        if let Some(version) = self.version.as_ref().filter(|version| *version != "nightly") {
            return Ok(version.clone());
        }
        // The names by which they can be deployed, which for builds of the night hold the date.
        let newest = client.meta().await?.crate_versions;
        let newest = newest.and_then(|newest| match channel {
            Channel::Stable => newest.stable,
            Channel::Testing => newest.testing,
            Channel::Nightly => newest.nightly,
            Channel::Other(_) => None,
        });
        newest.ok_or_else(|| {
            Error::input(format!("channel {channel} has no newest version"))
                .with_hint("the channels are stable, testing and nightly; or say the version itself")
        })
    }

    async fn subscription_of(&self, product: &str, organization: Uuid, client: &CloudClient) -> Result<String> {
        if let Some(subscription) = &self.subscription {
            return Ok(subscription.clone());
        }
        if product == FREE_PRODUCT {
            return Ok(FREE_SUBSCRIPTION.into());
        }
        let mut all = client.organization_subscriptions(organization).await?;
        all.retain(|subscription| subscription.active != Some(false));
        let text = |one: &Subscription| format!("{} {}", one.id, one.name.as_deref().unwrap_or(""));
        let hint = format!("set {}, or say `.subscription(id)`", env::CRATEDB_CLOUD_SUBSCRIPTION_ID.name);
        Ok(only_one(all, "subscription", text, &hint)?.id)
    }
}

/// The project that is meant, where it is there: by id, else by name.
fn project_of<'a>(projects: &'a [Project], wanted: &str, region: Option<&str>) -> Result<Option<&'a Project>> {
    if let Ok(id) = wanted.parse::<Uuid>() {
        let found = projects.iter().find(|project| project.id == id);
        return found.map(Some).ok_or_else(|| Error::input(format!("project not found: `{wanted}`")));
    }
    let called: Vec<_> = projects
        .iter()
        .filter(|project| project.name == wanted)
        // One in another region than was asked for is another project.
        .filter(|project| region.is_none_or(|region| project.region.as_deref().is_none_or(|its| its == region)))
        .collect();
    match called.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => {
            let ids: Vec<_> = several.iter().map(|project| project.id.to_string()).collect();
            Err(Error::input(format!("{} projects are called `{wanted}`", several.len()))
                .with_hint(format!("say which one by its id: {}", ids.join(", "))))
        }
    }
}

fn one_region(mut all: Vec<Region>) -> Result<String> {
    all.retain(|region| region.deprecated != Some(true) && region.is_edge_region != Some(true));
    let text = |one: &Region| one.name.clone();
    let hint = format!("set {}, or say `.region(name)`", env::CRATEDB_CLOUD_REGION.name);
    Ok(only_one(all, "region", text, &hint)?.name)
}

/// The only one of `all`, else an error that lists them.
fn only_one<T>(mut all: Vec<T>, what: &str, text: impl Fn(&T) -> String, hint: &str) -> Result<T> {
    match (all.pop(), all.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(Error::input(format!("there is no {what} that a cluster could be created in"))
            .with_hint("make one at https://console.cratedb.cloud first")),
        (Some(last), _) => {
            all.push(last);
            let list: Vec<_> = all.iter().map(text).collect();
            Err(Error::input(format!("there are {} {what}s to choose from: {}", list.len(), list.join("; ")))
                .with_hint(hint))
        }
    }
}
