//! Attempts that take longer than they may.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::age;
use clusterkeep_scheduler::{Job, Run, RunState, Scheduler};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_cut_off_and_the_next_one_runs() {
    let handler = |run: Run| async move {
        // The first one would never end.
        let patience =
            if run.nominal() == at("2026-01-01T00:00:00Z") { Duration::from_secs(3_600) } else { Duration::ZERO };
        tokio::time::sleep(patience).await;
        Ok(())
    };
    let runs = Scheduler::builder()
        .handler("slow", handler)
        .job(Job::named("slow").run("slow").cron("@hourly").timeout("50ms".parse().unwrap()))
        .simulate(at("2026-01-01T00:00:00Z"), at("2026-01-01T02:00:00Z"))
        .await
        .unwrap();
    let [first, second] = runs.as_slice() else { panic!("two runs") };
    assert_eq!(first.state, RunState::Failed);
    assert_eq!(first.error.as_deref(), Some("cut off after 50 milliseconds, the job's timeout"));
    assert_eq!((second.state, second.error.as_deref()), (RunState::Succeeded, None));
}

#[test]
fn a_timeout_has_a_fixed_length() {
    let error = Job::named("a").run("x").cron("@hourly").timeout(age::months(1)).build().unwrap_err().to_string();
    assert!(error.contains("has no fixed length"), "{error}");
}
