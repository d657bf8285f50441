//! Exports that are killed, and disks that are full.

use std::process::{Command, Stdio};
use std::time::Duration;

use clusterkeep_core::sql::{ConnectOptions, Db, Statement};
use clusterkeep_retention::archive::{Location, Part, State, export, list, verify};

use crate::kit::{Folder, context, exported, name, shown};

/// The variable that tells a child where its archive goes.
const FOLDER: &str = "CLUSTERKEEP_TEST_ARCHIVE";

/// The same database in memory in every process: some 24 MiB that can't be compressed, the same each time.
async fn same_everywhere() -> Db {
    let options = ConnectOptions::default().create().max_sessions(1);
    let db = Db::connect_with(&"sqlite::memory:".parse().unwrap(), options).await.unwrap();
    let create = "CREATE TABLE t AS WITH RECURSIVE s (n, x) AS (SELECT 0, 1 UNION ALL \
                  SELECT n + 1, (x * 1103515245 + 12345) & 2147483647 FROM s WHERE n < 2000000) SELECT n AS at, x * 1.1 AS note FROM s";
    db.execute(Statement::assert_safe(create)).await.unwrap();
    db
}

/// What the children below run; alone it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let db = same_everywhere().await;
    println!("begin");
    let location: Location = folder.parse().unwrap();
    match export(&location, &db, &Part::whole(name("t")), &context()).await {
        Ok(archived) => println!("done: {}", archived.manifest.name),
        Err(error) => println!("failed: {}", shown(&error)),
    }
}

fn child_with(folder: &Folder, before: &str) -> Command {
    let mut command = Command::new("sh");
    let exec = format!("{before} exec \"$@\"");
    command.args(["-c", &exec, "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["killed::child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder.location.to_string()).stdout(Stdio::piped());
    command
}

/// Killed at any time: nothing that is not whole looks so, and the next export leaves one archive and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_any_time() {
    use std::io::{BufRead as _, BufReader};

    let folder = Folder::new();
    let mut unfinished = 0;
    for delay in [0, 50, 150, 400, 800, 1_200] {
        let mut child = child_with(&folder, "").spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("begin")));
        tokio::time::sleep(Duration::from_millis(delay)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        for one in list(&folder.location).await.unwrap() {
            match one.state {
                State::Complete(_) => drop(verify(&folder.location, &one.name).await.unwrap()),
                State::Unfinished => unfinished += 1,
                State::Damaged(why) => panic!("{why}"),
            }
        }
    }
    assert!(unfinished > 0, "none was killed in the middle");
    let db = same_everywhere().await;
    let archived = exported(&folder.location, &db, &Part::whole(name("t"))).await;
    verify(&folder.location, &archived.manifest.name).await.unwrap();
    assert_eq!(folder.files().len(), 2, "{:?}", folder.files());
}

/// A full disk, as far as one process can be made to have one: no file may grow beyond 4 MiB.
#[test]
fn full_disk() {
    let folder = Folder::new();
    let output = child_with(&folder, "trap '' XFSZ; ulimit -f 8192;").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("failed: write `") && text.contains("too large"), "{text}");
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}
