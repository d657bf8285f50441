//! A plan of timetables as people read it.

use std::fmt::Write;

use clusterkeep_core::plan::show::{Cells, Heading, counted, table};
use clusterkeep_core::plan::{Class, Decide, Verdict};

use super::Planned;
use super::domain::{Decision, Deploying};
use super::reason::{Reason, fields_of, line};
use crate::civil::Zone;
use crate::model::JobSpec;

/// The headings of the table.
const HEADINGS: [Heading; 6] = [
    Heading::text("job"),
    Heading::text("when"),
    Heading::text("zone"),
    Heading::text("next fire"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

impl Planned {
    /// What is looked at, where, as of when.
    #[must_use]
    pub fn head(&self) -> String {
        let spaces: Vec<String> =
            self.wanted.iter().map(|timetable| timetable.namespace().escape_debug().to_string()).collect();
        let at = self.plan.as_of.format("%Y-%m-%d %H:%M UTC");
        format!("{} in {}, as of {at}\n", spaces.join(", "), self.place)
    }

    /// The last line: what would happen, and the hash.
    #[must_use]
    pub fn tail(&self) -> String {
        let steps: Vec<String> = self.plan.steps.iter().map(|step| step.action.to_string()).collect();
        let kept = self.plan.verdicts.iter().filter(|verdict| verdict.verdict == Decision::Kept).count();
        let kept = if kept > 0 { format!("; {} kept", counted(kept as u64, "job")) } else { String::new() };
        let what = if steps.is_empty() { "nothing to do".to_owned() } else { steps.join("; ") };
        format!("plan {}: {what}{kept}\n", self.plan.hash.short())
    }

    /// The whole plan; `paint` may colour a verdict by its class.
    #[must_use]
    pub fn text(&self, paint: impl Fn(Class, &str) -> String) -> String {
        let several = self.wanted.len() > 1;
        let rows = self.plan.verdicts.iter().map(|verdict| row(verdict, self.created(verdict), several));
        let rows: Vec<Cells> = rows.collect();
        format!("{}\n{}\n{}", self.head(), table(&HEADINGS, &rows, paint), self.tail())
    }

    /// What differs alone, field by field.
    #[must_use]
    pub fn differences(&self) -> String {
        let mut out = String::new();
        for verdict in self.plan.verdicts.iter().filter(|verdict| verdict.verdict != Decision::Unchanged) {
            // Writing to a String can't fail.
            writeln!(out, "{} {}", verdict.verdict, verdict.object).ok();
            match &verdict.reason {
                Reason::Differs { fields } => {
                    for field in fields {
                        writeln!(out, "  {}", line(field)).ok();
                    }
                }
                reason => {
                    writeln!(out, "  {reason}").ok();
                }
            }
            for field in self.created(verdict).and_then(|spec| fields_of(spec).ok()).unwrap_or_default() {
                writeln!(out, "  {}", line(&field)).ok();
            }
        }
        if out.is_empty() {
            out.push_str("both say the same\n");
        }
        out
    }

    /// The job that a verdict is about, where it is created: all of it is new to who looks.
    fn created(&self, verdict: &Verdict<Deploying>) -> Option<&JobSpec> {
        let object = Some(&verdict.object).filter(|_| verdict.verdict == Decision::Create)?;
        let timetable = self.wanted.iter().find(|timetable| timetable.namespace() == object.namespace)?;
        timetable.jobs.iter().find(|spec| spec.name.as_str() == object.job)
    }
}

/// What a new job runs, in short.
fn runs(spec: &JobSpec) -> String {
    format!("; runs {}", spec.run.to_string().replace(char::is_control, " "))
}

fn row(verdict: &Verdict<Deploying>, created: Option<&JobSpec>, several: bool) -> Cells {
    let detail = &verdict.detail;
    let tz = detail.zone.parse::<Zone>().map_or(chrono_tz::UTC, |zone| zone.tz());
    let next = detail.next_fire.filter(|_| verdict.verdict != Decision::Remove);
    let next = next.map(|at| at.with_timezone(&tz).format("%Y-%m-%d %H:%M:%S %Z").to_string());
    let next = detail.paused.as_ref().map(|pause| pause.escape_debug().to_string()).or(next);
    let object = &verdict.object;
    Cells {
        class: verdict.verdict.class(),
        cells: vec![
            if several { object.to_string() } else { object.job.escape_debug().to_string() },
            detail.when.clone(),
            detail.zone.clone(),
            next.unwrap_or_default(),
            verdict.verdict.to_string(),
            format!("{}{}", verdict.reason, created.map(runs).unwrap_or_default()),
        ],
    }
}

/// As a table, without colour.
impl std::fmt::Display for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(|_, text| text.to_owned()))
    }
}
