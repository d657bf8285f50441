//! What retention says to databases: the catalogue, sums over pieces of time, and the making of rollups.
//!
//! The only room that knows engines; each has a file of its own under `catalogue`.

mod bucket;
pub(crate) mod catalogue;
#[cfg(feature = "cratedb")]
pub(crate) mod changes;
mod clock;
#[cfg(feature = "cratedb")]
pub(crate) mod cratedb;
#[cfg(feature = "cratedb")]
mod keyed;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
mod partitions;
mod removal;
mod rollup;
#[cfg(feature = "cratedb")]
pub(crate) mod snapshots;
mod source;
pub(crate) mod standing;
mod stream;
mod time;

pub(crate) use bucket::Runs;
pub(crate) use catalogue::{CatalogueColumn, Described, KeyBase, NativePartition};
pub(crate) use clock::clock_ahead;
pub(crate) use partitions::Counted;
pub(crate) use removal::show_removals;
pub(crate) use rollup::{BUCKET, RollupSql};
pub(crate) use source::{SourceSql, Sums};
pub(crate) use stream::{lz4, state_columns};
pub(crate) use time::TimeKind;

#[cfg(test)]
mod tests;
