//! Commands in containers, by whichever of docker, podman and nerdctl answers.
//!
//! A container has a name of its own, is removed when it has ended, and by force where the run is to end: the program that
//! started it may be gone before.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::process::{self, Echo, Start};
use super::programs::{Programs, settings};
use super::{Container, ContainerEngine, Entry, Process, Runner, Target};
use crate::model::secret::is_reference;
use crate::run::Run;

/// How long a program may take to say whether it can be used, or to remove a container.
const PATIENCE: Duration = Duration::from_secs(10);

/// The beginnings of names that the programs themselves go by.
const THEIRS: [&str; 11] = [
    "PATH",
    "HOME",
    "LD_",
    "DOCKER_",
    "BUILDKIT_",
    "CONTAINER_",
    "CONTAINERS_",
    "CONTAINERD_",
    "NERDCTL_",
    "PODMAN_",
    "XDG_",
];

/// Runs commands in containers.
#[derive(Debug, Default)]
pub struct ContainerRunner {
    programs: Programs,
    echo: Echo,
    /// The first program that has answered.
    found: OnceCell<PathBuf>,
}

settings!(ContainerRunner, "the programs");

impl ContainerRunner {
    /// Runs them by what PATH has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    async fn program(&self, engine: Option<ContainerEngine>) -> Result<PathBuf> {
        if let Some(engine) = engine {
            let name = engine.as_str();
            return self.programs.find(name).ok_or_else(|| Error::failed(format!("there is no `{name}` in PATH")));
        }
        self.found.get_or_try_init(|| self.first_that_answers()).await.cloned()
    }

    async fn first_that_answers(&self) -> Result<PathBuf> {
        let mut tried = Vec::new();
        for name in ContainerEngine::ALL.map(ContainerEngine::as_str) {
            match self.programs.find(name) {
                Some(program) if ended_well(&program, &["info"]).await => return Ok(program),
                Some(_) => tried.push(format!("`{name} info` fails")),
                None => tried.push(format!("`{name}` is not in PATH")),
            }
        }
        Err(Error::failed(format!("nothing here runs containers: {}", tried.join(", ")))
            .with_hint("start one of them, and see that this user may use it"))
    }
}

#[async_trait]
impl Runner for ContainerRunner {
    async fn run(&self, run: Run) -> Result<()> {
        let Target::Container(container) = run.target() else {
            return Err(Error::input(format!("job `{}` runs no container", run.job())));
        };
        let program = self.program(container.engine).await?;
        let name = name(&run.mark());
        let mut process = Process { grace: container.grace, ..Process::default() };
        let words = words(&program, &name, container, &run, &mut process)?;
        let mut removal = Removal { program, name, over: false };
        let done = process::run(&Start { words, stdin: None, process }, &run, &self.echo).await;
        // One that has ended by itself is gone; another one may have outlived the program that started it.
        if done.is_err() {
            removal.remove().await;
        }
        removal.over = true;
        done
    }

    async fn end_left(&self, target: &Target, mark: &str) {
        let Target::Container(container) = target else { return };
        let Ok(program) = self.program(container.engine).await else { return };
        // Where there is none of this name it fails, and nothing is left.
        Removal { program, name: name(mark), over: true }.remove().await;
    }
}

/// The name of a container, which follows from the mark of its attempt: whoever comes after a scheduler that was killed
/// knows it.
fn name(mark: &str) -> String {
    format!("clusterkeep-{mark}")
}

/// The command line. What is secret is in no word of it: those variables go by the environment of the program.
fn words(program: &Path, name: &str, container: &Container, run: &Run, process: &mut Process) -> Result<Vec<OsString>> {
    let mut words: Vec<OsString> = vec![program.into(), "run".into(), "--rm".into(), "--name".into(), name.into()];
    let mut option = |option: &str, value: &str| words.extend([option, value].map(OsString::from));
    let key = run.key();
    let about = [
        ("CLUSTERKEEP_NAMESPACE", key.namespace.clone()),
        ("CLUSTERKEEP_JOB", key.job.clone()),
        ("CLUSTERKEEP_NOMINAL", key.nominal.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        ("CLUSTERKEEP_ATTEMPT", run.attempt().to_string()),
    ];
    for (name, value) in about {
        option("--env", &format!("{name}={value}"));
    }
    for (name, value) in &container.env {
        if !is_reference(value) {
            option("--env", &format!("{name}={value}"));
            continue;
        }
        if THEIRS.iter().any(|theirs| name.starts_with(theirs)) {
            return Err(Error::failed(format!("variable `{name}` can't be fetched from elsewhere for a container"))
                .with_hint("the program that starts the container goes by it itself; use another name"));
        }
        process.env.insert(name.clone(), value.clone());
        option("--env", name);
    }
    let said = [("--workdir", &container.cwd), ("--user", &container.user), ("--network", &container.network)];
    for (name, value) in said {
        if let Some(value) = value {
            option(name, value);
        }
    }
    for mount in &container.mounts {
        option("--volume", mount);
    }
    if let Some(memory) = container.memory {
        option("--memory", &memory.bytes().to_string());
    }
    let (entry, mut rest): (Option<&str>, Vec<&str>) = match container.entrypoint.split_first() {
        Some((first, rest)) => (Some(first), rest.iter().map(String::as_str).collect()),
        None => (None, Vec::new()),
    };
    let entry = match &container.command {
        Some(Entry::Shell(line)) => {
            rest.extend(["-c", line]);
            entry.or(Some("/bin/sh"))
        }
        Some(Entry::Exec(all)) => {
            rest.extend(all.iter().map(String::as_str));
            entry
        }
        None => entry,
    };
    if let Some(entry) = entry {
        option("--entrypoint", entry);
    }
    words.push((&container.container).into());
    words.extend(rest.into_iter().map(OsString::from));
    Ok(words)
}

/// A container that is to be gone in the end.
struct Removal {
    program: PathBuf,
    name: String,
    over: bool,
}

impl Removal {
    async fn remove(&self) {
        ended_well(&self.program, &["rm", "--force", &self.name]).await;
    }
}

/// Where nobody waits for the end any more, somebody else does.
impl Drop for Removal {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut command = std::process::Command::new(&self.program);
        command.args(["rm", "--force", &self.name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
            Err(error) => tracing::warn!(%error, container = self.name, "a container was not removed"),
        }
    }
}

/// Runs a program, and says whether it has ended well.
async fn ended_well(program: &Path, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(mut child) = command.spawn() else { return false };
    matches!(tokio::time::timeout(PATIENCE, child.wait()).await, Ok(Ok(status)) if status.success())
}
