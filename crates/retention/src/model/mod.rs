//! What is wanted: policies for tables, as plain data, from a file or a fluent builder.
//!
//! Everything here is checked before anything is read from a database.

mod check;
mod guard;
mod keep;
mod manifest;
mod policy;
mod problems;
mod rollup;
mod time;

pub use check::check;
pub use guard::{Guard, Share, percent};
pub use keep::Keep;
pub use manifest::Manifest;
pub use policy::{DropTier, Policy, Tier};
pub use rollup::{Rollup, Stat};
pub use time::{Meaning, TimeColumn};
