//! The metrics of `run`: all names in one place, and what sets them.

use std::sync::OnceLock;

use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::{Error, Result};
use clusterkeep_scheduler::{Event, Message, RunKind};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Attempts that began, by `namespace` and `kind`.
pub const FIRES: &str = "clusterkeep_scheduler_fires_total";
/// Seconds from a nominal fire to the start of its handler.
pub const LATENESS: &str = "clusterkeep_scheduler_lateness_seconds";
/// Seconds that attempts took, by `state`.
pub const RUN_TIME: &str = "clusterkeep_scheduler_run_seconds";
/// Runs that wait for their turn.
pub const QUEUE: &str = "clusterkeep_scheduler_queue_depth";
/// Fires that never ran, by `state` and `reason`.
pub const PASSED: &str = "clusterkeep_scheduler_fires_not_run_total";
/// How often the clock that fires go by was set, by `direction`.
pub const CLOCK_STEPS: &str = "clusterkeep_scheduler_clock_steps_total";
/// How often this program's lease had run out.
pub const LEASES_LOST: &str = "clusterkeep_scheduler_leases_lost_total";
/// Attempts whose end came after another one had taken their place.
pub const OVERTAKEN: &str = "clusterkeep_scheduler_attempts_overtaken_total";
/// Runs of schedulers that are gone.
pub const RESCUED: &str = "clusterkeep_scheduler_runs_rescued_total";
/// Calls of the store that failed and were made again.
pub const STORE_FAILURES: &str = "clusterkeep_scheduler_store_failures_total";
/// Notifications that came to their end, by `sink`, `occasion` and `outcome` (delivered, dropped).
pub const NOTIFICATIONS: &str = "clusterkeep_scheduler_notifications_total";

/// All of them.
pub const ALL: [&str; 11] = [
    FIRES,
    LATENESS,
    RUN_TIME,
    QUEUE,
    PASSED,
    CLOCK_STEPS,
    LEASES_LOST,
    OVERTAKEN,
    RESCUED,
    STORE_FAILURES,
    NOTIFICATIONS,
];

/// Bounds of a histogram's buckets, in seconds: from what a scheduler should reach to what somebody is paged for.
const SECONDS: [f64; 13] = [0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3_600.0, 36_000.0];

/// Begins to count, once for the process.
///
/// # Errors
///
/// The program counts elsewhere already.
pub fn install() -> Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let failed = |error: String| Error::failed(format!("count for /metrics: {error}"));
    let builder = [LATENESS, RUN_TIME].into_iter().try_fold(PrometheusBuilder::new(), |builder, name| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &SECONDS)
    });
    let recorder = builder.map_err(|error| failed(error.to_string()))?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| failed(error.to_string()))?;
    describe();
    Ok(HANDLE.get_or_init(|| handle).clone())
}

fn describe() {
    describe_counter!(FIRES, "attempts that began");
    describe_histogram!(LATENESS, Unit::Seconds, "from a nominal fire to the start of its handler");
    describe_histogram!(RUN_TIME, Unit::Seconds, "how long attempts took");
    describe_gauge!(QUEUE, "runs that wait for their turn");
    describe_counter!(PASSED, "fires that never ran: skipped, coalesced or missed");
    describe_counter!(CLOCK_STEPS, "how often the clock that fires go by was set");
    describe_counter!(LEASES_LOST, "how often the lease of this program had run out");
    describe_counter!(OVERTAKEN, "attempts whose end came after another had taken their place");
    describe_counter!(RESCUED, "runs of schedulers that are gone");
    describe_counter!(NOTIFICATIONS, "notifications that a sink has taken, or that were dropped");
    describe_counter!(STORE_FAILURES, "calls of the store that failed and were made again");
}

