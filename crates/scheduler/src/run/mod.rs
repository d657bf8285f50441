//! Runs: one row per fire, its key, its states, and the handle that a handler works with.

mod handle;
mod key;
mod record;
mod state;

#[cfg(test)]
pub(crate) use handle::MOST_OUTPUT;
pub(crate) use handle::Reporting;
pub use handle::Run;
pub use key::{RunKey, RunKind};
pub use record::{Missed, RunRecord};
pub use state::RunState;
