//! Everything that is written to the terminal: data to the standard output, everything else to standard error.
//!
//! This is the only place of the workspace that writes there. Colour is for terminals, unless `NO_COLOR` is set.

mod colour;
mod format;
mod listing;
mod progress;
mod quote;
mod status;
mod steer;

use std::io::{self, BufRead, IsTerminal, Write};

use clusterkeep_core::{Error, Result, env};
use tracing_subscriber::EnvFilter;

pub use colour::Colour;
pub use format::Format;
pub(crate) use format::no_page;
pub use listing::{Cell, Listing};
pub use progress::Progress;
pub(crate) use quote::quoted;
pub use status::Status;

use crate::args::OutputArgs;

/// Writes for one command.
#[derive(Debug, Clone)]
pub struct Printer {
    format: Format,
    quiet: bool,
    colour_out: bool,
    colour_err: bool,
}

impl Printer {
    /// A printer for what the command line asks for.
    #[must_use]
    pub fn new(args: &OutputArgs) -> Self {
        let plain = plain();
        Self {
            format: args.format,
            quiet: args.quiet,
            colour_out: !plain && io::stdout().is_terminal(),
            colour_err: !plain && io::stderr().is_terminal(),
        }
    }

    /// The format of data.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether nothing but data and errors is to be said.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Text for the standard output in a colour, where that is a terminal.
    #[must_use]
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        colour.around(text, self.colour_out)
    }

    /// Text for standard error in a colour, where that is a terminal.
    #[must_use]
    pub fn paint_err(&self, colour: Colour, text: &str) -> String {
        colour.around(text, self.colour_err)
    }

    /// Writes data.
    ///
    /// # Errors
    ///
    /// The standard output can't be written to; that its reader has gone is no error.
    pub fn data(&self, text: &str) -> Result<()> {
        // Programs get what there is; people what does not steer their terminal.
        match io::stdout().is_terminal() {
            true => self.raw(&steer::harmless(text)),
            false => self.raw(text),
        }
    }

    fn raw(&self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| {
            if !text.is_empty() && !text.ends_with('\n') {
                out.write_all(b"\n")?;
            }
            out.flush()
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::caused("write to the standard output", error))
            }
            _ => Ok(()),
        }
    }

    /// Passes on what another program writes, byte by byte as it is, to the standard output or to standard error.
    pub fn pass(&self, out: bool, bytes: &[u8]) {
        // Where nobody reads it any more there is nobody to tell.
        drop(if out {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        } else {
            io::stderr().lock().write_all(bytes)
        });
    }

    /// Writes data in the place of what was written before, where the standard output is a terminal; else behind it.
    ///
    /// # Errors
    ///
    /// As [`data`](Self::data).
    pub fn screen(&self, text: &str) -> Result<()> {
        // Home, and what is below cleared.
        match io::stdout().is_terminal() {
            true => self.raw(&format!("\u{1b}[H\u{1b}[J{}", steer::harmless(text))),
            false => self.raw(text),
        }
    }

    /// Says something beside the data, unless quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.alert(text);
        }
    }

    /// Says something that must be seen, also when quiet.
    pub fn alert(&self, text: &str) {
        // Where standard error is gone there is nobody left to tell.
        drop(writeln!(io::stderr().lock(), "{}", steer::harmless(text)));
    }

    /// Whether somebody can be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question; only `y` and `yes` are yes.
    ///
    /// # Errors
    ///
    /// The answer can't be read.
    pub fn ask(&self, question: &str) -> Result<bool> {
        let failed = |error| Error::caused("ask for approval", error);
        let mut err = io::stderr().lock();
        write!(err, "{} [y/N] ", steer::harmless(question)).and_then(|()| err.flush()).map_err(failed)?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map_err(failed)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

/// Whether colour is not wanted: whatever the variable is set to, also where that is no text, it means no.
fn plain() -> bool {
    std::env::var_os(env::NO_COLOR.name).is_some_and(|value| !value.is_empty())
}

/// Sends logs to standard error, as much of them as was asked for.
///
/// # Errors
///
/// The variable that says what to log can't be read.
pub fn logs(args: &OutputArgs) -> Result<()> {
    let level = match args.verbose {
        0 => "error",
        1 => "warn,clusterkeep=info,clusterkeep_core=info,clusterkeep_retention=info,clusterkeep_scheduler=info",
        2 => "info,clusterkeep=debug,clusterkeep_core=debug,clusterkeep_retention=debug,clusterkeep_scheduler=debug",
        _ => "debug",
    };
    let filter = match env::LOG.read()? {
        Some(text) => EnvFilter::try_new(&text).map_err(|error| Error::Input {
            what: format!("{} is no filter for logs", env::LOG.name),
            place: None,
            hint: Some("write a level such as `info`, or `clusterkeep_core=debug,warn`".into()),
            source: Some(error.into()),
        })?,
        None => EnvFilter::new(level),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(!plain() && io::stderr().is_terminal())
        .finish();
    // A program that runs commands one after the other, or logs by itself, has its subscriber already.
    drop(tracing::subscriber::set_global_default(subscriber));
    Ok(())
}
