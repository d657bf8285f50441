//! Tables of one database copied into another, by plan and apply.
//!
//! [`TableCopy`] streams rows: any engine into any other where the tables are there already, empty and with the same columns;
//! from CrateDB to CrateDB the tables are made as they are at the source. [`Replication`] lets CrateDB do it: it goes on
//! for as long as its subscription stands.
//!
//! # What holds
//!
//! - The final name of a table never holds a half. On engines with transactions a table is copied in one; into CrateDB
//!   the rows go into `NAME__clusterkeep_copy`, which gets its name when it is verified. What a killed run has left there
//!   is thrown away by the next one, and the plan says so.
//! - Rows are counted on both sides, and a table whose counts differ is no copy.
//! - The source is only read. Its rows are no part of the plan's hash: a table that is being written to does not void
//!   its own plan, and nothing of it is lost by a copy.
//!
//! # What does not
//!
//! CrateDB has no transactions: what is written to a source table meanwhile may or may not be in the copy. Where rows
//! came or went the counts differ, and that table fails with both counts; an update alone does not show. Stop writing, or
//! use [`Replication`]. On the other engines a table is read as of one instant, but not all tables as of the same.
//!
//! Foreign keys at the target decide the order of tables, and its triggers fire. Within a table a row may refer to one that
//! comes later: such a table fails where the engine looks at once.
//!
//! Views, users, rights, functions, analyzers and the values of sequences are not copied.

mod apply;
mod catalogue;
mod ddl;
mod domain;
mod history;
mod inventory;
mod job;
mod model;
mod observe;
mod plan;
pub mod replicate;
mod stream;
mod text;
mod types;

pub use ddl::Definition;
pub use domain::{Action, Decision, Detail, Domain, Object, Reason, Side, Way};
pub use inventory::{Column, Inventory, Kind, Place, Source, Target, Verified};
pub use job::{Planned, TableCopy};
pub use model::{Request, Tables};
pub use plan::plan;
pub use replicate::Replication;
pub use text::HEADINGS;
