//! The process that runs a server and ends it with its owner.
//!
//! All waiting here is by polling and bounded, needs no runtime, and never panics, so that a destructor can do it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::account::Account;
use super::home::Home;
use crate::error::{Error, Result};

const SCRIPT: &str = include_str!("supervisor.sh");
const POLL: Duration = Duration::from_millis(5);
/// The most seconds that a signal gets, whatever is asked for.
const MOST_GRACE: u64 = 24 * 60 * 60;

/// What a supervisor runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Commands {
    /// Makes the data where there is none yet, one command after the other.
    pub(super) setup: Vec<Step>,
    /// The server.
    pub(super) server: Vec<OsString>,
    /// The signals that end it, in order; each gets the same time.
    pub(super) signals: &'static str,
    /// The environment, in place of this process's.
    pub(super) environment: Vec<(OsString, OsString)>,
}

/// One command of the preparation.
#[derive(Debug, Clone, Default)]
pub(super) struct Step {
    /// The program and its arguments.
    pub(super) command: Vec<OsString>,
    /// The file that it reads as standard input.
    pub(super) input: Option<OsString>,
}

/// A running supervisor.
#[derive(Debug)]
pub(super) struct Supervisor {
    child: Child,
    /// While this is open the server lives.
    pipe: Option<ChildStdin>,
    /// How long ending may take before everything is killed.
    patience: Duration,
    status: Option<ExitStatus>,
}

impl Supervisor {
    /// Starts a supervisor in `home`; `grace` is what each signal gets.
    pub(super) fn spawn(home: &Home, commands: &Commands, grace: Duration) -> Result<Self> {
        Self::spawn_for(home, commands, grace, Stdio::piped(), home.open_log()?, None)
    }

    /// Starts a supervisor that watches `owner`, writes to `log`, and says to the FIFO `news` when its server is gone.
    pub(super) fn spawn_for(
        home: &Home,
        commands: &Commands,
        grace: Duration,
        owner: Stdio,
        log: File,
        news: Option<&Path>,
    ) -> Result<Self> {
        let errors = log.try_clone().map_err(|error| Error::io("open", home.log(), error))?;
        let removed = if home.is_own() { home.path().as_os_str() } else { OsStr::new("") };
        // A file, for the sake of whoever lists the processes.
        let script = home.write_private("supervisor.sh", SCRIPT)?;
        let mut command = Command::new("/bin/sh");
        command.arg(script);
        command.arg(removed).arg(seconds(grace).to_string()).arg(commands.signals);
        command.arg(setup_script(home, &commands.setup)).arg(server_script(&commands.server));
        command.arg(news.unwrap_or_else(|| Path::new("")));
        command
            .current_dir(home.path())
            .env_clear()
            .envs(commands.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(owner).stdout(log).stderr(errors);
        Self::run(command, home.account(), patience(commands, grace))
    }

    /// Starts `command` under `account` in a process group of its own.
    pub(super) fn run(mut command: Command, account: Option<&Account>, patience: Duration) -> Result<Self> {
        // A group of its own: Ctrl-C on the terminal reaches the owner alone, who ends the server in order.
        command.process_group(0);
        if let Some(account) = account {
            command.uid(account.uid).gid(account.gid);
        }
        let mut child = command.spawn().map_err(|error| Error::io("start", "/bin/sh", error))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe, patience, status: None })
    }

    /// How it ended, where it has: with the status of the server, or of the preparation that failed.
    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() && self.has_ended() {
            // A server that ended by itself has left somebody behind who removes the directory after this process.
            // Otherwise nobody is to survive. Until it is waited for, a process that has ended keeps its id and so
            // that of its group: here it is certain that the group killed is the right one.
            if self.pipe.is_none() {
                self.kill_group();
            }
            self.status = Some(self.child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0)));
        }
        self.status
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it has ended, without taking note of it.
    fn has_ended(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) else { return true };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), options) {
            Ok(found) => found.is_some(),
            Err(error) => error == rustix::io::Errno::CHILD,
        }
    }

    /// The id of its process.
    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it and what is left of its process group.
    pub(super) fn kill(&mut self) {
        if self.exited().is_none() {
            self.kill_group();
        }
    }

    /// Kills whatever of its process group is left; only while the supervisor itself was not waited for.
    fn kill_group(&self) {
        let Some(group) = Pid::from_raw(self.child.id().cast_signed()) else { return };
        // Nobody left to kill is as good as killed.
        if let Err(error) = kill_process_group(group, Signal::KILL)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, ?group, "a process group can't be killed");
        }
    }

    /// Ends the server, in order first and then by force, and waits for that; at most some seconds.
    ///
    /// Returns whether it ended in order.
    pub(super) fn end(&mut self) -> bool {
        self.pipe = None;
        if self.wait(self.patience) {
            return true;
        }
        self.kill_group();
        self.wait(Duration::from_secs(1));
        false
    }

    /// Waits for the end, at most `limit`; returns whether it came.
    fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.exited().is_some() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Lets the server live on without an owner.
    pub(super) fn keep(mut self) -> std::io::Result<()> {
        self.pipe.take().map_or(Ok(()), |mut pipe| pipe.write_all(b"keep\n"))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // After `keep` the pipe is gone and so is the right to end anything.
        if self.pipe.is_some() {
            self.end();
        }
    }
}

