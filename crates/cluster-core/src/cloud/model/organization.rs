//! Organizations, their projects, and the regions that these are in.

use serde_json::Value;
use uuid::Uuid;

use super::{DublinCore, RegionStatus, model};

model! {
    /// Who pays: the top of everything.
    Organization {
        needs {
            /// Its id.
            id: Uuid,
            /// Its name.
            name: String,
        }
        may {
            /// Its plan, 1 to 6.
            plan_type: u32,
            /// Where notifications go.
            email: String,
            /// Whether notifications are sent.
            notifications_enabled: bool,
            /// How many projects it has.
            project_count: u32,
            /// The caller's role in it.
            role_fqn: String,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

model! {
    /// Clusters of one organization in one region.
    Project {
        needs {
            /// Its id.
            id: Uuid,
            /// Its name.
            name: String,
        }
        may {
            /// The organization that it belongs to.
            organization_id: Uuid,
            /// Where its clusters are.
            region: String,
            /// Where their backups go, in a region of the user's own.
            backup_location: BackupLocation,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

model! {
    /// Where backups go, in a region of the user's own.
    BackupLocation {
        may {
            /// The kind of store: `s3`.
            location_type: String,
            /// Where in it.
            location: String,
            /// What else it takes, such as the URL of an endpoint.
            additional_config: Value,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

model! {
    /// Where clusters can be.
    Region {
        needs {
            /// Its name, such as `eks1.eu-west-1.aws`.
            name: String,
        }
        may {
            /// Its name for people.
            description: String,
            /// Whether no new clusters are made in it.
            deprecated: bool,
            /// Whether it is one of the user's own.
            is_edge_region: bool,
            /// The organization that it belongs to, where it is the user's own.
            organization_id: String,
            /// How it is.
            status: RegionStatus,
            /// Whether newer software is to be had for it.
            upgrade_available: bool,
            /// When it was created and changed.
            dc: DublinCore,
        }
        times {
            /// When it was last heard of.
            last_seen
        }
    }
}
