//! Whether a copy comes back: a pure function of what was seen of it, and of where it would go.

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::show::{Cells, Heading, table};
use clusterkeep_core::plan::{Class, Decide, Plan, PlanHasher, Step, StepId, Verdict};
use clusterkeep_core::sql::TableName;

use super::model::{Action, CopyName, Decision, Detail, Reason, Restoring};
use crate::observe::Archive;
use crate::text::{bound, grouped, size};

/// What was seen of a copy, and of where it would go.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The table that it is of.
    pub(super) table: TableName,
    /// What is on record of it.
    pub(super) archive: Archive,
    /// The table that it goes to.
    pub(super) into: TableName,
    pub(super) bytes: Option<u64>,
    pub(super) finding: Finding,
}

/// What is in the way of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing.
    Absent { creates: bool },
    /// These very rows.
    #[cfg_attr(
        not(feature = "archive"),
        expect(dead_code, reason = "the rows of a table are compared with those of a file")
    )]
    Present,
    /// Something else.
    Unfit(String),
}

/// The plan of one restore.
pub(super) fn plan(seen: &Seen, now: DateTime<Utc>) -> Plan<Restoring> {
    let Seen { table, archive, into, bytes, finding } = seen;
    let object = CopyName { place: archive.repository.clone(), name: archive.snapshot.clone() };
    let (verdict, reason) = match finding {
        Finding::Absent { creates } => (Decision::Restore, Reason::Absent { creates: *creates }),
        Finding::Present => (Decision::Keep, Reason::Present),
        Finding::Unfit(what) => (Decision::Refuse, Reason::Unfit { what: what.clone() }),
    };
    let mut hasher = PlanHasher::new("restore");
    let into = into.to_string();
    let mut steps = Vec::new();
    if let Reason::Absent { creates } = reason {
        for text in [&object.place, &object.name, &archive.content, &archive.partition, &into] {
            hasher.text(text);
        }
        hasher.number(archive.rows).instant(archive.end).number(u64::from(creates));
        let action = Action::Restore { into: into.clone(), rows: archive.rows };
        steps.push(Step { id: StepId(0), action, objects: vec![object.clone()], needs: Vec::new(), sql: None });
    }
    let detail = Detail {
        table: table.to_string(),
        into,
        start: archive.start,
        end: archive.end,
        rows: archive.rows,
        bytes: *bytes,
    };
    let verdicts = vec![Verdict { object, verdict, reason, detail }];
    Plan { kind: "restore", as_of: now, zone: chrono_tz::UTC, hash: hasher.finish(), verdicts, steps }
}

const HEADINGS: [Heading; 8] = [
    Heading::text("table"),
    Heading::text("from"),
    Heading::text("until"),
    Heading::number("rows"),
    Heading::number("size"),
    Heading::text("into"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

/// The whole plan; `paint` may colour a verdict by its class.
#[must_use]
pub fn text(plan: &Plan<Restoring>, paint: impl Fn(Class, &str) -> String) -> String {
    let rows: Vec<Cells> = plan.verdicts.iter().map(cells).collect();
    let what = plan.steps.first().map_or_else(|| "there is nothing to do".to_owned(), |step| step.action.to_string());
    let from = plan.verdicts.first().map(|verdict| format!("from {}\n", verdict.object)).unwrap_or_default();
    format!("{from}{}\nplan {}: {what}\n", table(&HEADINGS, &rows, paint), plan.hash.short())
}

fn cells(verdict: &Verdict<Restoring>) -> Cells {
    let detail = &verdict.detail;
    let cells = vec![
        detail.table.clone(),
        bound(detail.start, chrono_tz::UTC),
        bound(Some(detail.end), chrono_tz::UTC),
        grouped(detail.rows),
        detail.bytes.map(size).unwrap_or_default(),
        detail.into.clone(),
        verdict.verdict.to_string(),
        verdict.reason.to_string(),
    ];
    Cells { class: verdict.verdict.class(), cells }
}
