//! `retention`: shows what would go and why, and does it once it is approved.

mod acknowledge;
mod check;
mod explain;
mod hints;
mod hold;
mod policies;
mod restore;
mod show;
mod source;

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use clusterkeep_core::audit::JsonlAudit;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::error::Place;
use clusterkeep_core::manifest::Located;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{ConnectOptions, Db};
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::plan::Selection;
use clusterkeep_retention::{Planned, Retention};

pub(super) use self::acknowledge::acknowledge;
pub(super) use self::check::check;
pub(super) use self::explain::explain;
pub(super) use self::hold::hold;
pub(super) use self::policies::policies;
pub(super) use self::restore::restore;
pub(in crate::commands) use self::show::report;
pub(crate) use self::show::table;
use self::show::{Addresses, Again};
use crate::args::{ApplyArgs, ModelArgs, PlanArgs};
use crate::context::{Context, Target, actor, state_folder};
use crate::output::{Format, Progress};

/// The file, in the user's state directory, that plans are recorded in.
pub(super) const PLANS: &str = "plans.jsonl";

/// A manifest, on a database, as of an instant.
struct Model {
    retention: Retention,
    place: Place,
    zone: Tz,
    now: DateTime<Utc>,
    target: Target,
    again: Again,
}

/// Reads a file before it connects: what is wrong with it is found without a server.
async fn model(args: &ModelArgs, options: ConnectOptions, context: &Context) -> Result<Model> {
    let from_files = source::of_files(&args.manifest)?;
    let target = context.connect(&args.place.cluster, options.clone()).await?;
    let state = match &args.place.state {
        Some(address) => Some(context.connect_state(address, options.create()).await?),
        None => None,
    };
    let state_address = state.as_ref().map(Db::address);
    let state = State::of(state.unwrap_or_else(|| target.db.clone()));
    let Located { value: manifest, place } = match from_files {
        Some(manifest) => manifest,
        None => source::kept(&state, args.manifest.manifest.as_deref()).await?,
    };
    let zone = manifest.shown_zone();
    let now = args.now.or(args.cutoff_day).map_or_else(|| SystemClock.now().trunc_subsecs(0), |now| now.at(zone));
    if args.cutoff_day.is_some() {
        context.printer.note(
            "note: --cutoff-day is the day that ages are counted back from, another name of --now; it sets no cutoff",
        );
    }
    let selection = selection(args, zone)?;
    let addresses = Addresses { cluster: target.flag.as_deref(), state: state_address.as_deref() };
    let again = Again::new(args, addresses, now, &selection);
    let retention = Retention::new(target.db.clone()).manifest(manifest).select(selection).actor(actor()).state(state);
    Ok(Model { retention, place, zone, now, target, again })
}

/// Which part of the manifest is meant.
fn selection(args: &ModelArgs, zone: Tz) -> Result<Selection> {
    let (from, until) = (args.from.map(|at| at.at(zone)), args.until.map(|at| at.at(zone)));
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        return Err(Error::input("--from is not before --until").with_hint("nothing lies between them; swap them"));
    }
    Ok(Selection { from, until, tables: args.tables.clone(), tags: args.tags.clone(), ..Selection::default() })
}

impl Model {
    /// Plans; what the manifest names and the database does not have is said with the manifest's place.
    async fn plan(&self) -> Result<Planned> {
        self.retention.plan(self.now).await.map_err(|error| match error {
            Error::Input { place: None, .. } => error.at(self.place.clone()),
            other => other,
        })
    }
}

pub(super) async fn plan(args: PlanArgs, context: &Context) -> Result<ExitCode> {
    let mut model = model(&args.model, ConnectOptions::default().read_only(), context).await?;
    model.retention = model.retention.plan_audit(Arc::new(JsonlAudit::at(state_folder()?.join(PLANS))));
    let planned = model.plan().await?;
    let mut text = match context.printer.format() {
        Format::Html => show::page(&planned, args.all, &model.again),
        _ => show::plan(&planned, args.all, &context.printer)?,
    };
    if context.printer.format() == Format::Table && !planned.is_empty() {
        text.push_str(&model.again.apply(&planned));
    }
    context.printer.data(&text)?;
    show::refusals(&planned, &model.again, &context.printer);
    model.target.db.close().await;
    Ok(planned.exit_code(args.exit_code))
}

pub(super) async fn apply(args: ApplyArgs, context: &Context) -> Result<ExitCode> {
    let printer = &context.printer;
    if args.expect_plan.is_none() && !printer.can_ask() {
        return Err(Error::input("nobody has approved a plan, and there is no terminal to ask on").with_hint(
            "run `clusterkeep retention plan` with the same arguments, and add the --expect-plan that it prints",
        ));
    }
    let stop = context.stop_between_steps();
    let mut model = model(&args.model, ConnectOptions::default(), context).await?;
    let planned = model.plan().await?;
    let approval = match args.expect_plan {
        Some(hash) => Approval::Hash(hash),
        None => match ask(&planned, args.all, context).await? {
            Some(approval) => approval,
            None => return Ok(planned.exit_code(false)),
        },
    };
    let progress = Progress::of(planned.steps.len(), printer);
    model.retention = model.retention.cancel(stop).events(progress.events()).parallel(usize::from(args.parallel));
    let report = model.retention.apply(&planned, approval).await;
    progress.finish();
    let report = report?;
    printer.data(&show::report(&report, printer)?)?;
    show::refusals(&planned, &model.again, printer);
    if report.exit_code() == ExitCode::Interrupted {
        printer.alert(&format!("interrupted; go on with: {}", model.again.plan()));
    }
    model.target.db.close().await;
    Ok(report.exit_code())
}

/// Shows the plan and asks; `None` where there is nothing to approve.
async fn ask(planned: &Planned, all: bool, context: &Context) -> Result<Option<Approval>> {
    // The answer on the standard output is the report; the question is not.
    context.printer.alert(show::table(planned, all, &context.printer).trim_end());
    if planned.is_empty() {
        return Ok(None);
    }
    let (printer, question) = (context.printer.clone(), format!("apply plan {}?", planned.hash.short()));
    let asked = tokio::task::spawn_blocking(move || printer.ask(&question));
    let approved =
        context.interruptible(async { asked.await.map_err(|error| Error::caused("ask for approval", error))? });
    if approved.await? {
        return Ok(Some(planned.hash.into()));
    }
    Err(Error::refused(format!("plan {} was not approved", planned.hash.short())).with_hint("nothing was changed"))
}
