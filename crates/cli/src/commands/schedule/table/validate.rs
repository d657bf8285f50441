//! `schedule validate`: all that is wrong with timetables, without a store.

use clusterkeep_core::error::Place;
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_scheduler::Findings;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::ValidateArgs;
use crate::compose;
use crate::context::Context;
use crate::files;
use crate::output::{Colour, Format, Listing, Printer};
use crate::source::{self, Asked, Text};

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// It is refused.
    Error,
    /// It may not be meant.
    Warning,
}

/// Something that is not right in a timetable, as `schedule validate --format json` prints them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Finding {
    /// How much it matters.
    level: Level,
    /// The file, or its URL.
    file: String,
    /// The line, from 1.
    line: Option<u64>,
    /// The column, from 1.
    column: Option<u64>,
    /// What is wrong.
    what: String,
    /// What to do about it.
    hint: Option<String>,
}

impl Finding {
    fn of(level: Level, error: &Error, file: &str) -> Self {
        let place = match error {
            Error::Input { place: Some(place), .. } => place.clone(),
            _ => Place { file: file.to_owned(), position: None },
        };
        let text = crate::errors::chain(error);
        let what = text.strip_prefix(&format!("{place}: ")).unwrap_or(&text).to_owned();
        let (line, column) = place.position.unzip();
        Self { level, file: place.file, line, column, what, hint: error.hint() }
    }

    fn place(&self) -> String {
        Place { file: self.file.clone(), position: self.line.zip(self.column) }.to_string()
    }
}

pub(in super::super) async fn validate(args: ValidateArgs, context: &Context) -> Result<ExitCode> {
    let asked = Asked { files: &args.files, checksums: &args.checksum, allow: args.allow.as_deref() };
    let texts = context.interruptible(source::texts(asked)).await?;
    let mut found: Vec<Finding> = texts.iter().flat_map(of_text).collect();
    if !found.iter().any(|finding| finding.level == Level::Error) {
        // What only shows when all of them are taken together.
        let hint = "`schedule apply` takes it, for machines whose permissions have the sink; `run -f` does not";
        let (wrong, elsewhere) = match files::documents(&texts) {
            Ok(documents) => files::wrong_together(&documents),
            Err(error) => (vec![error], Vec::new()),
        };
        found.extend(wrong.iter().map(|error| Finding::of(Level::Error, error, "")));
        found.extend(
            elsewhere
                .iter()
                .map(|error| Finding { hint: Some(hint.to_owned()), ..Finding::of(Level::Warning, error, "") }),
        );
    }
    let wrong = found.iter().any(|finding| finding.level == Level::Error);
    let text = match context.printer.format() {
        Format::Table => lines(&found, texts.len(), &context.printer),
        format => Listing::of(&found, "")
            .column("level", |finding: &Finding| if finding.level == Level::Error { "error" } else { "warning" }.into())
            .column("place", |finding| finding.place().into())
            .column("what", |finding| finding.what.as_str().into())
            .column("hint", |finding| finding.hint.clone().into())
            .render(format, &found)?,
    };
    context.printer.data(&text)?;
    Ok(if wrong { ExitCode::BadInput } else { ExitCode::Done })
}

fn of_text(text: &Text) -> Vec<Finding> {
    if files::is_task(&text.name) {
        return of_task(text);
    }
    let Findings { errors, warnings } = clusterkeep_scheduler::validate(&text.text, &text.name, Some(&compose::ALL));
    let errors = errors.iter().map(|error| Finding::of(Level::Error, error, &text.name));
    errors.chain(warnings.iter().map(|warning| Finding::of(Level::Warning, warning, &text.name))).collect()
}

/// A Python or Rust file, which says one job.
fn of_task(text: &Text) -> Vec<Finding> {
    let task = match files::any_documents(std::slice::from_ref(text)).and_then(|_| files::task(&text.text, &text.name))
    {
        Ok(task) => task,
        Err(error) => return vec![Finding::of(Level::Error, &error, &text.name)],
    };
    let notes = task.into_iter().flat_map(|task| task.notes);
    notes.map(|note| Finding::of(Level::Warning, &Error::input(note.text), &text.name)).collect()
}

fn lines(found: &[Finding], files: usize, printer: &Printer) -> String {
    let mut out = String::new();
    for finding in found {
        let level = match finding.level {
            Level::Error => printer.paint(Colour::Refuse, "error:"),
            Level::Warning => printer.paint(Colour::Act, "warning:"),
        };
        out.push_str(&format!("{level} {}: {}\n", finding.place(), finding.what));
        if let Some(hint) = &finding.hint {
            out.push_str(&format!("{} {hint}\n", printer.paint(Colour::Hint, "hint:")));
        }
    }
    let count = |level| found.iter().filter(|finding| finding.level == level).count();
    let many = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    out.push_str(&format!("{}: {}, {}\n", many(files, "file"), many(errors, "error"), many(warnings, "warning")));
    out
}
