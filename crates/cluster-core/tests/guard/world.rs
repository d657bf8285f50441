//! What each test has for itself: a Cloud, a database behind its clusters, and a state folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use clusterkeep_core::cloud::{CloudSettings, Credentials};
use clusterkeep_core::managed::{ManagedCluster, ManagedClusterBuilder};
use clusterkeep_core::registry::{Record, Registry};
use clusterkeep_testkit::cloud::{Fixture, LocalCloud};
use uuid::Uuid;

/// How long something may take that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One of the regions that there are.
pub(crate) const REGION: &str = "eks1.eu-west-1.aws";

pub(crate) struct World {
    pub(crate) cloud: LocalCloud,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let cloud = LocalCloud::builder().operation_time(Duration::from_millis(30)).backed_by(&database());
        Self { cloud: cloud.start_blocking().unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn with(fixture: Fixture) -> (Self, Uuid) {
        let world = Self::new();
        let id = world.cloud.add_cluster(fixture).unwrap();
        (world, id)
    }

    /// A world with one cluster, `staging`, that is suspended.
    pub(crate) fn suspended() -> (Self, Uuid) {
        Self::with(Fixture::named("staging").suspended(true))
    }

    pub(crate) fn settings(&self) -> CloudSettings {
        CloudSettings::new(self.cloud.endpoint(), Credentials::key(self.cloud.key(), self.cloud.secret()))
    }

    pub(crate) fn builder(&self, cluster: &str) -> ManagedClusterBuilder {
        quick(ManagedCluster::cloud(cluster))
            .credentials(self.cloud.key(), self.cloud.secret())
            .endpoint(self.cloud.endpoint())
            .state_folder(self.folder.path())
    }

    pub(crate) fn is_suspended(&self, id: Uuid) -> bool {
        self.cloud.cluster(id)["suspended"] == true
    }

    /// Waits until nothing is being done to the cluster any more; then it is as it ends.
    pub(crate) fn settled(&self, id: Uuid) -> &Self {
        until("the cluster is idle", || self.cloud.cluster(id)["health"]["running_operation"] == "");
        self
    }

    /// The end that the design wants: the cluster is suspended, and nobody owes it anything.
    #[track_caller]
    pub(crate) fn ends_suspended(&self, id: Uuid) {
        until("the cluster is suspended", || self.is_suspended(id));
        until("nothing is on record", || self.records().is_empty());
    }

    /// The other end: the cluster runs, and nobody owes it anything.
    #[track_caller]
    pub(crate) fn ends_running(&self, id: Uuid) {
        assert!(!self.settled(id).is_suspended(id));
        assert_eq!(self.records(), Vec::new());
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        records(self.folder.path())
    }

    /// How often the Cloud was asked to suspend or resume something.
    pub(crate) fn suspend_calls(&self) -> usize {
        self.cloud
            .requests()
            .iter()
            .filter(|request| request.method == "PUT" && request.path.ends_with("/suspend/"))
            .count()
    }
}

/// A builder that does not wait for seconds where the Cloud takes milliseconds.
pub(crate) fn quick(builder: ManagedClusterBuilder) -> ManagedClusterBuilder {
    builder.pauses(Duration::from_millis(5), Duration::from_millis(20)).timeout(PATIENCE)
}

pub(crate) fn records(folder: &Path) -> Vec<Record> {
    Registry::open(&folder.join("registry")).unwrap().records().unwrap()
}

#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never happened that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The address of something that answers each statement as CrateDB answers `SELECT 1`.
///
/// The guard asks a database no more than whether it is there; the tests of the database side take a real one.
fn database() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(answer(stream)));
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    const BODY: &str = r#"{"cols":["1"],"col_types":[9],"rows":[[1]],"rowcount":1,"duration":0.1}"#;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", BODY.len());
        stream.write_all(format!("{head}{BODY}").as_bytes())?;
    }
}
