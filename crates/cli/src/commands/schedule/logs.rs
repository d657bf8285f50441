//! `schedule logs`: what runs have written, as it is kept, and as it comes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::TimeDelta;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::{RunKey, RunQuery, RunRecord, RunState, Store};

use super::store::{existing, named, unknown};
use super::utc;
use crate::args::LogsArgs;
use crate::context::Context;
use crate::output::{Format, Printer};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(500);

/// How far the clock of a scheduler may be behind the one here.
const BEHIND: TimeDelta = TimeDelta::minutes(1);

/// How many runs are shown of all jobs, where nothing else is said.
const OF_ALL: u32 = 20;

pub(super) async fn logs(args: LogsArgs, context: &Context) -> Result<ExitCode> {
    let printer = &context.printer;
    let store = match (existing(&args.store, context).await?, &args.job) {
        (Some(store), _) => Some(store),
        (None, Some(job)) => return Err(unknown(job)),
        (None, None) => None,
    };
    let query = match (&store, &args.job, &args.namespace) {
        (Some(store), Some(job), namespace) => {
            let record = named(&**store, namespace.as_deref(), job).await?;
            let query = RunQuery::of(&record.namespace, job);
            match args.run.map(|run| run.at(record.spec.zone.tz())) {
                Some(at) => query.between(at, at + TimeDelta::microseconds(1)),
                None => query,
            }
        }
        (_, _, Some(namespace)) => RunQuery::within(namespace),
        _ => RunQuery::all(),
    };
    let mut before = Vec::new();
    if let Some(store) = store.as_ref().filter(|_| args.follow) {
        before = store.runs(&query.clone().ended_since(SystemClock.now() - BEHIND).without_output()).await?;
    }
    let limit = args.limit.unwrap_or(if args.job.is_some() { 1 } else { OF_ALL });
    let mut runs = match &store {
        Some(store) => store.runs(&query.clone().limit(limit)).await?,
        None => Vec::new(),
    };
    // The latest one last, where one looks.
    runs.reverse();
    if printer.format() != Format::Table {
        printer.data(&printer.format().document(&runs)?)?;
        return Ok(ExitCode::Done);
    }
    let mut shown = Shown { names: Names::of(&args), runs: HashMap::new() };
    for run in &runs {
        shown.show(run, printer)?;
    }
    if runs.is_empty() && !args.follow {
        printer.note("no such run has begun");
    }
    let Some(store) = store.filter(|_| args.follow) else { return Ok(ExitCode::Done) };
    // What had ended before is no news.
    before.iter().for_each(|run| shown.pass(run));
    loop {
        tokio::time::sleep(LOOK).await;
        let news = news(&*store, &query, &shown).await?;
        for run in &news {
            shown.show(run, printer)?;
        }
        shown.forget(&news);
    }
}

/// The runs of which there may be something new, the latest one last.
async fn news(store: &dyn Store, query: &RunQuery, shown: &Shown) -> Result<Vec<RunRecord>> {
    let mut news = store.runs(&query.clone().in_states([RunState::Running])).await?;
    news.extend(store.runs(&query.clone().ended_since(SystemClock.now() - BEHIND)).await?);
    for key in shown.open() {
        // Such as one that waits for its next attempt.
        if !news.iter().any(|run| run.key == *key) {
            let query = RunQuery::of(&key.namespace, &key.job);
            let found = store.runs(&query.between(key.nominal, key.nominal + TimeDelta::microseconds(1))).await?;
            news.extend(found.into_iter().filter(|run| run.key == *key));
        }
    }
    news.sort_by_key(|run| run.key.nominal);
    Ok(news)
}

/// How the lines of several jobs are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// There is only one job: by nothing.
    None,
    /// By its name.
    Job,
    /// By its namespace and name.
    Whole,
}

impl Names {
    const fn of(args: &LogsArgs) -> Self {
        match (&args.job, &args.namespace) {
            (Some(_), _) => Self::None,
            (None, Some(_)) => Self::Job,
            (None, None) => Self::Whole,
        }
    }

