//! A cluster that is to be created.

use serde_json::{Value, json};
use uuid::Uuid;

use super::check::{check_cluster_name, check_password, check_product_name, check_product_tier, check_version, named};
use super::check_project_name;
use crate::cloud::Channel;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// A cluster that is to be created.
///
/// ```
/// use clusterkeep_core::cloud::NewCluster;
/// use clusterkeep_core::secret::Secret;
/// let project = "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191".parse().unwrap();
/// let password = Secret::new("correct horse battery staple");
/// let cluster = NewCluster::new("staging", "admin", password, "6.1.2").project(project).free_tier();
/// assert!(cluster.check().is_ok());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewCluster {
    /// Its name.
    pub name: String,
    /// The administrator of its database.
    pub username: String,
    /// The administrator's password.
    pub password: Secret,
    /// The version of CrateDB.
    pub version: String,
    /// Which releases it follows.
    pub channel: Channel,
    /// The product.
    pub product: String,
    /// The tier of the product.
    pub tier: String,
    /// The step on the product's scale.
    pub unit: u32,
    /// The size of the disk of each node in bytes, where it is not the product's own.
    pub storage_bytes: Option<u64>,
    /// The subscription that pays, or `free_tier`.
    pub subscription: String,
    /// The project that it goes into.
    pub project: Option<Uuid>,
    /// The project that is made for it, by name, and its region.
    pub new_project: Option<(String, String)>,
}

impl NewCluster {
    /// The subscription of the free tier.
    pub const FREE_TIER: &'static str = "free_tier";
    /// The product of the free tier.
    pub const FREE_PRODUCT: &'static str = "crfree";

    /// A cluster of the smallest product that can be suspended; a project and a subscription are still to be said.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        username: impl Into<String>,
        password: Secret,
        version: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            username: username.into(),
            password,
            version: version.into(),
            channel: Channel::Stable,
            product: "cr1".into(),
            tier: "default".into(),
            unit: 0,
            storage_bytes: None,
            subscription: String::new(),
            project: None,
            new_project: None,
        }
    }

    /// Puts it into a project that is there.
    #[must_use]
    pub fn project(mut self, project: Uuid) -> Self {
        (self.project, self.new_project) = (Some(project), None);
        self
    }

    /// Puts it into a project that is made for it.
    #[must_use]
    pub fn new_project(mut self, name: impl Into<String>, region: impl Into<String>) -> Self {
        (self.project, self.new_project) = (None, Some((name.into(), region.into())));
        self
    }

    /// Sets the subscription that pays.
    #[must_use]
    pub fn subscription(mut self, subscription: impl Into<String>) -> Self {
        self.subscription = subscription.into();
        self
    }

    /// Makes it the one cluster that costs nothing.
    #[must_use]
    pub fn free_tier(mut self) -> Self {
        self.product = Self::FREE_PRODUCT.into();
        self.subscription(Self::FREE_TIER)
    }

    /// Sets the product, its tier, and the step on its scale.
    #[must_use]
    pub fn product(mut self, product: impl Into<String>, tier: impl Into<String>, unit: u32) -> Self {
        (self.product, self.tier, self.unit) = (product.into(), tier.into(), unit);
        self
    }

    /// Sets which releases it follows.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// Sets the size of the disk of each node, in bytes.
    #[must_use]
    pub const fn storage_bytes(mut self, bytes: u64) -> Self {
        self.storage_bytes = Some(bytes);
        self
    }

    /// Checks everything that can be checked without asking.
    ///
    /// # Errors
    ///
    /// The first thing that the API would refuse.
    pub fn check(&self) -> Result<()> {
        check_cluster_name(&self.name)?;
        named("database user", &self.username, "-_.")?;
        check_password(&self.password)?;
        check_version(&self.version)?;
        check_product_name(&self.product)?;
        check_product_tier(&self.tier)?;
        if self.subscription.is_empty() {
            return Err(Error::input(format!("no subscription is named that would pay for cluster `{}`", self.name))
                .with_hint("give --subscription ID, or --free-tier where no cluster of yours is free yet"));
        }
        match (&self.project, &self.new_project) {
            (Some(_), None) => Ok(()),
            (None, Some((name, region))) => {
                check_project_name(name)?;
                named("region", region, "-_.")
            }
            _ => Err(Error::input(format!("no project is named that cluster `{}` goes into", self.name))
                .with_hint("give --project with the name or id of a project")),
        }
    }

    /// As the API takes it, the password included.
    pub(in crate::cloud) fn to_json(&self) -> Value {
        let mut cluster = json!({
            "name": self.name,
            "username": self.username,
            "password": self.password.expose(),
            "crate_version": self.version,
            "channel": self.channel,
            "product_name": self.product,
            "product_tier": self.tier,
            "product_unit": self.unit,
        });
        if let Some(bytes) = self.storage_bytes {
            cluster["hardware_specs"] = json!({ "disk_size_per_node_bytes": bytes });
        }
        let mut body = json!({ "cluster": cluster, "subscription_id": self.subscription });
        if let Some(project) = self.project {
            body["project_id"] = json!(project);
        }
        if let Some((name, region)) = &self.new_project {
            body["project"] = json!({ "name": name, "region": region });
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_refused_is_never_sent() {
        let password = || Secret::new("correct horse battery staple");
        let good = NewCluster::new("staging", "admin", password(), "6.1.2").project(Uuid::nil()).subscription("s");
        good.check().unwrap();
        let bad = [
            NewCluster { name: "No".into(), ..good.clone() },
            NewCluster { password: Secret::new("hunter2"), ..good.clone() },
            NewCluster { username: String::new(), ..good.clone() },
            NewCluster { version: "6 1".into(), ..good.clone() },
            NewCluster { product: "cr/1".into(), ..good.clone() },
            NewCluster { project: None, ..good.clone() },
            NewCluster { subscription: String::new(), ..good.clone() },
        ];
        for cluster in bad {
            let error = cluster.check().unwrap_err();
            assert_eq!(crate::ExitCode::from(&error).code(), 2, "{error}");
            assert!(!format!("{error:?} {cluster:?}").contains("hunter2"));
        }
        let body = good.to_json();
        assert_eq!(body["cluster"]["password"], "correct horse battery staple");
        assert_eq!(body["cluster"]["channel"], "stable");
        assert!(body.get("project").is_none() && body["cluster"].get("hardware_specs").is_none());
    }
}
