//! The ground floor of Clusterkeep: addresses, SQL access, plans, audit, events and managed clusters.
//!
//! Whatever changes or destroys what a user keeps goes one way through four rooms: a *model* says what is wanted, an
//! *observation* what is there, a pure *plan* what to do and why, and *apply* does it and reports. This crate holds what
//! all of them share; what to expire or when to run is decided in the crates above.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `sqlite`, `postgres`, `mysql`, `cratedb` | one database driver each |
//! | `local` | database servers of this machine as private processes ([`managed::local`]) |
//! | `cloud` | CrateDB Cloud: its API ([`cloud`]), and its clusters behind the guard of [`managed`] |

pub mod address;
pub mod age;
pub mod audit;
#[cfg(feature = "cloud")]
pub mod change;
pub mod civil;
pub mod clock;
#[cfg(feature = "cloud")]
pub mod cloud;
pub mod compare;
#[cfg(feature = "cratedb")]
pub mod copy;
pub mod env;
pub mod error;
pub mod event;
pub mod exit;
pub mod folder;
pub mod hex;
#[cfg(feature = "managed")]
pub mod managed;
pub mod manifest;
pub mod plan;
#[cfg(feature = "cloud")]
pub mod registry;
pub mod secret;
pub mod sql;
pub mod state;

pub use error::{Error, ErrorClass, Result};
pub use exit::ExitCode;
