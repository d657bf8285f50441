//! Whether somebody has set the clock, and what the schedules make of that.
//!
//! The time of day is held against a clock that nobody sets, so that a machine that was suspended is no machine whose
//! clock was set. Where there is no such clock, nothing is taken for a step.
//!
//! A step of up to three hours is lived through: going forward, the fires in between are late, and the jobs' misfire
//! policies say what becomes of them; going back, none comes twice. A greater one is a correction, as in Vixie cron: what it
//! passes over was never lived through, is accounted for, and never runs.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;

use super::due::{self, Passed};
use super::engine::{BATCH, Engine};
use super::event::Event;
use super::roster::passed_run;
use crate::run::{RunKind, RunState};
use crate::store::{Gate, NewRun};
use crate::trigger::Trigger;

/// By how much a clock may go wrong, or be put right bit by bit, without anybody being told.
pub(crate) const NOTICED: TimeDelta = TimeDelta::minutes(1);

/// A step forward that is greater corrects a clock that was wrong.
const CORRECTION: TimeDelta = TimeDelta::hours(3);

/// What was read last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockWatch {
    shown: DateTime<Utc>,
    elapsed: Option<Duration>,
}

/// A clock that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockStep {
    /// What it would show had nobody set it.
    pub(crate) from: DateTime<Utc>,
    /// What it shows.
    pub(crate) to: DateTime<Utc>,
}

impl ClockWatch {
    pub(crate) const fn new(shown: DateTime<Utc>, elapsed: Option<Duration>) -> Self {
        Self { shown, elapsed }
    }

    /// Compares what is shown now with what was shown before and the time that has gone since.
    pub(crate) fn look(&mut self, shown: DateTime<Utc>, elapsed: Option<Duration>) -> Option<ClockStep> {
        let before = std::mem::replace(self, Self { shown, elapsed });
        let gone = TimeDelta::from_std(elapsed?.checked_sub(before.elapsed?)?).ok()?;
        let from = before.shown.checked_add_signed(gone)?;
        ((shown - from).abs() >= NOTICED).then_some(ClockStep { from, to: shown })
    }
}

impl ClockStep {
    fn is_correction(self) -> bool {
        self.to - self.from > CORRECTION
    }
}

impl Engine {
    /// Reads the clock, and first does what is to be done where it was set.
    pub(crate) async fn read_clock(&mut self) -> Result<DateTime<Utc>> {
        let now = self.core.now();
        if let Some(step) = self.watch.look(now, self.core.clock.elapsed()) {
            self.core.listener.hear(&Event::ClockSet { from: step.from, to: step.to });
            self.shift_delays(step).await?;
            if step.is_correction() {
                // What was due before it goes its way.
                while self.heap.peek().is_some_and(|(at, ..)| at <= step.from) {
                    self.fire_due(step.from).await?;
                }
                self.pass_over(step).await?;
            }
        }
        Ok(now)
    }

    /// Moves what comes so long after something by the step: the time that is left stays what it is.
    async fn shift_delays(&mut self, step: ClockStep) -> Result<()> {
        let mut advances = Vec::new();
        for (at, index, lap) in self.heap.take() {
            let entry = self.roster.get(index).filter(|entry| entry.lap == lap);
            let entry = entry.filter(|entry| matches!(entry.schedule().trigger(), Trigger::Delay(_)));
            let then = if entry.is_some() { at + (step.to - step.from) } else { at };
            self.heap.push((then, index, lap));
            if let Some(entry) = entry {
                entry.kept.set_next_fire(Some(then));
                advances.extend(entry.kept.high_water().map(|mark| entry.advance(mark, Some(then))));
            }
        }
        let core = self.core.clone();
        core.make(Vec::new(), &advances).await.map(drop)
    }

    /// Accounts for the fires of a span that nobody lived through: one row for each job.
    ///
    /// A clock that is behind what a job has decided upon was wrong before and is right now: what lies in between came
    /// while no scheduler was there, and the job's misfire policy is for that.
    async fn pass_over(&mut self, step: ClockStep) -> Result<()> {
        const WHY: &str = "the clock was set forward by more than 3 h: nothing that lies in between is made up for";
        let mut passed = Vec::new();
        for (at, index, lap) in self.heap.take() {
            let entry = self.roster.get(index).filter(|entry| entry.lap == lap && entry.kind() == RunKind::Scheduled);
            let over = entry.filter(|entry| entry.kept.decided() <= step.from).and_then(|entry| {
                let span = due::count(entry.schedule(), step.from, step.to, due::none).pop()?;
                Some((entry, Passed { state: RunState::Skipped, ..span }))
            });
            let Some((entry, span)) = over else {
                self.heap.push((at, index, lap));
                continue;
            };
            let run = passed_run(entry.kept.key(RunKind::Scheduled, span.first), span, WHY, step.to);
            let next = entry.schedule().next_after(span.missed.last);
            entry.kept.set_high_water(Some(span.missed.last));
            entry.kept.set_next_fire(next);
            if let Some(at) = next {
                self.heap.push((at, index, lap));
            }
            let advance = entry.advance(span.missed.last, next);
            passed.push((NewRun { run, gate: Gate::OPEN }, index, advance));
        }
        let mut anew = Vec::new();
        for batch in passed.chunks(BATCH) {
            let (mut runs, mut owners, mut advances) = (Vec::new(), Vec::new(), Vec::new());
            for (new, index, advance) in batch.iter().cloned() {
                runs.push(new);
                owners.push(index);
                advances.push(advance);
            }
            anew.extend(self.make_all(runs, owners, &advances).await?);
        }
        self.decide_anew(anew, step.to).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_what_was_set_is_a_step(gone in 0_u64..1_000_000, set in -500_000_i64..500_000) {
            let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
            let mut watch = ClockWatch::new(start, Some(Duration::from_secs(7)));
            let (lived, set) = (TimeDelta::seconds(gone.cast_signed()), TimeDelta::seconds(set));
            let elapsed = Some(Duration::from_secs(7 + gone));
            let step = watch.look(start + lived + set, elapsed);
            let (from, to) = (start + lived, start + lived + set);
            prop_assert_eq!(step, (set.abs() >= NOTICED).then_some(ClockStep { from, to }));
            prop_assert_eq!(step.is_some_and(ClockStep::is_correction), set > CORRECTION);
            // It is told once.
            prop_assert_eq!(watch.look(start + lived + set, elapsed), None);
            // Without a clock that nobody sets, nobody can tell.
            prop_assert_eq!(watch.look(start, None), None);
        }
    }
}
