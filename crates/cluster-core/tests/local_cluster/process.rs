//! Holders in processes of their own, and what is left of clusters.

use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use clusterkeep_core::managed::local::{LocalCluster, LocalClusters, LocalEnd, LocalState, LocalWish};
use clusterkeep_core::sql::{Engine, sql};

const FOLDER: &str = "CLUSTERKEEP_TEST_FOLDER";
const ENGINE: &str = "CLUSTERKEEP_TEST_ENGINE";

/// What should happen gets this long.
pub(super) const SOON: Duration = Duration::from_secs(15);

/// A folder of clusters in a directory that servers can enter under any account.
pub(super) struct Folder {
    place: tempfile::TempDir,
}

impl Folder {
    pub(super) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { place }
    }

    /// An odd name, which every program on the way has to survive.
    pub(super) fn path(&self) -> PathBuf {
        self.place.path().join("it's $HOME")
    }

    /// Where holders of this folder put temporary files.
    pub(super) fn tmp(&self) -> PathBuf {
        let path = self.place.path().join("tmp");
        if !path.exists() {
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).unwrap();
        }
        path
    }

    pub(super) fn clusters(&self) -> LocalClusters {
        LocalClusters::at(self.path())
    }

    pub(super) fn state(&self, name: &str) -> LocalState {
        self.clusters().find(name).unwrap().unwrap().state
    }

    /// Asserts that no process of it is left, or won't be soon.
    pub(super) fn is_quiet(&self) {
        eventually("no process", || processes_of(self.place.path()).is_empty());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed is not to leave servers behind; one that did not has left none.
        for pid in processes_of(self.place.path()) {
            drop(Command::new("kill").args(["-KILL", &pid.to_string()]).status());
        }
    }
}

pub(super) fn postgres() -> LocalWish {
    LocalWish::new(Engine::Postgres).configure(|server| server.setting("fsync", "off"))
}

pub(super) fn is_there(engine: Engine) -> bool {
    clusterkeep_testkit::servers::is_there(engine)
}

pub(super) fn engines() -> Vec<Engine> {
    [Engine::Postgres, Engine::Mysql, Engine::Cratedb].into_iter().filter(|engine| is_there(*engine)).collect()
}

pub(super) async fn write(cluster: &LocalCluster, value: i64) {
    let db = cluster.db().await.unwrap();
    db.execute(sql("CREATE TABLE IF NOT EXISTS seen (id INT PRIMARY KEY)")).await.unwrap();
    db.execute(sql("INSERT INTO seen (id) VALUES (?)").bind(value)).await.unwrap();
    db.close().await;
}

pub(super) async fn read(cluster: &LocalCluster) -> i64 {
    let db = cluster.db().await.unwrap();
    let value = db.query(sql("SELECT max(id) FROM seen")).await.unwrap().scalar().unwrap();
    db.close().await;
    value
}

/// A process that holds the cluster `dev`, and does what it is told.
pub(super) struct Holder {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Holder {
    pub(super) fn new(folder: &Folder) -> Self {
        Self::of(folder, Engine::Postgres)
    }

    pub(super) fn of(folder: &Folder, engine: Engine) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::plays_its_role", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(ENGINE, serde_json::to_string(&engine).unwrap())
            .env("TMPDIR", folder.tmp())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// Tells it to do something, and does not wait.
    pub(super) fn tell(&mut self, word: &str) -> &mut Self {
        writeln!(self.process.stdin.as_mut().unwrap(), "{word}").unwrap();
        self
    }

    /// What it answers.
    pub(super) fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the holder has ended");
            if let Some((_, answer)) = line.split_once("says: ") {
                return answer.trim().to_owned();
            }
        }
    }

    pub(super) fn ask(&mut self, word: &str) -> String {
        self.tell(word).hear()
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// No test of its own: what the holders above run.
#[test]
fn plays_its_role() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let clusters = LocalClusters::at(folder);
    let engine = serde_json::from_str(&std::env::var(ENGINE).unwrap()).unwrap();
    let wish = if engine == Engine::Postgres { postgres() } else { LocalWish::new(engine) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut cluster: Option<LocalCluster> = None;
    for word in std::io::stdin().lines() {
        let answer = match word.unwrap().as_str() {
            "start" => runtime.block_on(clusters.start("dev", &wish)).map(|new| {
                let text = format!("{} {}", new.found_running(), new.url());
                cluster = Some(new);
                text
            }),
            "start scratch" => runtime.block_on(LocalClusters::scratch(&postgres())).map(|new| {
                let text = new.directory().display().to_string();
                cluster = Some(new);
                text
            }),
            "cancel scratch" => {
                for pause in [0, 5, 50, 200, 500, 900] {
                    let wish = postgres();
                    let start = LocalClusters::scratch(&wish);
                    runtime.block_on(async { drop(tokio::time::timeout(Duration::from_millis(pause), start).await) });
                }
                Ok("done".into())
            }
            "stop" => runtime.block_on(cluster.take().unwrap().stop()).map(|end| format!("{end:?}")),
            "keep" => cluster.take().unwrap().keep().map(|kept| kept.to_string()),
            "count" => Ok(cluster.as_ref().unwrap().others().to_string()),
            other => panic!("what is `{other}`?"),
        };
        println!("says: {}", answer.unwrap_or_else(|error| format!("error: {error}")));
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

pub(super) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) const ENDED: LocalEnd = LocalEnd::Ended;
