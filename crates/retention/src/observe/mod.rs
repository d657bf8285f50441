//! What is there: an inventory, read and never changed.
//!
//! The catalogue is read for everything; rows are counted exactly only where a verdict rests on their number.

mod archives;
#[cfg(feature = "postgres")]
mod detached;
mod facts;
mod going;
mod history;
mod identity;
mod inventory;
mod native;
mod newest;
mod number;
mod read;
mod record;
mod standing;
mod tiers;

pub use facts::{Facts, Sums};
pub use identity::{PartitionId, PartitionKey};
pub use inventory::{Inventory, Obstacle, Partition, Piece, Removed, RollupState, Source, Unknown};
pub use number::Number;
pub use standing::{Archive, Node, Places, Repository, Standing};

#[cfg(feature = "postgres")]
pub(crate) use detached::Detached;
#[cfg(any(feature = "mysql", feature = "cratedb"))]
pub(crate) use going::Going;
pub(crate) use history::History;
#[cfg(any(feature = "archive", feature = "cratedb"))]
pub(crate) use history::archives_of;
pub(crate) use read::{Observed, observe, piece_bounds};
pub(crate) use record::{Recorded, Records};

use clusterkeep_core::Result;
use clusterkeep_core::sql::Db;

use crate::model::KnownTable;

/// The tables that there are: what selectors choose from.
///
/// # Errors
///
/// The catalogue can't be read.
pub async fn tables(db: &Db) -> Result<Vec<KnownTable>> {
    let mut session = db.session().await?;
    crate::sql::catalogue::tables(&mut *session).await
}
