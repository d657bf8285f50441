//! What is wanted: schedules, jobs and timetables, as plain data from a file or a fluent builder.
//!
//! Everything is validated before anything starts; nothing here does I/O.

mod except;
mod job;
mod limits;
mod policy;
mod schedule;
mod spec;
pub(crate) mod target;
mod timetable;
mod when;
mod when_map;

pub use except::Exclusion;
pub use job::Job;
pub(crate) use job::all_of;
pub use policy::{Misfire, OnCrash, Overlap, Retry};
pub use schedule::Schedule;
pub use spec::{JobName, JobSpec};
pub use target::{Action, Target, TargetKind};
pub use timetable::Timetable;
pub use when::{IntoWhen, When};
