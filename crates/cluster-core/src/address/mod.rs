//! Every way to name a cluster, and which one wins.

mod parse;
mod password;
mod render;
mod tls;
mod url;

#[cfg(test)]
mod tests;

pub use password::SecretRef;
pub use tls::Tls;
pub use url::DatabaseUrl;
