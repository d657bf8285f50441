//! A way to a server that can be made bad: cut, stalled, or closed.
//!
//! ```no_run
//! # async fn a_test() -> std::io::Result<()> {
//! use clusterkeep_testkit::proxy::Proxy;
//!
//! let proxy = Proxy::to(5432).await?;
//! let url = format!("postgres://me@127.0.0.1:{}/weather", proxy.port());
//! proxy.stall();          // connections stay, and nothing gets through
//! proxy.restore().await?;
//! proxy.cut();            // connections break; new ones are let in
//! proxy.refuse().await;   // connections break, and new ones are refused
//! # Ok(()) }
//! ```

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// How the way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    /// Nothing gets through.
    stalled: bool,
    /// Connections of an earlier age are to end.
    age: u32,
}

/// A port of this machine that leads to another one, well or badly. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    target: u16,
    way: watch::Sender<Way>,
    accepted: Arc<AtomicU32>,
    /// The task that lets connections in, while it does.
    door: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// A way to `target` of this machine that works, to begin with.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn to(target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (way, _) = watch::channel(Way { stalled: false, age: 0 });
        let accepted = Arc::new(AtomicU32::new(0));
        let door = tokio::spawn(let_in(listener, target, way.clone(), Arc::clone(&accepted)));
        Ok(Self { port, target, way, accepted, door: Mutex::new(Some(door)) })
    }

    /// The port of 127.0.0.1 that clients connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `url` with the server's port replaced by this one's.
    #[must_use]
    pub fn reroute(&self, url: &str) -> String {
        url.replacen(&format!(":{}/", self.target), &format!(":{}/", self.port), 1)
    }

    /// How many connections were let in so far.
    #[must_use]
    pub fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Breaks every connection with a reset; new ones are let in.
    pub fn cut(&self) {
        self.way.send_modify(|way| way.age += 1);
    }

    /// Lets nothing through any more: whoever waits for an answer waits for ever. New connections are let in.
    pub fn stall(&self) {
        self.way.send_modify(|way| way.stalled = true);
    }

    /// Breaks every connection, and refuses new ones.
    pub async fn refuse(&self) {
        if let Some(door) = self.door.lock().await.take() {
            door.abort();
            // The port is closed when the task is gone.
            drop(door.await);
        }
        self.cut();
    }

    /// Makes the way good again; what was held up goes on.
    ///
    /// # Errors
    ///
    /// Somebody took the port while it was closed.
    pub async fn restore(&self) -> io::Result<()> {
        let mut door = self.door.lock().await;
        if door.is_none() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
            let accepted = Arc::clone(&self.accepted);
            *door = Some(tokio::spawn(let_in(listener, self.target, self.way.clone(), accepted)));
        }
        self.way.send_modify(|way| way.stalled = false);
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(door) = self.door.get_mut().take() {
            door.abort();
        }
        self.cut();
    }
}

async fn let_in(listener: TcpListener, target: u16, way: watch::Sender<Way>, accepted: Arc<AtomicU32>) {
    while let Ok((client, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(carry(client, target, way.subscribe()));
    }
}

/// Carries one connection until either side closes it or it is cut.
async fn carry(mut client: TcpStream, target: u16, way: watch::Receiver<Way>) {
    let age = way.borrow().age;
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    // Closed at once and with a reset, as a connection breaks; closing in order is passed on by `shutdown`.
    if client.set_zero_linger().and(server.set_zero_linger()).is_err() {
        return;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let mut cut = way.clone();
    tokio::select! {
        _ = cut.wait_for(|way| way.age != age) => {}
        _ = async { tokio::join!(pump(from_client, to_server, way.clone()), pump(from_server, to_client, way.clone())) } => {}
    }
}

/// Carries bytes one way until their end, and passes the end on.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut way: watch::Receiver<Way>) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if way.wait_for(|way| !way.stalled).await.is_err() {
            return Ok(());
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
