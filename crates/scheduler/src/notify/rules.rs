//! What of a run's end is worth telling: a pure decision from the run and those that ended before it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::age::Age;

use crate::model::{JobSpec, Notify, Occasion};
use crate::run::{RunKind, RunRecord, RunState};

/// The notifications of each job: its own, or those of its timetable where it says nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    told: HashMap<String, Arc<OfJob>>,
    /// Jobs that nobody is told of.
    silent: HashSet<String>,
}

/// A job with its notifications.
#[derive(Debug)]
pub(super) struct OfJob {
    pub(super) spec: JobSpec,
    pub(super) all: Vec<Notify>,
}

impl Rules {
    /// Those of these jobs.
    pub(crate) fn of(jobs: &[JobSpec], defaults: &[Notify]) -> Self {
        let mut rules = Self::default();
        for spec in jobs {
            let (name, all) = (spec.name.as_str().to_owned(), spec.notify.clone().unwrap_or_else(|| defaults.to_vec()));
            if all.is_empty() {
                rules.silent.insert(name);
            } else {
                rules.told.insert(name, Arc::new(OfJob { spec: spec.clone(), all }));
            }
        }
        rules
    }

    /// Whether nobody is told of anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether a job is one of these, be it that nobody is told of it.
    pub(super) fn has(&self, job: &str) -> bool {
        self.told.contains_key(job) || self.silent.contains(job)
    }

    /// The jobs with the sinks that they name.
    pub(crate) fn sinks(&self) -> Vec<(&str, &str)> {
        let mut all = Vec::new();
        for (job, rules) in &self.told {
            all.extend(rules.all.iter().flat_map(|rule| rule.to.iter()).map(|sink| (job.as_str(), sink.as_str())));
        }
        all.sort_unstable();
        all
    }

    pub(super) fn job(&self, job: &str) -> Option<&Arc<OfJob>> {
        self.told.get(job)
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Arc<OfJob>> {
        self.told.values()
    }
}

impl OfJob {
    /// Whether the end of a run may be worth telling, before it is known what was before it.
    pub(super) fn may_tell(&self, state: RunState) -> bool {
        let occasions: &[Occasion] = match state {
            RunState::Succeeded => &[Occasion::Success, Occasion::Recovery, Occasion::Output],
            RunState::Failed | RunState::Dead => &[Occasion::Failure, Occasion::FirstFailure, Occasion::Output],
            RunState::Refused => &[Occasion::Refused],
            _ => return false,
        };
        self.all.iter().any(|rule| rule.on.iter().any(|occasion| occasions.contains(occasion)))
    }

    /// Each age within which a success must have come, with the places of the notifications that ask for it.
    pub(super) fn heartbeats(&self) -> Vec<(Age, Vec<usize>)> {
        let mut found: Vec<(Age, Vec<usize>)> = Vec::new();
        for (place, rule) in self.all.iter().enumerate() {
            let Some(age) = rule.within.filter(|_| rule.on.contains(&Occasion::MissedHeartbeat)) else { continue };
            match found.iter_mut().find(|(known, _)| known.as_duration() == age.as_duration()) {
                Some((_, places)) => places.push(place),
                None => found.push((age, vec![place])),
            }
        }
        found
    }
}

/// What was before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Before {
    /// How many runs that ended right before it have failed, one after the other.
    pub(super) failures: u32,
    /// When the first of them ended.
    pub(super) failing_since: Option<DateTime<Utc>>,
    /// When one last succeeded.
    pub(super) last_success: Option<DateTime<Utc>>,
}

/// Whether a run counts in a streak: one for a fire of the past says nothing of how its job is now.
pub(super) fn counts(run: &RunRecord) -> bool {
    run.key.kind != RunKind::Backfill && matches!(run.state, RunState::Succeeded | RunState::Failed | RunState::Dead)
}

/// What was before `run`, of the job's other runs in any order. Cancelled and refused ones are passed over: they neither
/// end a streak of failures nor begin one.
pub(super) fn before(run: &RunRecord, others: &[RunRecord]) -> Before {
    let place = |run: &RunRecord| run.finished.map(|finished| (finished, run.key.clone()));
    let here = place(run);
    let mut earlier: Vec<&RunRecord> =
        others.iter().filter(|other| counts(other) && other.key != run.key && place(other) < here).collect();
    earlier.sort_by_key(|other| std::cmp::Reverse(place(other)));
    let failed = earlier.iter().take_while(|other| other.state != RunState::Succeeded);
    let failing_since = failed.clone().last().and_then(|first| first.finished);
    let last = earlier.iter().find(|other| other.state == RunState::Succeeded);
    Before {
        failures: u32::try_from(failed.count()).unwrap_or(u32::MAX),
        failing_since,
        last_success: last.and_then(|run| run.finished),
    }
}

