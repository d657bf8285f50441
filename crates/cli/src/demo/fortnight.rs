//! The schedule over the fortnight that follows, by a simulated clock: each fire, and what it did.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::{Error, Result};
use clusterkeep_retention::text::both;
use clusterkeep_scheduler::{RunRecord, RunState, Scheduler, SqliteStore};

use super::prepare::Weather;
use super::say;
use crate::compose::Actions;
use crate::output::Printer;

/// Runs every fire of the fortnight after `from`, and shows it.
pub(super) async fn simulate(weather: &Weather, from: DateTime<Utc>, printer: &Printer) -> Result<Vec<RunRecord>> {
    let until = from + TimeDelta::days(14);
    let zone = weather.manifest.shown_zone();
    say(printer, &format!("the schedule, simulated from {} for 14 days:", both(from, zone)))?;
    let actions = Actions::new(weather.db.clone(), vec![weather.manifest.clone()]).simulated();
    actions.check(&weather.timetable.jobs)?;
    let builder =
        Scheduler::builder().store(SqliteStore::open(&weather.runs).await?).timetable(weather.timetable.clone());
    let runs = actions.register(builder).simulate(from, until).await?;
    for run in &runs {
        let said = run.error.as_deref().or(run.message.as_deref()).unwrap_or_default();
        let state = if run.state == RunState::Succeeded { String::new() } else { format!("{}: ", run.state) };
        let local = run.key.nominal.with_timezone(&zone).format("%a %Y-%m-%d %H:%M %Z");
        let utc = run.key.nominal.format("%H:%M UTC");
        say(printer, &format!("  {local}  {utc}  {}  {state}{said}", run.key.job))?;
    }
    let failed = runs.iter().find(|run| run.state != RunState::Succeeded);
    match failed {
        Some(run) => Err(Error::failed(format!("the run of {} {}", run.key.nominal, run.state))),
        None => Ok(runs),
    }
}
