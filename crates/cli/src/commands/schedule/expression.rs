//! What a command line asks about: an expression that stands on it, or jobs of a timetable.

use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Dialect, Schedule, When, Zone};

use crate::args::{Grammar, ReadingArgs};
use crate::files;

/// What is asked about, with its schedule.
pub(super) struct Asked {
    /// The name of the job; none of an expression.
    pub(super) job: Option<String>,
    pub(super) when: When,
    pub(super) schedule: Schedule,
}

impl Asked {
    /// The name that places hashed fields.
    pub(super) fn name(&self) -> &str {
        self.job.as_deref().unwrap_or_default()
    }
}

/// The one that is meant.
pub(super) fn one(what: &str, args: &ReadingArgs) -> Result<Asked> {
    if args.files.is_empty() {
        return on_the_command_line(what, args);
    }
    let timetable = files::timetable_of(&args.files, what)?;
    let found = timetable.jobs.into_iter().find(|job| job.name.as_str() == what);
    let job = found.ok_or_else(|| Error::input(format!("job `{what}` is unknown")))?;
    Ok(Asked { job: Some(what.to_owned()), schedule: with(job.schedule()?, args), when: job.when.clone() })
}

/// The one that is meant; all jobs of the files, where none is named.
pub(super) fn some(what: Option<&str>, args: &ReadingArgs) -> Result<Vec<Asked>> {
    if let Some(what) = what {
        return one(what, args).map(|asked| vec![asked]);
    }
    let mut all = Vec::new();
    for timetable in files::timetables(&args.files)? {
        for job in timetable.jobs {
            let schedule = with(job.schedule()?, args);
            all.push(Asked { job: Some(job.name.as_str().to_owned()), schedule, when: job.when.clone() });
        }
    }
    Ok(all)
}

fn on_the_command_line(text: &str, args: &ReadingArgs) -> Result<Asked> {
    let when = match args.dialect {
        Some(Grammar::Calendar) => When::Calendar(text.to_owned()),
        Some(Grammar::Cron(Dialect::Kubernetes)) => When::of_kubernetes(text)?,
        Some(Grammar::Cron(dialect)) if !text.trim().starts_with('@') => When::Cron { text: text.to_owned(), dialect },
        Some(Grammar::Cron(_)) | None => text.parse()?,
    };
    let schedule = Schedule::new(when.trigger("")?).zone(Zone::utc());
    Ok(Asked { job: None, schedule: with(schedule, args), when })
}

/// What flags say goes before what a file says.
fn with(mut schedule: Schedule, args: &ReadingArgs) -> Schedule {
    if let Some(zone) = args.zone {
        schedule = schedule.zone(zone.into());
    }
    if let Some(gap) = args.gap {
        schedule = schedule.gap(gap);
    }
    if let Some(fold) = args.fold {
        schedule = schedule.fold(fold);
    }
    schedule
}
