//! A start that fails says why in a line or two, and leaves no process.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use clusterkeep_core::Error;
use clusterkeep_core::managed::local::{LocalClusters, LocalState, LocalWish};
use clusterkeep_core::sql::Engine;

use super::process::{Folder, is_there, postgres, processes_of};

/// A program of shell at `directory/name`.
fn program(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(directory).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_bad_setting_is_told_by_the_log_that_stays() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    let wish = postgres().configure(|server| server.setting("shared_buffers", "a lot"));
    let error = clusters.start("dev", &wish).await.unwrap_err().to_string();
    let log = folder.path().join("dev/n0/server.log");
    let begin = format!(
        "start local cluster `dev` (PostgreSQL): it ended with exit status: 1; the end of its log `{}`:\n",
        log.display()
    );
    assert!(error.starts_with(&begin), "{error}");
    assert!(error.contains("invalid value for parameter \"shared_buffers\": \"a lot\""), "{error}");
    assert!(log.exists());
    folder.is_quiet();
    // It is remembered, and can be set right.
    let wish = postgres().configure(|server| server.setting("shared_buffers", "16MB"));
    clusters.start("dev", &wish).await.unwrap().stop().await.unwrap();

    let wish = postgres().configure(|server| server.setting("shared_buffers", "a lot"));
    let error = LocalClusters::scratch(&wish).await.unwrap_err().to_string();
    let log = Path::new(error.split('`').nth(1).unwrap());
    assert!(log.file_name().unwrap().to_str().unwrap().starts_with("clusterkeep-postgres-"), "{error}");
    assert!(fs::read_to_string(log).unwrap().contains("a lot"), "it was put aside");
    fs::remove_file(log).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_called_one() {
    let folder = Folder::new();
    let programs = folder.path().join("../bin");
    program(&programs, "initdb", "echo 'initdb: could not write: No space left on device' >&2; exit 1");
    program(&programs, "postgres", "exit 0");
    let wish = LocalWish::new(Engine::Postgres).configure(|server| server.binaries(&programs));
    let error = folder.clusters().start("dev", &wish).await.unwrap_err();
    assert!(error.to_string().ends_with("No space left on device"), "{error}");
    assert_eq!(error.hint().unwrap(), "the disk is full: make room, or use another directory");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_ended_in_time() {
    let folder = Folder::new();
    let programs = folder.path().join("../bin");
    program(&programs, "initdb", "mkdir -p \"$2\"");
    program(&programs, "postgres", "trap '' TERM INT QUIT; echo still thinking; while :; do sleep 0.1; done");
    let short = Duration::from_secs(3);
    let wish = LocalWish::new(Engine::Postgres)
        .configure(|server| server.binaries(&programs).timeout(short).grace(Duration::from_secs(1)));
    let begun = Instant::now();
    let error = folder.clusters().start("dev", &wish).await.unwrap_err().to_string();
    assert!(error.contains("it did not answer in time") && error.ends_with("still thinking"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(folder.state("dev"), LocalState::Stopped);
    folder.is_quiet();
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said_before_anything_is_made() {
    let folder = Folder::new();
    let clusters = folder.clusters();
    let nowhere = tempfile::tempdir().unwrap();
    let wish = LocalWish::new(Engine::Postgres).configure(|server| server.binaries(nowhere.path()));
    let error = clusters.start("dev", &wish).await.unwrap_err();
    assert!(error.to_string().starts_with("find PostgreSQL in `"), "{error}");
    assert!(error.hint().unwrap().contains("apt-get install postgresql"));
    let error = clusters.start("Dev", &postgres()).await.unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    assert!(!folder.path().exists());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let folder = Folder::new();
    let somebody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = somebody.local_addr().unwrap().port();
    let wish = postgres().configure(|server| server.port(port));
    let error = folder.clusters().start("dev", &wish).await.unwrap_err();
    assert_eq!(error.to_string(), format!("port {port} is taken"));
    assert!(error.hint().unwrap().contains("another port"));
    folder.is_quiet();
}

#[tokio::test]
async fn a_folder_that_is_not_ours_is_left_alone() {
    let user = std::process::Command::new("id").arg("-u").output().unwrap().stdout;
    if user != b"0\n" || !is_there(Engine::Postgres) {
        // Only root can give a directory to another, and only root's servers run under another account.
        return;
    }
    let folder = Folder::new();
    let clusters = folder.clusters();
    fs::create_dir(folder.path()).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let error = clusters.start("dev", &postgres()).await.unwrap_err();
    assert!(error.to_string().contains("can't be entered by `"), "{error}");
    assert!(error.hint().unwrap().contains("XDG_STATE_HOME"));
    assert!(!folder.path().join("dev").exists());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("dev")).unwrap();
    std::os::unix::fs::chown(folder.path().join("dev"), Some(65534), None).unwrap();
    let error = clusters.start("dev", &postgres()).await.unwrap_err();
    assert!(error.to_string().ends_with("belongs to user 65534, and this is user 0"), "{error}");
    assert_eq!(processes_of(&folder.path()), [] as [u32; 0]);
}
