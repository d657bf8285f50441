//! What happens while it happens: events for progress lines, logs and embedding programs.
//!
//! Nobody's work waits for who listens: a listener is a plain function that must return quickly.

use std::fmt;
use std::sync::Arc;

use crate::plan::Outcome;

/// Something that happened in the course of an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An apply began.
    Started {
        /// The plan's hash, short.
        plan: String,
        /// How many steps it has.
        steps: usize,
    },
    /// A step began.
    StepStarted {
        /// The step's number in the plan.
        step: u32,
        /// What it does, as text.
        what: String,
    },
    /// A step ended.
    StepFinished {
        /// The step's number in the plan.
        step: u32,
        /// What it did, as text.
        what: String,
        /// The worst outcome of its objects.
        outcome: Outcome,
        /// How many steps have ended.
        finished: usize,
        /// How many steps there are.
        steps: usize,
    },
    /// A cluster changes on behalf of somebody, and its keeper says how far that has come.
    Operation {
        /// The cluster, by name.
        cluster: String,
        /// What is going on, such as `resume`.
        what: String,
        /// How it stands: `registered`, `sent`, `in progress`, `succeeded`, `failed`.
        status: String,
        /// What the keeper says of it, in its own words.
        message: Option<String>,
    },
    /// Part of a long step was done.
    Progress {
        /// What is being done, as text.
        what: String,
        /// How much is done.
        done: u64,
        /// Of how much, where that is known.
        total: Option<u64>,
    },
}

/// Where events go; cheap to clone.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<dyn Fn(Event) + Send + Sync>>);

impl Events {
    /// Events that nobody listens to.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Events that `listener` gets, in the order in which they happen on each task.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Hands an event over.
    pub fn emit(&self, event: Event) {
        if let Some(listener) = &self.0 {
            listener(event);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Events(listener)" } else { "Events(none)" })
    }
}
