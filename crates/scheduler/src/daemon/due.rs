//! What to do with the fires whose time has come: a pure decision.
//!
//! Mostly it is one fire, and it runs. Where the scheduler was away, the job's policy decides which of those that were
//! missed run after all; the others are counted, not listed, so that a year of seconds is one row.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{Misfire, Schedule};
use crate::run::{Missed, RunState};

/// From how much lateness on a fire counts as missed.
pub(crate) const GRACE: TimeDelta = TimeDelta::minutes(1);

/// What becomes of the fires that are due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// These run.
    pub(crate) run: Vec<DateTime<Utc>>,
    /// These never run.
    pub(crate) passed: Option<Passed>,
    /// The last of all.
    pub(crate) last: DateTime<Utc>,
    /// The first that is not due yet.
    pub(crate) next: Option<DateTime<Utc>>,
}

/// Fires that never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) first: DateTime<Utc>,
    pub(crate) missed: Missed,
    /// Coalesced, where another fire runs for them; else missed.
    pub(crate) state: RunState,
}

/// Decides on the fires from `first` to `now`; `first` is due.
pub(crate) fn decide(schedule: &Schedule, misfire: Misfire, first: DateTime<Utc>, now: DateTime<Utc>) -> Decision {
    let late = |at: DateTime<Utc>| at + GRACE <= now;
    let window = match misfire {
        // An age that the calendar can't hold reaches back to all.
        Misfire::All { within } => within.before(now, schedule.in_zone().tz()).unwrap_or(DateTime::<Utc>::MIN_UTC),
        Misfire::Skip | Misfire::Latest => now,
    };
    let latest_only = misfire == Misfire::Latest && late(first);
    let mut decision = Decision { run: Vec::new(), passed: None, last: first, next: Some(first) };
    let state = if latest_only { RunState::Coalesced } else { RunState::Missed };
    while let Some(at) = decision.next.filter(|at| *at <= now) {
        if latest_only {
            if let Some(earlier) = decision.run.pop() {
                pass(&mut decision.passed, earlier, state);
            }
            decision.run.push(at);
        } else if late(at) && at < window {
            pass(&mut decision.passed, at, state);
        } else {
            decision.run.push(at);
        }
        decision.last = at;
        decision.next = schedule.next_after(at);
    }
    decision
}

/// Counts the fires later than `after` and up to `until`, all of which have passed.
pub(crate) fn count(schedule: &Schedule, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<Passed> {
    let mut passed = None;
    let mut next = schedule.next_after(after);
    while let Some(at) = next.filter(|at| *at <= until) {
        pass(&mut passed, at, RunState::Missed);
        next = schedule.next_after(at);
    }
    passed
}

fn pass(passed: &mut Option<Passed>, at: DateTime<Utc>, state: RunState) {
    let passed = passed.get_or_insert(Passed { first: at, missed: Missed { count: 0, last: at }, state });
    passed.missed.count += 1;
    passed.missed.last = at;
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::age;
    use proptest::prelude::*;

    use super::*;
    use crate::trigger::{Cron, Trigger};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hourly() -> Schedule {
        Schedule::new(Trigger::Cron(Cron::parse("0 * * * *").unwrap()))
    }

    fn times(run: &[DateTime<Utc>]) -> Vec<String> {
        run.iter().map(|at| at.format("%H:%M").to_string()).collect()
    }

    #[test]
    fn what_is_in_time_runs() {
        let decision = decide(&hourly(), Misfire::Skip, at("2026-01-01T05:00:00Z"), at("2026-01-01T05:00:59Z"));
        assert_eq!(times(&decision.run), ["05:00"]);
        assert_eq!(decision.passed, None);
        assert_eq!(decision.next, Some(at("2026-01-01T06:00:00Z")));
    }

    #[test]
    fn case_46_the_latest_of_many_missed_runs_catches_up() {
        let (first, now) = (at("2026-01-01T05:00:00Z"), at("2026-01-01T09:30:00Z"));
        let latest = decide(&hourly(), Misfire::Latest, first, now);
        assert_eq!(times(&latest.run), ["09:00"]);
        let passed = latest.passed.unwrap();
        assert_eq!((passed.first, passed.missed.last, passed.missed.count), (first, at("2026-01-01T08:00:00Z"), 4));
        assert_eq!(passed.state, RunState::Coalesced);

        let skip = decide(&hourly(), Misfire::Skip, first, now);
        assert_eq!((skip.run.len(), skip.passed.unwrap().missed.count), (0, 5));
        assert_eq!(skip.passed.unwrap().state, RunState::Missed);

        let all = decide(&hourly(), Misfire::All { within: age::hours(2) }, first, now);
        assert_eq!(times(&all.run), ["08:00", "09:00"]);
        assert_eq!(all.passed.unwrap().missed.count, 3);
    }

    proptest! {
        #[test]
        fn every_fire_is_accounted_for(minutes in 0_i64..5_000, policy in 0_usize..3) {
            let policy = [Misfire::Skip, Misfire::Latest, Misfire::All { within: age::hours(7) }][policy];
            let first = at("2026-01-01T05:00:00Z");
            let now = first + TimeDelta::minutes(minutes);
            let decision = decide(&hourly(), policy, first, now);
            let passed = decision.passed.map_or(0, |passed| passed.missed.count);
            prop_assert_eq!(decision.run.len() as u64 + passed, minutes as u64 / 60 + 1);
            prop_assert!(decision.next.unwrap() > now && decision.last <= now);
        }
    }
}
