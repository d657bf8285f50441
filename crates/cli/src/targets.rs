//! Which kinds of targets jobs can have: here they meet the command line.

use clusterkeep_scheduler::target::{
    CommandRunner, ContainerRunner, Echo, NodeRunner, PythonRunner, RustRunner, SqlRunner,
};
use clusterkeep_scheduler::{JobSpec, Target, TargetKind, Targets};

use crate::compose::{CLUSTER_START, CLUSTER_STOP, HISTORY};
use crate::served::Served;

/// All kinds. SQL goes to the clusters that are `served`; what processes write goes to `echo`, too.
pub(crate) fn all(served: &Served, echo: &Echo) -> Targets {
    Targets::local()
        .with(TargetKind::Command, CommandRunner::new().echo(echo.clone()))
        .with(TargetKind::Python, PythonRunner::new().echo(echo.clone()))
        .with(TargetKind::Node, NodeRunner::new().echo(echo.clone()))
        .with(TargetKind::Rust, RustRunner::new().echo(echo.clone()))
        .with(TargetKind::Container, ContainerRunner::new().echo(echo.clone()))
        .with(TargetKind::Sql, SqlRunner::on(served.clone()))
}

/// Whether a job works on the cluster of the command line.
pub(crate) fn needs_cluster(job: &JobSpec) -> bool {
    match &job.run {
        Target::Action(action) => match action.action.as_str() {
            // Those that start and stop one look for it themselves: it may well not run.
            HISTORY | CLUSTER_START | CLUSTER_STOP => false,
            _ => !action.args.contains_key("cluster"),
        },
        Target::Sql(sql) => sql.cluster.is_none(),
        _ => false,
    }
}
