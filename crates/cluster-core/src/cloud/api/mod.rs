//! The calls, one file for each family.

mod changes;
mod clusters;
mod files;
mod jobs;
mod meta;
mod operations;
mod organizations;
mod products;
mod secrets;
mod snapshots;
mod token;
mod transfer;
mod users;

pub use token::ClusterToken;
