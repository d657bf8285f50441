//! Commands of the shell itself: they begin with a backslash.

use clap::ValueEnum as _;
use clusterkeep_core::sql::TableName;
use clusterkeep_core::{Error, Result};

use super::catalogue;
use super::runner::Runner;
use crate::output::Format;

/// What there is, for help and completion.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    ("\\d", "list tables and views; \\d TABLE lists its columns"),
    ("\\format", "show rows as table, json, ndjson, csv, yaml or markdown"),
    ("\\h", "show this help"),
    ("\\q", "leave; so does Ctrl-D"),
];

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    Leave,
}

/// Whether a line is such a command.
pub(super) fn is(line: &str) -> bool {
    line.trim_start().starts_with('\\')
}

/// Does what it says.
pub(super) async fn run(line: &str, runner: &mut Runner<'_>) -> Result<Next> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match (command, argument.trim()) {
        ("\\q", "") => return Ok(Next::Leave),
        ("\\h" | "\\?", "") => {
            let lines: String = COMMANDS.iter().map(|(name, what)| format!("  {name:9}{what}\n")).collect();
            runner.context.printer.data(&format!("A statement ends with a semicolon.\n{lines}"))?;
        }
        ("\\d", "") => {
            let found = runner.db().query(catalogue::tables(runner.engine())).await?;
            runner.context.printer.data(&runner.format.records(&found)?)?;
        }
        ("\\d", name) => describe(&name.parse()?, runner).await?,
        ("\\format", "") => {
            return Err(Error::input("\\format needs the name of a format").with_hint(FORMATS));
        }
        ("\\format", name) => {
            runner.format = Format::from_str(name, true)
                .map_err(|_| Error::input(format!("there is no format `{name}`")).with_hint(FORMATS))?;
        }
        (other, _) => {
            return Err(Error::input(format!("there is no command `{other}`")).with_hint("\\h lists what there is"));
        }
    }
    Ok(Next::Go)
}

const FORMATS: &str = "there are table, json, ndjson, csv, yaml and markdown";

async fn describe(table: &TableName, runner: &Runner<'_>) -> Result<()> {
    let found = runner.db().query(catalogue::columns(runner.engine(), table)).await?;
    if found.is_empty() {
        return Err(Error::input(format!("there is no table or view `{table}`")).with_hint("\\d lists what there is"));
    }
    runner.context.printer.data(&runner.format.records(&found)?)
}
