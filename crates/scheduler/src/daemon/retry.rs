//! Whether a run that has failed is attempted again, and when: a pure decision.

use chrono::{DateTime, TimeDelta, Utc};

use crate::hash;
use crate::model::Retry;
use crate::run::{RunRecord, RunState};

/// Gives a run that has failed back where its job allows another attempt; after the last one it is dead.
pub(crate) fn after(run: &mut RunRecord, retry: Option<Retry>, now: DateTime<Utc>) {
    let Some(retry) = retry.filter(|_| run.state == RunState::Failed) else { return };
    let attempts = run.attempt.saturating_sub(run.renewed);
    if attempts >= retry.attempts.get() {
        run.state = RunState::Dead;
        return;
    }
    run.state = RunState::Pending;
    run.not_before = now.checked_add_signed(wait(run, retry, attempts));
    run.finished = None;
}

/// How long to wait after so many attempts: doubled each time up to the most, less up to a half of it.
fn wait(run: &RunRecord, retry: Retry, attempts: u32) -> TimeDelta {
    let length = |age: clusterkeep_core::age::Age| age.as_duration().unwrap_or_default();
    let doublings = attempts.saturating_sub(1).min(31);
    let most = length(retry.first).saturating_mul(1 << doublings).min(length(retry.most));
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    let seed = run.key.nominal.timestamp_micros().cast_unsigned() ^ u64::from(run.attempt) << 48;
    let less = hash::of(seed, &run.key.job).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    // A part of 2^33 of the whole is at most a half.
    let shorter = u128::from(millis) - ((u128::from(millis) * u128::from(less)) >> 33);
    TimeDelta::try_milliseconds(i64::try_from(shorter).unwrap_or(i64::MAX)).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::age;

    use super::*;
    use crate::run::{RunKey, RunKind};

    #[test]
    fn waits_double_and_end() {
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let key =
            RunKey { namespace: "n".into(), job: "j".into(), nominal: now, kind: RunKind::Scheduled, generation: 1 };
        let retry = Retry::times(4).first(age::seconds(10)).most(age::seconds(30));
        let mut bounds = Vec::new();
        for attempt in 1..=4 {
            let mut run = RunRecord { attempt, ..RunRecord::new(key.clone(), RunState::Failed) };
            after(&mut run, Some(retry), now);
            bounds.push((run.state, run.not_before.map(|at| (at - now).num_seconds())));
        }
        for ((state, waits), most) in bounds.iter().zip([10, 20, 30]) {
            assert_eq!(*state, RunState::Pending);
            assert!((most / 2..=most).contains(&waits.unwrap()), "{bounds:?}");
        }
        assert_eq!(bounds[3], (RunState::Dead, None));
        // Somebody asked for it anew: the four before do not count.
        let mut renewed = RunRecord { attempt: 5, renewed: 4, ..RunRecord::new(key, RunState::Failed) };
        after(&mut renewed, Some(retry), now);
        assert_eq!(renewed.state, RunState::Pending);
    }
}
