//! `schedule export`: the jobs of timetables for other schedulers, with what can't be said there.

use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::JobSpec;
use clusterkeep_scheduler::export::export as write;

use super::table;
use crate::args::{Destination, ExportScheduleArgs};
use crate::context::Context;
use crate::files;

pub(super) async fn export(args: ExportScheduleArgs, context: &Context) -> Result<ExitCode> {
    let mut all = if args.files.is_empty() {
        table::of_store(&args.store, args.namespace.as_deref(), context).await?
    } else {
        files::timetables(&args.files)?
    };
    all.retain(|timetable| args.namespace.as_deref().is_none_or(|name| timetable.namespace() == name));
    for timetable in &mut all {
        timetable.jobs.retain(|job| args.job.as_deref().is_none_or(|name| job.name.as_str() == name));
    }
    if all.iter().all(|timetable| timetable.jobs.is_empty()) {
        return Err(match &args.job {
            Some(name) => Error::input(format!("job `{name}` is unknown")),
            None => Error::input("the timetable has no jobs"),
        });
    }
    let printer = &context.printer;
    let target = match args.target {
        Destination::Timetable => {
            table::print(&all, printer)?;
            return Ok(ExitCode::Done);
        }
        Destination::Other(target) => target,
    };
    let jobs: Vec<JobSpec> = all.into_iter().flat_map(|timetable| timetable.jobs).collect();
    let exported = write(target, &jobs);
    printer.data(&exported.text)?;
    for lost in &exported.lost {
        printer.note(&format!("{}: {}", lost.job, lost.text));
    }
    // A job is said there or not; what differs of one that is said makes it a part of what was asked for.
    Ok(match (exported.written, exported.lost.is_empty()) {
        (0, _) => ExitCode::Failed,
        (_, true) => ExitCode::Done,
        (_, false) => ExitCode::Partial,
    })
}
