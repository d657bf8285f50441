//! The scheduler itself: makes fires when their time has come, and runs their handlers.
//!
//! `due` decides (pure), `roster` knows the jobs, `engine` waits and dispatches, `watch` looks at what others have asked
//! for, `execute` runs one handler, `simulate` walks through a period without waiting, `rehearse` (pure) tells what
//! policies would make of one. Only the engine has a loop.

mod builder;
mod certain;
mod core;
mod dispatch;
pub(crate) mod due;
mod ending;
mod engine;
mod event;
mod execute;
mod guard;
mod handler;
mod recover;
mod rehearse;
mod retry;
mod roster;
mod simulate;
mod stored;
mod trigger_now;
mod watch;

pub use builder::SchedulerBuilder;
pub use event::Event;
pub use guard::{DrainReport, Scheduler};
pub use rehearse::{Outage, rehearse};
pub(crate) use roster::{missed_by, passed_run, reconcile, retire};
pub use trigger_now::Triggered;
