//! `retention explain`: a manifest in words, and why something goes or stays.

use std::fmt::Write;

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use clusterkeep_core::plan::Verdict;
use clusterkeep_core::sql::{ConnectOptions, TableName};
use clusterkeep_core::{Error, ExitCode, Result};
use clusterkeep_retention::model::{Change, Policy, Rollup, TablePolicy, Tier};
use clusterkeep_retention::plan::{Domain, Reason};
use clusterkeep_retention::{Planned, text};

use super::{model, show};
use crate::args::{ExplainArgs, Moment};
use crate::context::Context;
use crate::output::Format;

pub(in crate::commands) async fn explain(args: ExplainArgs, context: &Context) -> Result<ExitCode> {
    let model = model(&args.model, ConnectOptions::default().read_only(), context).await?;
    let mut planned = model.plan().await?;
    if let Some(table) = &args.table {
        known(&planned, table)?;
    }
    let zone = model.zone;
    planned.plan.verdicts.retain(|verdict| {
        args.table.as_ref().is_none_or(|table| *verdict.detail.table == *table)
            && args.at.is_none_or(|at| holds(verdict, at, zone))
    });
    let text = match context.printer.format() {
        Format::Table => words(&planned, args.table.as_ref(), args.at.is_some()),
        format => show::verdicts(&planned.verdicts).render(format, &planned.verdicts)?,
    };
    context.printer.data(&text)?;
    model.target.db.close().await;
    Ok(ExitCode::Done)
}

/// Fails where no policy is about this table, be it raw or a rollup.
fn known(planned: &Planned, table: &TableName) -> Result<()> {
    let mut tables = planned
        .policies
        .iter()
        .flat_map(|of| std::iter::once(&of.table).chain(of.policy.rollups().map(|rollup| &rollup.target)));
    if tables.any(|known| known == table) {
        return Ok(());
    }
    let known: Vec<_> = planned.policies.iter().map(|of| of.table.to_string()).collect();
    Err(Error::input(format!("manifest `{}` is not about table `{table}`", planned.name))
        .with_hint(format!("it is about {}", known.join(", "))))
}

/// Whether the object holds the instant, or some of the day; bounds that are not known may.
fn holds(verdict: &Verdict<Domain>, at: Moment, zone: Tz) -> bool {
    let from = at.at(zone);
    let until = match at {
        Moment::Instant(_) => None,
        Moment::Date(date) => date.checked_add_days(Days::new(1)).map(|next| Moment::Date(next).at(zone)),
    };
    let begins_in_time =
        verdict.detail.start.is_none_or(|start| until.map_or(start <= from, |until: DateTime<Utc>| start < until));
    begins_in_time && verdict.detail.end.is_none_or(|end| end > from)
}

fn words(planned: &Planned, table: Option<&TableName>, each: bool) -> String {
    let mut out = text::head(planned);
    for of in &planned.policies {
        let about = |name: &TableName| table.is_none_or(|table| table == name);
        if about(&of.table) || of.policy.rollups().any(|rollup| about(&rollup.target)) {
            out.push('\n');
            sentences(&mut out, of);
        }
    }
    out.push('\n');
    let zone = planned.zone;
    for row in text::fold(&planned.verdicts, each) {
        let (first, last) = (&row.first.detail, &row.last.detail);
        let mut facts = vec![format!("from {} until {}", text::bound(first.start, zone), text::bound(last.end, zone))];
        if row.count > 1 {
            facts.push(format!("{} of them", text::grouped(row.count as u64)));
        }
        facts.extend(row.rows.map(|rows| format!("{} rows", text::grouped(rows))));
        facts.extend(row.bytes.map(text::size));
        // Writing to a String can't fail.
        writeln!(out, "{} {}: {}", row.first.verdict, first.table, facts.join(", ")).ok();
        writeln!(out, "  because: {}", row.first.reason).ok();
        if let Reason::Held(held) = &row.first.reason {
            let (id, owner) = (&held.id, &held.owner);
            writeln!(out, "  ask {owner}; `clusterkeep retention hold release {id} --reason ...` ends the hold").ok();
        }
    }
    if planned.verdicts.is_empty() {
        out.push_str("there is nothing there\n");
    }
    out
}

/// The policy as sentences.
fn sentences(out: &mut String, of: &TablePolicy) {
    let (policy, zone) = (&of.policy, of.zone.name());
    let mut lines = vec![format!("{} by the time in {}, in civil time of {zone}:", of.table, policy.time.column)];
    for tier in &policy.tiers {
        lines.push(match tier {
            Tier::Downsample(rollup) => rolled_up(of, rollup),
            Tier::Drop(drop) => {
                let after: Vec<_> = policy.rollups().map(|rollup| rollup.target.to_string()).collect();
                let gate = if after.is_empty() {
                    String::new()
                } else {
                    format!(
                        ", and only once {} {} verified",
                        after.join(" and "),
                        if after.len() == 1 { "is" } else { "are" }
                    )
                };
                format!("what ended {} ago goes{gate}", drop.after)
            }
            Tier::Detach(detach) => {
                format!(
                    "partitions that ended {} ago are taken out of it, and stay as tables of their own",
                    detach.after
                )
            }
            other => match other.change() {
                Some(change) => changed(policy, change),
                None => "a tier that this version has no words for".to_owned(),
            },
        });
    }
    let newest = match policy.guard.keep_newest.get() {
        1 => "the newest part stays whatever its age".to_owned(),
        n => format!("the newest {n} parts stay whatever their age"),
    };
    lines.push(format!("{newest}, and at most {} of the table goes within 24 hours", policy.guard.max_share));
    let (first, rest) = lines.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    writeln!(out, "{first}").ok();
    for line in rest {
        writeln!(out, "  - {line}").ok();
    }
}

/// A tier that changes how partitions are kept.
fn changed(policy: &Policy, change: Change<'_>) -> String {
    let ago = format!("partitions that ended {} ago", change.after());
    match change {
        Change::SetReplicas(tier) => format!("{ago} have number_of_replicas {}", tier.replicas),
        Change::Merge(tier) if tier.full => format!("{ago} are rewritten to be compact, and can't be read meanwhile"),
        Change::Merge(_) => format!("{ago} are made compact"),
        Change::Reallocate(tier) => match (tier.nodes(), &tier.tablespace) {
            (Some((attribute, value)), _) => format!("{ago} move to nodes with {attribute}={value}"),
            (None, Some(space)) => format!("{ago} move into tablespace {space}, with their indexes"),
            (None, None) => format!("{ago} move"),
        },
        Change::Archive(tier) => {
            let place = tier.place().unwrap_or("a repository");
            let first = if policy.dropped_after().is_some() { "; none goes before that was verified" } else { "" };
            format!("{ago} are archived in {place}{first}")
        }
    }
}

fn rolled_up(of: &TablePolicy, rollup: &Rollup) -> String {
    let policy = &of.policy;
    let columns: Vec<_> = policy.columns_of(rollup).iter().map(ToString::to_string).collect();
    let by: Vec<_> = policy.by.iter().map(ToString::to_string).collect();
    let by = if by.is_empty() { String::new() } else { format!(" and {}", by.join(", ")) };
    let from = rollup.from.as_ref().unwrap_or(&of.table);
    let keep = match rollup.keep {
        clusterkeep_retention::model::Keep::Forever => "for ever".to_owned(),
        clusterkeep_retention::model::Keep::For(age) => format!("for {age}"),
    };
    format!(
        "count, sum, min and max of {} per {}{by} are made from {from} into {}, and kept {keep}",
        columns.join(", "),
        rollup.every,
        rollup.target
    )
}
