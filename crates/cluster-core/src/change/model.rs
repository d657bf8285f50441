//! What is wanted of a cluster.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::cloud::{Cidr, NewCluster, Restore, RestoreWhat};
use crate::error::{Error, Result};
use crate::plan::PlanHasher;

/// What is wanted of a cluster in CrateDB Cloud.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Change {
    /// A new one.
    Create {
        /// The organization that it is for.
        organization: Uuid,
        /// The cluster; its password is in no plan.
        cluster: Box<NewCluster>,
    },
    /// It is deleted, with its backups.
    Delete {
        /// Which.
        cluster: Uuid,
    },
    /// Another step on its product's scale.
    Scale {
        /// Which.
        cluster: Uuid,
        /// The step; this is not added to the present one.
        unit: u32,
    },
    /// Another product.
    ChangeProduct {
        /// Which.
        cluster: Uuid,
        /// The product's name.
        product: String,
    },
    /// Another version of CrateDB.
    Upgrade {
        /// Which.
        cluster: Uuid,
        /// The version.
        version: String,
    },
    /// Larger disks.
    ExpandStorage {
        /// Which.
        cluster: Uuid,
        /// The size of the disk of each node, in bytes; whole GiB.
        bytes: u64,
    },
    /// Another list of networks that may reach it; none listed means that all may.
    Allow {
        /// Which.
        cluster: Uuid,
        /// The whole list.
        networks: Vec<Cidr>,
    },
    /// Deleting it is refused from now on, or not any more.
    Protect {
        /// Which.
        cluster: Uuid,
        /// Whether it is refused.
        on: bool,
    },
    /// A snapshot is restored into it.
    Restore {
        /// Which.
        cluster: Uuid,
        /// What is restored.
        restore: Restore,
    },
    /// It is suspended.
    Suspend {
        /// Which.
        cluster: Uuid,
    },
}

const GIB: u64 = 1 << 30;

impl Change {
    /// The cluster that is changed; none where it is created.
    #[must_use]
    pub const fn cluster(&self) -> Option<Uuid> {
        match self {
            Self::Create { .. } => None,
            Self::Delete { cluster }
            | Self::Scale { cluster, .. }
            | Self::ChangeProduct { cluster, .. }
            | Self::Upgrade { cluster, .. }
            | Self::ExpandStorage { cluster, .. }
            | Self::Allow { cluster, .. }
            | Self::Protect { cluster, .. }
            | Self::Restore { cluster, .. }
            | Self::Suspend { cluster } => Some(*cluster),
        }
    }

    /// What it does, as a verb for people.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Delete { .. } => "delete",
            Self::Scale { .. } => "scale",
            Self::ChangeProduct { .. } => "change the product of",
            Self::Upgrade { .. } => "upgrade",
            Self::ExpandStorage { .. } => "expand the storage of",
            Self::Allow { .. } => "replace the allow list of",
            Self::Protect { on: true, .. } => "protect",
            Self::Protect { on: false, .. } => "stop protecting",
            Self::Restore { .. } => "restore into",
            Self::Suspend { .. } => "suspend",
        }
    }

    /// Looks whether it makes sense, without asking anybody.
    ///
    /// # Errors
    ///
    /// What the service would refuse of anybody.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Create { cluster, .. } => cluster.check(),
            Self::ExpandStorage { bytes, .. } if *bytes == 0 || !bytes.is_multiple_of(GIB) => {
                Err(Error::input(format!("a disk of {bytes} bytes is no whole number of GiB"))
                    .with_hint("give the size of the disk of each node, such as `256 GiB`"))
            }
            Self::Allow { networks, .. } => {
                let mut seen = BTreeSet::new();
                match networks.iter().find(|network| !seen.insert(network.to_string())) {
                    Some(twice) => Err(Error::input(format!("network {twice} is listed twice"))),
                    None => Ok(()),
                }
            }
            Self::Restore { restore, .. } => match &restore.what {
                RestoreWhat::Tables(tables) if tables.iter().any(String::is_empty) => {
                    Err(Error::input("a table to restore has no name"))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Feeds what is wanted to a hash, without the password.
    pub(super) fn feed(&self, hasher: &mut PlanHasher) {
        hasher.text(self.verb());
        hasher.optional(self.cluster(), |hasher, id| {
            hasher.bytes(id.as_bytes());
        });
        match self {
            Self::Create { organization, cluster } => {
                hasher.bytes(organization.as_bytes());
                for text in [&cluster.name, &cluster.username, &cluster.version, &cluster.product, &cluster.tier] {
                    hasher.text(text);
                }
                hasher.text(cluster.channel.as_str()).number(u64::from(cluster.unit)).text(&cluster.subscription);
                hasher.optional(cluster.storage_bytes, |hasher, bytes| {
                    hasher.number(bytes);
                });
                hasher.optional(cluster.project, |hasher, project| {
                    hasher.bytes(project.as_bytes());
                });
                hasher.optional(cluster.new_project.as_ref(), |hasher, (name, region)| {
                    hasher.text(name).text(region);
                });
            }
            Self::Scale { unit, .. } => {
                hasher.number(u64::from(*unit));
            }
            Self::ChangeProduct { product: text, .. } | Self::Upgrade { version: text, .. } => {
                hasher.text(text);
            }
            Self::ExpandStorage { bytes, .. } => {
                hasher.number(*bytes);
            }
            Self::Allow { networks, .. } => {
                let mut texts: Vec<String> =
                    networks.iter().map(|one| format!("{one} {}", one.description().unwrap_or_default())).collect();
                texts.sort();
                hasher.number(texts.len() as u64);
                for text in texts {
                    hasher.text(&text);
                }
            }
            Self::Restore { restore, .. } => {
                hasher.text(&restore.repository).text(&restore.snapshot).text(&format!("{:?}", restore.what));
                hasher.optional(restore.source, |hasher, source| {
                    hasher.bytes(source.as_bytes());
                });
            }
            Self::Delete { .. } | Self::Protect { .. } | Self::Suspend { .. } => {}
        }
    }
}
