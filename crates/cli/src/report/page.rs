//! The page: its head, its sections in the order in which they matter, and its foot.

use clusterkeep_retention::text::{self, both, grouped, percentage, size};

use super::evidence::{self, Comparison};
use super::headline::headline;
use super::html::esc;
use super::{ReportData, figures, removed, tables};

const STYLE: &str = include_str!("style.css");

/// Forbids the page to load anything, should a viewer ever find something in it to load.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The hatching of what was removed, for all plots.
const HATCH: &str = r#"<svg class="defs" aria-hidden="true" width="0" height="0"><defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V7"/></pattern></defs></svg>
"#;

/// The whole file.
pub(super) fn render(data: &ReportData<'_>) -> String {
    let compared = evidence::compare(&data.series, &removed::spans(data));
    let planned = data.planned;
    let name = esc(&planned.name);
    let mut out = begin(&format!("{name}: retention report"));
    out.push_str(HATCH);
    out.push_str("<main>\n");
    head(&mut out, data, &compared);
    out.push_str(&figures::render(data));
    if !compared.is_empty() {
        let note =
            "Only buckets that lie wholly in what was removed: of the others the raw rows are still there to ask.";
        section(&mut out, "What is kept of it", note, &tables::evidence(data, &compared));
    }
    let notes: String = data.notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", esc(note))).collect();
    section(&mut out, "Before and after", "", &(tables::sizes(data) + &notes));
    let note = "Intervals are half-open: <b>from</b> is in, <b>until</b> is not. Like parts are one row.";
    section(&mut out, "The plan, and why", note, &tables::plan(data.planned, false));
    section(&mut out, "What became of it", "", &(outcome(data) + &tables::undone(data)));
    let made = both(planned.plan.as_of, planned.plan.zone);
    out.push_str(&format!(
        "</main>\n<footer>Made by clusterkeep {} for {name} as of {made}. The same run gives the same file.</footer>\n\
         </body>\n</html>\n",
        esc(&data.version),
    ));
    out
}

/// The beginning of a page of this escaped title, up to its body.
pub(super) fn begin(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    )
}

pub(super) fn section(out: &mut String, title: &str, note: &str, body: &str) {
    out.push_str(&format!("<section>\n<h2>{title}</h2>\n"));
    if !note.is_empty() {
        out.push_str(&format!("<p class=\"note\">{note}</p>\n"));
    }
    out.push_str(&format!("{body}</section>\n"));
}

fn head(out: &mut String, data: &ReportData<'_>, compared: &[Comparison<'_>]) {
    let planned = data.planned;
    let headline = headline(data, compared);
    let database = planned.address.split_once("://").map_or(planned.address.as_str(), |(_, rest)| rest);
    out.push_str(&format!(
        "<header{}>\n<p class=\"eyebrow\">Retention report: <b>{}</b> on {} <code>{}</code></p>\n<h1>{}</h1>\n\
         <p class=\"lede\">{}</p>\n<dl class=\"tiles\">\n",
        if headline.good { "" } else { " class=\"bad\"" },
        esc(&planned.name),
        esc(planned.engine),
        esc(database),
        esc(&headline.sentence),
        esc(&headline.below),
    ));
    for (title, figure, note) in tiles(data, compared) {
        out.push_str(&format!("<div><dt>{title}</dt><dd><b>{figure}</b>{note}</dd></div>\n"));
    }
    out.push_str("</dl>\n</header>\n");
}

/// The few figures that say it all, each with what to compare it with.
fn tiles(data: &ReportData<'_>, compared: &[Comparison<'_>]) -> Vec<(&'static str, String, String)> {
    let mut tiles = Vec::new();
    let raw = data.sizes.iter().find(|one| one.table == data.table);
    if let Some((before, after)) = raw.and_then(|one| one.rows_before.zip(one.rows_after)) {
        tiles.push(("raw rows", grouped(after), format!("of {} before", grouped(before))));
    }
    if let Some((before, after)) = raw.and_then(|one| one.bytes_before.zip(one.bytes_after)) {
        tiles.push(("raw size", size(after), format!("of {} before", size(before))));
    }
    let others = || data.sizes.iter().filter(|one| one.table != data.table);
    if let Some(rows) = others().map(|one| one.rows_after).sum::<Option<u64>>().filter(|rows| *rows > 0) {
        let bytes = others().map(|one| one.bytes_after).sum::<Option<u64>>();
        tiles.push((
            "rows in rollups",
            grouped(rows),
            bytes.map_or_else(String::new, |bytes| format!("in {}", size(bytes))),
        ));
    }
    let (all, equal) = compared.iter().fold((0, 0), |(all, equal), one| (all + one.buckets, equal + one.equal));
    if all > 0 {
        let (all, equal) = (all as u64, equal as u64);
        let note = format!("{} of {} buckets compared", grouped(equal), grouped(all));
        tiles.push(("kept numbers equal", percentage(equal, all), note));
    }
    tiles
}

/// Hashes, outcomes and what else the run rests on.
fn outcome(data: &ReportData<'_>) -> String {
    let planned = data.planned;
    let mut out = String::from("<dl class=\"facts\">\n");
    let mut fact = |title: &str, html: String| {
        out.push_str(&format!("<dt>{title}</dt><dd>{html}</dd>\n"));
    };
    fact("outcome", esc(tables::outcomes(data)).to_string());
    fact("plan", format!("<code>{}</code>", planned.plan.hash));
    if data.report.plan != planned.plan.hash {
        fact("applied", format!("<code>{}</code>", data.report.plan));
    }
    let head = data.report.audit_head.as_deref();
    fact(
        "audit chain's head",
        head.map_or_else(|| "not recorded".to_owned(), |head| format!("<code>{}</code>", esc(head))),
    );
    fact("database", format!("{} <code>{}</code>", esc(planned.engine), esc(&planned.address)));
    fact("zone", planned.plan.zone.name().to_owned());
    // The first line of the plan's own head says what stands at the top of this page.
    let lines = text::head(planned);
    for (title, rest) in lines.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        fact(&esc(title).to_string(), esc(rest).to_string());
    }
    out.push_str("</dl>\n");
    out
}
