//! What asking CrateDB Cloud costs as a whole process, beside the vendor's own command line client, on a Cloud of this
//! machine: one cluster looked at, and a thousand listed.
//!
//! Takes the program's path from `CLUSTERKEEP`, which `scripts/bench` sets; the peer is `croud` (PyPI) at
//! `CLUSTERKEEP_CROUD` or on the `PATH`. Peak memory is measured where GNU time is installed.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and ends where it can't go on"
)]

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clusterkeep_testkit::cloud::{Fixture, LocalCloud};

const RUNS: usize = 41;
/// The peer takes a second each time.
const PEER_RUNS: usize = 5;
const CLUSTERS: usize = 1000;

fn main() {
    let Some(program) = std::env::var_os("CLUSTERKEEP") else {
        println!("cloud: set CLUSTERKEEP to the program's path; scripts/bench does");
        return;
    };
    let cloud = LocalCloud::builder().start_blocking().expect("a Cloud of this machine");
    let folder = std::env::temp_dir().join(format!("clusterkeep-bench-{}", std::process::id()));
    write_profile(&folder, &cloud);
    let staging = cloud.add_cluster(Fixture::named("staging")).expect("a cluster").to_string();
    let world = World { cloud: &cloud, folder: &folder };
    world.compare(
        &program,
        "cluster info",
        &["cluster", "info", "--cluster", &staging],
        &["clusters", "get", &staging],
    );
    for number in 1..CLUSTERS {
        cloud.add_cluster(Fixture::named(&format!("cluster-{number}"))).expect("a cluster");
    }
    world.compare(&program, "cluster list, 1,000 clusters", &["cluster", "list"], &["clusters", "list"]);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

struct World<'a> {
    cloud: &'a LocalCloud,
    folder: &'a Path,
}

impl World<'_> {
    fn compare(&self, program: &OsString, what: &str, ours: &[&str], peer: &[&str]) {
        let ours = self.median(program, &[ours, &["--format", "json"]].concat(), RUNS);
        let peak = self.peak(program, what);
        let croud = std::env::var_os("CLUSTERKEEP_CROUD").unwrap_or_else(|| "croud".into());
        let has_peer = Command::new(&croud).arg("--version").output().is_ok_and(|output| output.status.success());
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        if has_peer {
            let peer = self.median(&croud, &[peer, &["--format", "json"]].concat(), PEER_RUNS);
            println!(
                "{what:<34}{:>10.2} ms{:>12.2} ms (croud){:>8.3}{peak}",
                milliseconds(ours),
                milliseconds(peer),
                ours.as_secs_f64() / peer.as_secs_f64(),
            );
        } else {
            println!("{what:<34}{:>10.2} ms     no croud to compare with{peak}", milliseconds(ours));
        }
    }

    fn command(&self, program: &OsString) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder)
            .env("NO_PROXY", "127.0.0.1")
            .env("XDG_STATE_HOME", self.folder)
            .env("CRATEDB_CLOUD_ENDPOINT", self.cloud.endpoint())
            .env("CRATEDB_CLOUD_API_KEY", self.cloud.key())
            .env("CRATEDB_CLOUD_API_SECRET", self.cloud.secret());
        command
    }

    fn median(&self, program: &OsString, args: &[&str], runs: usize) -> Duration {
        let mut times: Vec<_> = (0..runs)
            .map(|_| {
                let start = Instant::now();
                let output = self.command(program).args(args).output().expect("the program starts");
                let time = start.elapsed();
                assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
                time
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// The peak memory of `clusterkeep`, as GNU time tells it.
    fn peak(&self, program: &OsString, what: &str) -> String {
        let words: Vec<_> = what.split(',').next().unwrap_or_default().split(' ').collect();
        let mut timed = self.command(&"/usr/bin/time".into());
        timed.args(["-f", "peak %M KiB"]).arg(program).args(words);
        if what.contains("info") {
            timed.args(["--cluster", "staging"]);
        }
        let Ok(output) = timed.output() else { return String::new() };
        let said = String::from_utf8_lossy(&output.stderr);
        said.lines().find(|line| line.starts_with("peak")).map(|line| format!("   {line}")).unwrap_or_default()
    }
}

/// What the vendor's client reads.
fn write_profile(folder: &Path, cloud: &LocalCloud) {
    let directory = folder.join(".config/Crate");
    std::fs::create_dir_all(&directory).expect("a folder");
    let (endpoint, key, secret) = (cloud.endpoint(), cloud.key(), cloud.secret());
    let profile = format!(
        "current-profile: local\ndefault-format: json\nprofiles:\n  local:\n    auth-token: null\n    key: '{key}'\n    \
         secret: '{secret}'\n    endpoint: {endpoint}\n    region: _any_\n    organization-id: {}\n",
        cloud.organization()
    );
    std::fs::write(directory.join("croud.yaml"), profile).expect("a file");
}
