//! Retention on CrateDB: partitions by their keys, plain tables by slices, rollups without transactions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

#[path = "cratedb/applying.rs"]
mod applying;
#[path = "cratedb/archive_kills.rs"]
mod archive_kills;
#[path = "cratedb/faults.rs"]
mod faults;
#[path = "cratedb/keys.rs"]
mod keys;
#[path = "cratedb/names.rs"]
mod names;
#[path = "cratedb/rollups.rs"]
mod rollups;
#[path = "cratedb/tiers.rs"]
mod tiers;
#[path = "cratedb/world.rs"]
mod world;
