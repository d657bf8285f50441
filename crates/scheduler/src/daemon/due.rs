//! What to do with the fires whose time has come: a pure decision.
//!
//! Mostly it is one fire, and it runs. Where the scheduler was away, the job's policy decides which of those that were
//! missed run after all; the others are counted, not listed, so that a year of seconds is one row.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{Misfire, Schedule};
use crate::run::{Missed, RunRecord, RunState};

/// From how much lateness on a fire counts as missed.
pub(crate) const GRACE: TimeDelta = TimeDelta::minutes(1);

/// What becomes of the fires that are due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// These run.
    pub(crate) run: Vec<DateTime<Utc>>,
    /// These never run: stretches that no other row lies in.
    pub(crate) passed: Vec<Passed>,
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

/// Decides on the fires from `first` to `now`, but for those that are decided upon already; `first` is due.
pub(crate) fn decide(
    schedule: &Schedule,
    misfire: Misfire,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
    decided: impl Fn(DateTime<Utc>) -> bool,
) -> Decision {
    let late = |at: DateTime<Utc>| at + GRACE <= now;
    let window = match misfire {
        // An age that the calendar can't hold reaches back to all.
        Misfire::All { within } => within.before(now, schedule.in_zone().tz()).unwrap_or(DateTime::<Utc>::MIN_UTC),
        Misfire::Skip | Misfire::Latest => now,
    };
    let latest_only = misfire == Misfire::Latest && late(first);
    let mut decision = Decision { run: Vec::new(), passed: Vec::new(), last: first, next: Some(first) };
    let mut passing = Passing::of(if latest_only { RunState::Coalesced } else { RunState::Missed });
    while let Some(at) = decision.next.filter(|at| *at <= now) {
        let there = decided(at);
        if latest_only {
            // Also one that is there already comes later than those before it.
            if let Some(earlier) = decision.run.pop() {
                passing.pass(earlier);
            }
        }
        if there {
            passing.interrupt();
        } else if !latest_only && late(at) && at < window {
            passing.pass(at);
        } else {
            decision.run.push(at);
        }
        decision.last = at;
        decision.next = schedule.next_after(at);
    }
    decision.passed = passing.stretches;
    decision
}

/// Counts the fires later than `after` and up to `until`, all of which have passed, but for those that are decided upon
/// already.
pub(crate) fn count(
    schedule: &Schedule,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    decided: impl Fn(DateTime<Utc>) -> bool,
) -> Vec<Passed> {
    let mut passing = Passing::of(RunState::Missed);
    let mut next = schedule.next_after(after);
    while let Some(at) = next.filter(|at| *at <= until) {
        if decided(at) {
            passing.interrupt();
        } else {
            passing.pass(at);
        }
        next = schedule.next_after(at);
    }
    passing.stretches
}

/// Where no fire is decided upon.
pub(crate) const fn none(_: DateTime<Utc>) -> bool {
    false
}

/// The fires that these rows stand for.
pub(crate) fn of_rows(rows: &[RunRecord]) -> impl Fn(DateTime<Utc>) -> bool {
    let mut spans: Vec<_> = rows.iter().map(|run| (run.key.nominal, run.last_fire())).collect();
    spans.sort_unstable();
    // No row reaches behind the beginning of the next one, so that the last one before an instant is the only one to ask.
    move |at| {
        let behind = spans.partition_point(|(first, _)| *first <= at);
        behind.checked_sub(1).and_then(|last| spans.get(last)).is_some_and(|(_, last)| at <= *last)
    }
}

/// Counts fires that never run.
struct Passing {
    state: RunState,
    stretches: Vec<Passed>,
    /// The next one begins another stretch.
    interrupted: bool,
}

impl Passing {
    const fn of(state: RunState) -> Self {
        Self { state, stretches: Vec::new(), interrupted: true }
    }

    const fn interrupt(&mut self) {
        self.interrupted = true;
    }

