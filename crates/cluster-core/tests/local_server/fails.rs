//! A start that fails says why, and leaves nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use clusterkeep_core::Error;
use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::sql::Engine;

use super::owner::{eventually, is_there, processes_of};

/// A directory that servers can enter under any account.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    place
}

/// Removes the log that the text of an error names, which was put aside.
pub(super) fn forget_log(error: &str) {
    let log = Path::new(error.split('`').find(|word| word.contains("clusterkeep-")).unwrap());
    assert_eq!(log.extension().unwrap(), "log", "{error}");
    fs::remove_file(log).unwrap();
}

/// A program of shell at `directory/name`.
fn program(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_bad_setting_is_told_by_the_log() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let place = place();
    let home = place.path().join("home");
    let start = LocalServer::postgres().directory(&home).setting("shared_buffers", "a lot").start();
    let error = start.await.unwrap_err();
    assert!(error.to_string().starts_with("start PostgreSQL: it ended with exit status: 1"), "{error}");
    assert!(error.to_string().contains("invalid value for parameter \"shared_buffers\": \"a lot\""), "{error}");
    assert_eq!(processes_of(&home), [] as [u32; 0]);
}

#[tokio::test]
async fn a_broken_program_is_told_by_its_words() {
    let programs = place();
    program(programs.path(), "initdb", "echo 'no room on device' >&2; exit 3");
    program(programs.path(), "postgres", "exit 0");
    let error = LocalServer::postgres().binaries(programs.path()).start().await.unwrap_err();
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    assert!(error.to_string().ends_with("no room on device"), "{error}");
    forget_log(&error.to_string());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_ended_in_time() {
    let programs = place();
    program(programs.path(), "initdb", "mkdir -p \"$2\"");
    // The file tells which process is to be gone; the server ignores what can be ignored.
    let file = programs.path().join("pid");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let words =
        format!("trap '' TERM INT QUIT; echo $$ >{}; echo still thinking; while :; do sleep 0.1; done", file.display());
    program(programs.path(), "postgres", &words);
    let begun = Instant::now();
    let builder = LocalServer::postgres().binaries(programs.path());
    let error = builder.timeout(Duration::from_secs(3)).grace(Duration::from_secs(1)).start().await.unwrap_err();
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    assert!(error.to_string().ends_with("still thinking"), "{error}");
    forget_log(&error.to_string());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let pid = fs::read_to_string(&file).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "process {pid} is still there");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let somebody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = somebody.local_addr().unwrap().port();
    let error = LocalServer::postgres().port(port).start().await.unwrap_err();
    assert_eq!(error.to_string(), format!("port {port} is taken"));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("could not bind"), "{cause}");
    forget_log(&cause);
}

#[tokio::test]
async fn a_directory_that_is_in_use_is_left_alone() {
    if !is_there(Engine::Postgres) {
        return;
    }
    let place = place();
    let home = place.path().join("home");
    let first = LocalServer::postgres().directory(&home).start().await.unwrap();
    let error = LocalServer::postgres().directory(&home).start().await.unwrap_err();
    assert!(error.to_string().contains("postmaster.pid"), "{error}");
    first.stop().await.unwrap();
    eventually("an end", || processes_of(&home).is_empty());
}

#[tokio::test]
async fn a_directory_that_the_server_could_not_use_is_refused_before_anything_is_started() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let user = std::process::Command::new("id").arg("-u").output().unwrap().stdout;
    if user != b"0\n" || !is_there(Engine::Postgres) {
        // Only root changes accounts; everybody else's server runs as themselves and can use what they can.
        return;
    }
    let error = LocalServer::postgres().directory(place.path().join("home")).start().await.unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    assert!(error.to_string().contains("can't be entered by"), "{error}");
}
