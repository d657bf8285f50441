//! A cluster.

use uuid::Uuid;

use super::{Channel, DublinCore, HealthStatus, OperationKind, OperationStatus, model};

model! {
    /// A cluster, as the Cloud knows it.
    Cluster {
        needs {
            /// Its id.
            id: Uuid,
            /// Its name: a DNS label, not unique across projects.
            name: String,
        }
        may {
            /// The project that it belongs to; the organization is that of the project.
            project_id: Uuid,
            /// The subscription that pays for it.
            subscription_id: String,
            /// The version of CrateDB that it runs.
            crate_version: String,
            /// Which releases it follows.
            channel: Channel,
            /// The product, such as `cr1`.
            product_name: String,
            /// The tier of the product, such as `default`.
            product_tier: String,
            /// The step on the product's scale; 0 is the smallest, often one node.
            product_unit: u32,
            /// How many nodes it has.
            num_nodes: u32,
            /// The administrator of the database.
            username: String,
            /// Where its database answers, over HTTPS.
            url: String,
            /// Its host name, with a dot at the end.
            fqdn: String,
            /// Its address on the Internet.
            external_ip: String,
            /// Where it was created from.
            origin: String,
            /// Whether it is suspended: then only its disks are billed.
            suspended: bool,
            /// Whether its product can be suspended.
            allow_suspend: bool,
            /// Whether its disks can be expanded.
            allow_custom_storage: bool,
            /// Whether deleting it is refused.
            deletion_protected: bool,
            /// Whether scheduled jobs and table policies are to be had.
            gc_available: bool,
            /// When backups are made, as a cron line in UTC.
            backup_schedule: String,
            /// What each node is made of.
            hardware_specs: HardwareSpecs,
            /// How it is.
            health: Health,
            /// What was done to it last.
            last_async_operation: LastOperation,
            /// When it was created and changed.
            dc: DublinCore,
        }
        lists {
            /// The networks that may reach it; none listed means that all may.
            ip_whitelist: AllowedCidr,
        }
    }
}

model! {
    /// What a node is made of.
    HardwareSpecs {
        may {
            /// Processors, or shares of one.
            cpus_per_node: f64,
            /// Memory in bytes.
            memory_per_node_bytes: u64,
            /// The size of each disk in bytes.
            disk_size_per_node_bytes: u64,
            /// How many disks it has.
            disks_per_node: u32,
            /// The kind of disk: `standard` or `premium`.
            disk_type: String,
            /// CrateDB's heap in bytes.
            heap_size_bytes: u64,
        }
    }
}

model! {
    /// How a cluster is.
    Health {
        may {
            /// In a word.
            status: HealthStatus,
            /// What is being done to it.
            running_operation: OperationKind,
        }
        times {
            /// When it was last heard of.
            last_seen
        }
    }
}

model! {
    /// A network that may reach a cluster.
    AllowedCidr {
        needs {
            /// The network, such as `192.0.2.0/24`.
            cidr: String,
        }
        may {
            /// What it is.
            description: String,
        }
    }
}

model! {
    /// What was done to a cluster last.
    LastOperation {
        may {
            /// The operation's id.
            id: String,
            /// What it did.
            r#type: OperationKind,
            /// How far it is.
            status: OperationStatus,
            /// When it was accepted and changed.
            dc: DublinCore,
        }
    }
}

impl Cluster {
    /// Whether it is suspended for certain.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.suspended == Some(true)
    }

    /// Whether it is not suspended for certain.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.suspended.map_or(self.status() != Some(&HealthStatus::Suspended), |suspended| !suspended)
    }

    /// What is being done to it, as far as it says itself.
    #[must_use]
    pub fn running_operation(&self) -> Option<&OperationKind> {
        self.health.as_ref()?.running_operation.as_ref()
    }

    /// In a word, how it is.
    #[must_use]
    pub fn status(&self) -> Option<&HealthStatus> {
        self.health.as_ref()?.status.as_ref()
    }

    /// Its host name without the dot at the end.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.fqdn.as_deref().map(|name| name.trim_end_matches('.')).filter(|name| !name.is_empty())
    }

    /// Where its database answers: the URL that it says, or the one that follows from its host name.
    #[must_use]
    pub fn database_url(&self) -> Option<String> {
        self.url.clone().or_else(|| self.host().map(|host| format!("https://{host}:4200")))
    }

    /// The size of the disk of each node, in bytes.
    #[must_use]
    pub fn storage_bytes(&self) -> Option<u64> {
        self.hardware_specs.as_ref()?.disk_size_per_node_bytes
    }
}
