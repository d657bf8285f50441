//! However a guard ends, and whatever is left over from before.

use std::time::Duration;

use clusterkeep_core::managed::local::{LocalClusters, LocalState};
use clusterkeep_core::sql::Engine;

use super::process::{Folder, Holder, block_on, eventually, is_there, postgres, processes_of, signal};

#[test]
fn with_its_guard_in_any_runtime_and_without_one() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let wish = postgres();
    let start = || clusters.start("dev", &wish);
    let stopped = || assert_eq!((folder.state("dev"), folder.is_quiet()), (LocalState::Stopped, ()));
    drop(block_on(async { start().await.unwrap() }));
    stopped();
    block_on(async { drop(start().await.unwrap()) });
    stopped();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cluster = runtime.block_on(async { start().await.unwrap() });
    runtime.block_on(async { tokio::spawn(async move { drop(cluster) }).await.unwrap() });
    stopped();
    let cluster = runtime.block_on(async { start().await.unwrap() });
    runtime.spawn(async move {
        let _cluster = cluster;
        std::future::pending::<()>().await;
    });
    drop(runtime);
    stopped();
    let cluster = block_on(async { start().await.unwrap() });
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _cluster = cluster;
        panic!("on purpose");
    }));
    assert!(result.is_err());
    stopped();
}

#[test]
fn with_a_start_that_is_cancelled() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    for pause in [0, 1, 5, 20, 100, 300, 600, 900] {
        let wish = postgres();
        let start = clusters.start("dev", &wish);
        block_on(async { drop(tokio::time::timeout(Duration::from_millis(pause), start).await) });
        folder.is_quiet();
    }
    block_on(async { clusters.start("dev", &postgres()).await.unwrap().stop().await.unwrap() });
}

#[test]
fn with_all_that_it_had_when_it_has_no_name() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let is_empty = || std::fs::read_dir(folder.tmp()).unwrap().count() == 0;
    let mut holder = Holder::new(&folder);
    let directory = std::path::PathBuf::from(holder.ask("start scratch"));
    assert!(directory.starts_with(folder.tmp()) && directory.join("n0/data").exists());
    holder.kill();
    folder.is_quiet();
    eventually("no directory", is_empty);

    for pause in [0, 100, 400, 800] {
        let mut holder = Holder::new(&folder);
        holder.tell("start scratch");
        eventually("a process", || !processes_of(&folder.tmp()).is_empty());
        std::thread::sleep(Duration::from_millis(pause));
        holder.kill();
        folder.is_quiet();
        eventually("no directory", is_empty);
    }

    let mut holder = Holder::new(&folder);
    assert_eq!(holder.ask("cancel scratch"), "done");
    eventually("no directory", is_empty);
    folder.is_quiet();

    let directory = std::path::PathBuf::from(holder.ask("start scratch"));
    let advice = holder.ask("keep");
    holder.kill();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!processes_of(&directory).is_empty(), "it lives on");
    let command = advice.split('`').nth(3).unwrap();
    assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success(), "{advice}");
    folder.is_quiet();
    assert!(directory.join("n0/data").exists(), "what was kept stays");
}

#[tokio::test]
async fn by_itself_and_says_so_with_its_log() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let cluster = clusters.start("dev", &postgres()).await.unwrap();
    signal("KILL", cluster.nodes()[0].pid().unwrap());
    eventually("an end", || folder.state("dev") == LocalState::Stopped);
    let error = cluster.check().unwrap_err().to_string();
    let begin = "local cluster `dev` (PostgreSQL) has ended with exit status: 137; the end of its log `";
    assert!(error.starts_with(begin) && error.contains("n0/server.log`"), "{error}");
    assert!(error.contains("ready to accept connections"), "{error}");
    assert_eq!(cluster.stop().await.unwrap_err().to_string(), error.replace("has ended", "had ended"));

    let cluster = LocalClusters::scratch(&postgres()).await.unwrap();
    let directory = cluster.directory().to_owned();
    signal("KILL", cluster.nodes()[0].pid().unwrap());
    eventually("an end", || cluster.check().is_err());
    let error = cluster.stop().await.unwrap_err().to_string();
    assert!(!directory.exists());
    let log = error.split('`').nth(1).unwrap();
    assert!(log.contains("clusterkeep-postgres-"), "{error}");
    assert!(std::fs::read_to_string(log).unwrap().contains("ready to accept connections"));
    std::fs::remove_file(log).unwrap();
    folder.is_quiet();
}

#[tokio::test]
async fn with_its_keeper() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let cluster = clusters.start("dev", &postgres()).await.unwrap();
    let is_keeper = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("keeper.sh"))
    };
    let keeper = processes_of(&folder.path()).into_iter().find(is_keeper).unwrap();
    signal("KILL", keeper);
    eventually("an end", || processes_of(&folder.path()).is_empty());
    drop(cluster);
    clusters.resume("dev").await.unwrap().stop().await.unwrap();
}

/// After a power failure the files of the run are all there, and no process is.
#[tokio::test]
async fn with_the_machine() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let kept = clusters.start("dev", &postgres()).await.unwrap().keep().unwrap();
    for pid in processes_of(&folder.path()) {
        signal("KILL", pid);
    }
    folder.is_quiet();
    std::fs::write(kept.nodes()[0].directory().join("pid"), std::process::id().to_string()).unwrap();
    assert!(kept.directory().join("holders/kept").exists() && kept.directory().join("owner").exists());
    let record = clusters.find("dev").unwrap().unwrap();
    assert_eq!((record.state, record.kept, record.holders), (LocalState::Stopped, false, 0));
    assert!(clusters.attach("dev").await.unwrap().is_none());
    clusters.stop("dev").await.unwrap();
    let cluster = clusters.resume("dev").await.unwrap();
    assert!(!cluster.is_kept() && !cluster.found_running());
    cluster.stop().await.unwrap();
    clusters.delete("dev").await.unwrap();
}
