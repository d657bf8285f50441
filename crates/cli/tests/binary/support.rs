//! Runs the binary in a folder of its own, with an environment of its own, and shows what came of it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// A folder with a database of hourly weather, two airports in 2013, and the manifest for it.
pub(crate) struct Place {
    dir: TempDir,
}

/// As in the example, but for a table with two columns of weather.
pub(crate) const MANIFEST: &str = "\
kind: Retention
name: weather
zone: America/New_York
tables:
  - table: observations
    time: { column: time_hour, as: epoch_seconds }
    slice: day
    by: [origin]
    tiers:
      - downsample: { every: day, of: [temp, humid], into: observations_daily, keep: 2 years }
      - drop: { after: 90 days }
    guard: { max_share: 90% }
---
kind: Timetable
namespace: weather
jobs:
  - name: nightly
    when: \"30 3 * * *\"
    zone: America/New_York
    run: { action: retention, manifest: weather, approve: within_guards }
";

const TABLE: &str = "CREATE TABLE observations (origin TEXT, time_hour INTEGER, temp REAL, humid REAL)";

const ROWS: &str = "\
INSERT INTO observations
WITH RECURSIVE hours(at) AS (SELECT 1357016400 UNION ALL SELECT at + 3600 FROM hours WHERE at < 1388548800)
SELECT origin, at AS time_hour, (at / 3600) % 40 + 0.5 AS temp, (at / 3600) % 7 * 10.0 AS humid
FROM hours, (SELECT 'EWR' AS origin UNION SELECT 'JFK')";

/// Where tests of schedules keep them: in a file of their folder.
pub(crate) const STATE: [&str; 2] = ["--state", "sqlite://jobs.db"];

impl Place {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A folder with the weather.
    pub(crate) fn with_weather() -> Self {
        let place = Self::empty();
        place.write("weather.yaml", MANIFEST);
        place.write("weather.db", "");
        for statement in [TABLE, ROWS] {
            place.run(&["query", "--cluster", DB, "--write", statement]).done();
        }
        place
    }

    /// A folder with the timetable `jobs.yaml`.
    pub(crate) fn with_jobs(timetable: &str) -> Self {
        let place = Self::empty();
        place.write("jobs.yaml", timetable);
        place
    }

    /// What `schedule` says with these arguments, on [`STATE`].
    pub(crate) fn schedule(&self, args: &[&str]) -> Ran {
        self.run(&[&["schedule"], args, &STATE[..]].concat())
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// The command with these arguments, in this folder, and nothing in its environment but what keeps it there.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clusterkeep"));
        command.args(args).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.path()).env("XDG_STATE_HOME", self.path().join("state"));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, |command| command)
    }

    /// Runs it with something changed, such as its environment.
    pub(crate) fn run_with(&self, args: &[&str], change: impl FnOnce(&mut Command) -> &mut Command) -> Ran {
        let mut command = self.command(args);
        change(&mut command);
        Ran::of(args, command.output().unwrap())
    }

    /// What a query of one value gives.
    pub(crate) fn value(&self, sql: &str) -> String {
        let ran = self.run(&["query", "--cluster", DB, "--format", "csv", sql]);
        ran.done().stdout.lines().nth(1).unwrap_or_default().to_owned()
    }
}

/// The two ends of a terminal.
pub(crate) fn terminal() -> (File, OwnedFd) {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap();
    let far = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (File::from(near), far)
}

pub(crate) const DB: &str = "sqlite://weather.db";

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    args: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Ran {
    pub(crate) fn of(args: &[&str], output: Output) -> Self {
        Self {
            args: args.join(" "),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Fails the test where the command did not end with 0.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Everything that was written, for what must not be in any of it.
    pub(crate) fn everything(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ clusterkeep {}", self.args)?;
        f.write_str(&self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "--- standard error\n{}", self.stderr)?;
        }
        writeln!(f, "--- exit code {}", self.code.map_or("none".into(), |code| code.to_string()))
    }
}

/// Compares with the stored snapshot; what differs from run to run keeps its place and loses its value.
macro_rules! snapshot {
    ($name:literal, $ran:expr) => {
        insta::with_settings!({ filters => vec![
            (r"\d+ attempts in \d+\.\d s", "[N] attempts in [TIME]"),
            (r"\d+\.\d s\b", "[TIME]"),
            (r"20(2[4-9]|[3-9]\d)-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[NOW]                  "),
            (r"20(2[4-9]|[3-9]\d)-\d\d-\d\d \d\d:\d\d:\d\d E[SD]T", "[NEXT]                 "),
            (r"\b[0-9a-f]{16}\b", "[HASH]"),
            (r"\b[0-9a-f]{64}\b", "[PLAN HASH]"),
            (r"\b[0-9a-f]{8}\b", "[PLAN..]"),
            (r"\b[\w.-]+@[\w.-]+(\s+)(approved|drifted|\d+ (object|step|done)|done|\n)", "[ACTOR]$1$2"),
            (r"\b[\w.-]+@[\w-]+\n", "[ACTOR]\n"),
            (r"clusterkeep \d+\.\d+\.\d+", "clusterkeep [VERSION]"),
        ] }, { insta::assert_snapshot!($name, $ran.to_string()) });
    };
}
pub(crate) use snapshot;
