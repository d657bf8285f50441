//! Servers that answer.

use std::time::Duration;

use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::sql::{Engine, sql};

use super::owner::{engines, eventually, is_there, processes_of};

#[tokio::test]
async fn every_engine_that_is_here() {
    for engine in engines() {
        let server = LocalServer::engine(engine).database("weather").start().await.unwrap();
        let directory = server.directory().to_owned();
        let process = std::fs::read_to_string(format!("/proc/{}/status", server.pid().unwrap())).unwrap();
        let own = std::fs::read_to_string("/proc/self/status").unwrap();
        assert_ne!(ids(&process, "Uid:")[0], 0, "{engine}: nothing runs as root");
        if ids(&own, "Uid:")[0] == 0 {
            assert_eq!(ids(&process, "Groups:"), [] as [u32; 0], "{engine}: none of root's groups is left");
        }
        let db = server.connect().await.unwrap();
        assert_eq!(db.query(sql("SELECT 1 + 1")).await.unwrap().scalar::<i64>().unwrap(), 2, "{engine}");
        assert!(!format!("{server:?}").contains(password(server.url())), "{engine}");
        db.close().await;
        server.stop().await.unwrap();
        assert!(!directory.exists() && processes_of(&directory).is_empty(), "{engine}");
    }
}

/// The numbers that the status of a process gives after `name`.
fn ids(status: &str, name: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_ascii_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// The password in a URL, or something that no text contains.
fn password(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split_once('@').and_then(|(user, _)| user.split_once(':')).map_or("\0", |(_, password)| password)
}

#[tokio::test]
async fn strangers_are_not_let_in() {
    for engine in [Engine::Postgres, Engine::Mysql].into_iter().filter(|engine| is_there(*engine)) {
        let server = LocalServer::engine(engine).start().await.unwrap();
        let url = server.url().replace(password(server.url()), "guess");
        let error = clusterkeep_core::sql::Db::connect(&url).await.unwrap_err();
        assert_eq!(error.class(), Some(clusterkeep_core::error::ErrorClass::Authentication), "{engine}: {error:?}");
        server.stop().await.unwrap();
        let open = LocalServer::engine(engine).without_password().durable(false).start().await.unwrap();
        assert_eq!(password(open.url()), "\0");
        open.connect().await.unwrap().query(sql("SELECT 1")).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_kept_is_there_again() {
    for engine in engines() {
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let new = || LocalServer::engine(engine).directory(place.path().join("it's $HOME")).database("weather");
        let server = new().start().await.unwrap();
        let db = server.connect().await.unwrap();
        db.execute(sql("CREATE TABLE seen (id INT PRIMARY KEY)")).await.unwrap();
        db.execute(sql("INSERT INTO seen (id) VALUES (7)")).await.unwrap();
        db.close().await;
        server.stop().await.unwrap();
        let server = new().start().await.unwrap();
        let db = server.connect().await.unwrap();
        assert_eq!(db.query(sql("SELECT id FROM seen")).await.unwrap().scalar::<i64>().unwrap(), 7, "{engine}");
        db.close().await;
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn one_that_crashes_is_reported_with_its_log() {
    if !is_there(Engine::Mysql) {
        return;
    }
    let server = LocalServer::mariadb().start().await.unwrap();
    let directory = server.directory().to_owned();
    let pid = server.pid().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    eventually("a crash", || !std::path::Path::new("/proc").join(&pid).exists());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(directory.join("server.log").exists(), "its log outlives it");
    let error = server.stop().await.unwrap_err().to_string();
    assert!(error.starts_with("MariaDB had ended with exit status: 137"), "{error}");
    assert!(error.contains("ready for connections"), "{error}");
    super::fails::forget_log(&error);
    assert!(!directory.exists());
}
