//! What is wanted: policies for tables, as plain data, from a file or a fluent builder.
//!
//! Everything here is checked before anything is read from a database.

mod bytes;
mod cascade;
mod changes;
mod check;
mod check_tiers;
mod guard;
mod hold;
mod keep;
mod late;
mod manifest;
mod policy;
mod problems;
mod resolve;
mod rollup;
mod selector;
mod tiers;
mod time;
mod zone;

pub use bytes::Bytes;
pub(crate) use changes::boundaries_near_changes;
pub use check::check;
pub use guard::{Guard, Share, percent};
pub use hold::{Hold, HoldScope};
pub use keep::Keep;
pub use late::{Late, LateRows};
pub use manifest::Manifest;
pub use policy::{DetachTier, DropTier, Policy, Tier};
pub use resolve::{TablePolicy, resolve};
pub use rollup::{Coverage, Extra, Rollup, Stat};
pub use selector::{KnownTable, Pattern, Selector, Tag};
pub use tiers::{ArchiveTier, Change, MergeTier, OnFailure, ReallocateTier, Replicas, SetReplicasTier};
pub use time::{Count, CountUnit, Format, Meaning, TimeColumn};
pub(crate) use zone::{zone_name, zone_text};
