//! Clusters of this machine: they come back as they were, and end with the last of their holders.
//!
//! Holders that are killed, or that start at the same time, run in processes of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and its helpers are no tests themselves for the lint"
)]

#[path = "local_cluster/ends.rs"]
mod ends;
#[path = "local_cluster/fails.rs"]
mod fails;
#[path = "local_cluster/holders.rs"]
mod holders;
#[path = "local_cluster/keeps.rs"]
mod keeps;
#[path = "local_cluster/nodes.rs"]
mod nodes;
#[path = "local_cluster/process.rs"]
mod process;
