//! Whether a server answers.
//!
//! A server is ready when it answers the first packet of its own protocol as it answers a client that it would let in;
//! a port that accepts connections says nothing.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
