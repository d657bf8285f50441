//! Another process: this test program again, told by its environment to hold a cluster.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use clusterkeep_core::managed::{Deploy, ManagedCluster};

use crate::world::{REGION, World, quick};

const CLUSTER: &str = "GUARD_TEST_CLUSTER";
const FOLDER: &str = "GUARD_TEST_FOLDER";
const DEPLOY: &str = "GUARD_TEST_DEPLOY";

/// A process that holds a cluster, or is about to.
pub(crate) struct Holder {
    child: Child,
    orders: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
}

impl Holder {
    /// A process that starts `cluster`.
    pub(crate) fn spawn(world: &World, folder: &Path, cluster: &str) -> Self {
        Self::spawn_with(world, folder, cluster, false)
    }

    pub(crate) fn spawn_with(world: &World, folder: &Path, cluster: &str, deploy: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::the_process", "--nocapture"]).env(CLUSTER, cluster).env(FOLDER, folder);
        if deploy {
            command.env(DEPLOY, "yes");
        }
        command
            .env("CRATEDB_CLOUD_ENDPOINT", world.cloud.endpoint())
            .env("CRATEDB_CLOUD_API_KEY", world.cloud.key())
            .env("CRATEDB_CLOUD_API_SECRET", world.cloud.secret());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, says) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, says }
    }

    /// What it says next of its own; the test program around it says things, too.
    #[track_caller]
    pub(crate) fn says(&mut self) -> String {
        let mut line = String::new();
        while self.says.read_line(&mut line).unwrap() > 0 {
            if let Some((_, word)) = line.trim_end().split_once("holder: ") {
                return word.to_owned();
            }
            line.clear();
        }
        "nothing".into()
    }

    /// Tells it to `stop` or to `drop`, and waits until it is gone; what it says of that.
    #[track_caller]
    pub(crate) fn order(mut self, what: &str) -> String {
        writeln!(self.orders.take().unwrap(), "{what}").unwrap();
        let says = self.says();
        self.child.wait().unwrap();
        says
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It has ended in most tests.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the other process does; as a test of its own it has nothing to do.
#[test]
fn the_process() {
    let (Ok(cluster), Ok(folder)) = (std::env::var(CLUSTER), std::env::var(FOLDER)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut builder = quick(ManagedCluster::cloud(&cluster)).state_folder(folder);
    if std::env::var_os(DEPLOY).is_some() {
        builder =
            builder.deploy(Deploy::new().region(REGION).product("cr1").admin("admin", "correct-horse-battery-staple"));
    }
    let say = |word: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "holder: {word}").and_then(|()| out.flush()).unwrap();
    };
    let guard = match runtime.block_on(builder.start()) {
        Ok(guard) => guard,
        Err(error) => return say(&format!("failed: {error}")),
    };
    say("started");
    let mut order = String::new();
    std::io::stdin().lock().read_line(&mut order).unwrap();
    match order.trim() {
        "stop" => match runtime.block_on(guard.stop()) {
            Ok(left) => say(&format!("{left}")),
            Err(error) => say(&format!("failed: {error}")),
        },
        _ => {
            drop(guard);
            say("dropped");
        }
    }
}
