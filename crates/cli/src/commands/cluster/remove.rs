//! `cluster delete` of a cluster of this machine: its folder goes, once that is approved.

use std::fmt;

use chrono_tz::Tz;
use clusterkeep_core::clock::{Clock as _, SystemClock};
use clusterkeep_core::managed::local::{LocalRecord, LocalState};
use clusterkeep_core::plan::{Approval, Class, Decide, Domain, Plan, PlanHasher, Step, StepId, Verdict};
use clusterkeep_core::{Error, ExitCode, Result};
use schemars::JsonSchema;
use serde::Serialize;

use super::change::Asked;
use super::local;
use super::planned::{self, Next};
use crate::context::Context;

/// Plans of the kind `local_delete`.
#[derive(Debug, Clone)]
struct Removal;

impl Domain for Removal {
    const KIND: &'static str = "local_delete";
    type Object = String;
    type Decision = Decision;
    type Reason = String;
    type Detail = Detail;
    type Action = String;
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Delete,
    Refuse,
}

impl Decide for Decision {
    fn class(self) -> Class {
        match self {
            Self::Delete => Class::Act,
            Self::Refuse => Class::Refuse,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delete => "delete",
            Self::Refuse => "refuse",
        })
    }
}

/// What goes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Detail {
    directory: String,
}

/// Deletes the cluster of this name.
pub(super) async fn run(name: &str, asked: Asked<'_>, context: &Context) -> Result<ExitCode> {
    let Asked { again, approval, .. } = asked;
    let plan = plan(&local::record(name)?);
    let reason = plan.verdicts.first().map(|verdict| verdict.reason.clone()).unwrap_or_default();
    let what = plan.steps.first().map_or("nothing is done, it is refused", |step| step.action.as_str());
    let text = format!("delete local:{name}: {reason}\n\nplan {}: {what}\n", plan.hash.short());
    let approved = match planned::approve(&plan, &text, approval, &again, context).await? {
        Next::End(code) => return Ok(code),
        Next::Apply(approved) => approved,
    };
    if let Approval::Hash(hash) = approved
        && !plan.hash.matches(&hash)
    {
        return Err(Error::Drifted {
            what: format!("plan {hash} was approved; it would be {} now", plan.hash.short()),
            hint: Some(format!("look at it as it is now: {again} --plan")),
        });
    }
    if plan.is_empty() {
        return Ok(plan.exit_code(false));
    }
    local::clusters()?.delete(name).await?;
    context.printer.note(&format!("local:{name}: deleted"));
    Ok(ExitCode::Done)
}

fn plan(record: &LocalRecord) -> Plan<Removal> {
    let name = format!("local:{}", record.name);
    let directory = record.directory.display().to_string();
    let runs = matches!(record.state, LocalState::Running);
    let mut hasher = PlanHasher::new(Removal::KIND);
    hasher.text(&name).text(&directory).number(u64::from(runs)).text(&record.created.to_rfc3339());
    let (verdict, reason) = if runs {
        (Decision::Refuse, format!("it runs: stop it first, with `clusterkeep cluster stop --cluster {name}`"))
    } else {
        (Decision::Delete, format!("{} with all its data in {directory}", record.engine))
    };
    let step = Step {
        id: StepId(1),
        action: format!("delete {name}"),
        objects: vec![name.clone()],
        needs: Vec::new(),
        sql: None,
    };
    Plan {
        kind: Removal::KIND,
        as_of: SystemClock.now(),
        zone: Tz::UTC,
        hash: hasher.finish(),
        verdicts: vec![Verdict { object: name, verdict, reason, detail: Detail { directory } }],
        steps: if runs { Vec::new() } else { vec![step] },
    }
}
