//! Plans and reports on the screen and in the formats of programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::plan::{self, Class, ObjectOutcome, Outcome, Report, Verdict};
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::plan::{Domain, Selection};
use clusterkeep_retention::{Planned, text};

use super::hints;
use crate::args::{ManifestArgs, ModelArgs, StateArgs};
use crate::output::{Colour, Format, Listing, Printer, quoted};
use crate::report::{PlanPage, Refusal};

/// How many objects that were not done a report lists on the screen.
const SHOWN: usize = 20;

/// The plan in the format that is asked for.
pub(super) fn plan(planned: &Planned, all: bool, printer: &Printer) -> Result<String> {
    match printer.format() {
        Format::Table => Ok(table(planned, all, printer)),
        format => verdicts(&planned.verdicts).render(format, &planned.plan),
    }
}

/// The plan for people, verdicts in colour.
pub(crate) fn table(planned: &Planned, all: bool, printer: &Printer) -> String {
    text::plan_with(planned, all, |class, word| match class {
        Class::Keep => word.to_owned(),
        Class::Act => printer.paint(Colour::Act, word),
        Class::Refuse => printer.paint(Colour::Refuse, word),
    })
}

/// Verdicts as rows.
pub(super) fn verdicts(verdicts: &[Verdict<Domain>]) -> Listing<'_, Verdict<Domain>> {
    Listing::of(verdicts, "there is nothing in the tables that policies are about")
        .column("table", |verdict: &Verdict<Domain>| verdict.detail.table.to_string().into())
        .column("partition", |verdict| verdict.detail.partition.as_ref().map(ToString::to_string).into())
        .column("start", |verdict| verdict.detail.start.into())
        .column("end", |verdict| verdict.detail.end.into())
        .column("rows", |verdict| verdict.detail.rows().into())
        .column("bytes", |verdict| verdict.detail.bytes().into())
        .column("verdict", |verdict| verdict.verdict.to_string().into())
        .column("reason", |verdict| verdict.reason.to_string().into())
}

/// Says what a guard rail stops, once for each table, and how to go on.
pub(super) fn refusals(planned: &Planned, again: &Again, printer: &Printer) {
    let word = printer.paint_err(Colour::Refuse, "refused:");
    for refusal in refused(planned, again) {
        printer.alert(&format!("{word} plan {}: {}", planned.hash.short(), refusal.what));
        if let Some(hint) = refusal.hint {
            printer.alert(&format!("{} {hint}", printer.paint_err(Colour::Hint, "hint:")));
        }
    }
}

/// What a guard rail stops, once for each table.
fn refused(planned: &Planned, again: &Again) -> Vec<Refusal> {
    let mut tables: BTreeMap<_, Vec<&Verdict<Domain>>> = BTreeMap::new();
    for verdict in planned.refused() {
        tables.entry(&verdict.detail.table).or_default().push(verdict);
    }
    let refusal = |(table, refused): (_, Vec<&Verdict<Domain>>)| {
        let what = format!("{table}: {}", refused.first()?.reason);
        Some(Refusal { what, hint: hints::hint(planned, &refused, again) })
    };
    tables.into_iter().filter_map(refusal).collect()
}

/// The plan as a page by itself.
pub(super) fn page(planned: &Planned, all: bool, again: &Again) -> String {
    let apply = (!planned.is_empty()).then(|| again.apply(planned));
    let apply = apply.map(|line| line.trim_start_matches("apply it: ").trim_end().to_owned());
    let refusals = refused(planned, again);
    PlanPage { planned, all, refusals, apply, version: env!("CARGO_PKG_VERSION") }.render()
}

