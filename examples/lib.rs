//! The examples are beside this file; here is what several of them need, and what is no part of what they show.

use std::process::ExitCode;

use clusterkeep_core::Result;

pub mod offline;

/// Ends an example: an error is said with its causes and what to do about it.
pub fn say(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprint!("error: {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
    error.hint().into_iter().for_each(|hint| eprintln!("hint: {hint}"));
    ExitCode::FAILURE
}