/// What each signal gets, in whole seconds.
fn seconds(grace: Duration) -> u64 {
    grace.as_secs().clamp(1, MOST_GRACE)
}

/// How long the end of what `commands` started may take.
pub(super) fn patience(commands: &Commands, grace: Duration) -> Duration {
    let signals = commands.signals.split_ascii_whitespace().count() as u64;
    Duration::from_secs(seconds(grace) * signals + 1)
}

/// The shell command that makes the data under another name and renames it when it is complete.
fn setup_script(home: &Home, steps: &[Step]) -> OsString {
    if steps.is_empty() {
        return OsString::new();
    }
    let (data, new) = (quoted(home.data().as_os_str()), quoted(home.new_data().as_os_str()));
    let mut script = b"[ ! -e ".to_vec();
    script.extend_from_slice(&data);
    script.extend_from_slice(b" ] || exit 0; set -e; rm -rf ");
    script.extend_from_slice(&new);
    for step in steps {
        script.extend_from_slice(b"; ");
        script.extend_from_slice(&joined(&step.command));
        if let Some(input) = &step.input {
            script.extend_from_slice(b" <");
            script.extend_from_slice(&quoted(input));
        }
    }
    script.extend_from_slice(b"; mv ");
    script.extend_from_slice(&new);
    script.push(b' ');
    script.extend_from_slice(&data);
    OsString::from_vec(script)
}

/// The shell command that becomes the server.
fn server_script(command: &[OsString]) -> OsString {
    OsString::from_vec([b"exec ".as_slice(), &joined(command)].concat())
}

fn joined(words: &[OsString]) -> Vec<u8> {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(&b' ')
}

/// `word` as the shell reads it back unchanged.
pub(super) fn quoted(word: &OsStr) -> Vec<u8> {
    let mut text = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => text.extend_from_slice(b"'\\''"),
            other => text.push(*other),
        }
    }
    text.push(b'\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(setup: &[&[&str]], server: &[&str]) -> Commands {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        Commands {
            setup: setup.iter().map(|step| Step { command: words(step), input: None }).collect(),
            server: words(server),
            signals: "TERM KILL",
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        }
    }

    fn wait(supervisor: &mut Supervisor) -> ExitStatus {
        assert!(supervisor.wait(Duration::from_secs(10)), "the supervisor has not ended");
        supervisor.exited().unwrap()
    }

    #[test]
    fn words_reach_the_program_unchanged() {
        let home = Home::temporary("test", None).unwrap();
        let odd = "it's $HOME `id` \\ \"quoted\"\nnext";
        let mut supervisor =
            Supervisor::spawn(&home, &commands(&[], &["printf", "%s", odd]), Duration::from_secs(1)).unwrap();
        assert!(wait(&mut supervisor).success());
        assert_eq!(std::fs::read_to_string(home.file("server.log")).unwrap(), odd);
    }

    #[test]
    fn failed_preparation_starts_nothing() {
        let home = Home::temporary("test", None).unwrap();
        let setup: &[&[&str]] = &[&["sh", "-c", "echo no room; exit 3"]];
        let mut supervisor =
            Supervisor::spawn(&home, &commands(setup, &["touch", "started"]), Duration::from_secs(1)).unwrap();
        assert_eq!(wait(&mut supervisor).code(), Some(3));
        assert_eq!(home.log_tail(), "no room");
        assert!(!home.file("started").exists() && !home.data().exists());
    }

    #[test]
    fn data_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::kept(root.path(), None).unwrap();
        let new = home.new_data();
        let setup: &[&[&str]] = &[&["mkdir", new.to_str().unwrap()], &["echo", "made"]];
        for _ in 0..2 {
            let mut supervisor = Supervisor::spawn(&home, &commands(setup, &["true"]), Duration::from_secs(1)).unwrap();
            assert!(wait(&mut supervisor).success());
        }
        assert!(home.data().is_dir());
        assert_eq!(home.log_tail(), "made", "the second start makes nothing");
    }

    #[test]
    fn a_process_that_ignores_the_first_signal_gets_the_next() {
        let home = Home::temporary("test", None).unwrap();
        let stubborn = ["sh", "-c", "trap '' TERM; touch ready; while :; do sleep 0.1; done"];
        let mut supervisor = Supervisor::spawn(&home, &commands(&[], &stubborn), Duration::from_secs(1)).unwrap();
        while !home.file("ready").exists() {
            std::thread::sleep(POLL);
        }
        let begun = Instant::now();
        assert!(supervisor.end(), "the supervisor itself ends in order");
        assert_eq!(supervisor.exited().unwrap().code(), Some(128 + 9));
        assert!(begun.elapsed() >= Duration::from_secs(1) && begun.elapsed() < Duration::from_secs(3));
    }
}
