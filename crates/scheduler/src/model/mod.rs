//! What is wanted: schedules, jobs and timetables, as plain data from a file or a fluent builder.
//!
//! Everything is validated before anything starts; nothing here does I/O.

mod alike;
mod chain;
mod condition;
mod except;
mod following;
pub(crate) mod go;
mod job;
mod limits;
mod meta;
mod names;
mod namespace;
mod notify;
mod permissions;
mod policy;
mod reference;
mod schedule;
pub(crate) mod secret;
mod sink;
mod spec;
pub(crate) mod target;
mod timetable;
mod validate;
mod when;
mod when_map;

pub(crate) use alike::Alike;
pub use chain::{Broken, check_chains};
pub use condition::{Condition, ValueAt};
pub use except::Exclusion;
pub(crate) use following::Verdict;
pub use following::{Following, On};
pub use job::Job;
pub(crate) use job::all_of;
pub use meta::{Meta, Stamp};
pub use names::Names;
#[cfg(feature = "import")]
pub(crate) use namespace::check as namespace_is_named;
pub use namespace::ephemeral_namespace;
pub use notify::{Notify, Occasion, Words};
pub use permissions::{Permission, Permissions};
pub use policy::{Misfire, OnCrash, Overlap, Retry};
pub use reference::SecretRef;
pub use schedule::Schedule;
pub use sink::{Exec, Mail, SinkKind, SinkSpec, Sinks, Webhook};
pub use spec::{JobBody, JobName, JobSpec};
pub use target::{Action, Target, TargetKind};
pub use timetable::Timetable;
#[cfg(feature = "import")]
pub(crate) use validate::nearer;
pub use validate::{Findings, KnownAction, remarks, validate};
pub use when::{IntoWhen, When};
