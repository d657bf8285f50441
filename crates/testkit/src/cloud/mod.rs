//! A local server of the CrateDB Cloud API, for tests and for trying automation offline.
//!
//! It answers as the vendor's document says, keeps everything in memory, and runs operations on a clock that a test can
//! drive. It listens on this machine alone, never asks the real Cloud anything, and forgets everything when it ends.
//!
//! ```
//! use clusterkeep_testkit::cloud::{Fault, Fixture, LocalCloud};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let cloud = LocalCloud::start().await?;
//! let staging = cloud.add_cluster(Fixture::named("staging").suspended(true))?;
//! cloud.inject(Fault::on("PUT", "/clusters/*/suspend/").status(503));
//! // A program finds it by CRATEDB_CLOUD_ENDPOINT, CRATEDB_CLOUD_API_KEY and CRATEDB_CLOUD_API_SECRET:
//! println!("{} {} {}", cloud.endpoint(), cloud.key(), cloud.secret());
//! assert_eq!(cloud.cluster(staging)["suspended"], true);
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! It runs on a thread of its own: it answers while the test's runtime is busy, ends or is gone.
//!
//! What the document leaves open, it settles like this:
//! - A path without its trailing slash is not found.
//! - A change of a cluster on which an operation is going on is refused with 400 and "Another cluster operation is
//!   currently in progress, please try again later."; [`Builder::conflict_status`] takes another status. Deletion is
//!   refused as well; deletion protection is set at once.
//! - To suspend what is suspended is an operation that changes nothing, and so is to resume what runs.
//! - What needs running nodes is refused while the cluster is suspended.
//! - Unknown fields in a request are refused; what is wrong is said by the name of the field, without its path.
//! - A cluster's name is taken once in a region. `available-products` is a list.
//! - Clusters have addresses under `cratedb.test`, where nobody answers, unless a real database is behind them.
//! - A session that has expired is sent to `/?rd=<path>`; no credentials, or wrong ones, get 401.

mod answer;
mod api;
mod backing;
mod call;
mod credentials;
mod errands;
mod fault;
mod fixture;
mod handle;
mod log;
mod server;
mod spoil;
mod start;
mod time;
mod tokens;
mod world;

pub use fault::Fault;
pub use fixture::Fixture;
pub use handle::LocalCloud;
pub use log::Request;
pub use start::Builder;
pub use world::operation::Kind;
