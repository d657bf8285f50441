//! Clusters of this machine: one or several servers behind one guard, by name or for the moment.
//!
//! # What holds it together
//!
//! Each server has its supervisor, as a [`LocalServer`](super::LocalServer) has. Above them is one keeper: a shell that
//! reads a FIFO of the cluster's directory, of which each holder has an end. When the last one is closed, the keeper
//! ends, the supervisors see that, and end their servers. So a cluster ends with the last of its holders, whichever
//! processes they are in and however they end; and if the keeper itself is killed, it ends, too.
//!
//! Whether servers are there is told by locks on their logs, which they inherit and the system lifts; never by the id
//! of a process. Nothing here survives a crash of the machine and means something else afterwards.

mod folder;
mod guard;
mod hold;
mod keeper;
mod kept;
mod launch;
mod lock;
mod node;
mod place;
mod start;
mod stored;
mod wish;

pub use folder::{LocalClusters, LocalRecord, LocalState};
pub use guard::{LocalCluster, LocalEnd};
pub use kept::KeptCluster;
pub use node::LocalNode;
pub use wish::LocalWish;
