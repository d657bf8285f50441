//! Private servers: they start, they answer, and they never outlive their owner.
//!
//! Whatever might leave something behind runs in a process of its own with a directory for temporary files of its own,
//! so that what is left can be told from what other tests do at the same time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and its helpers are no tests themselves for the lint"
)]

#[path = "local_server/ends.rs"]
mod ends;
#[path = "local_server/fails.rs"]
mod fails;
#[path = "local_server/owner.rs"]
mod owner;
#[path = "local_server/serves.rs"]
mod serves;
