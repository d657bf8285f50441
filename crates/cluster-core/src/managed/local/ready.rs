//! Whether a server answers.
//!
//! A port that accepts connections says nothing. A server is ready when it answers the first packet of its own protocol
//! as it answers a client that it would let in, and then lets its owner in. The second question tells whether it is the
//! right server and is asked where the engine's driver is compiled in.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::log;
use crate::address::DatabaseUrl;
use crate::error::{Error, Result};
use crate::sql::{ConnectOptions, Db, Engine, sql};

/// How long one question may take, and how long after it the next one comes.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

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
            tokio::time::sleep(PAUSE).await;
        }
    }
    db.close().await;
    Ok(())
}

/// Asks the node at `url` until it is one of `nodes` and no table is missing; may take as long as it takes.
///
/// While a cluster forms, its nodes answer questions with errors: they end nothing here.
pub(super) async fn formed(url: &str, nodes: usize) -> Result<()> {
    if nodes == 1 {
        return let_in(url).await;
    }
    let address: DatabaseUrl = url.parse()?;
    if !is_compiled_in(address.engine()) {
        return Ok(());
    }
    let is_complete = async || -> Result<bool> {
        let db = Db::connect_with(&address, ConnectOptions::default().max_sessions(1)).await?;
        let count: i64 = db.query(sql("SELECT count(*) FROM sys.nodes")).await?.scalar()?;
        db.close().await;
        Ok(usize::try_from(count).is_ok_and(|count| count >= nodes))
    };
    loop {
        // An answer that never comes is none.
        let question = async { Ok(is_complete().await? && let_in(url).await.is_ok()) };
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Err(error)) => {
                let error: Error = error;
                tracing::trace!(%error, "a cluster forms");
            }
            _ => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Why a server is not ready.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// It ended or did not answer; its log may say why.
    Silence(String),
    /// It answered, and did not let its owner in.
    Refusal(Error),
}

impl Obstacle {
    /// The error, with the end of the log at `path`.
    pub(super) fn into_error(self, product: &str, path: &Path, tail: &str) -> Error {
        match self {
            Self::Silence(what) => with_log(format!("start {product}: {what}"), path, tail),
            Self::Refusal(error) => Error::caused(format!("ask {product} whether it is ready"), error),
        }
    }
}

/// What happened, with the end of the log at `path`, which may have a hint in it.
pub(super) fn with_log(what: String, path: &Path, tail: &str) -> Error {
    let error = Error::failed(format!("{what}; the end of its log `{}`:\n{tail}", path.display()));
    match log::advice(tail) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
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
