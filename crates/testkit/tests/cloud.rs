//! The local Cloud, seen from outside: over HTTP, as any client sees it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "cloud/caller.rs"]
mod caller;
#[path = "cloud/databases.rs"]
mod databases;
#[path = "cloud/deploying.rs"]
mod deploying;
#[path = "cloud/faults.rs"]
mod faults;
#[path = "cloud/importing.rs"]
mod importing;
#[path = "cloud/letting_in.rs"]
mod letting_in;
#[path = "cloud/many.rs"]
mod many;
#[path = "cloud/operating.rs"]
mod operating;
