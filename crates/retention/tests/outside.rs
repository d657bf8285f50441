//! A program outside the workspace that wants retention on SQLite, and no other engine, builds that alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

const MAIN: &str = r#"//! Plans on a database in memory.

use clusterkeep_core::age::days;
use clusterkeep_core::sql::{Db, sql};
use clusterkeep_retention::Retention;
use clusterkeep_retention::model::{Meaning, Policy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> clusterkeep_core::Result<()> {
    let db = Db::connect("sqlite::memory:").await?;
    db.execute(sql("CREATE TABLE requests (at INTEGER NOT NULL)")).await?;
    let policy = Policy::for_table("requests").time("at").meaning(Meaning::EpochSeconds).drop_after(days(90));
    let plan = Retention::new(db).policy(policy).plan(chrono::Utc::now()).await?;
    println!("{plan}");
    Ok(())
}
"#;

/// What other engines need, and nobody else does.
const OTHERS: [&str; 8] =
    ["sqlx-postgres", "sqlx-mysql", "reqwest", "hyper", "rustls", "aws-lc-rs", "ring", "clusterkeep-testkit"];

struct Outside {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Outside {
    /// A crate that depends on retention by its path, with one feature.
    fn with(feature: &str) -> Self {
        let retention = Path::new(env!("CARGO_MANIFEST_DIR"));
        let core = retention.with_file_name("cluster-core");
        // The versions that the workspace has: nothing is fetched.
        let lock = retention.ancestors().nth(2).unwrap().join("Cargo.lock");
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!(
            "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             clusterkeep-core = {{ path = {core:?}, default-features = false }}\n\
             clusterkeep-retention = {{ path = {retention:?}, default-features = false, features = [{feature:?}] }}\n\
             chrono = {{ version = \"0.4\", default-features = false, features = [\"clock\"] }}\n\
             tokio = {{ version = \"1\", features = [\"rt\", \"macros\"] }}\n"
        );
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.path().join("src/main.rs"), MAIN).unwrap();
        std::fs::copy(lock, folder.path().join("Cargo.lock")).unwrap();
        // Beside what the workspace has built, so that it is there the next time: tests lie in `target/debug/deps`.
        let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("outside");
        Self { folder, target }
    }

    fn cargo(&self, args: &[&str]) -> String {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target).args(args).arg("--offline");
        // It is never run: what only helps to debug it takes time.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        // What the test's own cargo says is about the test.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                cargo.env_remove(name);
            }
        }
        let output = cargo.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo {args:?} ended with {}\n{said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The names of all crates that it is built from, on this machine, build scripts left out.
    fn crates(&self) -> Vec<String> {
        let tree = self.cargo(&["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }
}

#[test]
fn retention_on_sqlite_alone_takes_no_other_engine_along() {
    let outside = Outside::with("sqlite");
    let crates = outside.crates();
    for needed in ["clusterkeep-retention", "clusterkeep-core", "sqlx-sqlite"] {
        assert!(crates.iter().any(|name| name == needed), "{needed} is not in {crates:?}");
    }
    for other in OTHERS {
        assert!(!crates.iter().any(|name| name == other), "{other} is in {crates:?}");
    }
    outside.cargo(&["check", "--quiet"]);
}

/// The negative: the same look finds another engine where it was asked for.
#[test]
fn the_other_engines_are_found_where_they_are_asked_for() {
    let crates = Outside::with("postgres").crates();
    for needed in ["sqlx-postgres", "rustls", "aws-lc-rs"] {
        assert!(crates.iter().any(|name| name == needed), "{needed} is not in {crates:?}");
    }
    assert!(!crates.iter().any(|name| name == "sqlx-sqlite"), "{crates:?}");
}
