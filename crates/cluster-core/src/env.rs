//! Every environment variable that Clusterkeep reads, in one place.
//!
//! The help of the command is made from [`ALL`], and nothing is read that is not declared here, apart from variables
//! that an address names itself (`?password=env:NAME`).

use crate::error::{Error, Result};

/// A variable, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it says, in one line.
    pub purpose: &'static str,
    /// Whether its value is never to be shown.
    pub secret: bool,
}

const fn variable(name: &'static str, purpose: &'static str) -> Variable {
    Variable { name, purpose, secret: false }
}

/// The cluster, in any form that `--cluster` takes.
pub const CLUSTER: Variable = variable("CLUSTERKEEP_CLUSTER", "the cluster, in any form that --cluster takes");
/// Hosts that may be sent a password in plain text.
pub const ALLOW_PLAINTEXT: Variable =
    variable("CLUSTERKEEP_ALLOW_PLAINTEXT", "hosts, joined by commas, that may be sent a password in plain text");
/// The CrateDB Cloud id of the cluster.
pub const CRATEDB_CLUSTER_ID: Variable = variable("CRATEDB_CLUSTER_ID", "the cluster by its CrateDB Cloud id");
/// The CrateDB Cloud name of the cluster.
pub const CRATEDB_CLUSTER_NAME: Variable = variable("CRATEDB_CLUSTER_NAME", "the cluster by its CrateDB Cloud name");
/// The URL of the cluster.
pub const CRATEDB_CLUSTER_URL: Variable = variable("CRATEDB_CLUSTER_URL", "the cluster by its URL");
/// The URL of the cluster, as the older retention tool calls it.
pub const CRATEDB_URI: Variable = variable("CRATEDB_URI", "the same, as older tools call it");
/// The user, for a CrateDB URL without one.
pub const CRATEDB_USERNAME: Variable =
    variable("CRATEDB_USERNAME", "the user, for a CrateDB URL from the environment that has none");
/// The password, for a CrateDB URL without one.
pub const CRATEDB_PASSWORD: Variable = Variable {
    name: "CRATEDB_PASSWORD",
    purpose: "the password, for a CrateDB URL from the environment that has none",
    secret: true,
};
/// The schema, for a CrateDB URL without one.
pub const CRATEDB_SCHEMA: Variable =
    variable("CRATEDB_SCHEMA", "the schema, for a CrateDB URL from the environment that has none");
/// The key for CrateDB Cloud.
pub const CRATEDB_CLOUD_API_KEY: Variable = variable("CRATEDB_CLOUD_API_KEY", "the API key for CrateDB Cloud");
/// The secret of the key for CrateDB Cloud.
pub const CRATEDB_CLOUD_API_SECRET: Variable =
    Variable { name: "CRATEDB_CLOUD_API_SECRET", purpose: "the secret of the API key", secret: true };
/// Where the API of CrateDB Cloud is.
pub const CRATEDB_CLOUD_ENDPOINT: Variable =
    variable("CRATEDB_CLOUD_ENDPOINT", "where CrateDB Cloud's API is; https://console.cratedb.cloud by default");
/// The organization that new things belong to.
pub const CRATEDB_CLOUD_ORGANIZATION_ID: Variable =
    variable("CRATEDB_CLOUD_ORGANIZATION_ID", "the organization of new projects and clusters, where there are several");
/// The subscription that pays for new clusters.
pub const CRATEDB_CLOUD_SUBSCRIPTION_ID: Variable =
    variable("CRATEDB_CLOUD_SUBSCRIPTION_ID", "the subscription that pays for new clusters, or free_tier");
/// The tier of new clusters.
pub const CRATEDB_CLOUD_TIER: Variable = variable("CRATEDB_CLOUD_TIER", "the tier of the product of new clusters");
/// The product of new clusters.
pub const CRATEDB_CLOUD_PRODUCT: Variable =
    variable("CRATEDB_CLOUD_PRODUCT", "the product of new clusters, such as cr1");
