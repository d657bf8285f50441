//! The thread that ends what a dropped guard can't end itself.
//!
//! A destructor may run on any runtime, in its shutdown, or without one. So it hands its work to this thread, which has a
//! runtime of its own, and waits for a bounded time. Nothing here panics, and nothing here waits for ever.

use std::pin::Pin;
use std::sync::mpsc::{self, RecvTimeoutError, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::error::{Error, Result};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The way to the thread, once it has been needed.
static WORKER: Mutex<Option<UnboundedSender<Work>>> = Mutex::new(None);

/// Where a job says how it went, at its end or before.
#[derive(Debug)]
pub(super) struct Answer<T>(mpsc::SyncSender<T>);

impl<T> Answer<T> {
    /// Says it; what is said first counts. What nobody hears any more comes back.
    #[must_use]
    pub(super) fn say(&self, what: T) -> Option<T> {
        match self.0.try_send(what) {
            Ok(()) => None,
            Err(TrySendError::Full(what) | TrySendError::Disconnected(what)) => Some(what),
        }
    }
}

/// Runs `job` on the worker thread, which ends it after `limit`, and waits for its answer for at most `wait`.
///
/// None where there is none by then; the job goes on for as long as this process and its limit last.
///
/// # Errors
///
/// There is no thread to be had.
pub(super) fn run<T: Send + 'static, F: Future<Output = ()> + Send + 'static>(
    wait: Duration,
    limit: Duration,
    job: impl FnOnce(Answer<T>) -> F,
) -> Result<Option<T>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let job = job(Answer(sender));
    submit(Box::pin(async move {
        // One that takes too long is dropped, and has not answered.
        drop(tokio::time::timeout(limit, job).await);
    }))?;
    match receiver.recv_timeout(wait) {
        Ok(answer) => Ok(Some(answer)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
    }
}

fn submit(mut work: Work) -> Result<()> {
    let mut worker = WORKER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*worker {
        match sender.send(work) {
            Ok(()) => return Ok(()),
            // The thread has ended, which it does where a job panicked.
            Err(refused) => work = refused.0,
        }
    }
    let sender = start()?;
    sender.send(work).map_err(|_| Error::failed("hand work to the thread that cleans up"))?;
    *worker = Some(sender);
    Ok(())
}

/// A new thread that does what it is sent, side by side.
fn start() -> Result<UnboundedSender<Work>> {
    let failed = |error| Error::caused("start the thread that cleans up", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (sender, mut jobs) = unbounded_channel::<Work>();
    let listen = move || {
        runtime.block_on(async {
            while let Some(work) = jobs.recv().await {
                drop(tokio::spawn(work));
            }
        });
    };
    std::thread::Builder::new().name("clusterkeep-cleanup".into()).spawn(listen).map_err(failed)?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn work<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        run(LONG, LONG, async |answer| drop(answer.say(work.await))).unwrap()
    }

    #[test]
    fn jobs_run_without_a_runtime() {
        assert_eq!(work(async { 42 }), Some(42));
    }

    #[tokio::test]
    async fn jobs_run_inside_a_current_thread_runtime() {
        assert_eq!(work(async { tokio::time::sleep(Duration::from_millis(5)).await }), Some(()));
    }

    #[test]
    fn neither_the_wait_nor_the_job_lasts_for_ever() {
        let begun = Instant::now();
        let never = async |_answer: Answer<()>| std::future::pending().await;
        assert_eq!(run(Duration::from_millis(20), LONG, never).unwrap(), None);
        assert_eq!(run(LONG, Duration::from_millis(20), never).unwrap(), None);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn an_early_answer_ends_the_wait_and_not_the_job() {
        let (sender, receiver) = mpsc::channel();
        let job = async move |answer: Answer<u8>| {
            assert_eq!(answer.say(1), None);
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender.send(2).unwrap();
        };
        assert_eq!(run(LONG, LONG, job).unwrap(), Some(1));
        assert_eq!(receiver.recv_timeout(LONG), Ok(2));
    }

    #[test]
    fn a_job_that_panics_takes_nothing_with_it() {
        let broken = async |_answer: Answer<()>| {
            if Instant::now().elapsed() < LONG {
                panic!("on purpose");
            }
        };
        assert_eq!(run(LONG, LONG, broken).unwrap(), None);
        assert_eq!(work(async { 1 }), Some(1));
    }
}
