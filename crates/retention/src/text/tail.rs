//! The last line of a plan: what would happen, how much that is, and about how long it takes.

use clusterkeep_core::plan::{Plan, Verdict};

use super::{grouped, percentage, size};
use crate::plan::{Action, Decision, Domain, Due, Part};
use crate::retention::Planned;

/// The last line: what would happen, and the hash.
#[must_use]
pub fn tail(planned: &Planned) -> String {
    let plan = &planned.plan;
    let mut out = String::new();
    let refused = plan.refused().count();
    if plan.is_empty() && refused > 0 {
        let refused =
            format!("{} object{} refused", grouped(refused as u64), if refused == 1 { " is" } else { "s are" });
        out.push_str(&format!("plan {}: nothing is done, {refused}\n", plan.hash.short()));
    } else if plan.is_empty() {
        out.push_str(&format!("plan {}: nothing to do\n", plan.hash.short()));
    } else {
        out.push_str(&format!("plan {}: {}{}\n", plan.hash.short(), what_happens(planned), about(planned.estimate)));
    }
    out
}

/// About how long it takes, where that is long enough to matter.
fn about(estimate: std::time::Duration) -> String {
    match estimate.as_secs() {
        0..10 => String::new(),
        seconds @ 10..100 => format!(", in about {} s", seconds.next_multiple_of(10)),
        seconds @ 100..6_000 => format!(", in about {} min", seconds.div_ceil(60)),
        seconds => format!(", in about {} h", seconds.div_ceil(3_600)),
    }
}

fn what_happens(planned: &Planned) -> String {
    let plan = &planned.plan;
    let targets: std::collections::BTreeSet<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Downsample(build) => Some(&build.target),
            _ => None,
        })
        .collect();
    let mut parts = Vec::new();
    if !targets.is_empty() {
        parts.push(format!("build {} rollup{}", targets.len(), plural(targets.len())));
    }
    let decided = |decision| plan.verdicts.iter().filter(move |verdict| verdict.verdict == decision);
    let merged: Vec<_> = decided(Decision::Merge).collect();
    if !merged.is_empty() {
        parts.push(format!("merge the late rows of {}", objects(&merged)));
    }
    parts.extend(changed(plan));
    let detached: Vec<_> = decided(Decision::Detach).collect();
    if !detached.is_empty() {
        parts.push(format!("detach {} ({})", objects(&detached), facts(planned, &detached)));
    }
    let drops: Vec<_> = decided(Decision::Drop).collect();
    if !drops.is_empty() {
        parts.push(format!("drop {} ({})", objects(&drops), facts(planned, &drops)));
    }
    let removed = decided(Decision::Remove).count();
    if removed > 0 {
        parts.push(format!("remove {} archive{}", grouped(removed as u64), plural(removed)));
    }
    if let Some(last) = parts.get_mut(1..).and_then(<[String]>::last_mut) {
        last.insert_str(0, "then ");
    }
    parts.join(", ")
}

/// Whether it is about rows of a table, and not about what is made of them or a copy.
pub(super) fn is_data(verdict: &Verdict<Domain>) -> bool {
    verdict.verdict != Decision::Build && !matches!(verdict.object.part, Part::Archive(_))
}

/// What is changed of how partitions are kept: each kind of change with the number of partitions.
fn changed(plan: &Plan<Domain>) -> impl Iterator<Item = String> {
    let mut counts: Vec<((&str, String), usize)> = Vec::new();
    for step in &plan.steps {
        let Action::Change { due, .. } = &step.action else { continue };
        let what = match &**due {
            Due::SetReplicas { replicas } => ("give", format!(" {replicas} replicas")),
            Due::Merge { .. } => ("compact", String::new()),
            Due::Reallocate { attribute, value, .. } => ("move", format!(" to {attribute}={value}")),
            Due::Tablespace { tablespace } => ("move", format!(" into {tablespace}")),
            Due::Archive { repository } => ("archive", format!(" in {repository}")),
            Due::ArchiveFiles { to } => ("archive", format!(" in files at {to}")),
        };
        match counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += step.objects.len(),
            None => counts.push((what, step.objects.len())),
        }
    }
    counts
        .into_iter()
        .map(|((verb, how), count)| format!("{verb} {} partition{}{how}", grouped(count as u64), plural(count)))
}

/// How many of what.
fn objects(verdicts: &[&Verdict<Domain>]) -> String {
    let native = verdicts.iter().all(|verdict| verdict.detail.partition.is_some());
    let what = if native { "partition" } else { "slice" };
    format!("{} {what}{}", grouped(verdicts.len() as u64), plural(verdicts.len()))
}

