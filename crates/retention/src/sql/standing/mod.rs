//! How partitions are kept at the moment: one file for each engine that has tiers which change it.

#[cfg(feature = "cratedb")]
pub(crate) mod cratedb;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
