//! What a job's policies make of its fires, if its runs take so long and no scheduler is there at such times: pure.
//!
//! It decides by the code that schedulers decide by. A run that is going when an outage begins goes on to its end.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;

use super::roster::passed_run;
use super::{dispatch, due};
use crate::model::{JobSpec, Overlap, Schedule};
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::Otherwise;

/// A time without a scheduler: its first instant, and the first one behind it.
pub type Outage = (DateTime<Utc>, DateTime<Utc>);

/// The runs of a job's nominal fires within `[from, until)`, each of which takes `takes`; and the rows of fires that do
/// not run. What is not decided at the end of the period is pending. More than `most` rows are not made.
///
/// ```
/// use chrono::TimeDelta;
/// use clusterkeep_scheduler::{Job, RunState, rehearse};
/// let nightly = Job::named("hourly").run("thin-out").cron("0 * * * *").build()?;
/// let (from, until) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T06:00:00Z".parse().unwrap());
/// let rows = rehearse(&nightly, (from, until), TimeDelta::minutes(90), &[], 100)?;
/// let states: Vec<RunState> = rows.iter().map(|run| run.state).collect();
/// let (runs, skipped) = (RunState::Succeeded, RunState::Skipped);
/// assert_eq!(states, [runs, skipped, runs, skipped, runs, skipped]);
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
///
/// # Errors
///
/// A job that has no schedule.
pub fn rehearse(
    spec: &JobSpec,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    takes: TimeDelta,
    down: &[Outage],
    most: usize,
) -> Result<Vec<RunRecord>> {
    let schedule = spec.schedule()?;
    let mut stage = Stage { spec, takes, down, rows: Vec::new(), going: Vec::new() };
    // A fire at `from` itself belongs to the period.
    let mut next = schedule.next_after(from - TimeDelta::nanoseconds(1)).filter(|at| *at < until);
    while let Some(at) = next.filter(|_| stage.rows.len() < most) {
        let now = stage.there(at);
        if now >= until {
            stage.left(&schedule, at, until);
            break;
        }
        let decision = due::decide(&schedule, spec.misfire, at, now, due::none);
        for passed in decision.passed {
            let key = stage.key(passed.first);
            stage.rows.push(passed_run(key, passed, "no scheduler was there in time", now));
        }
        let otherwise = dispatch::otherwise(spec, decision.run.len());
        for at in decision.run {
            stage.fire(at, now, otherwise);
        }
        next = decision.next.filter(|at| *at < until);
    }
    stage.rows.sort_by_key(|run| run.key.nominal);
    Ok(stage.rows)
}

struct Stage<'a> {
    spec: &'a JobSpec,
    takes: TimeDelta,
    down: &'a [Outage],
    rows: Vec<RunRecord>,
    /// The end of each run that is going or waits, and the place of its row.
    going: Vec<(DateTime<Utc>, usize)>,
}

