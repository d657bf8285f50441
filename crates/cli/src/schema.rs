//! The JSON schemas of the documents that Clusterkeep reads and writes, generated from their types.
//!
//! They lie under `schemas/` as well, for editors; a test compares, and writes them where `UPDATE_SCHEMAS=1` is set.

use clap::ValueEnum;
use clusterkeep_core::audit::Record;
use clusterkeep_core::change::ClusterChange;
use clusterkeep_core::copy::replicate;
use clusterkeep_core::managed::sweep::Sweeping;
use clusterkeep_core::managed::{Loaded, Saved};
use clusterkeep_core::plan::{Plan, Report};
use clusterkeep_core::{Error, Result, cloud, copy, manifest};
use clusterkeep_retention::import::Judged;
use clusterkeep_retention::model::{Hold, Manifest};
use clusterkeep_retention::plan::Domain;
use clusterkeep_retention::restore::{Archived, Restoring};
use clusterkeep_retention::store::{Difference, Stored};
use clusterkeep_scheduler::deploy::Deploying;
use clusterkeep_scheduler::{Ledger, Overview, Permissions, Timetable};
use schemars::{Schema, schema_for};

use crate::commands::HistoryRun;
use crate::commands::documents::{ClusterDocument, HealthDocument, ListedCluster, ListedJob, PingDocument};
use crate::commands::timetable_documents::{Finding, Namespace};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Kind {
    /// A file of `kind: Retention`
    Retention,
    /// A file of `kind: Timetable`
    Timetable,
    /// A file of `kind: Permissions`
    Permissions,
    /// What `retention plan --format json` prints
    Plan,
    /// What `retention apply --format json` prints
    Report,
    /// A hold, as `retention hold list --format json` prints them
    Hold,
    /// A policy that is kept, as `retention policies list --format json` prints them
    KeptPolicy,
    /// What a file says otherwise, as `retention policies diff --format json` prints it
    PolicyDifference,
    /// What became of a policy of CrateDB Toolkit, as `retention policies import --format json` prints them
    ImportedPolicy,
    /// A copy of a partition, as `retention restore list --format json` prints them
    Archive,
    /// The manifest of an archive in files, which lies beside each of them
    ArchiveManifest,
    /// What `retention restore run --plan --format json` prints
    RestorePlan,
    /// What `retention restore run --format json` prints when it has done it
    RestoreReport,
    /// A record of the audit
    AuditRecord,
    /// A schedule, as `schedule list --format json` prints them
    Schedule,
    /// What `schedule plan --format json` prints
    TimetablePlan,
    /// What `schedule apply --format json` prints
    TimetableReport,
    /// What `schedule validate --format json` prints of each mistake
    TimetableFinding,
    /// A namespace, as `schedule namespaces --format json` prints them
    Namespace,
    /// What `schedule ledger --format json` prints
    Ledger,
    /// A run, as `schedule history --format json` prints them
    Run,
    /// A cluster in short, as `cluster list --format json` prints them
    ListedCluster,
    /// What `cluster info --format json` prints
    Cluster,
    /// What `cluster health --format json` prints
    Health,
    /// What `cluster ping --format json` prints
    Ping,
    /// An operation, as `cluster operations --format json` prints them
    Operation,
    /// A job, as `cluster jobs --format json` prints them
    Job,
    /// A snapshot, as `cluster snapshots --format json` prints them
    Snapshot,
    /// What `cluster import --format json` prints
    Imported,
    /// What `cluster export --format json` prints
    Exported,
    /// What `cluster create`, `delete`, `scale` and their like print with `--plan --format json`
    ClusterPlan,
    /// What they print with `--format json` when they have done it
    ClusterReport,
    /// What `cluster copy --plan --format json` prints
    CopyPlan,
    /// What `cluster copy --replicate --plan --format json` prints
    ReplicationPlan,
    /// What `cluster copy --replicate --lag --format json` prints, for each table
    ReplicationLag,
    /// What `cluster sweep --plan --format json` prints
    SweepPlan,
}

impl Kind {
    /// Every kind.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The name on the command line and of the file.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The schema.
    #[must_use]
    pub fn schema(self) -> Schema {
        match self {
            Self::Retention => manifest::schema::<Manifest>(),
            Self::Timetable => manifest::schema::<Timetable>(),
            Self::Permissions => manifest::schema::<Permissions>(),
            Self::Plan => schema_for!(Plan<Domain>),
            Self::Report => schema_for!(Report<Domain>),
            Self::Hold => schema_for!(Hold),
            Self::KeptPolicy => schema_for!(Stored),
            Self::PolicyDifference => schema_for!(Difference),
            Self::ImportedPolicy => schema_for!(Judged),
            Self::Archive => schema_for!(Archived),
            Self::ArchiveManifest => schema_for!(clusterkeep_retention::archive::Manifest),
            Self::RestorePlan => schema_for!(Plan<Restoring>),
            Self::RestoreReport => schema_for!(Report<Restoring>),
            Self::AuditRecord => schema_for!(Record),
            Self::Schedule => schema_for!(Overview),
            Self::TimetablePlan => schema_for!(Plan<Deploying>),
            Self::TimetableReport => schema_for!(Report<Deploying>),
            Self::TimetableFinding => schema_for!(Finding),
            Self::Namespace => schema_for!(Namespace),
            Self::Ledger => schema_for!(Ledger),
            Self::Run => schema_for!(HistoryRun),
            Self::ListedCluster => schema_for!(ListedCluster),
            Self::Cluster => schema_for!(ClusterDocument),
            Self::Health => schema_for!(HealthDocument),
            Self::Ping => schema_for!(PingDocument),
            Self::Operation => schema_for!(cloud::Operation),
            Self::Job => schema_for!(ListedJob),
            Self::Snapshot => schema_for!(cloud::Snapshot),
            Self::Imported => schema_for!(Loaded),
            Self::Exported => schema_for!(Saved),
            Self::ClusterPlan => schema_for!(Plan<ClusterChange>),
            Self::ClusterReport => schema_for!(Report<ClusterChange>),
            Self::CopyPlan => schema_for!(Plan<copy::Domain>),
            Self::ReplicationPlan => schema_for!(Plan<replicate::Domain>),
            Self::ReplicationLag => schema_for!(replicate::Lag),
            Self::SweepPlan => schema_for!(Plan<Sweeping>),
        }
    }

    /// The schema as the text of its file.
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn text(self) -> Result<String> {
        let mut text = serde_json::to_string_pretty(&self.schema())
            .map_err(|error| Error::caused(format!("write the schema of {}", self.name()), error))?;
        text.push('\n');
        Ok(text)
    }
}
