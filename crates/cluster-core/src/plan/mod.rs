//! The vocabulary of plans, and the kernel that applies them.
//!
//! A plan is a pure, total, deterministic function of a model, an inventory and `now`: making one does no I/O. Each kind
//! of plan is a [`Domain`] that adds its own fields to the common ones.

mod apply;
mod approval;
mod folder;
mod hash;
mod report;
pub mod show;

use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Serialize;

pub use apply::{ApplyOptions, Executor, Lock, Ran, Recorder, apply};
pub use approval::{Approval, HashPrefix};
pub use folder::PlanFolder;
pub use hash::{PlanHash, PlanHasher};
pub use report::{ObjectOutcome, Outcome, Report};

/// Has an object of a [`Domain`] stand in documents as its text, which names it uniquely.
#[macro_export]
macro_rules! object_as_text {
    ($object:ty, $description:literal) => {
        impl ::serde::Serialize for $object {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl ::schemars::JsonSchema for $object {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                "Object".into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}

/// A kind of plan: what its objects, verdicts and actions are.
pub trait Domain: Clone + fmt::Debug + Send + Sync + 'static {
    /// The kind as it stands in the plan, such as `retention`.
    const KIND: &'static str;
    /// What a verdict is about; its text names it uniquely within a plan.
    type Object: Clone + Ord + fmt::Debug + fmt::Display + Serialize + JsonSchema + Send + Sync;
    /// What is decided of an object.
    type Decision: Copy + Eq + fmt::Debug + fmt::Display + Serialize + JsonSchema + Decide + Send + Sync;
    /// Why, with the data that it rests on.
    type Reason: Clone + fmt::Debug + fmt::Display + Serialize + JsonSchema + Send + Sync;
    /// The fields that this kind adds to a verdict.
    type Detail: Clone + fmt::Debug + Serialize + JsonSchema + Send + Sync;
    /// What a step does.
    type Action: Clone + fmt::Debug + fmt::Display + Serialize + JsonSchema + Send + Sync;
}

/// What a decision means for the plan as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The object stays as it is.
    Keep,
    /// Something is done to it.
    Act,
    /// A guard rail stops what the model asks for.
    Refuse,
}

/// Tells what a decision means for the plan as a whole.
pub trait Decide {
    /// Its class.
    fn class(self) -> Class;
}

/// The number of a step within its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct StepId(pub u32);

/// What is decided of one object, and why.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", rename = "Verdict")]
pub struct Verdict<D: Domain> {
    /// What it is about.
    pub object: D::Object,
    /// What is decided.
    pub verdict: D::Decision,
    /// Why.
    pub reason: D::Reason,
    /// What this kind of plan adds.
    #[serde(flatten)]
    pub detail: D::Detail,
}

/// A small unit of work.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", rename = "Step")]
pub struct Step<D: Domain> {
    /// Its number.
    pub id: StepId,
    /// What it does.
    pub action: D::Action,
    /// To what; never to nothing, since what becomes of a step is told by its objects.
    pub objects: Vec<D::Object>,
    /// The steps that must be done before it.
    pub needs: Vec<StepId>,
    /// What it will execute, for people to read; never executed from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
}

/// What would be done, to what, and why; and why the rest stays.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "", rename = "Plan")]
pub struct Plan<D: Domain> {
    /// The kind of the plan.
    pub kind: &'static str,
    /// The instant that it was made for.
    pub as_of: DateTime<Utc>,
    /// The zone that civil times in it are of.
    #[serde(serialize_with = "zone_name")]
    #[schemars(with = "String")]
    pub zone: Tz,
    /// What is approved when the plan is approved.
    pub hash: PlanHash,
    /// One for each object that was looked at, in the order of the objects.
    pub verdicts: Vec<Verdict<D>>,
    /// The work, in an order that respects what each step needs.
    pub steps: Vec<Step<D>>,
}

/// Objects that a guard rail stops for one reason.
#[derive(Debug, Clone, Serialize)]
#[serde(bound = "")]
pub struct Refusal<'a, D: Domain> {
    /// The first of them.
    pub first: &'a D::Object,
    /// The last.
    pub last: &'a D::Object,
    /// How many.
    pub objects: usize,
    /// Why.
    pub reason: String,
}

fn zone_name<S: serde::Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

impl<D: Domain> Plan<D> {
    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The verdicts by which a guard rail stops what the model asks for.
    pub fn refused(&self) -> impl Iterator<Item = &Verdict<D>> {
        self.verdicts.iter().filter(|verdict| verdict.verdict.class() == Class::Refuse)
    }

    /// What guard rails stop, neighbours with one reason together: what the audit keeps of it.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal<'_, D>> {
        let mut refusals: Vec<Refusal<'_, D>> = Vec::new();
        for verdict in self.refused() {
            let reason = verdict.reason.to_string();
            match refusals.last_mut() {
                Some(last) if last.reason == reason => {
                    last.last = &verdict.object;
                    last.objects += 1;
                }
                _ => {
                    let object = &verdict.object;
                    refusals.push(Refusal { first: object, last: object, objects: 1, reason });
                }
            }
        }
        refusals
    }

    /// The code that `plan` ends with: 4 where something is refused, 3 where changes are pending and that was asked for.
    #[must_use]
    pub fn exit_code(&self, pending: bool) -> crate::ExitCode {
        if self.refused().next().is_some() {
            crate::ExitCode::Refused
        } else if pending && !self.is_empty() {
            crate::ExitCode::Pending
        } else {
            crate::ExitCode::Done
        }
    }
}
