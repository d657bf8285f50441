//! Changes of clusters against the local Cloud: planned without a change, applied once, refused, drifted, failed.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "change/applied.rs"]
mod applied;
#[path = "change/pure.rs"]
mod pure;
#[path = "change/refused.rs"]
mod refused;
#[path = "change/world.rs"]
mod world;
