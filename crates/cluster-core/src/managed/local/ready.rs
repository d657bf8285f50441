//! Whether a server answers.
//!
//! A port that accepts connections says nothing. A server is ready when it answers the first packet of its own protocol
//! as it answers a client that it would let in, and then lets its owner in. The second question tells whether it is the
//! right server and is asked where the engine's driver is compiled in.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::address::DatabaseUrl;
use crate::error::Result;
use crate::sql::{ConnectOptions, Db, Engine, sql};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question and what answer means yes.
#[derive(Debug)]
pub(super) struct Probe {
    /// What the client says first.
    pub(super) hello: Vec<u8>,
    /// Whether the beginning of the answer, 16 bytes where there are so many, means that it is ready.
    pub(super) ready: fn(&[u8]) -> bool,
}

impl Probe {
    /// Asks the server at `port` of this machine until it says yes.
    pub(super) async fn until_answered(&self, port: u16) {
        let mut pause = Duration::from_millis(10);
        loop {
            let answer = tokio::time::timeout(PATIENCE, self.answer(port)).await;
            if answer.is_ok_and(|answer| answer.is_ok_and(|answer| (self.ready)(&answer))) {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    async fn answer(&self, port: u16) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(&self.hello).await?;
        let mut answer = Vec::new();
        while answer.len() < 16 && stream.read_buf(&mut answer).await? > 0 {
            // What is said may be shorter than 16 bytes and the server wait for the next word.
            if (self.ready)(&answer) {
                break;
            }
        }
        Ok(answer)
    }
}

/// Asks as the owner of the database at `url` does; may take as long as it takes.
pub(super) async fn let_in(url: &str) -> Result<()> {
    let url: DatabaseUrl = url.parse()?;
    if !is_compiled_in(url.engine()) {
        return Ok(());
    }
    let db = Db::connect_with(&url, ConnectOptions::default().max_sessions(1)).await?;
    db.query(sql("SELECT 1")).await?;
    if url.engine() == Engine::Cratedb {
        // It answers before it has opened the tables of an earlier start.
        let red = || sql("SELECT count(*) FROM sys.health WHERE health = 'RED'");
        while db.query(red()).await?.scalar::<i64>()? > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    db.close().await;
    Ok(())
}

/// Whether this build can talk to `engine`.
const fn is_compiled_in(engine: Engine) -> bool {
    match engine {
        Engine::Sqlite => cfg!(feature = "sqlite"),
        Engine::Postgres => cfg!(feature = "postgres"),
        Engine::Mysql => cfg!(feature = "mysql"),
        Engine::Cratedb => cfg!(feature = "cratedb"),
    }
}
