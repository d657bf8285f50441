//! Changes of clusters in CrateDB Cloud that cost, destroy, or let somebody in: by plan and apply.
//!
//! A [`Change`] says what is wanted. [`Changes::plan`] looks at what is there, refuses what the service would refuse, and
//! tells what goes, what it costs and who gets in. [`Changes::apply`] looks again under a lock, refuses where it is
//! another plan by now, does it, waits for its end, and looks once more. Both sides of it are in the audit.
//!
//! What a plan rests on is in its hash: the cluster's identity, and what the change changes (its size, version, disks,
//! list of networks, ..), with the price where there is one. What has nothing to do with it is not, such as health.
//!
//! While something else is being done to a cluster, a plan says so and its apply waits for that, for a bounded time; then
//! it looks again whether it is still the same plan.
//!
//! No password is in a plan, its hash or a record of it.

mod apply;
mod changes;
mod decide;
mod domain;
mod inventory;
mod model;
mod observe;
mod plan;
mod reason;
mod text;
mod version;

pub use changes::{Changes, Planned};
pub use domain::{Action, ClusterChange, Decision, Detail, Object};
pub use inventory::Inventory;
pub use model::Change;
pub use plan::plan;
pub use reason::Reason;
pub use text::HEADINGS;
