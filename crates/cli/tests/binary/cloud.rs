//! A Cloud on this machine, and the binary beside it.

use std::process::Command;
use std::time::Duration;

use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use uuid::Uuid;

use crate::support::{Place, Ran};

/// The Cloud, and a folder whose commands ask it.
pub(crate) struct Sky {
    pub(crate) cloud: LocalCloud,
    pub(crate) place: Place,
}

impl Sky {
    /// A Cloud without clusters.
    pub(crate) fn empty() -> Self {
        let cloud = LocalCloud::builder().operation_time(Duration::from_millis(50)).start_blocking().unwrap();
        Self { cloud, place: Place::empty() }
    }

    /// A Cloud with three clusters: `staging` runs, `asleep` is suspended, and `free` is of a product that can't be.
    pub(crate) fn usual() -> Self {
        let sky = Self::empty();
        sky.add(Fixture::named("staging").product("cr1"));
        sky.add(Fixture::named("asleep").product("cr1").suspended(true));
        sky.add(Fixture::named("free").product("crfree"));
        sky
    }

    pub(crate) fn add(&self, fixture: Fixture) -> Uuid {
        self.cloud.add_cluster(fixture).unwrap()
    }

    /// What it takes to find this Cloud.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("CRATEDB_CLOUD_ENDPOINT", self.cloud.endpoint().to_owned()),
            ("CRATEDB_CLOUD_API_KEY", self.cloud.key().to_owned()),
            ("CRATEDB_CLOUD_API_SECRET", self.cloud.secret().to_owned()),
        ]
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, |command| command)
    }

    pub(crate) fn run_with(&self, args: &[&str], change: impl FnOnce(&mut Command) -> &mut Command) -> Ran {
        let ran = self.place.run_with(args, |command| change(command.envs(self.environment())));
        assert!(!ran.everything().contains(self.cloud.secret()), "{ran}");
        ran
    }

    /// What changed something, as method and path, apart from what only asks.
    pub(crate) fn changes(&self) -> Vec<String> {
        let requests = self.cloud.requests();
        let changing = requests.iter().filter(|request| request.method != "GET");
        changing.map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

/// Compares with the stored snapshot; ids, ports and times lose their values.
macro_rules! sky_snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ filters => vec![
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[ID]"),
            (r"\b[0-9a-f]{4}\.\.[0-9a-f]{2}\b", "[ID.]"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[NOW]                  "),
            (r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", "[NOW]"),
            (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "[NOW]"),
            (r"\d+ (s|min|h|d) ago", "[AGO]"),
            (r"\d+ backups of", "[N] backups of"),
            (r"just now", "[AGO]"),
            (r"\(\d+ attempts? in \d+\.\d s\)", "([N] attempts in [TIME])"),
            (r"\b[0-9a-f]{64}\b", "[PLAN HASH]"),
            (r"\d+:[0-9a-f]{16}\b", "[HEAD]"),
            (r"(plan|--expect-plan) [0-9a-f]{8}\b", "$1 [PLAN..]"),
            (r"/tmp/\.tmp\w+", "[PLACE]"),
        ] }, { insta::assert_snapshot!($name, $text) });
    };
}
pub(crate) use sky_snapshot;

/// Runs, one after the other, as one text.
pub(crate) fn all(runs: &[Ran]) -> String {
    runs.iter().map(|ran| format!("{ran}\n")).collect()
}
