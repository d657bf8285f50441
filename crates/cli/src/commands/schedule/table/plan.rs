//! `schedule plan`, `diff` and `apply`: what timetables would make of a store, and making it so.

use std::collections::BTreeSet;
use std::sync::Arc;

use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::plan::Verdict;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::deploy::{Decision, Deploying, Timetables};
use clusterkeep_scheduler::{Existing, MemoryStore, Store, Timetable};

use crate::args::{ApplyTimetableArgs, ApprovalArgs, DiffTimetableArgs, PlanTimetableArgs, StoreArgs, TimetableArgs};
use crate::commands::cluster::planned::{self, Again, Next};
use crate::context::{Context, actor, state_folder};
use crate::files::{self, Unknown};
use crate::output::{Format, Listing, Status};
use crate::source::{self, Asked};

/// What is wanted, where, and how to say it again.
struct Wanted<'a> {
    timetables: Vec<Timetable>,
    args: &'a TimetableArgs,
    store: &'a StoreArgs,
    delete: bool,
}

impl<'a> Wanted<'a> {
    async fn read(args: &'a TimetableArgs, store: &'a StoreArgs, delete: bool, context: &Context) -> Result<Self> {
        let asked = Asked { files: &args.files, checksums: &args.checksum, allow: args.allow.as_deref() };
        let texts = context.interruptible(source::texts(asked)).await?;
        let found = files::documents(&texts, Unknown::Taken)?;
        files::say_ephemeral(&found, &context.printer);
        source::warn(&texts, Unknown::Taken, &context.printer);
        let (timetables, _) = files::merged_for_store(&found)?;
        let told: BTreeSet<&str> = timetables
            .iter()
            .flat_map(|timetable| &timetable.jobs)
            .flat_map(|job| job.notify.iter().flatten())
            .flat_map(|rule| rule.to.iter().map(String::as_str))
            .collect();
        if !told.is_empty() {
            let told: Vec<_> = told.into_iter().map(|name| format!("`{name}`")).collect();
            context.printer.note(&format!(
                "note: a store keeps no sinks: `run --namespace` needs {} in its machine's file of permissions, and \
                 refuses the jobs that name one which is not listed there",
                told.join(", ")
            ));
        }
        Ok(Self { timetables, args, store, delete })
    }

    /// The same command line under another name.
    fn again(&self, command: &str) -> Again {
        let again = self
            .args
            .files
            .iter()
            .fold(Again::of_command(command), |again, file| again.flag("-f", Some(file.display())));
        let again = self.args.checksum.iter().fold(again, |again, sum| again.flag("--checksum", Some(sum)));
        let again = again.flag("--allow", self.args.allow.as_ref().map(|path| path.display()));
        again.flag("--state", self.store.state.as_ref()).switch("--delete", self.delete)
    }

    /// Timetables on the store that is meant. Where its tables are not there, who only looks has an empty one.
    async fn open(&self, does: Does, context: &Context) -> Result<Timetables> {
        let url = super::super::store::url(self.store, context)?;
        let found = match does {
            Does::Write => None,
            Does::Look | Does::Begin => Some(clusterkeep_scheduler::open_existing(&url).await?),
        };
        let store: Arc<dyn Store> = match (found, does) {
            (Some(Existing::Ready(store)), _) => store,
            (Some(Existing::Nothing), _) => MemoryStore::new().into(),
            (Some(_), Does::Look) => {
                return Err(Error::input(format!(
                    "the schedules in {url} are of an earlier version of this program, and a plan changes nothing"
                ))
                .with_hint("`run` and `schedule apply` bring them up to date"));
            }
            _ => super::super::store(self.store, context).await?,
        };
        Ok(Timetables::new(store, super::super::store::place(&url), state_folder()?).actor(actor()).delete(self.delete))
    }
}

/// What is done with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It is looked at, and stays as it is.
    Look,
    /// It is looked at, and written to next: tables that are there are brought up to date.
    Begin,
    /// It is written to.
    Write,
}

pub(in super::super) async fn plan(args: PlanTimetableArgs, context: &Context) -> Result<ExitCode> {
    let wanted = Wanted::read(&args.timetables, &args.store, args.delete, context).await?;
    let timetables = wanted.open(Does::Look, context).await?;
    let planned = timetables.plan(&wanted.timetables, SystemClock.now()).await?;
    let approval = ApprovalArgs { plan: true, expect_plan: None, exit_code: args.exit_code };
    let text = planned.text(planned::painted(&context.printer));
    match planned::approve(&planned.plan, &text, &approval, &wanted.again("schedule apply"), context).await? {
        Next::End(code) => Ok(code),
        Next::Apply(_) => Err(Error::failed("a plan that was only looked at was approved")),
    }
}

pub(in super::super) async fn diff(args: DiffTimetableArgs, context: &Context) -> Result<ExitCode> {
    let wanted = Wanted::read(&args.timetables, &args.store, false, context).await?;
    let planned = wanted.open(Does::Look, context).await?.plan(&wanted.timetables, SystemClock.now()).await?;
    let differing: Vec<Verdict<Deploying>> =
        planned.verdicts.iter().filter(|verdict| verdict.verdict != Decision::Unchanged).cloned().collect();
    let text = match context.printer.format() {
        Format::Table => planned.differences(),
        format => Listing::of(&differing, "")
            .column("job", |verdict: &Verdict<Deploying>| verdict.object.to_string().into())
            .column("verdict", |verdict| verdict.verdict.to_string().into())
            .column("what", |verdict| verdict.reason.to_string().into())
            .render(format, &differing)?,
    };
    context.printer.data(&text)?;
    Ok(if differing.is_empty() { ExitCode::Done } else { ExitCode::Pending })
}

pub(in super::super) async fn apply(args: ApplyTimetableArgs, context: &Context) -> Result<ExitCode> {
    let wanted = Wanted::read(&args.timetables, &args.store, args.delete, context).await?;
    let again = wanted.again("schedule apply");
    if args.expect_plan.is_none() && !context.printer.can_ask() {
        return Err(Error::input("nobody has approved a plan, and there is no terminal to ask on").with_hint(format!(
            "see what it would do with `{}`, and add the --expect-plan that it prints",
            wanted.again("schedule plan")
        )));
    }
    let stop = context.stop_between_steps();
    let looked = wanted.open(Does::Begin, context).await?.plan(&wanted.timetables, SystemClock.now()).await?;
    let approval = ApprovalArgs { plan: false, expect_plan: args.expect_plan, exit_code: false };
    let text = looked.text(planned::painted(&context.printer));
    match planned::approve(&looked.plan, &text, &approval, &again, context).await? {
        Next::End(code) => Ok(code),
        Next::Apply(approval) => {
            let status = Status::of("apply", &context.printer);
            let timetables = wanted.open(Does::Write, context).await?.cancel(stop).events(status.events());
            let report = timetables.apply(&looked, approval).await;
            status.finish();
            planned::report(&report?, &looked.plan, &again, &context.printer)
        }
    }
}
