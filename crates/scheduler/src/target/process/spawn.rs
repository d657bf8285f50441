//! Starting a process in its surroundings.

use std::ffi::OsString;
use std::process::Stdio;

use chrono::SecondsFormat;
use clusterkeep_core::{Error, Result};
use tokio::process::{Child, Command};

use super::account::{self, Account};
use super::{limits, tree};
use crate::model::target::{Environment, Limits, Process};
use crate::run::Run;
use crate::target::reference::fetch;

/// The variables that a clean environment takes over.
const CLEAN: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ"];

/// The search path of a scheduler that has none.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is to be started.
#[derive(Debug, Clone)]
pub(in crate::target) struct Start {
    /// The program and its arguments.
    pub(in crate::target) words: Vec<OsString>,
    /// What it reads.
    pub(in crate::target) stdin: Option<Vec<u8>>,
    /// Its surroundings.
    pub(in crate::target) process: Process,
}

/// A process that has begun.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    /// What it is to be given to read.
    pub(super) stdin: Vec<u8>,
    /// The mark of all that belongs to it.
    pub(super) mark: String,
}

pub(super) fn start(start: &Start, run: &Run) -> Result<Started> {
    let Start { words, stdin, process } = start;
    let limited = process.limits != Limits::default();
    let words = if limited { limits::gated(words.clone()) } else { words.clone() };
    let [program, args @ ..] = words.as_slice() else { return Err(Error::input("there is no program to start")) };
    let account = process.user.as_deref().map(account::other).transpose()?.flatten();
    let mark = tree::carried(run.mark());
    let mut command = Command::new(program);
    command.args(args).process_group(0);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_some() || limited { Stdio::piped() } else { Stdio::null() });
    surround(&mut command, process, account.as_ref())?;
    about(&mut command, run);
    command.env(tree::MARK, &mark);
    if let Some(account) = &account {
        command.uid(account.uid).gid(account.gid);
    }
    if let Some(cwd) = &process.cwd {
        command.current_dir(cwd);
        // Else it is said of the program that it is not there.
        std::fs::metadata(cwd).map_err(|error| Error::io("enter", cwd, error))?;
    }
    let child = command.spawn().map_err(|error| Error::io("start", program, error))?;
    let mut text = stdin.clone().unwrap_or_default();
    if limited {
        // Before the line that it waits for.
        child.id().map_or(Ok(()), |pid| limits::set(pid, &process.limits))?;
        text.insert(0, b'\n');
    }
    Ok(Started { child, stdin: text, mark })
}

/// Gives it its environment.
fn surround(command: &mut Command, process: &Process, account: Option<&Account>) -> Result<()> {
    if process.environment == Environment::Clean {
        command.env_clear();
        command.env("PATH", PATH);
        command.envs(CLEAN.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    }
    if let Some(Account { name, home, shell, .. }) = account {
        command.envs([("HOME", home), ("USER", name), ("LOGNAME", name), ("SHELL", shell)]);
    }
    for (name, value) in &process.env {
        command.env(name, fetch(value)?.expose());
    }
    Ok(())
}

/// Tells it what it is run for.
fn about(command: &mut Command, run: &Run) {
    let key = run.key();
    command
        .env("CLUSTERKEEP_NAMESPACE", &key.namespace)
        .env("CLUSTERKEEP_JOB", &key.job)
        .env("CLUSTERKEEP_NOMINAL", key.nominal.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        .env("CLUSTERKEEP_ATTEMPT", run.attempt().to_string());
    if let Some(args) = run.args_by_hand() {
        command.env("CLUSTERKEEP_ARGS", serde_json::Value::Object(args.clone()).to_string());
    }
}
