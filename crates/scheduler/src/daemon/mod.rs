//! The scheduler itself: makes fires when their time has come, and runs their handlers.
//!
//! `due` decides (pure), `roster` knows the jobs, `engine` waits and dispatches, `clock` sees that the clock was set, `watch`
//! looks at what others have asked for, `execute` runs one handler, `simulate` walks through a period without waiting, `rehearse` (pure) tells what
//! policies would make of one. Only the engine has a loop.

mod anew;
mod brought;
mod builder;
mod certain;
mod clock;
mod core;
mod delayed;
mod dispatch;
pub(crate) mod due;
mod ending;
mod engine;
mod event;
mod execute;
mod follow;
mod guard;
mod handler;
mod heap;
mod owed;
mod recover;
mod rehearse;
mod retry;
mod roster;
mod simulate;
mod stored;
mod telling;
mod trigger_now;
mod watch;

#[cfg(feature = "notify")]
pub(crate) use self::core::Core;
pub use builder::SchedulerBuilder;
pub use event::Event;
#[cfg(feature = "notify")]
pub(crate) use event::Listener;
pub use guard::{DrainReport, Scheduler};
pub(crate) use owed::{Owed, owed};
pub use rehearse::{Outage, rehearse};
pub(crate) use roster::{owed_by, passed_run, reconcile, retire};
pub use trigger_now::Triggered;
