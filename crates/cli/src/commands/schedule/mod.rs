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

use self::expression::{of_files, of_store};
use self::lint::lint;
use self::next::{explain, next};
use self::simulate::simulate;
use super::{Next, Work};
use crate::args::ScheduleCommand;
use crate::context::Context;
use crate::output::Printer;

pub(crate) use authors::HistoryRun;
pub(super) use store::{changes, served, store};
pub(crate) use table::documents;

/// Answers what needs no store, and so no runtime: questions about expressions, and about jobs of files.
pub(super) fn without_store(command: ScheduleCommand, printer: &Printer) -> Next {
    let said = |text: Result<String>| text.and_then(|text| printer.data(&text)).map(|()| ExitCode::Done);
    Next::Done(match command {
        ScheduleCommand::Next(args) if !args.expression.reading.of_store() => {
            let jobs = of_files(Some(&args.expression.what), &args.expression.reading);
            said(jobs.and_then(|jobs| next(&args, jobs, printer)))
        }
        ScheduleCommand::Explain(args) if !args.expression.reading.of_store() => {
            let jobs = of_files(Some(&args.expression.what), &args.expression.reading);
            said(jobs.and_then(|jobs| explain(&args, jobs, printer)))
        }
        ScheduleCommand::Lint(args) if !args.reading.of_store() => {
            of_files(args.what.as_deref(), &args.reading).and_then(|jobs| lint(&args, jobs, printer))
        }
        ScheduleCommand::Simulate(args) if !args.reading.of_store() => {
            of_files(args.what.as_deref(), &args.reading).and_then(|jobs| simulate(&args, jobs, printer))
        }
        command => return Next::Needs(Work::Schedule(command)),
    })
}

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
            let (what, reading) = (Some(args.expression.what.as_str()), &args.expression.reading);
            let jobs = context.interruptible(of_store(what, reading, context)).await?;
            context.printer.data(&next(&args, jobs, &context.printer)?)?;
            Ok(ExitCode::Done)
        }
        ScheduleCommand::Explain(args) => {
            let (what, reading) = (Some(args.expression.what.as_str()), &args.expression.reading);
            let jobs = context.interruptible(of_store(what, reading, context)).await?;
            context.printer.data(&explain(&args, jobs, &context.printer)?)?;
            Ok(ExitCode::Done)
        }
        ScheduleCommand::Lint(args) => {
            let jobs = context.interruptible(of_store(args.what.as_deref(), &args.reading, context)).await?;
            lint(&args, jobs, &context.printer)
        }
        ScheduleCommand::Simulate(args) => {
            let jobs = context.interruptible(of_store(args.what.as_deref(), &args.reading, context)).await?;
            simulate(&args, jobs, &context.printer)
        }
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
