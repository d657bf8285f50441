//! What every command is given: where to write, which cluster is meant, and when to stop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clusterkeep_core::address::{AddressSources, ClusterAddress, DatabaseUrl, Origin, Resolved};
use clusterkeep_core::cloud::{self, CloudClient, CloudRef, CloudSettings};
use clusterkeep_core::managed::Opener;
use clusterkeep_core::sql::{ConnectOptions, Db};
use clusterkeep_core::{Error, Result};
use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::args::ClusterArgs;
use crate::output::Printer;

pub(crate) use clusterkeep_core::folder::state as state_folder;

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    stop: CancellationToken,
    has_steps: AtomicBool,
    /// Whether Ctrl-C is for what is running and not for the command; and who waits for it.
    takes_interrupts: AtomicBool,
    interrupt: Notify,
}

/// Ends the time in which Ctrl-C is not for the command.
pub(crate) struct OwnInterrupts<'a>(&'a Context);

impl Drop for OwnInterrupts<'_> {
    fn drop(&mut self) {
        self.0.takes_interrupts.store(false, Ordering::Relaxed);
    }
}

/// A database that is connected to, and how to name it on a command line again.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) db: Db,
    /// `--cluster ADDRESS` where a flag named it; nothing where the environment did.
    pub(crate) flag: Option<String>,
    /// How the cluster is called: its name, or where its database is.
    pub(crate) name: String,
}

impl Context {
    pub(crate) fn new(printer: Printer) -> Self {
        Self {
            printer,
            stop: CancellationToken::new(),
            has_steps: AtomicBool::new(false),
            takes_interrupts: AtomicBool::new(false),
            interrupt: Notify::new(),
        }
    }

    /// For work at a prompt: until the guard is dropped, Ctrl-C is told by [`interrupted`](Self::interrupted).
    pub(crate) fn take_interrupts(&self) -> OwnInterrupts<'_> {
        self.takes_interrupts.store(true, Ordering::Relaxed);
        OwnInterrupts(self)
    }

    /// Waits for a Ctrl-C that was taken.
    pub(crate) async fn interrupted(&self) {
        self.interrupt.notified().await;
    }

    /// Forgets a Ctrl-C that nobody has waited for.
    pub(crate) fn forget_interrupts(&self) {
        // Waiting takes up the one that is there.
        if self.interrupt.notified().now_or_never().is_some() {
            tracing::debug!("a Ctrl-C came when nothing ran");
        }
    }

    /// Waits until the command is asked to stop.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// For work that has steps: cancelled by the first Ctrl-C or SIGTERM, to end after the step that is under way.
    pub(crate) fn stop_between_steps(&self) -> CancellationToken {
        self.has_steps.store(true, Ordering::Relaxed);
        self.stop.clone()
    }

    /// Runs a command until it has ended by itself, or until it was asked to stop twice.
    pub(crate) async fn until_interrupted<T>(&self, command: impl Future<Output = Result<T>>) -> Result<T> {
        let mut signals = Signals::listen()?;
        let signals = async {
            while signals.next().await? == Sent::Interrupt && self.takes_interrupts.load(Ordering::Relaxed) {
                self.interrupt.notify_one();
            }
            self.stop.cancel();
            if self.has_steps.load(Ordering::Relaxed) {
                self.printer.note("stopping after what is under way; once more stops at once");
            }
            signals.next().await
        };
        tokio::select! {
            biased;
            ended = command => ended,
            stopped = signals => {
                stopped?;
                Err(Error::Interrupted { what: "stopped at once; what was under way may be half done".into() })
            }
        }
    }

    /// Runs what has no steps to end after and changes nothing: it ends when the first signal comes.
    pub(crate) async fn interruptible<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.leaving("nothing was changed", work).await
    }

    /// Runs what others may go on with when the first signal has ended it here; `what` says so.
    pub(crate) async fn leaving<T>(&self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Error::Interrupted { what: what.into() }),
            done = work => done,
        }
    }

    /// The address of the cluster that is meant, its password fetched.
    pub(crate) fn resolve(&self, args: &ClusterArgs) -> Result<Resolved> {
        self.sources(args).resolve()
    }

    fn sources(&self, args: &ClusterArgs) -> AddressSources {
        let mut sources = AddressSources::new().process_environment().dotenv(Path::new(".env"));
        if let Some(text) = &args.cluster {
            sources = sources.flag("--cluster", text);
        }
        sources.allow_plaintext(&args.allow_plaintext)
    }

    /// The address that another flag than `--cluster` names.
    pub(crate) fn resolve_flag(&self, flag: &str, text: &str, args: &ClusterArgs) -> Result<Resolved> {
        let sources = AddressSources::new().process_environment().flag(flag, text);
        sources.allow_plaintext(&args.allow_plaintext).resolve()
    }

    /// What finds clusters, whoever keeps them. It starts none.
    pub(crate) fn opener(&self) -> Opener {
        Opener::new()
    }

    /// A client of CrateDB Cloud, with the credentials of the environment, of `.env`, or of the vendor's own client.
    pub(crate) fn cloud(&self) -> Result<CloudClient> {
        cloud()
    }

    /// The cluster of CrateDB Cloud at this address, and the client that knows it.
    pub(crate) async fn cloud_cluster(&self, address: &ClusterAddress) -> Result<(CloudClient, cloud::Cluster)> {
        cloud_cluster(address).await
    }

    /// Connects to the cluster that is meant. It starts none: a suspended one says how to resume it.
    pub(crate) async fn connect(&self, args: &ClusterArgs, options: ConnectOptions) -> Result<Target> {
        let Resolved { address, origin } = self.resolve(args)?;
        self.connect_to(&address, &origin, options).await
    }

    /// Connects to the cluster at this address.
    pub(crate) async fn connect_to(
        &self,
        address: &ClusterAddress,
        origin: &Origin,
        options: ConnectOptions,
    ) -> Result<Target> {
        let flag = matches!(origin, Origin::Flag(_)).then(|| address.to_string());
        tracing::info!(%address, %origin, "connecting");
        let (db, name) = match address {
            ClusterAddress::Url(url) => {
                let db = Db::connect_with(url, options).await.map_err(expecting_a_path)?;
                (db, place(url))
            }
            address => {
                let cluster = self.opener().open(address).await?;
                (cluster.connect(options).await?, cluster.name().to_owned())
            }
        };
        Ok(Target { db, flag, name })
    }

    /// Connects to a database that `--state` names.
    pub(crate) async fn connect_state(&self, address: &str, options: ConnectOptions) -> Result<Db> {
        Db::connect_with(&self.state_url(address)?, options).await
    }

    /// The address that `--state` names.
    pub(crate) fn state_url(&self, address: &str) -> Result<DatabaseUrl> {
        let sources = AddressSources::new().process_environment().flag("--state", address);
        sources.resolve()?.address.into_url()
    }
}

