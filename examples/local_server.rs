//! A program with a PostgreSQL of its own: started for it alone, and gone with it.
//!
//!     cargo run -p clusterkeep-examples --example local_server

use std::process::ExitCode;

use clusterkeep_core::Result;
use clusterkeep_core::managed::local::LocalServer;
use clusterkeep_core::sql::sql;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        // Without a PostgreSQL on this machine it ends here, and the hint says how to get one.
        Err(error) => {
            eprintln!("error: {error}");
            error.hint().into_iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    // The installed programs, a temporary directory, a free port, a random password. However this program ends, by an
    // error, a panic or `kill -9`, the server ends with it.
    let server = LocalServer::postgres().database("weather").start().await?;
    println!("PostgreSQL answers at 127.0.0.1:{}, its data is in {}", server.port(), server.directory().display());

    let db = server.connect().await?;
    db.execute(sql("CREATE TABLE observations (origin text, temp double precision)")).await?;
    for (origin, temp) in [("JFK", 39.02), ("LGA", 39.92), ("EWR", 37.94)] {
        db.execute(sql("INSERT INTO observations VALUES (?, ?)").bind(origin).bind(temp)).await?;
    }
    println!("{}", db.query(sql("SELECT * FROM observations WHERE temp > ? ORDER BY temp").bind(38.0)).await?);
    db.close().await;

    // Dropping the server would do; `stop` waits for the end and can tell what went wrong.
    let directory = server.directory().to_owned();
    server.stop().await?;
    println!("PostgreSQL has ended, {} is {}", directory.display(), if directory.exists() { "there" } else { "gone" });
    Ok(())
}
