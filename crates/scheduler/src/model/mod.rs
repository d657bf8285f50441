//! What is wanted: schedules, jobs and timetables, as plain data from a file or a fluent builder.
//!
//! Everything is validated before anything starts; nothing here does I/O.

mod chain;
mod condition;
mod except;
mod following;
mod job;
mod limits;
mod names;
mod notify;
mod policy;
mod reference;
mod schedule;
mod sink;
mod spec;
pub(crate) mod target;
mod timetable;
mod when;
mod when_map;

pub use chain::{Broken, check_chains};
pub use condition::{At, Condition};
pub use except::Exclusion;
pub(crate) use following::Verdict;
pub use following::{Following, On};
pub use job::Job;
pub(crate) use job::all_of;
pub use names::Names;
pub use notify::{Notify, Occasion, Words};
pub use policy::{Misfire, OnCrash, Overlap, Retry};
pub use reference::SecretRef;
pub use schedule::Schedule;
pub use sink::{Exec, Mail, SinkKind, SinkSpec, Sinks, Webhook};
pub use spec::{JobName, JobSpec};
pub use target::{Action, Target, TargetKind};
pub use timetable::Timetable;
pub use when::{IntoWhen, When};