/// What there is to tell of a run's end, the most telling first: a notification tells the first of those that it asks for.
pub(super) fn occasions(run: &RunRecord, before: Before) -> Vec<Occasion> {
    let counts = run.key.kind != RunKind::Backfill;
    let ended: &[Occasion] = match run.state {
        RunState::Succeeded if counts && before.failures > 0 => &[Occasion::Recovery, Occasion::Success],
        RunState::Succeeded => &[Occasion::Success],
        RunState::Failed | RunState::Dead if counts && before.failures == 0 => {
            &[Occasion::FirstFailure, Occasion::Failure]
        }
        RunState::Failed | RunState::Dead => &[Occasion::Failure],
        RunState::Refused => &[Occasion::Refused],
        _ => &[],
    };
    let wrote = run.output.as_deref().is_some_and(|output| !output.is_empty());
    let output = (wrote && matches!(run.state, RunState::Succeeded | RunState::Failed | RunState::Dead))
        .then_some(Occasion::Output);
    ended.iter().copied().chain(output).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::run::RunKey;

    fn run(minute: i64, state: RunState, kind: RunKind) -> RunRecord {
        let at = DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let key = RunKey { namespace: "n".into(), job: "j".into(), nominal: at, kind, generation: 1 };
        RunRecord { finished: Some(at + TimeDelta::seconds(5)), ..RunRecord::new(key, state) }
    }

    fn told(states: &[RunState]) -> Vec<Occasion> {
        let mut runs: Vec<_> =
            states.iter().zip(0..).map(|(state, minute)| run(minute, *state, RunKind::Scheduled)).collect();
        let last = runs.last().unwrap().clone();
        runs.reverse();
        occasions(&last, before(&last, &runs))
    }

    #[test]
    fn a_streak_begins_and_ends_once() {
        use RunState::{Cancelled, Dead, Failed, Refused, Succeeded};
        assert_eq!(told(&[Failed]), [Occasion::FirstFailure, Occasion::Failure]);
        assert_eq!(told(&[Succeeded, Dead]), [Occasion::FirstFailure, Occasion::Failure]);
        assert_eq!(told(&[Succeeded, Failed, Failed]), [Occasion::Failure]);
        assert_eq!(told(&[Succeeded, Failed, Refused, Cancelled, Failed]), [Occasion::Failure]);
        assert_eq!(told(&[Failed, Refused, Succeeded]), [Occasion::Recovery, Occasion::Success]);
        assert_eq!(told(&[Failed, Succeeded, Succeeded]), [Occasion::Success]);
        assert_eq!(told(&[Succeeded]), [Occasion::Success]);
        assert_eq!(told(&[Failed, Refused]), [Occasion::Refused]);
        assert_eq!(told(&[Failed, Cancelled]), []);
    }

    #[test]
    fn what_ended_later_does_not_count_and_neither_do_fires_of_the_past() {
        let early = run(5, RunState::Failed, RunKind::Scheduled);
        let late = run(9, RunState::Failed, RunKind::Scheduled);
        let filled = run(1, RunState::Failed, RunKind::Backfill);
        let others = [late.clone(), early.clone(), filled.clone()];
        assert_eq!(before(&early, &others), Before::default());
        assert_eq!(before(&late, &others), Before { failures: 1, failing_since: early.finished, last_success: None });
        assert_eq!(occasions(&filled, before(&filled, &others)), [Occasion::Failure]);
    }

    #[test]
    fn what_was_written_is_an_occasion_of_its_own() {
        let with = |state, output: &str| {
            let run = RunRecord { output: Some(output.into()), ..run(1, state, RunKind::Scheduled) };
            occasions(&run, Before { failures: 1, ..Before::default() })
        };
        assert_eq!(with(RunState::Failed, "x"), [Occasion::Failure, Occasion::Output]);
        assert_eq!(with(RunState::Succeeded, "x"), [Occasion::Recovery, Occasion::Success, Occasion::Output]);
        assert_eq!(with(RunState::Succeeded, ""), [Occasion::Recovery, Occasion::Success]);
        assert_eq!(with(RunState::Refused, "x"), [Occasion::Refused]);
        assert_eq!(with(RunState::Cancelled, "x"), []);
    }
}
