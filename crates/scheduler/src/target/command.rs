//! CommandRunner of this machine: a line for the shell, or a program and its arguments.

use std::ffi::OsString;

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};

use super::process::{self, Echo, Start};
use super::{Command, Program, Runner, Target};
use crate::run::Run;

/// Runs commands.
#[derive(Debug, Clone, Default)]
pub struct CommandRunner {
    echo: Echo,
}

impl CommandRunner {
    /// Runs them; what they write is in the records of their runs alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands what they write to `echo`, too.
    #[must_use]
    pub fn echo(mut self, echo: Echo) -> Self {
        self.echo = echo;
        self
    }
}

#[async_trait]
impl Runner for CommandRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Command(Command { program, stdin, process }) = run.target() else {
            return Err(Error::input(format!("job `{}` is no command", run.job())));
        };
        let words = match program {
            Program::Shell(line) => ["/bin/sh", "-c", line].map(OsString::from).into(),
            Program::Exec(words) => words.iter().map(OsString::from).collect(),
        };
        let start = Start { words, stdin: stdin.clone().map(String::into_bytes), process: process.clone() };
        process::run(&start, &run, &self.echo).await
    }
}
