//! Database servers of this machine behind the same guard: one for scratch data, and one with a name to come back to.
//!
//!     cargo run -p clusterkeep-examples --example local_cluster

use std::process::ExitCode;

use clusterkeep_core::Result;
use clusterkeep_core::managed::ManagedCluster;
use clusterkeep_core::sql::{Engine, sql};
use clusterkeep_examples::say;

#[tokio::main]
async fn main() -> ExitCode {
    // Without a PostgreSQL on this machine it ends with an error whose hint says how to get one.
    say(run().await)
}

async fn run() -> Result<()> {
    // Gone with its guard, data and all.
    let scratch = ManagedCluster::local(Engine::Postgres).start().await?;
    println!("{}", scratch.query("SELECT 'scratch' AS which").await?);
    println!("scratch: {}", scratch.stop().await?);

    // Its data stays under a name. A folder of this example's own takes the place of the user's state folder.
    let folder = offline_folder()?;
    let create = || ManagedCluster::local(Engine::Postgres).name("notes").state_folder(folder.path());
    let notes = create().start().await?;
    notes.execute("CREATE TABLE notes (text text)").await?;
    notes.execute(sql("INSERT INTO notes VALUES (?)").bind("still here")).await?;
    println!("notes: {}", notes.stop().await?);

    let notes = create().start().await?;
    println!("{}", notes.query("SELECT * FROM notes").await?);
    println!("notes: {}", notes.stop().await?);
    Ok(())
}

/// A folder that the server's account can enter, too.
fn offline_folder() -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error| clusterkeep_core::Error::caused("make a folder", error);
    let open = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(open).tempdir().map_err(failed)
}