/// What became of a plan of any kind, in the format that is asked for.
pub(in crate::commands) fn report<D: plan::Domain>(report: &Report<D>, printer: &Printer) -> Result<String> {
    if printer.format() != Format::Table {
        return Listing::of(&report.outcomes, "")
            .column("step", |object: &ObjectOutcome<D>| object.step.0.into())
            .column("object", |object| object.object.to_string().into())
            .column("outcome", |object| object.outcome.to_string().into())
            .column("message", |object| object.message.clone().into())
            .render(printer.format(), report);
    }
    let mut out = String::new();
    if report.outcomes.is_empty() {
        out.push_str("nothing to do\n");
    }
    let not_done: Vec<_> = report.outcomes.iter().filter(|object| !object.outcome.is_done()).collect();
    for object in not_done.iter().take(SHOWN) {
        let why = object.message.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        // Writing to a String can't fail.
        writeln!(out, "  {} {}{why}", object.object, printer.paint(Colour::Refuse, &object.outcome.to_string())).ok();
    }
    if not_done.len() > SHOWN {
        writeln!(out, "  and {} more, see --format json", not_done.len() - SHOWN).ok();
    }
    if !report.outcomes.is_empty() {
        let counts = [
            Outcome::Done,
            Outcome::AlreadyDone,
            Outcome::StillPresent,
            Outcome::Refused,
            Outcome::Failed,
            Outcome::Skipped,
        ];
        let counts = counts.into_iter().map(|outcome| (report.count(outcome), outcome)).filter(|(count, _)| *count > 0);
        let counts: Vec<_> =
            counts.map(|(count, outcome)| format!("{} {outcome}", text::grouped(count as u64))).collect();
        writeln!(out, "plan {} applied: {}", report.plan.short(), counts.join(", ")).ok();
    }
    if let Some(head) = &report.audit_head {
        writeln!(out, "audit head: {head}").ok();
    }
    Ok(out)
}

/// The addresses that flags have named, without their passwords.
pub(super) struct Addresses<'a> {
    pub(super) cluster: Option<&'a str>,
    pub(super) state: Option<&'a str>,
}

/// The command line that says the same again, without the password.
pub(super) struct Again {
    /// Which manifest, and where.
    what: Vec<String>,
    /// Which part of it, as of when.
    part: Vec<String>,
}

impl Again {
    pub(super) fn new(args: &ModelArgs, addresses: Addresses<'_>, now: DateTime<Utc>, selection: &Selection) -> Self {
        let mut part = Vec::new();
        let mut add = |flag: &str, value: &str| part.push(format!("{flag} {}", quoted(value)));
        for tag in &args.tags {
            add("--tags", tag.as_str());
        }
        for table in &args.tables {
            add("--table", &table.to_string());
        }
        for (flag, at) in [("--from", selection.from), ("--until", selection.until), ("--now", Some(now))] {
            if let Some(at) = at {
                add(flag, &instant(at));
            }
        }
        Self { what: what(&args.manifest, &args.place, addresses), part }
    }

    /// What applies this plan.
    pub(super) fn apply(&self, planned: &Planned) -> String {
        let (last, first) = self.part.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
        let first: Vec<_> = self.what.iter().chain(first).map(String::as_str).collect();
        format!(
            "apply it: clusterkeep retention apply {} \\\n            {last} --expect-plan {}\n",
            first.join(" "),
            planned.hash.short()
        )
    }

    /// What looks at what is left.
    pub(super) fn plan(&self) -> String {
        let all: Vec<_> = self.what.iter().chain(&self.part).map(String::as_str).collect();
        format!("clusterkeep retention plan {}", all.join(" "))
    }

    /// What agrees that a table may be cleared.
    pub(super) fn acknowledge(&self, table: &TableName) -> String {
        format!("clusterkeep retention acknowledge {} {}", quoted(&table.to_string()), self.what.join(" "))
    }
}

/// The flags that say which manifest, and where.
fn what(manifest: &ManifestArgs, place: &StateArgs, addresses: Addresses<'_>) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |flag: &str, value: &str| arguments.push(format!("{flag} {}", quoted(value)));
    for file in &manifest.files {
        add("-f", &file.to_string_lossy());
    }
    for (flag, value) in
        [("--manifest", manifest.manifest.as_deref()), ("--cluster", addresses.cluster), ("--state", addresses.state)]
    {
        if let Some(value) = value {
            add(flag, value);
        }
    }
    for host in &place.cluster.allow_plaintext {
        add("--allow-plaintext", host);
    }
    arguments
}

pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
