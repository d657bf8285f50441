//! A program that gets a message on its standard input: started without a shell, its environment says what it is about.

use std::process::Stdio;

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{Message, Sink, Undelivered};
use crate::model::Exec;

/// How much of what it says when it fails is told.
const TOLD: u64 = 4_096;

#[derive(Debug)]
pub(super) struct CommandSink {
    program: String,
    arguments: Vec<String>,
}

impl CommandSink {
    pub(super) fn new(exec: &Exec) -> Result<Self> {
        match exec.command.split_first() {
            Some((program, arguments)) if !program.is_empty() => {
                Ok(Self { program: program.clone(), arguments: arguments.to_vec() })
            }
            _ => Err(Error::input("a command without a program").with_hint("write `command: [PROGRAM, ARGUMENT]`")),
        }
    }

    async fn run(&self, message: &Message) -> std::io::Result<(std::process::ExitStatus, String)> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env("CLUSTERKEEP_OCCASION", message.occasion.as_str())
            .env("CLUSTERKEEP_NAMESPACE", &message.facts.namespace)
            .env("CLUSTERKEEP_JOB", &message.facts.job)
            .env("CLUSTERKEEP_SUBJECT", &message.subject)
            .env("CLUSTERKEEP_MESSAGE", &message.id)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // One that takes too long is ended with the attempt.
            .kill_on_drop(true)
            .spawn()?;
        let (input, errors) = (child.stdin.take(), child.stderr.take());
        let write = async {
            if let Some(mut input) = input {
                // A program that does not read all of it may be content with less.
                drop(input.write_all(message.text.as_bytes()).await);
                drop(input.write_all(b"\n").await);
            }
        };
        let read = async {
            let mut said = Vec::new();
            if let Some(errors) = errors {
                let mut errors = errors.take(TOLD);
                drop(errors.read_to_end(&mut said).await);
                // The rest is read, so that it is not kept from ending, and forgotten.
                drop(tokio::io::copy(&mut errors.into_inner(), &mut tokio::io::sink()).await);
            }
            String::from_utf8_lossy(&said).trim().replace(char::is_control, " ")
        };
        let ((), said, status) = tokio::join!(write, read, child.wait());
        Ok((status?, said))
    }
}

#[async_trait]
impl Sink for CommandSink {
    async fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        match self.run(message).await {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((status, said)) => {
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                Err(Undelivered::Again(Error::failed(format!("`{}` ended with {status}{said}", self.program))))
            }
            Err(error) => Err(Undelivered::Never(Error::io("start", &self.program, error))),
        }
    }
}
