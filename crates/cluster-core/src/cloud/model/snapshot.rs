//! A snapshot of a cluster.

use uuid::Uuid;

use super::{DublinCore, model};

model! {
    /// A backup that the service made of a cluster.
    Snapshot {
        may {
            /// The repository that it is in, such as `system_backup_20260101000000`.
            repository: String,
            /// Its name, such as `20260710104102`.
            snapshot: String,
            /// The cluster that it is of.
            cluster_id: Uuid,
            /// The project of that cluster.
            project_id: String,
            /// When the record of it was created and changed.
            dc: DublinCore,
        }
        times {
            /// When it was made.
            created
        }
        lists {
            /// The tables in it.
            tables: String,
            /// The indices in it, partitions apart.
            concrete_indices: String,
        }
    }
}
