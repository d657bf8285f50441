//! What each command does: one file each.

mod audit;
mod cluster;
mod dev;
mod oneoff;
mod query;
mod reading;
mod retention;
mod run;
mod schedule;

use clap::CommandFactory;
use clusterkeep_core::{ExitCode, Result};

use crate::args::{
    AuditCommand, Cli, ClusterCommand, Command, DemoArgs, DevCommand, QueryArgs, RetentionCommand, RunArgs,
    ScheduleCommand,
};
use crate::context::Context;
use crate::output::{Format, Printer, no_page};

pub(crate) use cluster::{documents, no_cluster, stop as stop_cluster};
pub(crate) use retention::table as plan_table;
pub(crate) use schedule::{HistoryRun, documents as timetable_documents};

/// What is left to do of a command.
pub(crate) enum Next {
    /// It has answered from the program alone.
    Done(Result<ExitCode>),
    /// It needs a runtime.
    Needs(Work),
}

/// A command that waits for something: a database, the clock, a signal.
pub(crate) enum Work {
    Demo(DemoArgs),
    Query(QueryArgs),
    Cluster(Box<ClusterCommand>),
    Retention(RetentionCommand),
    Schedule(ScheduleCommand),
    Run(Box<RunArgs>),
    Dev(DevCommand),
    Audit(AuditCommand),
}

impl Work {
    /// Whether one thread is enough: a few questions, and waiting for their answers.
    pub(crate) fn only_asks(&self) -> bool {
        use ClusterCommand as Asked;
        let Self::Cluster(command) = self else { return false };
        matches!(
            **command,
            Asked::List(_)
                | Asked::Info(_)
                | Asked::Health(_)
                | Asked::Ping(_)
                | Asked::Jobs(_)
                | Asked::Operations(_)
                | Asked::Snapshots(_)
        )
    }
}

/// Does what needs no runtime.
pub(crate) fn without_runtime(command: Command, printer: &Printer) -> Next {
    // Seen before anything is done, since nothing could be said of it afterwards.
    if printer.format() == Format::Html && !matches!(command, Command::Retention(RetentionCommand::Plan(_))) {
        return Next::Done(Err(no_page()));
    }
    match command {
        Command::Schema { kind } => Next::Done(kind.text().and_then(|text| done(printer, &text))),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "clusterkeep", &mut script);
            Next::Done(done(printer, &String::from_utf8_lossy(&script)))
        }
        Command::Schedule(command) => schedule::without_store(command, printer),
        Command::Demo(args) => Next::Needs(Work::Demo(args)),
        Command::Query(args) => Next::Needs(Work::Query(args)),
        Command::Cluster(command) => Next::Needs(Work::Cluster(command)),
        Command::Retention(command) => Next::Needs(Work::Retention(command)),
        Command::Run(args) => Next::Needs(Work::Run(Box::new(args))),
        Command::Dev(command) => Next::Needs(Work::Dev(command)),
        Command::Audit(command) => Next::Needs(Work::Audit(command)),
    }
}

fn done(printer: &Printer, text: &str) -> Result<ExitCode> {
    printer.data(text).map(|()| ExitCode::Done)
}

/// Does the rest.
pub(crate) async fn run(work: Work, context: &Context) -> Result<ExitCode> {
    match work {
        Work::Demo(args) => crate::demo::run(args, context).await,
        Work::Query(args) => context.interruptible(query::run(args, context)).await,
        Work::Cluster(command) => cluster::run(*command, context).await,
        Work::Retention(RetentionCommand::Plan(args)) => context.interruptible(retention::plan(args, context)).await,
        Work::Retention(RetentionCommand::Explain(args)) => {
            context.interruptible(retention::explain(args, context)).await
        }
        Work::Retention(RetentionCommand::Apply(args)) => retention::apply(args, context).await,
        Work::Retention(RetentionCommand::Check(args)) => context.interruptible(retention::check(args, context)).await,
        Work::Retention(RetentionCommand::Acknowledge(args)) => retention::acknowledge(args, context).await,
        Work::Retention(RetentionCommand::Restore(command)) => retention::restore(command, context).await,
        Work::Retention(RetentionCommand::Hold(command)) => retention::hold(command, context).await,
        Work::Retention(RetentionCommand::Policies(command)) => retention::policies(command, context).await,
        Work::Schedule(command) => schedule::run(command, context).await,
        Work::Run(args) if oneoff::is_meant(&args) => oneoff::run(*args, context).await,
        Work::Run(args) => run::run(*args, context).await,
        Work::Dev(command) => dev::run(command, context).await,
        Work::Audit(command) => context.interruptible(audit::run(command, context)).await,
    }
}
