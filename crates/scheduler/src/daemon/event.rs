//! What a program can hear of its scheduler.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::Error;

#[cfg(feature = "notify")]
use crate::notify::{Ear, Message};
use crate::run::RunRecord;

/// Something that happened to a run or to the scheduler.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An attempt began.
    Started(&'a RunRecord),
    /// An attempt ended, and its end was recorded.
    Finished(&'a RunRecord),
    /// Fires were recorded that never run: skipped, coalesced or missed.
    Passed(&'a RunRecord),
    /// The scheduler of a run is gone: it has failed, or waits to be attempted again.
    Rescued(&'a RunRecord),
    /// An attempt ended after another one had taken its place: its end changes nothing.
    Overtaken(&'a RunRecord),
    /// Another version of the zone data has moved the next fire of a job.
    Moved {
        /// The job.
        job: &'a str,
        /// The next fire by the zone data that it was computed with.
        from: Option<DateTime<Utc>>,
        /// The next fire now.
        to: Option<DateTime<Utc>>,
    },
    /// A later version of a job was put: this scheduler does not fire the job any more, whoever put it does.
    Superseded {
        /// The job.
        job: &'a str,
        /// The version that is valid.
        generation: u32,
    },
    /// A job was removed: it does not fire any more.
    Removed {
        /// The job.
        job: &'a str,
        /// Who has removed it, where that is known.
        by: Option<&'a str>,
    },
    /// Somebody has set the clock that fires go by.
    ClockSet {
        /// What it would show had nobody set it.
        from: DateTime<Utc>,
        /// What it shows. More than three hours later it is a correction: the fires in between were recorded as skipped.
        to: DateTime<Utc>,
    },
    /// A job out of the store has no fires that could be told: it is left out until it is another one.
    LeftOut {
        /// The job.
        job: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// The lease of this scheduler had run out: others may have taken over what it runs.
    LeaseLost,
    /// The store could not be used; it is tried again.
    StoreFailed(&'a Error),
    /// A sink has taken a notification.
    #[cfg(feature = "notify")]
    Delivered {
        /// The sink.
        sink: &'a str,
        /// What it was told.
        message: &'a Message,
    },
    /// A notification was dropped: its sink did not take it in time, or too many were waiting.
    #[cfg(feature = "notify")]
    NotDelivered {
        /// The sink; empty where it had not come to that yet.
        sink: &'a str,
        /// What it was not told.
        message: &'a Message,
        /// Why.
        why: &'a str,
    },
}

type Hears = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Who wants to hear of it; must return quickly.
#[derive(Clone)]
pub(crate) struct Listener {
    hears: Option<Hears>,
    /// What tells others of it.
    #[cfg(feature = "notify")]
    pub(crate) ear: Option<Ear>,
}

impl Listener {
    pub(crate) const fn nobody() -> Self {
        Self {
            hears: None,
            #[cfg(feature = "notify")]
            ear: None,
        }
    }

    pub(crate) fn new(listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        let mut heard = Self::nobody();
        heard.hears = Some(Arc::new(listener));
        heard
    }

    pub(crate) fn hear(&self, event: &Event<'_>) {
        match event {
            Event::StoreFailed(error) => {
                tracing::warn!(error = *error as &dyn std::error::Error, "the store failed and is tried again");
            }
            Event::Moved { job, from, to } => tracing::info!(job, ?from, ?to, "zone data moved the next fire"),
            Event::Superseded { job, generation } => {
                tracing::info!(job, generation, "another version of the job is valid now");
            }
            Event::Removed { job, by } => tracing::info!(job, by, "the job was removed"),
            Event::ClockSet { from, to } => tracing::warn!(%from, %to, "the clock was set"),
            Event::LeftOut { job, error } => {
                tracing::warn!(job, error = *error as &dyn std::error::Error, "a job out of the store is left out");
            }
            Event::LeaseLost => tracing::warn!("the lease had run out: others may have taken over its runs"),
            Event::Started(run)
            | Event::Finished(run)
            | Event::Rescued(run)
            | Event::Passed(run)
            | Event::Overtaken(run) => {
                tracing::debug!(job = run.key.job, nominal = %run.key.nominal, state = %run.state, "run");
            }
            #[cfg(feature = "notify")]
            Event::Delivered { sink, message } => tracing::debug!(sink, message = message.id, "notified"),
            #[cfg(feature = "notify")]
            Event::NotDelivered { sink, message, why } => {
                tracing::warn!(sink, job = message.facts.job, occasion = %message.occasion, why, "a notification was dropped");
            }
        }
        if let Some(hears) = &self.hears {
            hears(event);
        }
        #[cfg(feature = "notify")]
        if let Some(run) = self.ear.as_ref().and_then(|ear| ear.hear(event)) {
            let why = "too many ends of runs wait to be told";
            let message = crate::notify::unmade(&run);
            self.hear(&Event::NotDelivered { sink: "", message: &message, why });
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hears.is_some() { "Listener(some)" } else { "Listener(none)" })
    }
}
