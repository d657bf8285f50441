//! The main job on real data: a year of weather is loaded, thinned out by a plan, and kept thin by a schedule.
//!
//! It works in a folder of its own, and on a database there that it created and marked; it never touches another one.

mod fortnight;
mod picture;
mod prepare;
mod sizes;

use std::path::Path;

use clusterkeep_core::plan::{Plan, Report};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::Retention;
use clusterkeep_retention::plan::Domain;
use clusterkeep_scheduler::RunRecord;
use serde::Serialize;

use crate::args::DemoArgs;
use crate::commands::plan_table;
use crate::context::Context;
use crate::output::{Colour, Format, Printer, Progress};
use crate::report::TableSize;

/// What the demo did, as data.
#[derive(Debug, Default, Serialize)]
struct Told {
    plan: Option<Plan<Domain>>,
    report: Option<Report<Domain>>,
    sizes: Vec<TableSize>,
    runs: Vec<RunRecord>,
}

/// Runs the demo.
pub(crate) async fn run(args: DemoArgs, context: &Context) -> Result<ExitCode> {
    let printer = &context.printer;
    let weather = prepare::weather(&args.dir, printer).await?;
    let now = args.now.at(weather.manifest.shown_zone());
    let retention = Retention::new(weather.db.clone()).manifest(weather.manifest.clone()).actor("demo");
    let planned = retention.plan(now).await?;
    let mut told = Told { plan: Some(planned.plan.clone()), ..Told::default() };
    say(printer, &plan_table(&planned, false, printer))?;
    if args.no_apply {
        say(printer, &format!("--no-apply: nothing was changed in {}", planned.address))?;
        tell(printer, &told)?;
        return Ok(planned.exit_code(false));
    }
    if planned.is_empty() {
        say(printer, &format!("there is nothing to do; {} is as it was", weather.report.display()))?;
        tell(printer, &told)?;
        return Ok(planned.exit_code(false));
    }

    let before = sizes::of(&weather).await?;
    let progress = Progress::of(planned.steps.len(), printer);
    let retention = retention.events(progress.events()).cancel(context.stop_between_steps());
    let applied = retention.apply(&planned, planned.hash.into()).await;
    progress.finish();
    let report = applied?;
    told.sizes = sizes::after(before, &weather).await?;
    told.report = Some(report.clone());
    if report.exit_code() != ExitCode::Done {
        tell(printer, &told)?;
        let what = report.outcomes.iter().find(|object| !object.outcome.is_done());
        let what = what.map_or_else(String::new, |object| format!(": {} {}", object.object, object.outcome));
        printer.alert(&format!("the plan was not applied as a whole{what}; run the demo again to go on"));
        return Ok(report.exit_code());
    }
    let left = retention.plan(now).await?;
    if !left.is_empty() {
        return Err(Error::failed("looking again, there is still something to do").with_hint("run the demo again"));
    }
    say(printer, &summary(printer, &report, &told.sizes))?;
    picture::write(&weather, &planned, &report, &told.sizes).await?;
    say(printer, &format!("report: {}\n", weather.report.display()))?;

    told.runs = fortnight::simulate(&weather, now, printer).await?;
    say(printer, &next(&args.dir, &weather.file))?;
    tell(printer, &told)?;
    weather.db.close().await;
    Ok(ExitCode::Done)
}

/// For people: everything as it happens.
fn say(printer: &Printer, text: &str) -> Result<()> {
    if printer.format() == Format::Table && !printer.is_quiet() { printer.data(text) } else { Ok(()) }
}

/// For programs: one document at the end.
fn tell(printer: &Printer, told: &Told) -> Result<()> {
    if printer.format() == Format::Table {
        return Ok(());
    }
    let text = printer.format().document(told)?;
    printer.data(&text)
}

fn summary(printer: &Printer, report: &Report<Domain>, sizes: &[TableSize]) -> String {
    let done = printer.paint(Colour::Good, "applied and verified by looking again");
    let head = report.audit_head.as_deref().unwrap_or("none");
    format!("plan {}: {done}; audit head {head}\n\n{}", report.plan.short(), sizes::table(sizes))
}

/// What to try next, on the data that lies there now.
fn next(dir: &Path, manifest: &Path) -> String {
    let database = format!("sqlite://{}/weather.db", dir.display());
    format!(
        "\ntry next:\n  \
         clusterkeep retention plan -f {manifest} --cluster {database} --now 2014-06-01\n  \
         clusterkeep query --cluster {database} \"SELECT origin, bucket, temp_sum / temp_count AS temp \
         FROM observations_monthly LIMIT 3\"\n  \
         clusterkeep audit verify --cluster {database}",
        manifest = manifest.display(),
    )
}
