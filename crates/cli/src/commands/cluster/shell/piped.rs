//! Statements from `-c`, and from the standard input as they come: the first that fails ends it.

use std::io::BufRead as _;

use clusterkeep_core::sql::statements;
use clusterkeep_core::{Error, Result};
use tokio::sync::mpsc;

use super::meta;
use super::runner::Runner;

/// The longest statement that is read.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many lines wait at most.
const WAITING: usize = 64;

/// What `-c` gives, one after the other.
pub(super) async fn given(texts: &[String], runner: &mut Runner<'_>) -> Result<()> {
    for text in texts {
        if meta::is(text) {
            meta::run(text, runner).await?;
        } else if statements(runner.engine(), text).is_empty() {
            return Err(Error::input("there is no statement").with_hint("write one, such as `SELECT 1`"));
        } else {
            runner.text(text).await?;
        }
    }
    Ok(())
}

/// What is piped in, each statement as soon as it is complete.
pub(super) async fn standard_input(runner: &mut Runner<'_>) -> Result<()> {
    let mut lines = lines();
    let mut text = String::new();
    while let Some(line) = lines.recv().await {
        let line = line?;
        if text.trim().is_empty() && meta::is(&line) {
            if meta::run(&line, runner).await? == meta::Next::Leave {
                return Ok(());
            }
            continue;
        }
        text.push_str(&line);
        text.push('\n');
        if line.contains(';') {
            text = run_complete(&text, runner).await?;
        }
        if text.len() > MAX_BYTES {
            return Err(Error::input("a statement on the standard input is too long"));
        }
    }
    runner.text(&text).await
}

/// Runs what is complete; gives what is not.
async fn run_complete(text: &str, runner: &mut Runner<'_>) -> Result<String> {
    let parts = statements(runner.engine(), text);
    let mut rest = String::new();
    for part in parts {
        if part.is_complete {
            runner.statement(part).await?;
        } else {
            rest = format!("{}\n", part.text);
        }
    }
    Ok(rest)
}

/// The lines of the standard input, read by a thread of their own: reading can't be cancelled.
fn lines() -> mpsc::Receiver<Result<String>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| Error::caused("read statements from the standard input", error));
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                break;
            }
        }
    });
    receiver
}
