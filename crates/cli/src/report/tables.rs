//! The tables of the report: kept numbers, sizes, the plan with its reasons, and what became of it.

use chrono_tz::Tz;
use clusterkeep_core::plan::{Class, Decide, Outcome};
use clusterkeep_retention::Planned;
use clusterkeep_retention::text::{self, bound, grouped, size};

use super::evidence::Comparison;
use super::html::{Table, esc};
use super::{Bucket, ReportData};

/// More rows than anybody reads would only make the file large; the plan itself has them all.
const MOST: usize = 300;

/// The comparison of what went with what is kept.
pub(super) fn evidence(data: &ReportData<'_>, compared: &[Comparison<'_>]) -> String {
    let table = Table {
        caption: "The removed values, summed up again for this report, next to what the rollups keep",
        columns: &[
            (&data.by, false),
            ("kept as", false),
            ("from", false),
            ("until", false),
            ("values", true),
            ("lowest", true),
            ("mean", true),
            ("highest", true),
            ("buckets equal", true),
        ],
    };
    let zone = data.planned.plan.zone;
    let rows = compared.iter().take(MOST).map(|one| {
        let (raw, kept) = (&one.raw, &one.kept);
        let mean = |bucket: &Bucket| bucket.mean().map_or_else(unknown, |mean| format!("{mean:.2}"));
        let shown = |bucket: &Bucket, value: f64| if bucket.count > 0 { value.to_string() } else { unknown() };
        let good = one.equal == one.buckets;
        let mark = if good { "✓" } else { "✗" };
        let cells = vec![
            esc(one.series).to_string(),
            one.rollup.to_owned(),
            bound(Some(kept.start), zone),
            bound(Some(kept.end), zone),
            pair(grouped(raw.count), grouped(kept.count)),
            pair(shown(raw, raw.min), shown(kept, kept.min)),
            pair(mean(raw), mean(kept)),
            pair(shown(raw, raw.max), shown(kept, kept.max)),
            format!("{mark} {} of {}", grouped(one.equal as u64), grouped(one.buckets as u64)),
        ];
        (if good { "" } else { "refuse" }, cells)
    });
    table.render(&rows.collect::<Vec<_>>())
}

/// One text where both are the same, else both.
fn pair(raw: String, kept: String) -> String {
    if raw == kept { raw } else { format!("{raw} gone, {kept} kept") }
}

/// Rows and bytes of each table.
pub(super) fn sizes(data: &ReportData<'_>) -> String {
    let table = Table {
        caption: "Rows and bytes of each tier",
        columns: &[
            ("table", false),
            ("rows before", true),
            ("rows after", true),
            ("change", true),
            ("size before", true),
            ("size after", true),
            ("change", true),
        ],
    };
    let rows = data.sizes.iter().map(|one| {
        let cells = vec![
            format!("<code>{}</code>", esc(&one.table)),
            one.rows_before.map_or_else(|| "none yet".to_owned(), grouped),
            one.rows_after.map_or_else(unknown, grouped),
            change(one.rows_before.or(Some(0)).zip(one.rows_after), grouped),
            one.bytes_before.map_or_else(unknown, size),
            one.bytes_after.map_or_else(unknown, size),
            change(one.bytes_before.zip(one.bytes_after), size),
        ];
        ("", cells)
    });
    table.render(&rows.collect::<Vec<_>>())
}

fn unknown() -> String {
    "–".to_owned()
}

fn change(both: Option<(u64, u64)>, show: impl Fn(u64) -> String) -> String {
    match both {
        None => unknown(),
        Some((before, after)) if before > after => format!("−{}", show(before - after)),
        Some((before, after)) if before < after => format!("+{}", show(after - before)),
        Some(_) => "same".to_owned(),
    }
}

/// The plan, like things folded into one row where not `all` are wanted, with the reason on every row.
pub(super) fn plan(planned: &Planned, all: bool) -> String {
    let table = Table {
        caption: "Every part of every table, what was decided, and why",
        columns: &[
            ("table", false),
            ("from", false),
            ("until", false),
            ("slices", true),
            ("rows", true),
            ("size", true),
            ("verdict", false),
            ("why", false),
        ],
    };
    let folded = text::fold(&planned.plan.verdicts, all);
    let zone = planned.plan.zone;
    let most = if all { usize::MAX } else { MOST };
    let rows: Vec<_> = folded.iter().take(most).map(|row| plan_row(row, zone)).collect();
    let mut out = table.render(&rows);
    if folded.len() > most {
        let more = grouped((folded.len() - most) as u64);
        out.push_str(&format!("<p class=\"note\">{more} more rows are in the plan and not shown here.</p>\n"));
    }
    out
}

fn plan_row(row: &text::Row<'_>, zone: Tz) -> (&'static str, Vec<String>) {
    let (first, last) = (row.first, row.last);
    let kind = match first.verdict.class() {
        Class::Keep => "",
        Class::Act => "act",
        Class::Refuse => "refuse",
    };
    let cells = vec![
        format!("<code>{}</code>", esc(&first.detail.table)),
        bound(first.detail.start, zone),
        bound(last.detail.end, zone),
        grouped(row.count as u64),
        row.rows.map_or_else(String::new, grouped),
        row.bytes.map_or_else(String::new, size),
        format!("<span class=\"verdict\">{}</span>", first.verdict),
        esc(&first.reason).to_string(),
    ];
    (kind, cells)
}

const OUTCOMES: [Outcome; 6] =
    [Outcome::Done, Outcome::AlreadyDone, Outcome::Skipped, Outcome::Refused, Outcome::StillPresent, Outcome::Failed];

/// How many objects ended how, in words.
pub(super) fn outcomes(data: &ReportData<'_>) -> String {
    let counted = OUTCOMES.map(|outcome| (data.report.count(outcome), outcome));
    let some = counted.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = some.map(|(count, outcome)| format!("{} {outcome}", grouped(*count as u64))).collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

/// What did not end as planned, one by one; empty where everything did.
pub(super) fn undone(data: &ReportData<'_>) -> String {
    let undone = data.report.outcomes.iter().filter(|object| !object.outcome.is_done());
    let rows: Vec<_> = undone
        .take(MOST)
        .map(|object| {
            let why = object.message.as_deref().unwrap_or_default();
            let cells =
                vec![format!("<code>{}</code>", esc(&object.object)), object.outcome.to_string(), esc(why).to_string()];
            ("refuse", cells)
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = &[("object", false), ("outcome", false), ("why", false)];
    Table { caption: "What is not as planned", columns }.render(&rows)
}
