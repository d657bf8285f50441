//! `schedule logs`: what runs have written, as it is kept, and as it comes.

use std::collections::HashMap;
use std::time::Duration;

use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::{RunKey, RunQuery, RunRecord, RunState};

use super::store::job;
use super::utc;
use crate::args::LogsArgs;
use crate::context::Context;
use crate::output::{Format, Printer};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn logs(args: LogsArgs, context: &Context) -> Result<ExitCode> {
    let (store, record) = job(&args.job, context).await?;
    let mut query = RunQuery::of(&record.namespace, record.spec.name.as_str()).limit(args.limit);
    if let Some(run) = args.run {
        let at = run.at(record.spec.zone.tz());
        query = query.between(at, at + chrono::TimeDelta::microseconds(1));
    }
    let mut runs = store.runs(&query).await?;
    // The latest one last, where one looks.
    runs.reverse();
    if context.printer.format() != Format::Table {
        context.printer.data(&context.printer.format().document(&runs)?)?;
        return Ok(ExitCode::Done);
    }
    let mut shown = Shown::default();
    for run in &runs {
        shown.show(run, &context.printer)?;
    }
    if runs.is_empty() && !args.follow {
        context.printer.note("no such run has begun");
    }
    if !args.follow {
        return Ok(ExitCode::Done);
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let mut runs = store.runs(&query).await?;
        runs.reverse();
        for run in &runs {
            shown.show(run, &context.printer)?;
        }
    }
}

/// What was shown of each attempt.
#[derive(Default)]
struct Shown(HashMap<(RunKey, u32), (String, bool)>);

impl Shown {
    /// Shows what is new of a run.
    fn show(&mut self, run: &RunRecord, printer: &Printer) -> Result<()> {
        if run.attempt == 0 {
            return Ok(());
        }
        for earlier in &run.earlier {
            let key = (run.key.clone(), earlier.attempt);
            if self.0.contains_key(&key) {
                continue;
            }
            let output = clean(earlier.output.as_deref().unwrap_or_default());
            printer.note(&format!("{} {}, attempt {}", run.key.job, utc(run.key.nominal), earlier.attempt));
            printer.data(&output)?;
            printer.note(earlier.error.as_deref().unwrap_or("followed by another attempt"));
            self.0.insert(key, (output, true));
        }
        let begins = !self.0.contains_key(&(run.key.clone(), run.attempt));
        let (before, over) = self.0.entry((run.key.clone(), run.attempt)).or_default();
        if begins {
            let attempt = if run.attempt > 1 { format!(", attempt {}", run.attempt) } else { String::new() };
            printer.note(&format!("{} {}{attempt}", run.key.job, utc(run.key.nominal)));
        }
        let output = clean(run.output.as_deref().unwrap_or_default());
        printer.data(more(before, &output))?;
        *before = output;
        let ended = run.state != RunState::Running;
        if ended && !std::mem::replace(over, true) {
            let error = run.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
            printer.note(&format!("{}{error}", run.state));
        }
        Ok(())
    }
}

/// What is new in the output. Where its middle was left out meanwhile, that is from behind what both end with.
fn more<'a>(before: &str, now: &'a str) -> &'a str {
    if let Some(rest) = now.strip_prefix(before) {
        return rest;
    }
    let mut start = before.len().saturating_sub(256);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let last = &before[start..];
    now.rfind(last).map_or(now, |at| &now[at + last.len()..])
}

/// Without what would steer the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_shown() {
        assert_eq!(more("", "a\n"), "a\n");
        assert_eq!(more("a\n", "a\nb\n"), "b\n");
        assert_eq!(more("a\nb\n", "a\nb\n"), "");
        let (long, tail) = ("x\n".repeat(200), "y".repeat(300));
        assert_eq!(more(&format!("{long}{tail}"), &format!("x\n[... 9 bytes left out ...]\n{tail}more")), "more");
        assert_eq!(clean("a\u{1b}[2Jb\tc\r\n"), "a\u{fffd}[2Jb\tc\u{fffd}\n");
    }
}