    /// The job of a run.
    fn job(self, key: &RunKey) -> String {
        match self {
            Self::None | Self::Job => clean(&key.job),
            Self::Whole => clean(&format!("{}/{}", key.namespace, key.job)),
        }
    }

    /// What a run has written, with its job before each line.
    fn lines(self, key: &RunKey, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Job | Self::Whole => {
                let job = self.job(key);
                text.lines().map(|line| format!("{job} | {line}\n")).collect()
            }
        }
    }

    /// How much of what a run has written is shown while it goes on: a line that others may come into is shown once it is
    /// whole.
    fn ready(self, text: &str, goes_on: bool) -> &str {
        match self {
            Self::Job | Self::Whole if goes_on => text.rfind('\n').map_or("", |end| &text[..=end]),
            _ => text,
        }
    }
}

/// What was shown of each run.
struct Shown {
    names: Names,
    runs: HashMap<RunKey, Told>,
}

/// What was shown of a run.
#[derive(Debug, Default)]
struct Told {
    /// Its latest attempt that was shown.
    attempt: u32,
    /// What was shown of what that has written.
    output: String,
    /// Whether its end was shown.
    ended: bool,
    /// Whether no other attempt follows.
    over: bool,
}

impl Shown {
    /// Shows what is new of a run.
    fn show(&mut self, run: &RunRecord, printer: &Printer) -> Result<()> {
        if run.attempt == 0 {
            return Ok(());
        }
        let (names, key) = (self.names, &run.key);
        let told = self.runs.entry(key.clone()).or_default();
        for earlier in &run.earlier {
            let output = earlier.output.as_deref().unwrap_or_default();
            if told.goes_to(earlier.attempt) {
                printer.note(&format!("{} {}, attempt {}", names.job(key), utc(key.nominal), earlier.attempt));
            }
            if told.attempt == earlier.attempt && !told.ended {
                printer.data(&names.lines(key, &told.more(clean(output))))?;
                told.ended = true;
                printer.note(earlier.error.as_deref().unwrap_or("followed by another attempt"));
            }
        }
        if told.goes_to(run.attempt) {
            let attempt = if run.attempt > 1 { format!(", attempt {}", run.attempt) } else { String::new() };
            printer.note(&format!("{} {}{attempt}", names.job(key), utc(key.nominal)));
        }
        let goes_on = run.state == RunState::Running;
        let output = clean(run.output.as_deref().unwrap_or_default());
        printer.data(&names.lines(key, &told.more(names.ready(&output, goes_on).to_owned())))?;
        if !goes_on && !std::mem::replace(&mut told.ended, true) {
            let error = run.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
            let whose = match names {
                Names::None => String::new(),
                Names::Job | Names::Whole => format!("{} {} ", names.job(key), utc(key.nominal)),
            };
            printer.note(&format!("{whose}{}{error}", run.state));
        }
        told.over = run.state.is_final();
        Ok(())
    }

    /// Counts a run as shown.
    fn pass(&mut self, run: &RunRecord) {
        let told = || Told { attempt: run.attempt, output: String::new(), ended: true, over: true };
        self.runs.entry(run.key.clone()).or_insert_with(told);
    }

    /// The runs that may go on.
    fn open(&self) -> impl Iterator<Item = &RunKey> {
        self.runs.iter().filter(|(_, told)| !told.over).map(|(key, _)| key)
    }

    /// Forgets those that nothing more comes of: they are not among what may be new.
    fn forget(&mut self, news: &[RunRecord]) {
        let news: HashSet<&RunKey> = news.iter().map(|run| &run.key).collect();
        self.runs.retain(|key, _| news.contains(key));
    }
}

impl Told {
    /// Whether this attempt is a later one than what was shown; then it is the one that is shown.
    fn goes_to(&mut self, attempt: u32) -> bool {
        let later = attempt > self.attempt;
        if later {
            *self = Self { attempt, ..Self::default() };
        }
        later
    }

    /// What is new in the output.
    fn more(&mut self, output: String) -> String {
        let new = more(&self.output, &output).to_owned();
        self.output = output;
        new
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
