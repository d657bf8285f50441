//! The prompt: a line editor on a thread of its own, since reading a terminal can't be cancelled.
//!
//! Ctrl-C at the prompt throws the line away; while a statement runs, it stops that statement. Ctrl-D leaves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use clusterkeep_core::sql::{Db, Engine, statements};
use clusterkeep_core::{Error, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};
use tokio::sync::oneshot;

use super::complete::Names;
use super::runner::Runner;
use super::{catalogue, history, meta};
use crate::errors;

/// How many statements the history keeps.
const HISTORY: usize = 2000;

/// What came of asking for a line.
enum Line {
    Text(String),
    ThrownAway,
    End,
}

/// A prompt to show, and where the line goes.
type Request = (String, oneshot::Sender<Result<Line>>);

/// Asks for statements and runs them until the user leaves.
pub(super) async fn run(runner: &mut Runner<'_>) -> Result<()> {
    let printer = runner.context.printer.clone();
    let _own = runner.context.take_interrupts();
    let _terminal = Terminal::as_it_is();
    runner.talks = true;
    let server = runner.db().server().await?;
    printer.note(&format!("{} {} at {}; \\h for help, \\q to leave", server.product, server.version, runner.name()));
    let names = Arc::new(Mutex::new(Names::default()));
    let mut learning = tokio::spawn(learn(runner.db().clone(), Arc::clone(&names)));
    let lines = start(runner.engine(), Arc::clone(&names));
    let prompt = format!("{}> ", runner.name());
    loop {
        runner.context.forget_interrupts();
        let (answer, asked) = oneshot::channel();
        // The thread ends with the editor only, which answers first.
        lines.send((prompt.clone(), answer)).map_err(|error| Error::caused("ask for a line", error.to_string()))?;
        let line = tokio::select! {
            line = asked => line.map_err(|error| Error::caused("read a line", error))??,
            () = runner.context.stopped() => return Ok(()),
        };
        let text = match line {
            Line::Text(text) => text,
            Line::ThrownAway => continue,
            Line::End => return Ok(()),
        };
        let context = runner.context;
        let done = tokio::select! {
            biased;
            done = entered(&text, runner) => done,
            () = context.interrupted() => Err(Error::Interrupted { what: "the statement was stopped".into() }),
        };
        match done {
            Ok(meta::Next::Leave) => return Ok(()),
            Ok(meta::Next::Go) => {}
            Err(error) => {
                if matches!(error, Error::Interrupted { .. }) {
                    runner.drop_session();
                }
                errors::report(&printer, &error);
            }
        }
        if learning.is_finished() && changes_names(&text, runner.engine()) {
            learning = tokio::spawn(learn(runner.db().clone(), Arc::clone(&names)));
        }
    }
}

/// The terminal as it was: who is asked to stop while the editor has it gives it back like that.
#[cfg(unix)]
struct Terminal(Option<rustix::termios::Termios>);

#[cfg(unix)]
impl Terminal {
    fn as_it_is() -> Self {
        Self(rustix::termios::tcgetattr(std::io::stdin()).ok())
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let given = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, before);
            if let Err(error) = given {
                tracing::debug!(%error, "the terminal is not what it was");
            }
        }
    }
}

#[cfg(not(unix))]
struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    const fn as_it_is() -> Self {
        Self
    }
}

async fn entered(text: &str, runner: &mut Runner<'_>) -> Result<meta::Next> {
    if meta::is(text) {
        return meta::run(text, runner).await;
    }
    runner.text(text).await.map(|()| meta::Next::Go)
}

fn changes_names(text: &str, engine: Engine) -> bool {
    let ddl = ["create", "alter", "drop", "restore"];
    let parts = statements(engine, text);
    parts.iter().filter_map(|part| part.words().next()).any(|word| ddl.iter().any(|ddl| word.eq_ignore_ascii_case(ddl)))
}

/// Learns the names of the database; what can't be read is not completed.
async fn learn(db: Db, names: Arc<Mutex<Names>>) {
    let mut found = Names::default();
    if let Ok(records) = db.query(catalogue::tables(db.engine())).await {
        for row in &records {
            if let Ok(name) = row.get("name") {
                found.add_table(row.get("schema").ok(), name);
            }
        }
    }
    if let Ok(records) = db.query(catalogue::all_columns(db.engine())).await {
        for row in &records {
            if let (Ok(table), Ok(column)) = (row.get("name"), row.get("column")) {
                found.add_column(table, column);
            }
        }
    }
    *lock(&names) = found;
}

fn lock(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread of the editor.
fn start(engine: Engine, names: Arc<Mutex<Names>>) -> mpsc::Sender<Request> {
    let (sender, requests) = mpsc::channel::<Request>();
    std::thread::spawn(move || {
        let mut editor = match open(engine, names) {
            Ok(editor) => editor,
            Err(error) => {
                if let Ok((_, answer)) = requests.recv() {
                    // Where nobody waits any more there is nobody to tell.
                    drop(answer.send(Err(Error::caused("open the terminal", error))));
                }
                return;
            }
        };
        // A history that can't be kept is no reason not to work.
        let file = history::file().ok();
        if let Some(file) = &file {
            drop(editor.load_history(file));
        }
        while let Ok((prompt, answer)) = requests.recv() {
            let line = match editor.readline(&prompt) {
                Ok(text) => {
                    if !text.trim().is_empty() && !history::carries_a_secret(&text) {
                        drop(editor.add_history_entry(text.as_str()));
                        if let Some(file) = &file {
                            drop(editor.append_history(file));
                        }
                    }
                    Ok(Line::Text(text))
                }
                Err(ReadlineError::Interrupted) => Ok(Line::ThrownAway),
                Err(ReadlineError::Eof) => Ok(Line::End),
                Err(error) => Err(Error::caused("read a line", error)),
            };
            if answer.send(line).is_err() {
                return;
            }
        }
    });
    sender
}

fn open(engine: Engine, names: Arc<Mutex<Names>>) -> rustyline::Result<Editor<Typing, DefaultHistory>> {
    let config = Config::builder()
        .auto_add_history(false)
        .history_ignore_space(true)
        .max_history_size(HISTORY)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Typing { engine, names }));
    Ok(editor)
}

/// Helps while somebody types.
struct Typing {
    engine: Engine,
    names: Arc<Mutex<Names>>,
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(lock(&self.names).complete(line, at))
    }
}

impl Validator for Typing {
    /// A statement goes on until its semicolon.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let whole = meta::is(text) || statements(self.engine, text).last().is_none_or(|part| part.is_complete);
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Typing {
    type Hint = String;
}

impl Highlighter for Typing {}

impl Helper for Typing {}