impl Stage<'_> {
    /// When a scheduler is there, from an instant on.
    fn there(&self, mut at: DateTime<Utc>) -> DateTime<Utc> {
        while let Some((_, end)) = self.down.iter().find(|(begin, end)| (*begin..*end).contains(&at)) {
            at = *end;
        }
        at
    }

    fn key(&self, nominal: DateTime<Utc>) -> RunKey {
        RunKey {
            namespace: crate::DEFAULT_NAMESPACE.to_owned(),
            job: self.spec.name.as_str().to_owned(),
            nominal,
            kind: RunKind::Scheduled,
            generation: 1,
        }
    }

    fn fire(&mut self, nominal: DateTime<Utc>, now: DateTime<Utc>, otherwise: Otherwise) {
        self.going.retain(|(end, _)| *end > now);
        let at_once = self.spec.overlap.at_once() as usize;
        let mut run = RunRecord::new(self.key(nominal), RunState::Succeeded);
        let mut begins = now;
        if self.going.len() >= at_once {
            match otherwise {
                Otherwise::Wait if self.spec.overlap == Overlap::Replace => {
                    for (_, place) in self.going.drain(..) {
                        if let Some(other) = self.rows.get_mut(place) {
                            other.state = RunState::Cancelled;
                            other.finished = Some(now);
                            other.reason = Some("a later fire took its place".to_owned());
                        }
                    }
                }
                Otherwise::Wait => begins = self.free(at_once),
                Otherwise::Skip => {
                    run.close(otherwise);
                    self.rows.push(run);
                    return;
                }
            }
        }
        let end = begins + self.takes;
        (run.attempt, run.started, run.finished) = (1, Some(begins), Some(end));
        self.going.push((end, self.rows.len()));
        self.rows.push(run);
    }

    /// When the next of so many places is free, behind those that wait.
    fn free(&self, at_once: usize) -> DateTime<Utc> {
        let mut ends: Vec<_> = self.going.iter().map(|(end, _)| *end).collect();
        ends.sort_unstable();
        let place = ends.len().saturating_sub(at_once);
        self.there(ends.get(place).copied().unwrap_or_default())
    }

    /// The fires that nobody decides upon within the period.
    fn left(&mut self, schedule: &Schedule, first: DateTime<Utc>, until: DateTime<Utc>) {
        let moment = TimeDelta::nanoseconds(1);
        for passed in due::count(schedule, first - moment, until - moment, due::none) {
            let mut run = passed_run(self.key(first), passed, "no scheduler is there within the period", until);
            (run.state, run.finished) = (RunState::Pending, None);
            self.rows.push(run);
        }
    }
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::age;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Job, Misfire};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hourly(overlap: Overlap, misfire: Misfire) -> JobSpec {
        Job::named("hourly").run("thin-out").cron("0 * * * *").overlap(overlap).misfire(misfire).build().unwrap()
    }

    fn rows(spec: &JobSpec, minutes: i64, down: &[Outage]) -> Vec<String> {
        let period = (at("2026-01-01T00:00:00Z"), at("2026-01-01T06:00:00Z"));
        let rows = rehearse(spec, period, TimeDelta::minutes(minutes), down, 100).unwrap();
        let text = |run: &RunRecord| {
            let started = run.started.map(|at| at.format(" at %H:%M").to_string()).unwrap_or_default();
            format!("{} {}x{}{started}", run.key.nominal.format("%H"), run.fires(), run.state)
        };
        rows.iter().map(text).collect()
    }

    #[test]
    fn policies_as_they_are_written() {
        let queue = rows(&hourly(Overlap::Queue, Misfire::Latest), 90, &[]);
        assert_eq!(queue[..3], ["00 1xsucceeded at 00:00", "01 1xsucceeded at 01:30", "02 1xsucceeded at 03:00"]);
        let replace = rows(&hourly(Overlap::Replace, Misfire::Latest), 90, &[]);
        assert_eq!(replace[4..], ["04 1xcancelled at 04:00", "05 1xsucceeded at 05:00"]);
        let two = Overlap::Allow(2.try_into().unwrap());
        let allow = rows(&hourly(two, Misfire::Latest), 150, &[]);
        assert_eq!(allow[..4].iter().filter(|row| row.contains("skipped")).count(), 1, "{allow:?}");
        assert!(allow[2].contains("skipped"), "{allow:?}");

        let down = [(at("2026-01-01T00:30:00Z"), at("2026-01-01T03:30:00Z"))];
        let latest = rows(&hourly(Overlap::Skip, Misfire::Latest), 1, &down);
        assert_eq!(latest[1..3], ["01 2xcoalesced", "03 1xsucceeded at 03:30"]);
        let skip = rows(&hourly(Overlap::Skip, Misfire::Skip), 1, &down);
        assert_eq!(skip[1..3], ["01 3xmissed", "04 1xsucceeded at 04:00"]);
        let all = rows(&hourly(Overlap::Skip, Misfire::All { within: age::hours(2) }), 10, &down);
        assert_eq!(all[1..4], ["01 1xmissed", "02 1xsucceeded at 03:30", "03 1xsucceeded at 03:40"]);
        let to_the_end = [(at("2026-01-01T03:30:00Z"), at("2026-01-02T00:00:00Z"))];
        assert_eq!(rows(&hourly(Overlap::Skip, Misfire::Skip), 1, &to_the_end)[4..], ["04 2xpending"]);
    }

    proptest! {
        #[test]
        fn each_fire_is_in_one_row(
            minutes in 1_i64..300,
            overlap in 0_usize..4,
            misfire in 0_usize..3,
            begin in 0_i64..360,
            length in 1_i64..400,
        ) {
            let overlap = [Overlap::Skip, Overlap::Queue, Overlap::Replace, Overlap::Allow(2.try_into().unwrap())][overlap];
            let misfire = [Misfire::Skip, Misfire::Latest, Misfire::All { within: age::hours(2) }][misfire];
            let begin = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(begin);
            let down = [(begin, begin + TimeDelta::minutes(length))];
            let period = (at("2026-01-01T00:00:00Z"), at("2026-01-01T06:00:00Z"));
            let rows = rehearse(&hourly(overlap, misfire), period, TimeDelta::minutes(minutes), &down, 100).unwrap();
            prop_assert_eq!(rows.iter().map(RunRecord::fires).sum::<u64>(), 6);
            for run in rows.iter().filter_map(|run| run.started) {
                prop_assert!(!(down[0].0..down[0].1).contains(&run), "{} starts in an outage", run);
            }
        }
    }
}
