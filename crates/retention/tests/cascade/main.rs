//! Cascades of rollups against what the rows themselves add up to: cases 29 to 42 of the specification, on random data.
//!
//! SQLite in process; PostgreSQL with fewer cases, and what MariaDB can do, where they are there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

mod coverage;
mod kit;
mod late;
mod same;
mod zones;
