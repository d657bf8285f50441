//! A queue for each sink, and who empties it: a sink that is down keeps no other one waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clusterkeep_core::{Error, Result};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{Message, Sink, Undelivered, chain, sink};
use crate::daemon::{Event, Listener};
use crate::hash;
use crate::model::{SinkKind, SinkSpec, Sinks};

/// How many messages wait for one sink; further ones are dropped.
const WAITING: usize = 256;

/// How long is waited before the second attempt; it doubles, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A sink with how long is tried to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Reachable {
    sink: Arc<dyn Sink>,
    timeout: Duration,
    give_up_after: Duration,
}

impl Reachable {
    /// One that a file describes.
    pub(crate) fn described(spec: &SinkSpec) -> Result<Self> {
        Self::new(sink(spec)?, spec)
    }

    /// One of a program's own, with the same times as those of files.
    pub(crate) fn own(sink: Arc<dyn Sink>) -> Result<Self> {
        let like = SinkSpec::new(SinkKind::Command(crate::model::Exec { command: Vec::new() }));
        Self::new(sink, &like)
    }

    fn new(sink: Arc<dyn Sink>, spec: &SinkSpec) -> Result<Self> {
        let fixed = |age: clusterkeep_core::age::Age| {
            age.as_duration().ok_or_else(|| Error::input(format!("`{age}` has no fixed length")))
        };
        Ok(Self { sink, timeout: fixed(spec.timeout)?, give_up_after: fixed(spec.give_up_after)? })
    }

    /// All that a timetable and a program have, by name.
    ///
    /// # Errors
    ///
    /// A name that is there twice; a sink that can't be.
    pub(crate) fn all(specs: &Sinks, own: &HashMap<String, Arc<dyn Sink>>) -> Result<HashMap<String, Self>> {
        let mut all = HashMap::new();
        for (name, spec) in specs {
            all.insert(name.clone(), Self::described(spec)?);
        }
        for (name, sink) in own {
            if all.insert(name.clone(), Self::own(sink.clone())?).is_some() {
                return Err(Error::input(format!("sink `{name}` is there twice")));
            }
        }
        Ok(all)
    }
}

/// A message in a queue.
#[derive(Debug)]
struct Waiting {
    message: Arc<Message>,
    since: Instant,
}

/// The queues of all sinks.
#[derive(Debug)]
pub(super) struct Outbox {
    queues: HashMap<String, mpsc::Sender<Waiting>>,
    listener: Listener,
}

impl Outbox {
    /// Starts a sender for each sink. Once `closing` names an instant, none tries for longer than that.
    pub(super) fn start(
        sinks: HashMap<String, Reachable>,
        listener: &Listener,
        closing: &watch::Receiver<Option<Instant>>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let mut queues = HashMap::with_capacity(sinks.len());
        for (name, reachable) in sinks {
            let (queue, waiting) = mpsc::channel(WAITING);
            let sender = Sender { name: name.clone(), reachable, listener: listener.clone(), closing: closing.clone() };
            tasks.spawn(sender.empty(waiting));
            queues.insert(name, queue);
        }
        Self { queues, listener: listener.clone() }
    }

    /// Leaves a message for a sink; what finds no place is dropped at once.
    pub(super) fn put(&self, sink: &str, message: &Arc<Message>) {
        let waiting = Waiting { message: message.clone(), since: Instant::now() };
        let why = match self.queues.get(sink).map(|queue| queue.try_send(waiting)) {
            Some(Ok(())) => return,
            Some(Err(_)) => format!("{WAITING} messages wait for it already"),
            None => "there is no such sink".to_owned(),
        };
        self.listener.hear(&Event::NotDelivered { sink, message, why: &why });
    }
}

/// Brings the messages of one sink there, one after the other.
struct Sender {
    name: String,
    reachable: Reachable,
    listener: Listener,
    closing: watch::Receiver<Option<Instant>>,
}

impl Sender {
    async fn empty(self, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(waiting) = queue.recv().await {
            let (sink, message) = (self.name.clone(), waiting.message.clone());
            match self.deliver(&waiting).await {
                Ok(()) => self.listener.hear(&Event::Delivered { sink: &sink, message: &message }),
                Err(why) => self.listener.hear(&Event::NotDelivered { sink: &sink, message: &message, why: &why }),
            }
        }
    }

    /// Tries until the message is taken, too old, or can't be taken at all, or the scheduler has ended.
    async fn deliver(&self, waiting: &Waiting) -> Result<(), String> {
        let mut last = None;
        let ended = tokio::select! {
            biased;
            () = self.closed() => None,
            outcome = self.attempts(waiting, &mut last) => Some(outcome),
        };
        ended.unwrap_or_else(|| {
            let last = last.map(|error| format!("{error}; ")).unwrap_or_default();
            Err(format!("{last}the scheduler ended before it was taken"))
        })
    }

    async fn attempts(&self, waiting: &Waiting, last: &mut Option<String>) -> Result<(), String> {
        let until = waiting.since + self.reachable.give_up_after;
        let mut attempts = 0_u32;
        loop {
            let now = Instant::now();
            if now >= until {
                let took = waiting.since.elapsed().as_secs_f64();
                let plural = if attempts == 1 { "" } else { "s" };
                return Err(match last.take() {
                    Some(error) => format!("{error} (given up after {took:.0} s and {attempts} attempt{plural})"),
                    None => format!("others before it were not taken, and it has waited for {took:.0} s"),
                });
            }
            attempts += 1;
            let within = until.min(now + self.reachable.timeout);
            let error = match timeout_at(within, self.reachable.sink.deliver(&waiting.message)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(Undelivered::Never(error))) => return Err(chain(&error)),
                Ok(Err(Undelivered::Again(error))) => chain(&error),
                Err(_) => format!("no answer within {:.1} s", (within - now).as_secs_f64()),
            };
            tracing::debug!(sink = self.name, attempts, error, "a notification is delivered again later");
            *last = Some(error);
            tokio::time::sleep_until(until.min(Instant::now() + pause(&waiting.message.id, attempts))).await;
        }
    }

    /// Waits until the scheduler has ended, and the time that it leaves is over.
    async fn closed(&self) {
        let mut closing = self.closing.clone();
        // Where nobody can close it any more, nobody waits for it either.
        let at = closing.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        match at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// How long to wait after so many attempts: doubled each time, less up to a half of it, by a part that depends on the
/// message.
fn pause(id: &str, attempts: u32) -> Duration {
    let most = FIRST_WAIT.saturating_mul(1 << (attempts - 1).min(16)).min(LONGEST_WAIT);
    let part = hash::of(u64::from(attempts), id) % 512;
    most - most.mul_f64(f64::from(u32::try_from(part).unwrap_or_default()) / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_shortened_by_half_at_most() {
        for (attempts, most) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (60, 60)] {
            let most = Duration::from_secs(most);
            let wait = pause("a", attempts);
            assert!(wait <= most && wait >= most / 2, "{attempts}: {wait:?}");
        }
    }
}
