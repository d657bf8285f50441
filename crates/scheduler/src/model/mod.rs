//! What is wanted: schedules, jobs and timetables, as plain data from a file or a fluent builder.
//!
//! Everything is validated before anything starts; nothing here does I/O.

mod except;
mod job;
mod limits;
mod meta;
mod namespace;
mod permissions;
mod policy;
mod schedule;
pub(crate) mod secret;
mod spec;
pub(crate) mod target;
mod timetable;
mod validate;
mod when;
mod when_map;

pub use except::Exclusion;
pub use job::Job;
pub(crate) use job::all_of;
pub use meta::{Meta, Stamp};
pub use namespace::ephemeral_namespace;
pub use permissions::{Permission, Permissions};
pub use policy::{Misfire, OnCrash, Overlap, Retry};
pub use schedule::Schedule;
pub use spec::{JobName, JobSpec};
pub use target::{Action, Target, TargetKind};
pub use timetable::Timetable;
pub use validate::{Findings, secrets_in, validate};
pub use when::{IntoWhen, When};
