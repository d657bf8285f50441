//! Archives: the rows of a partition in a file that can be trusted, and back again.
//!
//! [`export`] writes the rows of a [`Part`] of a table to a [`Location`]: a Parquet file, and beside it a [`Manifest`] that
//! says what is in it. [`verify`] reads an archive back, value by value. [`still_holds`] sees whether the table has the
//! same rows still, in the transaction that lets them go. [`restore`] brings them back, and [`list`] says what is there. [`is_unchanged`] asks the store whether what was read back is there still.
//!
//! # What holds
//!
//! - Every value comes back as it was: to the last bit, digit and microsecond. A column whose type can't be kept so is
//!   refused by name before anything is written; a value that can't (PostgreSQL's infinite dates) ends the export.
//! - The manifest is written last, and only where none is. What was killed before leaves no archive, and the next export
//!   of the same part removes what it left.
//! - An archive of the same part with the same rows is verified and used again. One with other rows stays, and the new
//!   one gets the next number.
//! - Memory is bounded, whatever the size of the part.
//!
//! # What it never does
//!
//! Remove rows; remove an archive that is complete, but for [`remove`], which is asked to. Run text out of a manifest as SQL that is not a type's name. Show a key.
//!
//! Two exports of the same part at the same time may remove each other's unfinished files, and one of them fails; whoever
//! calls holds the lock of the state.
//!
//! ```no_run
//! # async fn example(db: clusterkeep_core::sql::Db, part: clusterkeep_retention::archive::Part) -> clusterkeep_core::Result<()> {
//! use clusterkeep_retention::archive::{self, Context, Location};
//!
//! let cold: Location = "s3://cold-data/weather?region=eu-central-1".parse()?;
//! let context = Context::at("2026-11-20T12:00:00Z".parse().unwrap()).plan("5f1c…");
//! let archived = archive::export(&cold, &db, &part, &context).await?;
//! archive::verify(&cold, &archived.manifest.name).await?;
//! # Ok(()) }
//! ```

mod checksum;
mod column;
mod copied;
mod error;
mod export;
mod gather;
mod kind;
mod list;
mod location;
mod manifest;
mod mark;
mod name;
mod part;
mod reader;
mod remove;
mod restore;
mod schema;
mod store;
mod verify;
mod writer;

pub use checksum::{Checksum, Contents};
pub use export::{Archived, Context, export};
pub use gather::still_holds;
pub use kind::Kind;
pub(crate) use list::names;
pub use list::{Listed, State, list};
pub use location::Location;
pub use manifest::{ArchivedColumn, ArchivedFile, ArchivedSource, Manifest, VERSION};
pub use mark::{Mark, is_unchanged, mark};
pub use part::{Bound, Part, Span};
pub use remove::remove;
pub(crate) use restore::{Found, count, look, restore_from};
pub use restore::{Restored, Target, is_in_table, restore};
pub use verify::{is_there, manifest, verify};

/// What a file and a manifest say they were made by.
fn made_by() -> String {
    format!("clusterkeep {}", env!("CARGO_PKG_VERSION"))
}
