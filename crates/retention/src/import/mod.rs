//! The policies of CrateDB Toolkit's retention (`"ext"."retention_policy"`), and what they mean here.
//!
//! Its table is read and never written. [`read()`] gives its rows with what the catalogue says of the tables that they
//! are about; [`judge()`] is pure and says of each what becomes of it here, and in what it differs.

mod judge;
mod read;

pub use judge::{Difference, Import, Judged, judge};
pub use read::{Foreign, read};
