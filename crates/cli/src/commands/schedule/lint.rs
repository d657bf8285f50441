//! `schedule lint`: what in expressions may not be meant, and what other programs would make of them.

use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::{Level, Warning};
use serde::Serialize;

use super::expression::{self, Jobs};
use crate::args::LintArgs;
use crate::output::{Listing, Printer};

/// One remark, as `--format json` prints them.
#[derive(Serialize)]
struct Remark {
    job: Option<String>,
    level: Level,
    text: String,
    #[serde(flatten)]
    warning: Warning,
}

/// Looks through what is asked about; the answer is no where `--strict` finds a warning.
pub(crate) fn lint(args: &LintArgs, jobs: Jobs, printer: &Printer) -> Result<ExitCode> {
    let (mut remarks, of_jobs) = (Vec::new(), jobs.is_some());
    for asked in expression::some(args.what.as_deref(), jobs, &args.reading)? {
        remarks.extend(asked.when.lint()?.into_iter().map(|warning| Remark {
            job: asked.job.clone(),
            level: warning.level(),
            text: warning.to_string(),
            warning,
        }));
    }
    let listing = Listing::of(&remarks, "nothing to say");
    let listing = match of_jobs {
        true => listing.column("job", |remark: &Remark| remark.job.clone().into()),
        false => listing,
    };
    let listing = listing
        .column("level", |remark: &Remark| remark.level.as_str().into())
        .column("what", |remark| remark.text.as_str().into());
    printer.data(&listing.render(printer.format(), &remarks)?)?;
    let warned = remarks.iter().any(|remark| remark.level == Level::Warning);
    Ok(if args.strict && warned { ExitCode::Failed } else { ExitCode::Done })
}