/// The region of new clusters.
pub const CRATEDB_CLOUD_REGION: Variable =
    variable("CRATEDB_CLOUD_REGION", "the region of new clusters, such as eks1.eu-west-1.aws");
/// The channel of new clusters.
pub const CRATEDB_CHANNEL: Variable =
    variable("CRATEDB_CHANNEL", "the channel of new clusters: stable, testing or nightly");
/// The version of new clusters.
pub const CRATEDB_VERSION: Variable =
    variable("CRATEDB_VERSION", "the version of CrateDB of new clusters; the channel's newest by default");
/// Where the files of programs' settings are.
pub const XDG_CONFIG_HOME: Variable = variable(
    "XDG_CONFIG_HOME",
    "where settings are, and the profile of CrateDB Cloud's own client; ~/.config by default",
);
/// Where CrateDB is installed on this machine.
pub const CRATEDB_HOME: Variable = variable("CRATEDB_HOME", "where CrateDB is installed on this machine");
/// Where programs are.
pub const PATH: Variable = variable("PATH", "where the programs of database servers are looked for first");
/// Turns colour off.
pub const NO_COLOR: Variable = variable("NO_COLOR", "no colour in the output, where it is set to anything");
/// What is logged.
pub const LOG: Variable = variable("CLUSTERKEEP_LOG", "what is logged, such as `info` or `clusterkeep_core=debug`");
/// Where state files go.
pub const XDG_STATE_HOME: Variable =
    variable("XDG_STATE_HOME", "where state files are kept; ~/.local/state by default");
/// Where what can be made again is.
pub const XDG_CACHE_HOME: Variable =
    variable("XDG_CACHE_HOME", "where jobs that are Rust files are built; ~/.cache by default");
/// The user's own folder.
pub const HOME: Variable = variable("HOME", "the user's folder");

/// Every variable, in the order in which help shows them.
pub const ALL: &[Variable] = &[
    CLUSTER,
    ALLOW_PLAINTEXT,
    LOG,
    NO_COLOR,
    CRATEDB_CLUSTER_ID,
    CRATEDB_CLUSTER_NAME,
    CRATEDB_CLUSTER_URL,
    CRATEDB_URI,
    CRATEDB_USERNAME,
    CRATEDB_PASSWORD,
    CRATEDB_SCHEMA,
    CRATEDB_CLOUD_API_KEY,
    CRATEDB_CLOUD_API_SECRET,
    CRATEDB_CLOUD_ENDPOINT,
    CRATEDB_CLOUD_ORGANIZATION_ID,
    CRATEDB_CLOUD_SUBSCRIPTION_ID,
    CRATEDB_CLOUD_TIER,
    CRATEDB_CLOUD_PRODUCT,
    CRATEDB_CLOUD_REGION,
    CRATEDB_CHANNEL,
    CRATEDB_VERSION,
    CRATEDB_HOME,
    PATH,
    XDG_STATE_HOME,
    XDG_CACHE_HOME,
    XDG_CONFIG_HOME,
    HOME,
];

impl Variable {
    /// What the variable holds in this process; an empty one counts as not set.
    ///
    /// # Errors
    ///
    /// Its value is no UTF-8 text.
    pub fn read(&self) -> Result<Option<String>> {
        match std::env::var(self.name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::input(format!("environment variable {} is no UTF-8 text", self.name)))
            }
        }
    }
}

/// What a variable holds that an address names itself.
#[must_use]
pub fn named(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables as aligned lines for a help text.
///
/// ```
/// assert!(clusterkeep_core::env::help().contains("CLUSTERKEEP_CLUSTER"));
/// ```
#[must_use]
pub fn help() -> String {
    let width = ALL.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    ALL.iter().map(|variable| format!("  {:width$}  {}\n", variable.name, variable.purpose)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_declared_once_and_secrets_are_marked() {
        for (i, variable) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != variable.name), "{}", variable.name);
            let secret = variable.name.contains("PASSWORD") || variable.name.contains("SECRET");
            assert_eq!(variable.secret, secret, "{}", variable.name);
        }
    }
}
