//! Clusters that are brought up for the length of a scope.

#[cfg(feature = "local")]
pub mod local;
