//! However an owner ends, its server ends, too.

use std::time::Duration;

use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::sql::Engine;

use super::owner::{Owner, block_on, engines, eventually, is_there, processes_of};

/// What an owner does in its own process; each role is named by the test that starts it.
pub(super) fn play(role: &str) {
    let (role, engine) = role.split_once('@').unwrap_or((role, ""));
    let engine = match engine {
        "Mysql" => Engine::Mysql,
        "Cratedb" => Engine::Cratedb,
        _ => Engine::Postgres,
    };
    let start = move || async move { LocalServer::engine(engine).start().await.unwrap() };
    match role {
        "stop" => block_on(async { start().await.stop().await.unwrap() }),
        "drop in a current-thread runtime" => block_on(async { drop(start().await) }),
        "drop in a multi-thread runtime" => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async { tokio::spawn(async move { drop(start().await) }).await.unwrap() });
        }
        "drop without a runtime" => drop(block_on(start())),
        "drop with the runtime" => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let server = runtime.block_on(start());
            runtime.spawn(async move {
                let _server = server;
                std::future::pending::<()>().await;
            });
            drop(runtime);
        }
        "stop with the runtime" => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let server = runtime.block_on(start());
            runtime.spawn(server.stop());
            runtime.shutdown_background();
            // The thread that ends it goes on; the process must not end before.
            std::thread::sleep(Duration::from_secs(2));
        }
        "panic" => {
            let server = block_on(start());
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _server = server;
                panic!("on purpose");
            }));
            assert!(result.is_err());
        }
        "exit" => {
            let server = block_on(start());
            std::mem::forget(server);
        }
        "hold" => block_on(async {
            let _server = start().await;
            println!("ready");
            std::future::pending::<()>().await;
        }),
        "cancel" => {
            for pause in [0, 1, 20, 100, 300, 700, 900] {
                let cancelled = async { tokio::time::timeout(Duration::from_millis(pause), start()).await };
                println!("after {pause} ms: {:?}", block_on(cancelled).is_err());
            }
        }
        _ => panic!("there is no role `{role}`"),
    }
}

#[test]
fn with_the_guard() {
    if !is_there(Engine::Postgres) {
        return;
    }
    for role in [
        "stop",
        "drop in a current-thread runtime",
        "drop in a multi-thread runtime",
        "drop without a runtime",
        "drop with the runtime",
        "stop with the runtime",
        "panic",
    ] {
        let mut owner = Owner::start(role);
        owner.finish();
        assert_eq!(owner.left(), [] as [std::path::PathBuf; 0], "{role}: the guard itself removes the directory");
        owner.leaves_nothing();
    }
}

#[test]
fn with_its_owner_that_is_killed() {
    for engine in engines() {
        let mut owner = Owner::start(&format!("hold@{engine:?}"));
        owner.wait_until_ready();
        assert_eq!(owner.left().len(), 1, "there is something that could be left behind");
        owner.kill();
        owner.leaves_nothing();
    }
}

#[test]
fn with_its_owner_that_is_killed_during_the_start() {
    for engine in engines() {
        for pause in [0, 200, 700] {
            let mut owner = Owner::start(&format!("hold@{engine:?}"));
            owner.wait_until_begun();
            std::thread::sleep(Duration::from_millis(pause));
            owner.kill();
            owner.leaves_nothing();
        }
    }
}

#[test]
fn with_a_process_that_forgets_it() {
    if is_there(Engine::Postgres) {
        let mut owner = Owner::start("exit");
        owner.finish();
        owner.leaves_nothing();
    }
}

#[test]
fn with_a_start_that_is_cancelled() {
    if is_there(Engine::Postgres) {
        let mut owner = Owner::start("cancel");
        let said = owner.finish();
        assert!(said.contains("after 0 ms: true"), "{said}");
        owner.leaves_nothing();
    }
}

#[tokio::test]
async fn unless_it_is_kept() {
    for engine in engines() {
        let server = LocalServer::engine(engine).start().await.unwrap();
        let (port, kept) = (server.port(), server.keep().unwrap());
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        std::thread::sleep(Duration::from_millis(500));
        assert!(answers(), "{engine}: nobody ends it");
        // What it says is what helps.
        let advice = kept.to_string();
        let command = advice.split('`').nth(3).unwrap();
        assert!(command.ends_with(&kept.pid().to_string()), "{advice}");
        assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success(), "{advice}");
        eventually("an end", || !answers() && processes_of(kept.directory()).is_empty());
        assert!(kept.directory().join("data").exists(), "{engine}: what was kept stays");
        std::fs::remove_dir_all(kept.directory()).unwrap();
    }
}
