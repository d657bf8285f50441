//! Commands that change, pay for or destroy a cluster: each is a plan first.

use clap::{Args, ValueEnum};
use clusterkeep_core::address::SecretRef;
use clusterkeep_core::sql::TableName;

use super::{ApprovalArgs, Size, WaitArgs};
use crate::args::ClusterArgs;

/// A database that this machine can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LocalEngine {
    /// PostgreSQL
    Postgres,
    /// MariaDB
    Mariadb,
    /// CrateDB
    Cratedb,
}

/// What to create.
#[derive(Debug, Args)]
#[command(after_help = "\
The password is never part of the command line: say where it is, or set CRATEDB_PASSWORD.
A cluster of this machine costs nothing, needs no approval, and is created running.

Examples:
  clusterkeep cluster create staging --product crfree --region eks1.eu-west-1.aws --free --plan
  clusterkeep cluster create staging --product cr1 --password file:password --expect-plan 5f1c9ad2
  clusterkeep cluster create local:scratch --engine cratedb --nodes 3")]
pub struct CreateArgs {
    /// The name: 3 to 63 lower-case letters, digits and hyphens; or local:NAME for one of this machine
    #[arg(required_unless_present = "cluster")]
    pub name: Option<String>,
    /// The same, as other commands take it
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub cluster: Option<String>,
    /// The database that a cluster of this machine runs
    #[arg(long, value_enum, value_name = "ENGINE", help_heading = "On this machine")]
    pub engine: Option<LocalEngine>,
    /// How many nodes a cluster of this machine has; only CrateDB can have several
    #[arg(long, value_name = "N", requires = "engine", help_heading = "On this machine")]
    pub nodes: Option<usize>,
    /// The project, by its id or name; a project of the cluster's own name otherwise, created where it is missing
    #[arg(long, value_name = "ID|NAME")]
    pub project: Option<String>,
    /// The organization, by its id or name; the only one, or that of the environment, otherwise
    #[arg(long, value_name = "ID|NAME")]
    pub organization: Option<String>,
    /// The subscription that pays for it; the only one, or that of the environment, otherwise
    #[arg(long, value_name = "ID", conflicts_with = "free")]
    pub subscription: Option<String>,
    /// Take the free tier, one cluster for each organization
    #[arg(long)]
    pub free: bool,
    /// The region, for a project that is to be created
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The product; that of the environment, or crfree, otherwise
    #[arg(long, value_name = "PRODUCT")]
    pub product: Option<String>,
    /// The tier of the product; that of the environment, or default, otherwise
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// The step on the product's scale: 0 is the smallest
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub unit: u32,
    /// The version of CrateDB; that of the environment, or the newest of the channel, otherwise
    #[arg(long, value_name = "VERSION")]
    pub crate_version: Option<String>,
    /// The releases to follow: stable, testing or nightly
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// The size of the disk of each node, where the product leaves a choice
    #[arg(long, value_name = "SIZE")]
    pub storage: Option<Size>,
    /// The administrator of the database; CRATEDB_USERNAME, or admin, otherwise
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Where the administrator's password is, 24 characters or more: env:NAME or file:PATH
    #[arg(long, value_name = "PLACE", value_parser = SecretPlace::parse)]
    pub password: Option<SecretPlace>,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// What to delete.
#[derive(Debug, Args)]
#[command(after_help = "\
A cluster of this machine is deleted with its folder. One that is protected is refused.

Examples:
  clusterkeep cluster delete --cluster staging --plan
  clusterkeep cluster delete --cluster staging --expect-plan 5f1c9ad2
  clusterkeep cluster delete --cluster local:scratch")]
pub struct DeleteArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// To what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clusterkeep cluster scale --cluster staging --unit 2 --plan
  clusterkeep cluster scale --cluster staging --unit 2 --expect-plan 5f1c9ad2
  clusterkeep cluster scale --cluster staging --product cr2 --plan")]
pub struct ScaleArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The step on the product's scale: absolute, 0 is the smallest
    #[arg(long, value_name = "N", required_unless_present = "product", conflicts_with = "product")]
    pub unit: Option<u32>,
    /// Another product, for machines of another size
    #[arg(long, value_name = "PRODUCT")]
    pub product: Option<String>,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// To what.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --to it lists the versions that the cluster can go to.

Examples:
  clusterkeep cluster upgrade --cluster staging
  clusterkeep cluster upgrade --cluster staging --to 6.4.3 --plan
  clusterkeep cluster upgrade --cluster staging --to 6.4.3 --expect-plan 5f1c9ad2")]
pub struct UpgradeArgs {
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The version: at most one minor version ahead
    #[arg(long, value_name = "VERSION", required_if_eq("plan", "true"))]
    pub to: Option<String>,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// To what.
#[derive(Debug, Args)]
#[command(after_help = "\
Disks only grow.

Examples:
  clusterkeep cluster storage 512GiB --cluster staging --plan
  clusterkeep cluster storage 512GiB --cluster staging --expect-plan 5f1c9ad2
  clusterkeep cluster storage 1TiB --cluster staging")]
pub struct StorageArgs {
    /// The size of the disk of each node, such as 512GiB
    pub size: Size,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// Who may reach it.
#[derive(Debug, Args)]
#[command(after_help = "\
The list is replaced as a whole. An empty one would open the cluster to everyone: --everyone says so.

Examples:
  clusterkeep cluster allow 192.0.2.0/24 198.51.100.7/32 --cluster staging --plan
  clusterkeep cluster allow 192.0.2.0/24 --this-address --cluster staging --expect-plan 5f1c9ad2
  clusterkeep cluster allow --everyone --cluster staging --plan")]
pub struct AllowArgs {
    /// Networks, such as 192.0.2.0/24
    #[arg(value_name = "NETWORK", required_unless_present_any = ["everyone", "this_address"])]
    pub networks: Vec<String>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The address that this machine has on the Internet, too
    #[arg(long)]
    pub this_address: bool,
    /// Everyone: the list is emptied
    #[arg(long, conflicts_with_all = ["networks", "this_address"])]
    pub everyone: bool,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// Whether deleting is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protection {
    /// It can't be deleted
    On,
    /// It can be deleted
    Off,
}

/// On or off.
#[derive(Debug, Args)]
#[command(after_help = "\
Turning it on needs no approval.

Examples:
  clusterkeep cluster protect on --cluster staging
  clusterkeep cluster protect off --cluster staging --plan
  clusterkeep cluster protect off --cluster staging --expect-plan 5f1c9ad2")]
pub struct ProtectArgs {
    /// On or off
    #[arg(value_enum)]
    pub protection: Protection,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// What to restore where.
#[derive(Debug, Args)]
#[command(after_help = "\
A table that is there is refused: a restore does not overwrite.

Examples:
  clusterkeep cluster restore 20261121093000 --cluster staging --plan
  clusterkeep cluster restore 20261121093000 --cluster staging --table doc.observations --plan
  clusterkeep cluster restore latest --source production --cluster staging --expect-plan 5f1c9ad2")]
pub struct RestoreArgs {
    /// The snapshot, as `cluster snapshots` names it, or `latest`
    pub snapshot: String,
    /// The cluster that it is restored into.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The cluster that the snapshot is of, where that is another one: its id or name
    #[arg(long, value_name = "ID|NAME")]
    pub source: Option<String>,
    /// Only this table; may be given several times
    #[arg(long, value_name = "TABLE")]
    pub table: Vec<TableName>,
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// What to do with what was left behind.
#[derive(Debug, Args)]
#[command(after_help = "\
Processes of Clusterkeep note what they start before they start it. What one of them left behind, because it
was killed, is suspended or removed.

Examples:
  clusterkeep cluster sweep --plan
  clusterkeep cluster sweep --expect-plan 5f1c9ad2
  clusterkeep cluster sweep --plan --exit-code --format json")]
pub struct SweepArgs {
    /// How long to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// How it is approved.
    #[command(flatten)]
    pub approval: ApprovalArgs,
}

/// Where a password is; what is given instead of a place is not kept, since it may be the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A place.
    Known(SecretRef),
    /// Something else.
    Literal,
}

impl SecretPlace {
    // An error of the parser would repeat what was given.
    fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        Ok(text.parse().map_or(Self::Literal, Self::Known))
    }
}