    fn pass(&mut self, at: DateTime<Utc>) {
        if std::mem::take(&mut self.interrupted) {
            self.stretches.push(Passed { first: at, missed: Missed { count: 0, last: at }, state: self.state });
        }
        if let Some(passed) = self.stretches.last_mut() {
            passed.missed.count += 1;
            passed.missed.last = at;
        }
    }
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

    fn row(nominal: DateTime<Utc>) -> RunRecord {
        let (namespace, job) = ("n".to_owned(), "j".to_owned());
        let key = crate::run::RunKey { namespace, job, nominal, kind: crate::run::RunKind::Scheduled, generation: 1 };
        RunRecord::new(key, RunState::Succeeded)
    }

    fn times(run: &[DateTime<Utc>]) -> Vec<String> {
        run.iter().map(|at| at.format("%H:%M").to_string()).collect()
    }

    #[test]
    fn what_is_in_time_runs() {
        let decision = decide(&hourly(), Misfire::Skip, at("2026-01-01T05:00:00Z"), at("2026-01-01T05:00:59Z"), none);
        assert_eq!(times(&decision.run), ["05:00"]);
        assert_eq!(decision.passed, []);
        assert_eq!(decision.next, Some(at("2026-01-01T06:00:00Z")));
    }

    #[test]
    fn case_46_the_latest_of_many_missed_runs_catches_up() {
        let (first, now) = (at("2026-01-01T05:00:00Z"), at("2026-01-01T09:30:00Z"));
        let latest = decide(&hourly(), Misfire::Latest, first, now, none);
        assert_eq!(times(&latest.run), ["09:00"]);
        let [passed] = latest.passed[..] else { panic!("{latest:?}") };
        assert_eq!((passed.first, passed.missed.last, passed.missed.count), (first, at("2026-01-01T08:00:00Z"), 4));
        assert_eq!(passed.state, RunState::Coalesced);

        let skip = decide(&hourly(), Misfire::Skip, first, now, none);
        assert_eq!((skip.run.len(), skip.passed[0].missed.count), (0, 5));
        assert_eq!(skip.passed[0].state, RunState::Missed);

        let all = decide(&hourly(), Misfire::All { within: age::hours(2) }, first, now, none);
        assert_eq!(times(&all.run), ["08:00", "09:00"]);
        assert_eq!(all.passed[0].missed.count, 3);
    }

    proptest! {
        #[test]
        fn every_fire_is_accounted_for(
            minutes in 0_i64..5_000,
            policy in 0_usize..3,
            there in prop::collection::btree_set(0_i64..90, 0..30),
        ) {
            let policy = [Misfire::Skip, Misfire::Latest, Misfire::All { within: age::hours(7) }][policy];
            let first = at("2026-01-01T05:00:00Z");
            let now = first + TimeDelta::minutes(minutes);
            let rows: Vec<RunRecord> = there.iter().map(|hour| row(first + TimeDelta::hours(*hour))).collect();
            let decision = decide(&hourly(), policy, first, now, of_rows(&rows));
            // Each is there already, runs or has passed: one of these, and once.
            let mut seen = std::collections::BTreeMap::<_, u32>::new();
            let due = |at: &DateTime<Utc>| *at <= now;
            let stretch = |passed: &Passed| hourly().upcoming(passed.first - TimeDelta::seconds(1))
                .map(|fire| fire.nominal).take(passed.missed.count as usize).collect::<Vec<_>>();
            let passed: Vec<_> = decision.passed.iter().flat_map(stretch).collect();
            for at in rows.iter().map(|run| run.key.nominal).filter(due).chain(decision.run.clone()).chain(passed) {
                *seen.entry(at).or_default() += 1;
            }
            prop_assert_eq!(seen.len() as i64, minutes / 60 + 1);
            prop_assert!(seen.values().all(|times| *times == 1), "{:?}", decision);
            prop_assert!(decision.next.unwrap() > now && decision.last <= now);
            // What runs for others comes last.
            if policy == Misfire::Latest && minutes > 1 {
                prop_assert!(decision.run.iter().all(|at| *at == decision.last));
            }
        }
    }
}
