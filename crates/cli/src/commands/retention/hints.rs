//! How to go on where a guard rail stops something.

use clusterkeep_core::plan::Verdict;
use clusterkeep_core::sql::TableName;
use clusterkeep_retention::Planned;
use clusterkeep_retention::plan::{Domain, Reason, ShareUnit};

use super::show::{Again, instant};

/// What somebody can do about the refusals of one table.
pub(super) fn hint(planned: &Planned, refused: &[&Verdict<Domain>], again: &Again) -> Option<String> {
    let first = refused.first()?;
    let table = &*first.detail.table;
    Some(match &first.reason {
        Reason::ShareExceeded { .. } => raise("max_share", refused),
        Reason::CapExceeded { unit: ShareUnit::Rows, .. } => raise("max_rows", refused),
        Reason::CapExceeded { .. } => raise("max_partitions", refused),
        Reason::BytesExceeded { .. } => raise("max_bytes", refused),
        Reason::NotMeasured { .. } => {
            "limit it by what is known: `guard.max_share` or `guard.max_partitions`".to_owned()
        }
        Reason::ClockBehind { .. } => "look at the clocks of both machines; `plan` alone may look at any time".into(),
        Reason::ClocksDiffer { .. } => "set the clock of this machine or of the server right, and plan again".into(),
        Reason::NewlyMatched => {
            let subject = planned
                .policies
                .iter()
                .find(|of| of.table == *table || of.policy.rollups().any(|rollup| rollup.target == *table));
            format!("if it may be cleared, say so: {}", again.acknowledge(subject.map_or(table, |of| &of.table)))
        }
        Reason::BadServer { .. } => "upgrade the server first; `plan` reads only, and is safe".into(),
        Reason::NoIndex => match column(planned, table) {
            Some(column) => format!("create one: CREATE INDEX ON {table} ({column})"),
            None => "create an index that begins with the column of time".into(),
        },
        Reason::NoTransactions { .. } => format!("give it one that can: ALTER TABLE {table} ENGINE = InnoDB"),
        Reason::SideEffects { .. } => "if that is meant, allow each by its name in `guard.allow`".into(),
        _ => return None,
    })
}

/// The column of time of a table that a policy is about.
fn column(planned: &Planned, table: &TableName) -> Option<String> {
    let of = planned.policies.iter().find(|of| of.table == *table)?;
    Some(of.policy.time.column.to_string())
}

/// Raise the limit, or apply the part that is within it.
fn raise(limit: &str, refused: &[&Verdict<Domain>]) -> String {
    let until = within(refused)
        .map_or_else(|| "...".to_owned(), |verdict| verdict.detail.end.map_or_else(|| "...".to_owned(), instant));
    let from = refused.first().and_then(|verdict| verdict.detail.start);
    let from = from.map(|at| format!(" --from {}", instant(at))).unwrap_or_default();
    format!("raise `guard.{limit}` of the table, or apply a part:{from} --until {until}")
}

/// The last of the refused that could still go, the oldest first, without more than is allowed.
fn within<'a>(refused: &[&'a Verdict<Domain>]) -> Option<&'a Verdict<Domain>> {
    let size = |verdict: &Verdict<Domain>, unit| match unit {
        ShareUnit::Rows => verdict.detail.rows(),
        ShareUnit::Partitions | ShareUnit::Archives => Some(1),
        ShareUnit::Bytes => verdict.detail.bytes(),
    };
    let (unit, would_go) = match &refused.first()?.reason {
        Reason::ShareExceeded { part, unit, .. } => (*unit, *part),
        Reason::CapExceeded { count, unit, .. } => (*unit, *count),
        Reason::BytesExceeded { bytes, .. } => (ShareUnit::Bytes, *bytes),
        _ => return None,
    };
    let allowed = |sum: u64| match &refused.first().map(|verdict| &verdict.reason) {
        Some(Reason::ShareExceeded { whole, allowed, .. }) => allowed.allows(sum, *whole),
        Some(Reason::CapExceeded { allowed, .. }) => sum <= *allowed,
        Some(Reason::BytesExceeded { allowed, .. }) => sum <= allowed.0,
        _ => false,
    };
    let planned: u64 = refused.iter().map(|verdict| size(verdict, unit)).sum::<Option<u64>>()?;
    // What went within the last 24 hours counts, too.
    let mut sum = would_go.saturating_sub(planned);
    let mut last = None;
    for verdict in refused {
        sum += size(verdict, unit)?;
        if !allowed(sum) {
            break;
        }
        last = Some(*verdict);
    }
    last
}
