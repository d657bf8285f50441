//! Retention on a real PostgreSQL: every form of partition that its catalogue knows, and what applying a plan does there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

#[path = "postgres/catalogue.rs"]
mod catalogue;
#[path = "postgres/detaching.rs"]
mod detaching;
#[path = "postgres/drops.rs"]
mod drops;
#[path = "postgres/oracle.rs"]
mod oracle;
#[path = "postgres/tiers.rs"]
mod tiers;
#[path = "postgres/world.rs"]
mod world;