/// Counts what happens. Where nobody counts it costs next to nothing.
pub fn count(event: &Event<'_>) {
    match event {
        Event::Started(run) => {
            counter!(FIRES, "namespace" => run.key.namespace.clone(), "kind" => run.key.kind.as_str()).increment(1);
            if run.key.kind == RunKind::Scheduled && run.attempt == 1 {
                // Its row was made before, which takes as long as the store does.
                let late = SystemClock.now() - run.key.nominal;
                histogram!(LATENESS).record(late.as_seconds_f64().max(0.0));
            }
        }
        Event::Finished(run) => {
            if let Some((from, until)) = run.started.zip(run.finished) {
                histogram!(RUN_TIME, "state" => run.state.as_str()).record((until - from).as_seconds_f64().max(0.0));
            }
        }
        Event::Passed(run) => {
            // What follows a colon is of this one fire, and each text would be a series of its own.
            let reason =
                run.reason.as_deref().and_then(|reason| reason.split(':').next()).unwrap_or_default().to_owned();
            counter!(PASSED, "state" => run.state.as_str(), "reason" => reason).increment(run.fires());
        }
        Event::Rescued(_) => counter!(RESCUED).increment(1),
        Event::Overtaken(_) => counter!(OVERTAKEN).increment(1),
        Event::ClockSet { from, to } => {
            let direction = if to > from { "forward" } else { "back" };
            counter!(CLOCK_STEPS, "direction" => direction).increment(1);
        }
        Event::LeaseLost => counter!(LEASES_LOST).increment(1),
        Event::StoreFailed(_) => counter!(STORE_FAILURES).increment(1),
        Event::Delivered { sink, message } => notification(sink, message, "delivered"),
        Event::NotDelivered { sink, message, .. } => notification(sink, message, "dropped"),
        _ => {}
    }
}

fn notification(sink: &str, message: &Message, outcome: &'static str) {
    let (sink, occasion) = (sink.to_owned(), message.occasion.as_str());
    counter!(NOTIFICATIONS, "sink" => sink, "occasion" => occasion, "outcome" => outcome).increment(1);
}

/// Sets how many runs wait.
pub fn queue(namespace: &str, waiting: usize) {
    #[expect(clippy::cast_precision_loss, reason = "no queue has 2^53 runs")]
    gauge!(QUEUE, "namespace" => namespace.to_owned()).set(waiting as f64);
}

#[cfg(test)]
mod tests {
    use clusterkeep_scheduler::{RunKey, RunRecord, RunState};

    use super::*;

    #[test]
    fn each_is_emitted() {
        let handle = install().unwrap();
        let nominal: chrono::DateTime<chrono::Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let (namespace, job) = ("n".to_owned(), "j".to_owned());
        let key = RunKey { namespace, job, nominal, kind: RunKind::Scheduled, generation: 1 };
        let mut run = RunRecord::new(key, RunState::Succeeded);
        (run.attempt, run.started, run.finished) = (1, Some(nominal), Some(nominal));
        let failed = Error::failed("no");
        let facts = serde_json::from_value(serde_json::json!({
            "occasion": "failure", "namespace": "n", "job": "j", "state": "failed", "nominal": nominal, "attempt": 1,
            "failures": 1
        }));
        let (id, occasion) = ("i".to_owned(), clusterkeep_scheduler::Occasion::Failure);
        let message = Message { id, occasion, subject: String::new(), text: String::new(), facts: facts.unwrap() };
        for event in [
            Event::Started(&run),
            Event::Finished(&run),
            Event::Passed(&run),
            Event::Rescued(&run),
            Event::Overtaken(&run),
            Event::ClockSet { from: nominal, to: nominal },
            Event::LeaseLost,
            Event::StoreFailed(&failed),
            Event::Delivered { sink: "s", message: &message },
            Event::NotDelivered { sink: "s", message: &message, why: "no" },
        ] {
            count(&event);
        }
        queue("n", 3);
        let text = handle.render();
        for name in ALL {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing: {text}");
        }
        assert!(text.contains("clusterkeep_scheduler_queue_depth{namespace=\"n\"} 3"), "{text}");
        // Those are all: what is emitted is listed.
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            assert!(ALL.iter().any(|name| line.starts_with(name)), "{line}");
        }
    }
}
