//! What a cluster that does not exist yet is to be like.

use crate::env;
use crate::error::Result;
use crate::secret::Secret;

/// A cluster to create in CrateDB Cloud where there is none of the name.
///
/// It is billed from its creation on: while it runs for its product and its disks, while it is suspended for its disks
/// alone. The free tier (product `crfree`) is not billed, and an organization has one of them.
///
/// What is left out is taken where there is only one choice: the one organization, the one subscription, the one region,
/// the newest version of the channel. Where there are several, `start` lists them and creates nothing.
///
/// ```
/// use clusterkeep_core::managed::Deploy;
/// let deploy = Deploy::new().product("cr1").region("eks1.eu-west-1.aws").admin("admin", "correct-horse-battery-staple");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "hand it to `ManagedClusterBuilder::deploy`"]
pub struct Deploy {
    pub(super) product: Option<String>,
    pub(super) tier: Option<String>,
    pub(super) unit: Option<u32>,
    pub(super) channel: Option<String>,
    pub(super) version: Option<String>,
    pub(super) region: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

/// The product of the free tier.
pub(super) const FREE_PRODUCT: &str = "crfree";
/// What the API takes in the place of a subscription's id.
pub(super) const FREE_SUBSCRIPTION: &str = "free_tier";

impl Deploy {
    /// The smallest product of the free tier, in the newest stable version.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the environment says: `CRATEDB_CLOUD_PRODUCT`, `CRATEDB_CLOUD_TIER` and the other variables of that kind.
    ///
    /// # Errors
    ///
    /// A variable is no text.
    pub fn from_env() -> Result<Self> {
        Ok(Self {
            product: env::CRATEDB_CLOUD_PRODUCT.read()?,
            tier: env::CRATEDB_CLOUD_TIER.read()?,
            unit: None,
            channel: env::CRATEDB_CHANNEL.read()?,
            version: env::CRATEDB_VERSION.read()?,
            region: env::CRATEDB_CLOUD_REGION.read()?,
            organization: env::CRATEDB_CLOUD_ORGANIZATION_ID.read()?,
            project: None,
            subscription: env::CRATEDB_CLOUD_SUBSCRIPTION_ID.read()?,
            username: env::CRATEDB_USERNAME.read()?,
            password: env::CRATEDB_PASSWORD.read()?.map(Secret::new),
        })
    }

    /// Sets the product: `crfree`, `s2` .. `s12`, `cr1` .. `cr5`; the free one otherwise.
    pub fn product(mut self, name: impl Into<String>) -> Self {
        self.product = Some(name.into());
        self
    }

    /// Takes the product of the free tier, and no subscription.
    pub fn free_tier(mut self) -> Self {
        self.product = Some(FREE_PRODUCT.into());
        self.subscription = Some(FREE_SUBSCRIPTION.into());
        self
    }

    /// Sets the tier of the product; `default` otherwise.
    pub fn tier(mut self, name: impl Into<String>) -> Self {
        self.tier = Some(name.into());
        self
    }

    /// Sets the step on the product's scale; 0, its smallest, otherwise.
    pub const fn unit(mut self, unit: u32) -> Self {
        self.unit = Some(unit);
        self
    }

    /// Sets the channel: `stable`, `testing` or `nightly`; `stable` otherwise.
    pub fn channel(mut self, name: impl Into<String>) -> Self {
        self.channel = Some(name.into());
        self
    }

    /// Sets the version; the channel's newest otherwise. `nightly` is the newest of the nightly channel.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the region, such as `eks1.eu-west-1.aws`.
    pub fn region(mut self, name: impl Into<String>) -> Self {
        self.region = Some(name.into());
        self
    }

    /// Sets the organization, by its id.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Sets the project, by id or name; one of the cluster's own name otherwise. One that exists is used.
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// Sets the subscription that pays for it, by its id.
    pub fn subscription(mut self, id: impl Into<String>) -> Self {
        self.subscription = Some(id.into());
        self
    }

    /// Sets the database's administrator; the password has 24 characters or more.
    pub fn admin(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.username = Some(user.into());
        self.password = Some(Secret::new(password));
        self
    }
}
