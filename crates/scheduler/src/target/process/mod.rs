//! A process and all that it starts, from its beginning to its end.
//!
//! It is the leader of a process group of its own and carries a mark in its environment, which what it starts inherits. When
//! it has ended, or is to end, its whole tree is: asked by SIGTERM, and killed by SIGKILL after the grace. On Linux the tree
//! is its group, what descends from it, and whatever carries its mark, so that what has left the group and lost its parents
//! is found, too; elsewhere it is the group.
//!
//! # What it can't do
//!
//! A process that has left the group, lost its parents *and* cleared its environment is not found. And where the scheduler
//! itself is killed by SIGKILL, what it ran goes on until the next scheduler of this machine comes to the run, which ends it
//! before anything else becomes of the run ([`end_left`]). The kernel's parent-death signal is no help: it comes when the
//! *thread* that has started a process ends, and threads of the runtime come and go.

mod account;
mod capture;
mod left;
mod limits;
mod spawn;
mod supervise;
mod tree;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::left::end_left;
pub(super) use self::spawn::Start;
pub(super) use self::supervise::run;
use crate::run::Run;

/// Where output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The standard output.
    Out,
    /// The standard error.
    Err,
}

type Hears = Arc<dyn Fn(&Run, Stream, &[u8]) + Send + Sync>;

/// Who hears what processes write, while they do; must return quickly.
#[derive(Clone, Default)]
pub struct Echo(Option<Hears>);

impl Echo {
    /// Hands all that processes write to `hear`.
    pub fn to(hear: impl Fn(&Run, Stream, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    fn hear(&self, run: &Run, stream: Stream, bytes: &[u8]) {
        if let Some(hear) = &self.0 {
            hear(run, stream, bytes);
        }
    }
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Echo(some)" } else { "Echo(none)" })
    }
}
