//! Owners of servers in processes of their own, and what they leave behind.

use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clusterkeep_core::sql::Engine;

const ROLE: &str = "CLUSTERKEEP_TEST_OWNER";

/// Directories and processes get this long to go when their owner is gone.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A process that runs one of the roles below, with a directory for its temporary files.
pub(super) struct Owner {
    process: Child,
    directory: tempfile::TempDir,
}

impl Owner {
    pub(super) fn start(role: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // As the directory for everybody's temporary files is: where the tests run as root, servers run under another
        // account, and so does who removes what is theirs.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "owner::plays_its_role", "--nocapture"])
            .env(ROLE, role)
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, directory }
    }

    /// Waits until it says that its server is ready.
    pub(super) fn wait_until_ready(&mut self) {
        let mut output = BufReader::new(self.process.stdout.as_mut().unwrap());
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the owner has ended");
        }
    }

    /// Waits until somebody works for it.
    pub(super) fn wait_until_begun(&self) {
        eventually("a process", || !processes_of(self.directory.path()).is_empty());
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits for its end; returns what it said.
    pub(super) fn finish(&mut self) -> String {
        let mut said = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success(), "{said}");
        said
    }

    /// What is in its directory.
    pub(super) fn left(&self) -> Vec<PathBuf> {
        fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// Asserts that neither a process nor a file is left, or won't be soon.
    pub(super) fn leaves_nothing(&self) {
        eventually("no process", || processes_of(self.directory.path()).is_empty());
        eventually("no directory", || self.left().is_empty());
    }
}

pub(super) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_true() {
        assert!(Instant::now() < deadline, "there is still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The processes whose command line names `directory`.
pub(super) fn processes_of(directory: &Path) -> Vec<u32> {
    let named = directory.to_str().unwrap();
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(named))
    })
    .collect()
}

/// The engines that are installed here; the others are said to be missing.
pub(super) fn engines() -> Vec<Engine> {
    let all = [Engine::Postgres, Engine::Mysql, Engine::Cratedb];
    all.into_iter().filter(|engine| is_there(*engine)).collect()
}

pub(super) fn is_there(engine: Engine) -> bool {
    clusterkeep_testkit::servers::is_there(engine)
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// No test of its own: what the owners above run.
#[test]
fn plays_its_role() {
    match std::env::var(ROLE).as_deref() {
        Ok(role) => super::ends::play(role),
        Err(_) => assert!(std::env::var_os(ROLE).is_none()),
    }
}
