//! Starting the server: on a thread of its own, so that it outlives whatever the test does to its runtime.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use clusterkeep_core::clock::{Clock, SystemClock};
use tokio::sync::oneshot;

use super::backing;
use super::fault::Faults;
use super::handle::{Keys, LocalCloud};
use super::server::{Shared, serve};
use super::world::World;

/// A Cloud that is to be started.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    clock: Arc<dyn Clock>,
    operation_time: Duration,
    listen: SocketAddr,
    conflict_status: u16,
    backed_by: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            operation_time: Duration::from_millis(50),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            conflict_status: 400,
            backed_by: None,
        }
    }
}

impl Builder {
    /// The clock that operations, jobs and tokens go by, instead of this machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long each operation takes by that clock, instead of 50 ms.
    pub const fn operation_time(mut self, time: Duration) -> Self {
        self.operation_time = time;
        self
    }

    /// Where to listen, instead of on a free port of 127.0.0.1.
    pub const fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The status of "another operation is in progress", instead of 400: no public source says which one it is.
    pub const fn conflict_status(mut self, status: u16) -> Self {
        self.conflict_status = status;
        self
    }

    /// The database behind every cluster that says nothing else, and that is made later: see [`Fixture::backed_by`].
    ///
    /// [`Fixture::backed_by`]: super::Fixture::backed_by
    pub fn backed_by(mut self, url: &str) -> Self {
        self.backed_by = Some(url.to_owned());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// The port is taken, the address of the database is none, or the machine is out of threads or files.
    #[expect(clippy::unused_async, reason = "as other servers are started; nothing of it takes long")]
    pub async fn start(self) -> io::Result<LocalCloud> {
        self.start_blocking()
    }

    /// Starts it, where there is no runtime.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> io::Result<LocalCloud> {
        let listener = TcpListener::bind(self.listen)?;
        listener.set_nonblocking(true)?;
        let endpoint: Arc<str> = format!("http://{}", listener.local_addr()?).into();
        let mut world = World::new(self.clock.now(), self.operation_time);
        world.conflict_status = self.conflict_status;
        world.backed_by = self.backed_by.as_deref().map(backing::target).transpose()?;
        let keys = Keys::of(&mut world);
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            faults: Mutex::new(Faults::default()),
            log: Mutex::new(Vec::new()),
            clock: self.clock,
            endpoint: Arc::clone(&endpoint),
            connections: AtomicU64::new(0),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ended_sender, ended) = mpsc::channel();
        let inner = Arc::clone(&shared);
        std::thread::Builder::new().name("local-cloud".to_owned()).spawn(move || {
            runtime.block_on(async {
                let serving = async {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => serve(listener, inner).await,
                        Err(error) => tracing::error!(%error, "the local Cloud can't listen"),
                    }
                };
                tokio::select! {
                    () = serving => {}
                    // Also when the sender is gone.
                    _ = stopped => {}
                }
            });
            // Connections that hang are not waited for.
            runtime.shutdown_background();
            // Nobody may be waiting for it.
            let (Ok(()) | Err(_)) = ended_sender.send(());
        })?;
        Ok(LocalCloud { shared, keys, runtime: handle, stop: Some(stop), ended: Mutex::new(ended) })
    }
}
