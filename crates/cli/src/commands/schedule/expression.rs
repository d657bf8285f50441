//! What a command line asks about: an expression that stands on it, or jobs of a timetable or of a store.

use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Dialect, JobSpec, Schedule, When, Zone};

use super::store;
use crate::args::{Grammar, ReadingArgs};
use crate::context::Context;
use crate::files;

/// The jobs that are asked about; none where it is an expression.
pub(crate) type Jobs = Option<Vec<JobSpec>>;

/// The jobs of the files.
pub(crate) fn of_files(what: Option<&str>, args: &ReadingArgs) -> Result<Jobs> {
    let timetables = match what {
        _ if args.files.is_empty() => return Ok(None),
        Some(job) => vec![files::timetable_of(&args.files, job)?],
        None => files::timetables(&args.files)?,
    };
    let jobs = timetables.into_iter().flat_map(|timetable| timetable.jobs);
    Ok(Some(jobs.filter(|job| what.is_none_or(|name| job.name.as_str() == name)).collect()))
}

/// The jobs of the store, as far as they were not removed; one that is named also where it was.
pub(super) async fn of_store(what: Option<&str>, args: &ReadingArgs, context: &Context) -> Result<Jobs> {
    let found = store::existing(&args.store, context).await?;
    let namespace = args.namespace.as_deref();
    let records = match (found, what) {
        (Some(store), Some(job)) => vec![store::named(&*store, namespace, job).await?],
        (Some(store), None) => {
            store.schedules(namespace).await?.into_iter().filter(|record| record.retired.is_none()).collect()
        }
        (None, Some(job)) => return Err(store::unknown(job)),
        (None, None) => Vec::new(),
    };
    Ok(Some(records.into_iter().map(|record| record.spec).collect()))
}

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
pub(super) fn one(what: &str, jobs: Jobs, args: &ReadingArgs) -> Result<Asked> {
    let found = some(Some(what), jobs, args)?.into_iter().next();
    found.ok_or_else(|| Error::input(format!("job `{what}` is unknown")))
}

/// The one that is meant; all jobs, where none is named.
pub(super) fn some(what: Option<&str>, jobs: Jobs, args: &ReadingArgs) -> Result<Vec<Asked>> {
    let Some(jobs) = jobs else { return Ok(vec![on_the_command_line(what.unwrap_or_default(), args)?]) };
    let asked = |job: JobSpec| {
        let schedule = with(job.schedule()?, args);
        Ok(Asked { job: Some(job.name.as_str().to_owned()), schedule, when: job.when.clone() })
    };
    jobs.into_iter().map(asked).collect()
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
