//! `APScheduler` 3: its cron trigger, which supertask uses too, and the job store that it keeps in a database.

mod fields;
mod store;

pub(super) use fields::{cron, of_crontab};
pub use store::StoredJob;
pub(super) use store::read;
