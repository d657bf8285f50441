//! A plan as people read it: what is looked at, the table with a reason on every row, and what would happen.

mod tail;

use chrono::{DateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use clusterkeep_core::plan::show::{Cells, Heading, table};
pub use clusterkeep_core::plan::show::{grouped, size};
use clusterkeep_core::plan::{Class, Decide, Verdict};
use clusterkeep_core::sql::TableName;

pub use self::tail::tail;
use crate::model::Share;
use crate::plan::{Cutoff, Decision, Domain, Reason};
use crate::retention::Planned;

/// A row of the shown table: like verdicts folded into one.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The first of them.
    pub first: &'a Verdict<Domain>,
    /// The last.
    pub last: &'a Verdict<Domain>,
    /// How many.
    pub count: usize,
    /// Their rows together, where all were counted.
    pub rows: Option<u64>,
    /// Their bytes together, where all are known.
    pub bytes: Option<u64>,
}

/// A verdict, compared by what people see of it.
struct Verdicted<'a>(&'a Verdict<Domain>);

impl PartialEq for Verdicted<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.detail.table == other.0.detail.table
            && self.0.verdict == other.0.verdict
            && self.0.reason == other.0.reason
    }
}

/// Folds neighbours with one verdict and one reason into rows; `all` leaves each on its own.
#[must_use]
pub fn fold(verdicts: &[Verdict<Domain>], all: bool) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for verdict in verdicts {
        match rows.last_mut() {
            Some(row) if !all && Verdicted(row.last) == Verdicted(verdict) && verdict.verdict != Decision::Build => {
                row.last = verdict;
                row.count += 1;
                row.rows = row.rows.zip(verdict.detail.rows()).map(|(a, b)| a + b);
                row.bytes = row.bytes.zip(verdict.detail.bytes()).map(|(a, b)| a + b);
            }
            _ => rows.push(Row {
                first: verdict,
                last: verdict,
                count: buckets(verdict).unwrap_or(1),
                rows: verdict.detail.rows(),
                bytes: verdict.detail.bytes(),
            }),
        }
    }
    rows
}

fn buckets(verdict: &Verdict<Domain>) -> Option<usize> {
    match verdict.reason {
        Reason::BucketsMissing { buckets, .. } => Some(buckets),
        _ => None,
    }
}

/// The whole plan as text, without colour.
#[must_use]
pub fn plan(planned: &Planned, all: bool) -> String {
    plan_with(planned, all, |_, text| text.to_owned())
}

/// The whole plan as text; `paint` may colour a verdict by its class.
pub fn plan_with(planned: &Planned, all: bool, paint: impl Fn(Class, &str) -> String) -> String {
    let mut out = head(planned);
    out.push('\n');
    let rows = fold(&planned.plan.verdicts, all);
    if rows.is_empty() {
        out.push_str("  there is nothing in the tables that policies are about\n");
    } else {
        // Each by its own name only where each has a row of its own.
        let named = all && rows.iter().any(|row| row.first.detail.partition.is_some());
        let cells: Vec<Cells> = rows.iter().map(|row| cells(row, planned.plan.zone, named)).collect();
        let mut headings = HEADINGS.to_vec();
        if named {
            headings.insert(1, Heading::text("partition"));
        }
        out.push_str(&table(&headings, &cells, paint));
    }
    out.push('\n');
    out.push_str(&tail(planned));
    out
}

/// The lines above the table: what is looked at, as of when, and the cutoffs.
#[must_use]
pub fn head(planned: &Planned) -> String {
    let plan = &planned.plan;
    let database = planned.address.split_once("://").map_or(planned.address.as_str(), |(_, rest)| rest);
    let mut out = format!("{} on {} {database}, as of {}\n", planned.name, planned.engine, both(plan.as_of, plan.zone));
    for cutoff in &planned.cutoffs {
        out.push_str(&format!("cutoff: {}\n", cutoff_text(cutoff, plan.as_of)));
    }
    for note in &planned.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    for (table, guard) in &planned.guards {
        if let Some(share) = share_of(planned, table).filter(|_| guard.max_share > Share::DEFAULT) {
            out.push_str(&format!(
                "guard: {share} of {table} within 24 hours is allowed, because the manifest raises {} to {}\n",
                Share::DEFAULT,
                guard.max_share
            ));
        }
    }
    out
}

