//! Database servers of this machine as private processes.
//!
//! A [`LocalServer`] is a PostgreSQL, MariaDB or CrateDB that one program starts for itself: the installed binaries, a
//! directory of its own, a free port of the loopback interface, a password that nobody else knows. It ends with the
//! guard, and with the process that holds the guard, even where that is killed. It never touches a server that the
//! system runs, listens on no other interface, and reads no configuration of the user or the system.
//!
//! ```no_run
//! # async fn example() -> clusterkeep_core::Result<()> {
//! use clusterkeep_core::managed::local::LocalServer;
//!
//! let server = LocalServer::postgres().start().await?;
//! println!("{}", server.connect().await?.query(clusterkeep_core::sql::sql("SELECT version()")).await?);
//! server.stop().await?;
//! # Ok(()) }
//! ```
//!
//! [`LocalClusters`] are those with a name and data to come back to: of one server or, for CrateDB, of several; held by
//! several programs at once, and ended by the last one out.
//!
//! # What holds it together
//!
//! The server is the child of a small supervisor (a POSIX shell) that watches a pipe whose other end this process
//! holds. When the pipe closes, for whatever reason, the supervisor ends the server and removes a temporary directory.
//! Only where this process is killed in the instant after it made the directory and before it started the supervisor,
//! that directory is left behind, with nothing in it but the password of a server that never was.

mod account;
mod builder;
mod cluster;
mod engine;
mod guard;
mod home;
mod log;
mod port;
mod ready;
mod supervisor;
mod urls;

pub use builder::LocalServerBuilder;
pub use cluster::{KeptCluster, LocalCluster, LocalClusters, LocalEnd, LocalNode, LocalRecord, LocalState, LocalWish};
pub use guard::{KeptServer, LocalServer};
