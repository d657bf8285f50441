//! Archived in files before it goes: on SQLite, PostgreSQL and MariaDB, also where rows change in between, where there is
//! no place for files, and where the process is killed at any statement.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

mod between;
mod held;
mod hidden;
mod killed;
mod life;
mod places;
#[path = "../restored/mod.rs"]
mod restored;
mod vanished;
mod world;
