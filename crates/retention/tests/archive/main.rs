//! Archives: what goes out comes back, on each engine and store, and what is damaged is seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]

mod damage;
mod engines;
mod faults;
mod killed;
mod kit;
mod life;
mod objects;
mod types;
