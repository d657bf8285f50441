//! `schedule`: looks at schedules and their runs, and does by hand what somebody asks for.

mod authors;
mod doctor;
mod export;
mod expression;
mod hand;
mod import;
mod lint;
mod logs;
mod look;
mod next;
mod rehearse;
mod simulate;
mod store;
mod table;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::RunRecord;

use crate::args::ScheduleCommand;
use crate::context::Context;

pub(crate) use authors::HistoryRun;
pub(super) use lint::lint;
pub(super) use next::{explain, next};
pub(super) use simulate::simulate;
pub(super) use store::{served, store};
pub(crate) use table::documents;

pub(super) async fn run(command: ScheduleCommand, context: &Context) -> Result<ExitCode> {
    match command {
        ScheduleCommand::List(args) => context.interruptible(look::list(args, context)).await,
        ScheduleCommand::History(args) => context.interruptible(look::history(args, context)).await,
        ScheduleCommand::Logs(args) => context.interruptible(logs::logs(args, context)).await,
        ScheduleCommand::Show(args) => context.interruptible(look::show(args, context)).await,
        ScheduleCommand::Ledger(args) => context.interruptible(look::account(args, context)).await,
        ScheduleCommand::Doctor(args) => context.interruptible(doctor::doctor(args, context)).await,
        ScheduleCommand::Validate(args) => table::validate(args, context).await,
        ScheduleCommand::Plan(args) => context.interruptible(table::plan(args, context)).await,
        ScheduleCommand::Diff(args) => context.interruptible(table::diff(args, context)).await,
        ScheduleCommand::Apply(args) => table::apply(args, context).await,
        ScheduleCommand::Namespaces(args) => context.interruptible(table::namespaces(args, context)).await,
        ScheduleCommand::Pause(args) => hand::pause(args, context).await,
        ScheduleCommand::Resume(args) => hand::resume(args, context).await,
        ScheduleCommand::Trigger(args) => hand::trigger(args, context).await,
        ScheduleCommand::Backfill(args) => hand::backfill(args, context).await,
        ScheduleCommand::Cancel(args) => hand::cancel(args, context).await,
        ScheduleCommand::Retry(args) => hand::retry(args, context).await,
        ScheduleCommand::Import(args) => context.interruptible(import::import(args, context)).await,
        ScheduleCommand::Export(args) => context.interruptible(export::export(args, context)).await,
        ScheduleCommand::Next(args) => {
            context.printer.data(&next(&args, &context.printer)?)?;
            Ok(ExitCode::Done)
        }
        ScheduleCommand::Explain(args) => {
            context.printer.data(&explain(&args, &context.printer)?)?;
            Ok(ExitCode::Done)
        }
        ScheduleCommand::Lint(args) => lint(&args, &context.printer),
        ScheduleCommand::Simulate(args) => simulate(&args, &context.printer),
    }
}

fn said(run: &RunRecord) -> String {
    let note = run.note.as_ref().map(ToString::to_string);
    let parts = [run.missed.map(|missed| format!("{} fires", missed.count)), run.reason.clone(), note];
    let end = super::run::end(run).map(str::to_owned);
    parts.into_iter().flatten().chain(end).collect::<Vec<_>>().join("; ")
}

pub(super) fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}
