//! Expire and downsample data in SQL databases, on plans that can be trusted.
//!
//! A [`model::Policy`] says how long a table's data is kept and what is kept of it; [`observe`] reads what is there;
//! [`plan::plan`] decides, purely, what goes and why; [`Retention`] ties these together and applies what was approved.
//!
//! # Features
//!
//! `sqlite`, `postgres`, `mysql` and `cratedb`: one engine each. `archive`: exports of partitions to files, local or in an
//! object store, and back.

pub mod aggregate;
mod apply;
#[cfg(feature = "archive")]
pub mod archive;
pub mod import;
pub mod model;
pub mod observe;
pub mod plan;
#[cfg(any(feature = "archive", feature = "cratedb"))]
pub mod restore;
mod retention;
mod sql;
pub mod store;
pub mod text;

pub use retention::{Planned, Retention};
