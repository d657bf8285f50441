//! Triggers that are exact in time, and durable runs: one row per fire.

mod civil;
mod daemon;
mod history;
mod model;
mod run;
mod store;
mod trigger;

pub use civil::{IntoZone, Zone};
pub use daemon::{DrainReport, Event, Scheduler, SchedulerBuilder, Triggered};
pub use history::{Overview, overview};
pub use model::{Action, IntoWhen, Job, JobName, JobSpec, Misfire, OnCrash, Overlap, Schedule, Timetable, When};
pub use run::{Missed, Run, RunKey, RunKind, RunRecord, RunState};
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use store::{Advance, Claim, MemoryStore, RunEnd, RunQuery, ScheduleRecord, Store};
pub use trigger::{Cron, Dialect, DstNote, Fire, Fold, Gap, Pass, Rate, Trigger, Warning};

/// The namespace of jobs that name none.
pub const DEFAULT_NAMESPACE: &str = "default";
