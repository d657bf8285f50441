//! What became of every object of every step, as data; the exit code comes from here and never from a log line.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Domain, PlanHash, StepId};
use crate::exit::ExitCode;

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done, and seen to be done.
    Done,
    /// It was so already.
    AlreadyDone,
    /// Not begun: the run was interrupted, or what it needs was not done.
    Skipped,
    /// A check right before the step stopped it.
    Refused,
    /// The step ran without an error, but what it should have removed is still there.
    StillPresent,
    /// The step failed.
    Failed,
}

impl Outcome {
    /// Whether the object is as the plan wants it.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::AlreadyDone)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::AlreadyDone => "already done",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::StillPresent => "still present",
            Self::Failed => "failed",
        })
    }
}

/// What became of one object in one step.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", rename = "ObjectOutcome")]
pub struct ObjectOutcome<D: Domain> {
    /// The step.
    pub step: StepId,
    /// The object.
    pub object: D::Object,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where it is not as planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of a plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", rename = "Report")]
pub struct Report<D: Domain> {
    /// The plan's hash.
    pub plan: PlanHash,
    /// One for each object of each step.
    pub outcomes: Vec<ObjectOutcome<D>>,
    /// How the command ends.
    pub exit_code: ExitCode,
    /// The newest record of the audit after this run, as `number:hash`; a shorter chain shows by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_head: Option<String>,
}

impl<D: Domain> Report<D> {
    pub(super) fn new(plan: PlanHash, outcomes: Vec<ObjectOutcome<D>>, refused: bool, interrupted: bool) -> Self {
        let exit_code = exit_code(&outcomes, refused, interrupted);
        Self { plan, outcomes, exit_code, audit_head: None }
    }

    /// How the command ends.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        self.exit_code
    }

    /// How many objects ended with `outcome`.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().filter(|object| object.outcome == outcome).count()
    }
}

fn exit_code<D: Domain>(outcomes: &[ObjectOutcome<D>], refused: bool, interrupted: bool) -> ExitCode {
    let has = |outcome: Outcome| outcomes.iter().any(|object| object.outcome == outcome);
    let some_done = outcomes.iter().any(|object| object.outcome.is_done());
    let all_done = outcomes.iter().all(|object| object.outcome.is_done());
    if interrupted && !all_done {
        ExitCode::Interrupted
    } else if all_done {
        match (refused, some_done) {
            (false, _) => ExitCode::Done,
            (true, true) => ExitCode::Partial,
            (true, false) => ExitCode::Refused,
        }
    } else if some_done {
        ExitCode::Partial
    } else if has(Outcome::Failed) || has(Outcome::StillPresent) {
        ExitCode::Failed
    } else {
        ExitCode::Refused
    }
}