/// The share of a table that goes, where that is more than the default guard would let go.
fn share_of(planned: &Planned, table: &TableName) -> Option<String> {
    let verdicts = || planned.plan.verdicts.iter().filter(|verdict| *verdict.detail.table == *table);
    let drops = || verdicts().filter(|verdict| verdict.verdict == Decision::Drop);
    let rows = |sum: Option<u64>| sum.filter(|sum| *sum > 0);
    let part = rows(drops().map(|verdict| verdict.detail.rows()).sum())?;
    let whole = rows(verdicts().filter(|verdict| tail::is_data(verdict)).map(|verdict| verdict.detail.rows()).sum())?;
    (!Share::DEFAULT.allows(part, whole)).then(|| percentage(part, whole))
}

fn cutoff_text(cutoff: &Cutoff, as_of: DateTime<Utc>) -> String {
    let local = cutoff.at.with_timezone(&cutoff.zone);
    let mut text = format!("{} ending at or before {} may go (", cutoff.table, local.format("%Y-%m-%d %H:%M %Z"));
    if cutoff.age.is_calendar() {
        let today = as_of.with_timezone(&cutoff.zone).date_naive();
        text.push_str(&format!("{} before the start of {today}, {})", cutoff.age, cutoff.zone.name()));
    } else {
        text.push_str(&format!("{} before now)", cutoff.age));
    }
    text
}

/// An instant in UTC, and in the zone where that is another.
#[must_use]
pub fn both(at: DateTime<Utc>, zone: Tz) -> String {
    let utc = at.format("%Y-%m-%d %H:%M UTC");
    if zone == Tz::UTC {
        return utc.to_string();
    }
    format!("{utc} ({})", at.with_timezone(&zone).format("%Y-%m-%d %H:%M %Z"))
}

/// A bound in the zone: the date alone where it is the start of a civil day.
#[must_use]
pub fn bound(at: Option<DateTime<Utc>>, zone: Tz) -> String {
    let Some(at) = at else { return "unknown".to_owned() };
    let local = at.with_timezone(&zone).naive_local();
    let at_midnight = local.time() == NaiveTime::MIN && zone.from_local_datetime(&local).earliest().is_some();
    if at_midnight { local.date().to_string() } else { local.format("%Y-%m-%d %H:%M").to_string() }
}

const HEADINGS: [Heading; 8] = [
    Heading::text("table"),
    Heading::text("from"),
    Heading::text("until"),
    Heading::number("slices"),
    Heading::number("rows"),
    Heading::number("size"),
    Heading::verdict("verdict"),
    Heading::text("why"),
];

fn cells(row: &Row<'_>, zone: Tz, named: bool) -> Cells {
    let (first, last) = (row.first, row.last);
    let mut cells = vec![
        first.detail.table.to_string(),
        bound(first.detail.start, zone),
        bound(last.detail.end, zone),
        grouped(row.count as u64),
        row.rows.map_or_else(String::new, grouped),
        row.bytes.map_or_else(String::new, size),
        first.verdict.to_string(),
        first.reason.to_string(),
    ];
    if named {
        cells.insert(1, first.detail.partition.as_ref().map_or_else(String::new, ToString::to_string));
    }
    Cells { class: first.verdict.class(), cells }
}

/// `part` of `whole` in percent: without a fraction, but never 0 % or 100 % of what is neither.
#[must_use]
pub fn percentage(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    let rounded = (u128::from(part) * 200 + u128::from(whole)) / (2 * u128::from(whole));
    match rounded {
        0 if part > 0 => "< 1 %".to_owned(),
        100 if part < whole => "> 99 %".to_owned(),
        n => format!("{n} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(20_698), "20,698");
        assert_eq!(grouped(7), "7");
        assert_eq!(size(1_887_437), "1.8 MiB");
        assert_eq!(size(6_100), "6 KiB");
        assert_eq!(percentage(20_698, 26_115), "79 %");
        assert_eq!(percentage(1, 100_000), "< 1 %");
        assert_eq!(percentage(99_999, 100_000), "> 99 %");
    }
}
