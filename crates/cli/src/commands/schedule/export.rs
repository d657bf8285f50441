//! `schedule export`: the jobs of timetables for other schedulers, with what can't be said there.

use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::export::export as write;

use crate::args::ExportScheduleArgs;
use crate::files;
use crate::output::Printer;

pub(super) fn export(args: &ExportScheduleArgs, printer: &Printer) -> Result<ExitCode> {
    let mut jobs = Vec::new();
    for timetable in files::timetables(&args.files)? {
        jobs.extend(
            timetable.jobs.into_iter().filter(|job| args.job.as_deref().is_none_or(|name| job.name.as_str() == name)),
        );
    }
    if jobs.is_empty() {
        return Err(match &args.job {
            Some(name) => Error::input(format!("job `{name}` is unknown")),
            None => Error::input("the timetable has no jobs"),
        });
    }
    let exported = write(args.target, &jobs);
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
