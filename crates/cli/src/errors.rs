//! Errors as people see them: one line with the chain of causes, and one with what to do.

use std::error::Error as _;

use clap::error::ErrorKind;
use clusterkeep_core::{Error, ExitCode};

use crate::output::{Colour, Printer};

/// Shows an error, and says how the process is to end.
pub(crate) fn report(printer: &Printer, error: &Error) -> ExitCode {
    printer.alert(&format!("{}{}", prefix(printer, error), chain(error)));
    if let Some(hint) = error.hint() {
        printer.alert(&format!("{} {hint}", printer.paint_err(Colour::Hint, "hint:")));
    }
    ExitCode::from(error)
}

/// `refused:` and its like are said by the error itself.
fn prefix(printer: &Printer, error: &Error) -> String {
    match error {
        Error::Refused { .. } | Error::Drifted { .. } | Error::Locked { .. } | Error::Interrupted { .. } => {
            String::new()
        }
        _ => format!("{} ", printer.paint_err(Colour::Refuse, "error:")),
    }
}

/// The error and its causes, on one line; a cause that its effect has said already is not repeated.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Shows what the command line lacks; help and version are answers and no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Where the stream is gone there is nobody left to tell.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Done,
        _ => ExitCode::BadInput,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_chained_once() {
        let inner = Error::failed("connection refused");
        let error = Error::caused("query on sqlite://w.db", inner);
        assert_eq!(chain(&error), "query on sqlite://w.db: connection refused");
        let said = Error::caused("it says: no", Error::failed("no"));
        assert_eq!(chain(&said), "it says: no");
    }
}
