//! Connecting, again and again until it works, is refused for good, or takes too long.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::report::Report;
use crate::error::{Error, ErrorClass};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Calls `attempt` until it succeeds, fails with a class that trying again can't help, or `limit` has passed.
///
/// The error says how often it was tried and how long that took.
pub(super) async fn connect<T, F>(target: &str, limit: Duration, attempt: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Report>>,
{
    let start = Instant::now();
    let deadline = start + limit;
    let (mut attempts, mut pause) = (0, FIRST_PAUSE);
    loop {
        attempts += 1;
        let report = match timeout_at(deadline, attempt()).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(report)) => report,
            Err(_) => Report::new(ErrorClass::Unreachable, format!("no answer within {:.1} s", limit.as_secs_f64())),
        };
        let rest = pause.mul_f64(0.5 + jitter());
        if !may_recover(report.class) || Instant::now() + rest >= deadline {
            return Err(report.into_error("connect", target, attempts, start.elapsed()));
        }
        tracing::debug!(target_address = target, attempts, error = %report.source, "connecting failed, trying again");
        sleep(rest).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

const fn may_recover(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Unreachable | ErrorClass::Unavailable)
}

/// A number from 0 to 1, so that many clients of a server that comes back don't all come at once.
fn jitter() -> f64 {
    // Every RandomState has other keys.
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn failing(class: ErrorClass, fail: u32) -> (Result<(), Error>, u32) {
        let calls = AtomicU32::new(0);
        let result = connect("db", Duration::from_secs(10), || async {
            if calls.fetch_add(1, Ordering::Relaxed) < fail { Err(Report::new(class, "no")) } else { Ok(()) }
        });
        (result.await, calls.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_recover_is_tried_again() {
        let (result, calls) = failing(ErrorClass::Unavailable, 3).await;
        assert!(result.is_ok());
        assert_eq!(calls, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_recover_fails_at_once() {
        let (result, calls) = failing(ErrorClass::Authentication, 3).await;
        assert_eq!(result.unwrap_err().class(), Some(ErrorClass::Authentication));
        assert_eq!(calls, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn giving_up_says_how_often_it_was_tried() {
        let (result, calls) = failing(ErrorClass::Unreachable, u32::MAX).await;
        let Err(Error::Database { attempts, elapsed, class, .. }) = result else { panic!("{result:?}") };
        assert_eq!((attempts, class), (calls, ErrorClass::Unreachable));
        assert!(attempts > 3 && elapsed > Duration::from_secs(5) && elapsed <= Duration::from_secs(10), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_the_limit() {
        let result = connect("db", Duration::from_secs(3), std::future::pending::<Result<(), Report>>).await;
        assert_eq!(result.unwrap_err().class(), Some(ErrorClass::Unreachable));
    }
}
