//! `schedule next` and `schedule explain`: when it fires, as instants and in words.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clusterkeep_core::Result;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_scheduler::{Fire, Fold, Gap, When};
use serde::Serialize;

use super::expression::{self, Jobs};
use super::utc;
use crate::args::{ExplainScheduleArgs, NextArgs};
use crate::output::{Format, Listing, Printer};

/// The next fires of an expression or a job, as text; pure but for the clock, where no `--after` is given.
pub(crate) fn next(args: &NextArgs, jobs: Jobs, printer: &Printer) -> Result<String> {
    let asked = expression::one(&args.expression.what, jobs, &args.expression.reading)?;
    for warning in asked.when.warnings()? {
        printer.note(&format!("note: {warning}"));
    }
    let zone = asked.schedule.in_zone().tz();
    let after = args.after.map_or_else(|| SystemClock.now(), |after| after.at(zone));
    let fires: Vec<Fire> = asked.schedule.upcoming(after).take(args.count as usize).collect();
    if printer.format() == Format::Table {
        return Ok(match (fires.is_empty(), asked.when) {
            (true, When::Startup) => "whenever the scheduler starts".to_owned(),
            (true, When::Following(following)) => following.to_string(),
            (true, _) => format!("never after {}", utc(after)),
            (false, _) => fires.iter().map(|fire| line(fire, zone)).collect(),
        });
    }
    Listing::of(&fires, "")
        .column("utc", |fire: &Fire| fire.nominal.into())
        .column("civil", |fire| fire.civil.into())
        .column("note", |fire| fire.note.as_ref().map(ToString::to_string).into())
        .render(printer.format(), &fires)
}

/// A fire by both clocks, with what became of it where one changes.
pub(super) fn line(fire: &Fire, zone: Tz) -> String {
    let note = fire.note.as_ref().map(|note| format!("   {note}")).unwrap_or_default();
    let seconds = match fire.nominal {
        at if at.timestamp_subsec_millis() != 0 => ":%S%.3f",
        at if at.timestamp() % 60 != 0 => ":%S",
        _ => "",
    };
    let local = fire.nominal.with_timezone(&zone);
    let civil = local.format(&format!("%a %Y-%m-%d %H:%M{seconds} %Z")).to_string();
    if zone == Tz::UTC {
        return format!("{civil}{note}\n");
    }
    let same_day = local.date_naive() == fire.nominal.date_naive();
    let date = if same_day { "" } else { "%Y-%m-%d " };
    let utc = fire.nominal.format(&format!("{date}%H:%M{seconds} UTC")).to_string();
    format!("{civil}   {utc}{note}\n")
}

/// What `schedule explain --format json` prints.
#[derive(Serialize)]
struct Explained {
    when: When,
    words: String,
    zone: String,
    /// What happens to times that do not come and to those that come twice; of what has no civil times, nothing.
    gap: Option<Gap>,
    fold: Option<Fold>,
    /// The first fire later than now.
    next: Option<DateTime<Utc>>,
}

/// An expression in plain words.
pub(crate) fn explain(args: &ExplainScheduleArgs, jobs: Jobs, printer: &Printer) -> Result<String> {
    let asked = expression::one(&args.expression.what, jobs, &args.expression.reading)?;
    let (gap, fold) = asked.schedule.policies().unzip();
    let explained = Explained {
        words: asked.when.explain(asked.name())?,
        zone: asked.schedule.in_zone().to_string(),
        gap,
        fold,
        next: asked.schedule.next_after(SystemClock.now()),
        when: asked.when,
    };
    if printer.format() != Format::Table {
        let all = [&explained];
        return Listing::of(&all, "")
            .column("when", |item: &&Explained| item.when.to_string().into())
            .column("words", |item| item.words.as_str().into())
            .column("zone", |item| item.zone.as_str().into())
            .column("gap", |item| item.gap.map(gap_words).into())
            .column("fold", |item| item.fold.map(fold_words).into())
            .render(printer.format(), &explained);
    }
    let mut text = format!("{}, {}\n", explained.words, explained.zone);
    if let (Some(gap), Some(fold)) = (explained.gap, explained.fold) {
        text.push_str(&format!("a time that does not come: {}\n", gap_words(gap)));
        text.push_str(&format!("a time that comes twice: {}\n", fold_words(fold)));
    }
    Ok(text)
}

const fn gap_words(gap: Gap) -> &'static str {
    match gap {
        Gap::Skip => "it does not fire",
        Gap::RunAfter => "it fires right after the gap",
        Gap::Shift => "it fires later by the length of the gap",
    }
}

const fn fold_words(fold: Fold) -> &'static str {
    match fold {
        Fold::First => "it fires the first time",
        Fold::Second => "it fires the second time",
        Fold::Both => "it fires both times",
    }
}