/// How much that is together, where it is known.
fn facts(planned: &Planned, verdicts: &[&Verdict<Domain>]) -> String {
    let mut facts = Vec::new();
    let rows: Option<u64> = verdicts.iter().map(|verdict| verdict.detail.rows()).sum();
    facts.extend(rows.map(|rows| format!("{} row{}", grouped(rows), plural(usize::try_from(rows).unwrap_or(2)))));
    facts.extend(verdicts.iter().map(|verdict| verdict.detail.bytes()).sum::<Option<u64>>().map(size));
    let tables: std::collections::BTreeSet<_> = verdicts.iter().map(|verdict| &verdict.detail.table).collect();
    if let (Some(rows), 1) = (rows, tables.len()) {
        let in_table = |verdict: &&Verdict<Domain>| tables.contains(&verdict.detail.table) && is_data(verdict);
        let all = planned.plan.verdicts.iter().filter(in_table);
        let whole: Option<u64> = all.map(|verdict| verdict.detail.rows()).sum();
        facts.extend(whole.filter(|whole| *whole > 0).map(|whole| format!("{} of the table", percentage(rows, whole))));
    }
    if facts.is_empty() {
        facts.push("how many rows is not known".to_owned());
    }
    facts.join(", ")
}

const fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use clusterkeep_core::plan::{PlanHasher, Step, StepId};
    use clusterkeep_core::sql::{Engine, Ident, TableName};

    use super::*;
    use crate::observe::PartitionId;
    use crate::plan::{Detail, Object, Reason, Size};

    fn verdict(n: i64, decision: Decision, partition: bool) -> Verdict<Domain> {
        let table: Arc<TableName> = Arc::new("metrics".parse().unwrap());
        let id = partition.then(|| PartitionId::Name(Arc::new(Ident::new(format!("p{n}")).unwrap())));
        let start = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(n);
        let end = start + chrono::TimeDelta::days(1);
        Verdict {
            object: Object {
                table: Arc::clone(&table),
                part: id.clone().map_or(Part::Slice { start, end }, Part::Partition),
            },
            verdict: decision,
            reason: Reason::Newest,
            detail: Detail {
                table,
                partition: id,
                start: Some(start),
                end: Some(end),
                size: Size::of(Some(100), Some(2048)),
                policy: "metrics".to_owned().into(),
            },
        }
    }

    fn planned(decisions: &[(Decision, usize)], partition: bool, seconds: u64) -> Planned {
        let all = decisions.iter().flat_map(|(decision, count)| std::iter::repeat_n(*decision, *count));
        let verdicts: Vec<_> = (0..).zip(all).map(|(n, decision)| verdict(n, decision, partition)).collect();
        let table: TableName = "metrics".parse().unwrap();
        let step = Step {
            id: StepId(1),
            action: Action::DropPartitions { table: table.into() },
            objects: vec![verdicts[0].object.clone()],
            needs: Vec::new(),
            sql: None,
        };
        let hash = PlanHasher::new("retention").finish();
        let as_of = chrono::DateTime::UNIX_EPOCH;
        let zone = chrono_tz::Tz::UTC;
        Planned {
            plan: Plan { kind: "retention", as_of, zone, hash, verdicts, steps: vec![step] },
            name: "m".into(),
            address: "sqlite://m.db".into(),
            engine: Engine::Sqlite,
            cutoffs: Vec::new(),
            guards: Vec::new(),
            policies: Vec::new(),
            estimate: Duration::from_secs(seconds),
            notes: Vec::new(),
        }
    }

    fn said(planned: &Planned) -> String {
        tail(planned).trim_end().split_once(": ").unwrap().1.to_owned()
    }

    #[test]
    fn each_thing_that_happens_is_said_with_how_much_it_is() {
        let one = planned(&[(Decision::Drop, 1), (Decision::Keep, 3)], false, 0);
        assert_eq!(said(&one), "drop 1 slice (100 rows, 2 KiB, 25 % of the table)");
        let detached = planned(&[(Decision::Detach, 2), (Decision::Keep, 2)], true, 42);
        assert_eq!(said(&detached), "detach 2 partitions (200 rows, 4 KiB, 50 % of the table), in about 50 s");
        let all = planned(&[(Decision::Merge, 1), (Decision::Detach, 1), (Decision::Drop, 2)], true, 600);
        assert_eq!(
            said(&all),
            "merge the late rows of 1 partition, detach 1 partition (100 rows, 2 KiB, 25 % of the table), then drop 2 \
             partitions (200 rows, 4 KiB, 50 % of the table), in about 10 min"
        );
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let mut unknown = planned(&[(Decision::Drop, 2)], true, 0);
        for verdict in &mut unknown.plan.verdicts {
            verdict.detail.size = Size::of(None, None);
        }
        assert_eq!(said(&unknown), "drop 2 partitions (how many rows is not known)");
    }

    #[test]
    fn partitions_are_named_where_each_has_a_row() {
        let plan = planned(&[(Decision::Drop, 2)], true, 0);
        assert!(super::super::plan(&plan, true).contains("metrics  p1"), "{}", super::super::plan(&plan, true));
        assert!(!super::super::plan(&plan, false).contains("p1"));
    }
}
