//! The guard of a cluster in CrateDB Cloud, in every situation that it can be left in: against the local Cloud of the test
//! kit, which has a thread and a runtime of its own as the real one has machines of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "guard/cancelled.rs"]
mod cancelled;
#[path = "guard/child.rs"]
mod child;
#[path = "guard/deploy.rs"]
mod deploy;
#[path = "guard/leaving.rs"]
mod leaving;
#[path = "guard/named.rs"]
mod named;
#[path = "guard/owed.rs"]
mod owed;
#[path = "guard/processes.rs"]
mod processes;
#[path = "guard/runtimes.rs"]
mod runtimes;
#[path = "guard/sweeping.rs"]
mod sweeping;
#[path = "guard/tokens.rs"]
mod tokens;
#[path = "guard/world.rs"]
mod world;
