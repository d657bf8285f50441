//! Which kinds of targets jobs can have, and how they get at clusters: here they meet the command line.

use std::path::Path;

use clusterkeep_core::Result;
use clusterkeep_core::address::{AddressSources, ClusterAddress, Resolved};
use clusterkeep_core::managed::Opener;
use clusterkeep_core::sql::{ConnectOptions, Db};
use clusterkeep_scheduler::target::{
    Clusters, CommandRunner, ContainerRunner, Echo, NodeRunner, PythonRunner, RustRunner, SqlRunner,
};
use clusterkeep_scheduler::{JobSpec, Target, TargetKind, Targets};

use crate::args::ClusterArgs;

/// All kinds. SQL goes to the cluster of `cluster` where a job names none; what processes write goes to `echo`, too.
pub(crate) fn all(cluster: &ClusterArgs, echo: &Echo) -> Targets {
    Targets::local()
        .with(TargetKind::Command, CommandRunner::new().echo(echo.clone()))
        .with(TargetKind::Python, PythonRunner::new().echo(echo.clone()))
        .with(TargetKind::Node, NodeRunner::new().echo(echo.clone()))
        .with(TargetKind::Rust, RustRunner::new().echo(echo.clone()))
        .with(TargetKind::Container, ContainerRunner::new().echo(echo.clone()))
        .with(TargetKind::Sql, SqlRunner::on(Served(cluster.clone())))
}

/// Whether a job works on the cluster of the command line.
pub(crate) fn needs_cluster(job: &JobSpec) -> bool {
    match &job.run {
        Target::Action(action) => action.action != crate::compose::HISTORY,
        Target::Sql(sql) => sql.cluster.is_none(),
        _ => false,
    }
}

/// The clusters that jobs can name, and the one that the command line, the environment or `.env` names.
#[derive(Debug, Clone)]
struct Served(ClusterArgs);

#[async_trait::async_trait]
impl Clusters for Served {
    async fn connect(&self, cluster: Option<&str>, options: ConnectOptions) -> Result<Db> {
        let sources = AddressSources::new().process_environment().allow_plaintext(&self.0.allow_plaintext);
        let sources = match (cluster, &self.0.cluster) {
            (Some(text), _) => sources.flag("cluster", text),
            (None, Some(text)) => sources.dotenv(Path::new(".env")).flag("--cluster", text),
            (None, None) => sources.dotenv(Path::new(".env")),
        };
        let Resolved { address, .. } = sources.resolve()?;
        match address {
            ClusterAddress::Url(url) => Db::connect_with(&url, options).await,
            address => Opener::new().open(&address).await?.connect(options).await,
        }
    }
}
