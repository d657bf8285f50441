//! Every way to name a cluster, and which one wins.

mod url;

pub use url::DatabaseUrl;
