//! Runs: one row per fire, its key, its states, and the handle that a handler works with.

mod handle;
mod key;
mod mark;
mod record;
mod state;

pub(crate) use handle::Reporting;
pub use handle::Run;
#[allow(unused_imports, reason = "which of them is needed is a matter of features")]
pub(crate) use handle::{MOST_OUTPUT, MOST_RESULT};
pub use key::{RunKey, RunKind};
pub(crate) use mark::mark;
pub use record::{Attempt, Missed, RunRecord};
pub use state::RunState;
