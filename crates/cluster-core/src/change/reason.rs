//! Why: with the data that it rests on, as text at the rim.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::show::{counted, size};

/// Why something is decided.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It is as wanted already.
    AsWanted,
    /// A new cluster.
    New {
        /// Whether it costs nothing.
        free: bool,
        /// The project that is made for it, where one is.
        new_project: Option<String>,
    },
    /// A cluster of this name and make is there already.
    Exists {
        /// Its id.
        id: String,
    },
    /// The name is taken by another cluster in the project.
    NameTaken {
        /// Its id.
        id: String,
        /// What is different about it.
        difference: String,
    },
    /// The organization has its one free cluster.
    FreeTaken {
        /// Its name.
        name: String,
    },
    /// There is no such product.
    NoProduct {
        /// Those that there are.
        products: Vec<String>,
    },
    /// The product has no such step on its scale.
    NoUnit {
        /// The step.
        unit: u32,
        /// Those that it has.
        units: Vec<u32>,
    },
    /// Everything in it goes.
    DeletesAll {
        /// The size of all its disks together, in bytes.
        bytes: Option<u64>,
        /// The snapshots of the last two weeks, which go, too.
        backups: u64,
        /// When the newest was made.
        newest: Option<DateTime<Utc>>,
        /// The tables in it.
        tables: Option<u64>,
    },
    /// Deletion is refused.
    Protected,
    /// It gets more nodes.
    MoreNodes,
    /// It loses nodes: what they hold is moved to those that stay.
    FewerNodes,
    /// The number of nodes changes by an unknown number.
    OtherNodes,
    /// Its nodes are restarted one after another.
    RollingRestart,
    /// It is upgraded.
    Upgrades {
        /// Whether it gets another minor version, which there is no way back from.
        minor: bool,
    },
    /// It goes back to an earlier hotfix.
    Downgrades,
    /// Another major version.
    OtherMajor,
    /// Too many versions at once.
    SkipsMinor {
        /// The next one.
        next: String,
    },
    /// An earlier minor version.
    EarlierMinor,
    /// A version of another channel, or none at all.
    OtherChannel {
        /// The channel.
        channel: String,
    },
    /// A version that is not to be had.
    NoUpgrade {
        /// The newest one that is.
        newest: Option<String>,
    },
    /// Disks grow, and never shrink again.
    Grows,
    /// Disks can't shrink.
    Shrinks,
    /// The product has disks of one size.
    FixedStorage,
    /// The product's disks don't get that large.
    TooLarge {
        /// The most, in bytes.
        most: u64,
    },
    /// Everybody may reach it.
    OpensToAll,
    /// Only those networks may reach it.
    Restricts {
        /// The address of the caller, who is not among them.
        locks_out: Option<IpAddr>,
    },
    /// The network is in the new list and not in the old one.
    LetIn,
    /// The network is in the old list and not in the new one.
    ShutOut {
        /// The address of the caller, who is in it and in none of the new list.
        own: Option<IpAddr>,
    },
    /// The network is in both lists.
    StaysIn,
    /// Deleting it is refused from then on.
    Guards,
    /// It can be deleted from then on.
    Unguards,
    /// The table is in the snapshot.
    InSnapshot {
        /// When it was made.
        created: Option<DateTime<Utc>>,
    },
    /// What is no table is in the snapshot, or all of it.
    Snapshot {
        /// When it was made.
        created: Option<DateTime<Utc>>,
        /// What of it.
        what: String,
    },
    /// The snapshot has no such table.
    NotInSnapshot,
    /// There is no such snapshot.
    NoSnapshot,
    /// The other cluster is in another organization or region.
    Elsewhere,
    /// It is suspended, and this needs it to run.
    Suspended,
    /// It is suspended: only its disks are billed.
    Sleeps,
    /// Its product can't be suspended.
    NeverSleeps {
        /// The product.
        product: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        match self {
            Self::AsWanted => f.write_str("it is so already"),
            Self::New { free, new_project } => {
                let billing =
                    if *free { "costs nothing" } else { "billed from its creation on; suspended, only its disks are" };
                f.write_str(billing)?;
                new_project
                    .as_ref()
                    .map_or(Ok(()), |name| write!(f, "; project `{}` is made for it", name.escape_debug()))
            }
            Self::Exists { id } => write!(f, "there already, as {id}"),
            Self::NameTaken { id, difference } => {
                write!(f, "the project has one of this name, {id}, with {difference}")
            }
            Self::FreeTaken { name } => write!(f, "the organization's one free cluster is {name}"),
            Self::NoProduct { products } if products.is_empty() => f.write_str("no such product is to be had"),
            Self::NoProduct { products } => {
                write!(f, "no such product is to be had; there are {}", products.join(", "))
            }
            Self::NoUnit { unit, units } => {
                let units: Vec<_> = units.iter().map(u32::to_string).collect();
                write!(f, "the product has no unit {unit}; it has {}", units.join(", "))
            }
            Self::DeletesAll { bytes, backups, newest, tables } => {
                f.write_str("all data goes")?;
                if let Some(tables) = tables {
                    write!(f, " ({} in the newest backup)", counted(*tables, "table"))?;
                }
                if let Some(bytes) = bytes {
                    write!(f, ", disks of {}", size(*bytes))?;
                }
                match newest {
                    Some(newest) => {
                        let backups = counted(*backups, "backup");
                        write!(
                            f,
                            ", and its backups too: {backups} of the last two weeks, the newest of {}",
                            day(newest)
                        )
                    }
                    None => f.write_str(", and its backups too"),
                }
            }
            Self::Protected => f.write_str("it is protected from being deleted; `protect off` comes first"),
            Self::MoreNodes => f.write_str("it gets more nodes; data moves to them"),
            Self::FewerNodes => f.write_str("it loses nodes; those that stay must hold all data and replicas"),
            Self::OtherNodes => f.write_str("the service does not say how many nodes that is"),
            Self::RollingRestart => f.write_str("its nodes are replaced one after another"),
            Self::Upgrades { minor: true } => {
                f.write_str("its nodes are restarted; there is no way back from another minor version")
            }
            Self::Upgrades { .. } => f.write_str("its nodes are restarted"),
            Self::Downgrades => f.write_str("back to an earlier hotfix; its nodes are restarted"),
            Self::OtherMajor => f.write_str("another major version is no upgrade; copy into a new cluster"),
            Self::SkipsMinor { next } => write!(f, "minor versions come one after another; the next is {next}"),
            Self::EarlierMinor => f.write_str("there is no way back to an earlier minor version"),
            Self::OtherChannel { channel } => {
                write!(f, "it follows the channel {channel}, which this is no version of")
            }
            Self::NoUpgrade { newest: Some(newest) } => write!(f, "not to be had; the newest is {newest}"),
            Self::NoUpgrade { newest: None } => f.write_str("no upgrade is to be had"),
            Self::Grows => f.write_str("disks never shrink again; billed from then on, also while suspended"),
            Self::Shrinks => f.write_str("disks can't shrink"),
            Self::FixedStorage => f.write_str("its product has disks of one size"),
            Self::TooLarge { most } => write!(f, "its product's disks go up to {}", size(*most)),
            Self::OpensToAll => f.write_str("opens the cluster to everyone"),
            Self::Restricts { locks_out: Some(own) } => {
                write!(f, "only these networks may reach it, and you are seen at {own}, which is in none of them")
            }
            Self::Restricts { locks_out: None } => f.write_str("only these networks may reach it"),
            Self::LetIn => f.write_str("may reach it from then on"),
            Self::ShutOut { own: Some(own) } => {
                write!(f, "may reach it no more; you are seen at {own}, which is in it")
            }
            Self::ShutOut { own: None } => f.write_str("may reach it no more"),
            Self::StaysIn => f.write_str("may reach it before and after"),
            Self::Guards => f.write_str("deleting it is refused from then on"),
            Self::Unguards => f.write_str("it can be deleted from then on, with its backups"),
            Self::InSnapshot { created } => {
                f.write_str("as it was")?;
                created.as_ref().map_or(Ok(()), |at| write!(f, " on {}", day(at)))?;
                f.write_str("; no such table may be there")
            }
            Self::Snapshot { created, what } => {
                write!(f, "{what} as of the snapshot")?;
                created.as_ref().map_or(Ok(()), |at| write!(f, " of {}", day(at)))?;
                f.write_str("; nothing of it may be there")
            }
            Self::NotInSnapshot => f.write_str("the snapshot has no such table"),
            Self::NoSnapshot => f.write_str("there is no such snapshot; `cluster snapshots` shows them"),
            Self::Elsewhere => f.write_str("the snapshot is of a cluster in another organization or region"),
            Self::Suspended => f.write_str("it is suspended; `cluster start` resumes it"),
            Self::Sleeps => f.write_str("nobody can reach it until it is resumed; only its disks are billed"),
            Self::NeverSleeps { product } => write!(f, "product {product} can't be suspended"),
        }
    }
}