fn cloud() -> Result<CloudClient> {
    CloudSettings::from_env()?.client()
}

/// The cluster of CrateDB Cloud at this address, and a client with the environment's credentials.
pub(crate) async fn cloud_cluster(address: &ClusterAddress) -> Result<(CloudClient, cloud::Cluster)> {
    let wanted = match address {
        ClusterAddress::CloudId(id) => CloudRef::Id(*id),
        ClusterAddress::CloudName(name) => CloudRef::Name(name.clone()),
        other => {
            return Err(Error::input(format!("{other} is not in CrateDB Cloud, and this is about a cluster there"))
                .with_hint("give --cluster the id or name of a cluster; `clusterkeep cluster list` shows them"));
        }
    };
    let client = cloud()?;
    let cluster = client.find_cluster(&wanted).await?;
    Ok((client, cluster))
}

/// Says what to look at where somebody's address could not be connected to, and nothing else is known.
pub(crate) fn expecting_a_path(error: Error) -> Error {
    match error.hint() {
        None => error.with_hint("is the address right? the path of a file counts from the working directory"),
        Some(_) => error,
    }
}

/// Who does it: user and host.
pub(crate) fn actor() -> String {
    let user = whoami::username().unwrap_or_else(|_| "somebody".to_owned());
    let host = whoami::hostname().unwrap_or_else(|_| "some host".to_owned());
    format!("{user}@{host}")
}

/// Where a database is, in short.
fn place(url: &DatabaseUrl) -> String {
    match url.path() {
        Some(path) => path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into(),
        None => url.host().to_owned(),
    }
}

/// SIGHUP, heard from the moment on that this is made.
pub(crate) struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangups {
    pub(crate) fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let signal = signal(SignalKind::hangup()).map_err(|error| Error::caused("listen for signals", error))?;
            Ok(Self { signal })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one; where there is none, for ever.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// Ctrl-C.
    Interrupt,
    #[cfg(unix)]
    Terminate,
}

/// Ctrl-C and SIGTERM, heard from the moment on that this is made.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| Error::caused("listen for signals", error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    async fn next(&mut self) -> Result<Sent> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(Sent::Interrupt),
            _ = self.terminate.recv() => Ok(Sent::Terminate),
        }
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    async fn next(&mut self) -> Result<Sent> {
        tokio::signal::ctrl_c().await.map_err(|error| Error::caused("listen for signals", error))?;
        Ok(Sent::Interrupt)
    }
}
