//! Jobs that follow others: after which runs, on which outcome, and under which conditions.
//!
//! The grammar of conditions is closed: a place in the result of a run, one comparison, one value. Nothing is evaluated
//! that somebody else has written.

use std::fmt;

use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::{JobName, Names};
use crate::run::{RunRecord, RunState};

/// On which outcome of the runs before it a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// All have succeeded.
    #[default]
    Success,
    /// At least one has failed, is dead or was refused.
    Failure,
    /// Whatever has become of them, also where they were cancelled or skipped.
    Always,
}

/// A job's place behind others: it runs once for each of their runs, for the same instant.
///
/// Behind several jobs it runs once all of them have ended for one instant.
///
/// ```
/// use clusterkeep_scheduler::{Condition, Following, On};
/// let report = Following::of(["load", "check"]).on(On::Always);
/// let some = Following::of(["load"]).only_if(Condition::value("/rows/0/count").above(0)?);
/// assert_eq!(report.to_string(), "after load and check, whatever became of them");
/// # let _ = some;
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Following {
    pub(crate) after: Names,
    pub(crate) on: On,
    pub(crate) only_if: Vec<Condition>,
}

/// What is to be done about a job whose parents have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It runs.
    Run,
    /// It does not, and why.
    Skip(String),
}

impl Following {
    /// Behind these jobs, once they have succeeded.
    #[must_use]
    pub fn of<N: Into<String>>(jobs: impl IntoIterator<Item = N>) -> Self {
        Self { after: jobs.into_iter().collect(), on: On::Success, only_if: Vec::new() }
    }

    /// On this outcome.
    #[must_use]
    pub const fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    /// Only where this holds, too.
    #[must_use]
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.only_if.push(condition);
        self
    }

    /// The jobs that it follows.
    #[must_use]
    pub fn jobs(&self) -> &Names {
        &self.after
    }

    /// The same, where it can be.
    pub(super) fn checked(self) -> Result<Self> {
        if self.after.is_empty() {
            return Err(Error::input("`after` names no job").with_hint("write `after: JOB`, or a list of jobs"));
        }
        for (place, name) in self.after.iter().enumerate() {
            JobName::new(name.as_str())?;
            if self.after[..place].contains(name) {
                return Err(Error::input(format!("`after` names `{name}` twice")));
            }
        }
        for condition in &self.only_if {
            match &condition.of {
                Some(of) if !self.after.contains(of) => {
                    return Err(Error::input(format!("a condition is about `{of}`, which it does not follow"))
                        .with_hint(format!("it follows {}", self.after.join(", "))));
                }
                None if self.after.len() > 1 => {
                    return Err(Error::input(
                        "a condition of a job that follows several does not say which one it is about",
                    )
                    .with_hint(format!("add `of`, one of {}", self.after.join(", "))));
                }
                _ => {}
            }
        }
        Ok(self)
    }

    /// What to do once these runs, one of each job that it follows, have ended.
    pub(crate) fn decide(&self, parents: &[&RunRecord]) -> Verdict {
        let became = |run: &&RunRecord| format!("{} was {}", run.key.job, run.state);
        let failed = |run: &&&RunRecord| matches!(run.state, RunState::Failed | RunState::Dead | RunState::Refused);
        let not = |why: &str| {
            let all: Vec<String> = parents.iter().map(became).collect();
            Verdict::Skip(format!("it follows {why}: {}", all.join(", ")))
        };
        match self.on {
            On::Success => {
                if let Some(other) = parents.iter().find(|run| run.state != RunState::Succeeded) {
                    return Verdict::Skip(format!("it follows success: {}", became(other)));
                }
            }
            On::Failure if parents.iter().find(failed).is_none() => return not("failure"),
            On::Failure | On::Always => {}
        }
        for condition in &self.only_if {
            let about = parents.iter().find(|run| condition.of.as_ref().is_none_or(|of| *of == run.key.job));
            let Some(about) = about else { continue };
            if let Err(why) = condition.holds(about) {
                return Verdict::Skip(format!("its condition does not hold: {why}"));
            }
        }
        Verdict::Run
    }
}

impl fmt::Display for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {}", self.after.join(" and "))?;
        let several = self.after.len() > 1;
        f.write_str(match (self.on, several) {
            (On::Success, false) => ", when it has succeeded",
            (On::Success, true) => ", when they have succeeded",
            (On::Failure, false) => ", when it has failed",
            (On::Failure, true) => ", when one of them has failed",
            (On::Always, false) => ", whatever became of it",
            (On::Always, true) => ", whatever became of them",
        })?;
        for condition in &self.only_if {
            write!(f, ", if {condition}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::run::{RunKey, RunKind};

    fn run(job: &str, state: RunState) -> RunRecord {
        let nominal = DateTime::UNIX_EPOCH;
        let key = RunKey { namespace: "n".into(), job: job.into(), nominal, kind: RunKind::Scheduled, generation: 1 };
        RunRecord::new(key, state)
    }

    #[test]
    fn outcomes() {
        use RunState::{Cancelled, Dead, Failed, Refused, Skipped, Succeeded};
        let runs = |on: On, states: &[RunState]| {
            let names = ["a", "b"];
            let all: Vec<RunRecord> = states.iter().zip(names).map(|(state, job)| run(job, *state)).collect();
            let following = Following::of(names[..states.len()].iter().copied()).on(on);
            following.decide(&all.iter().collect::<Vec<_>>())
        };
        for state in [Failed, Dead, Refused] {
            assert_eq!(runs(On::Failure, &[state]), Verdict::Run);
            assert_eq!(runs(On::Failure, &[Succeeded, state]), Verdict::Run);
            assert_eq!(runs(On::Success, &[state]), Verdict::Skip(format!("it follows success: a was {state}")));
        }
        for state in [Cancelled, Skipped] {
            assert!(runs(On::Failure, &[state]) != Verdict::Run && runs(On::Success, &[state]) != Verdict::Run);
            assert_eq!(runs(On::Always, &[state, Failed]), Verdict::Run);
        }
        assert_eq!(runs(On::Success, &[Succeeded, Succeeded]), Verdict::Run);
        assert_eq!(
            runs(On::Failure, &[Succeeded, Succeeded]),
            Verdict::Skip("it follows failure: a was succeeded, b was succeeded".into())
        );
    }
}
