//! The client against the local Cloud, which checks requests as strictly as the real one.
#![cfg(all(feature = "cloud", feature = "local"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "cloud_client/calls.rs"]
mod calls;
#[path = "cloud_client/changes.rs"]
mod changes;
#[path = "cloud_client/data.rs"]
mod data;
#[path = "cloud_client/database.rs"]
mod database;
#[path = "cloud_client/faults.rs"]
mod faults;
#[path = "cloud_client/predecessor.rs"]
mod predecessor;
#[path = "cloud_client/support.rs"]
mod support;
