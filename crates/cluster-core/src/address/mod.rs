//! Every way to name a cluster, and which one wins.
//!
//! [`DatabaseUrl`] is the address of one database, [`ClusterAddress`] whatever a user knows a cluster by, and
//! [`AddressSources`] finds out which of the flag, the environment and the `.env` file is meant. Nothing here connects
//! to anything, and nothing shows a password.

mod cluster;
pub(crate) mod dotenv;
mod parse;
mod password;
mod render;
mod resolve;
mod tls;
mod url;

#[cfg(test)]
mod resolve_tests;
#[cfg(test)]
mod tests;

pub use cluster::ClusterAddress;
pub use password::SecretRef;
pub use resolve::{AddressSources, Origin, Resolved};
pub use tls::Tls;
pub use url::DatabaseUrl;
