//! The page as a whole, made from a small plan.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{ObjectOutcome, Outcome, Plan, PlanHasher, Report, StepId, Verdict};
use clusterkeep_core::sql::{Engine, Ident, TableName};
use clusterkeep_retention::Planned;
use clusterkeep_retention::plan::{Cutoff, Decision, Detail, Domain, Object, Part, Reason, Size};

use super::{Bucket, ReportData, Series, TableSize, render};

const DAYS: i64 = 40;
const REMOVED: i64 = 30;

fn day(nth: i64) -> DateTime<Utc> {
    "2013-01-01T05:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(nth)
}

fn verdict(table: &Arc<TableName>, nth: i64) -> Verdict<Domain> {
    let (start, end, cutoff) = (day(nth), day(nth + 1), day(REMOVED));
    let gone = nth < REMOVED;
    let after = vec!["daily".parse().unwrap()].into();
    Verdict {
        object: Object { table: Arc::clone(table), part: Part::Slice { start, end } },
        verdict: if gone { Decision::Drop } else { Decision::Keep },
        reason: if gone {
            Reason::EndedBeforeCutoff { cutoff, after, archive: None }
        } else {
            Reason::EndsAfterCutoff { cutoff }
        },
        detail: Detail {
            table: Arc::clone(table),
            partition: None,
            start: Some(start),
            end: Some(end),
            size: Size::of(Some(24), Some(24 * 90)),
            policy: table.to_string().into(),
        },
    }
}

/// A plan that was applied, on a table of this name.
struct Fixture {
    planned: Planned,
    report: Report<Domain>,
    table: TableName,
    series: Vec<Series>,
}

fn fixture(name: &str) -> Fixture {
    let table = TableName::bare(Ident::new(name).unwrap());
    let shared = Arc::new(table.clone());
    let verdicts: Vec<_> = (0..DAYS).map(|nth| verdict(&shared, nth)).collect();
    let drops = verdicts.iter().filter(|verdict| verdict.verdict == Decision::Drop);
    let outcomes = drops.map(|verdict| ObjectOutcome {
        step: StepId(1),
        object: verdict.object.clone(),
        outcome: Outcome::Done,
        message: None,
    });
    let outcomes = outcomes.collect();
    let hash = PlanHasher::new("retention").finish();
    let zone = chrono_tz::America::New_York;
    let plan = Plan { kind: "retention", as_of: day(DAYS), zone, hash, verdicts, steps: Vec::new() };
    let cutoffs = vec![Cutoff { table: table.clone(), at: day(REMOVED), age: days(10), zone }];
    let planned = Planned {
        plan,
        name: name.to_owned(),
        address: format!("sqlite://{name}.db"),
        engine: Engine::Sqlite,
        cutoffs,
        guards: Vec::new(),
        policies: Vec::new(),
        estimate: std::time::Duration::from_secs(3),
        notes: vec![format!("a note on {name}")],
    };
    let report = Report { plan: hash, outcomes, exit_code: ExitCode::Done, audit_head: Some("7:ab12".to_owned()) };
    Fixture { planned, report, table, series: vec![series(name)] }
}

/// Hourly values that rise by one through each day, and what is kept of them.
fn series(name: &str) -> Series {
    let hours = |nth: i64| (0..24_i32).map(move |hour| (day(nth) + TimeDelta::hours(hour.into()), f64::from(hour)));
    let daily =
        (0..DAYS).map(|nth| Bucket { start: day(nth), end: day(nth + 1), count: 24, sum: 276.0, min: 0.0, max: 23.0 });
    let month = Bucket { start: day(0), end: day(31), count: 31 * 24, sum: 31.0 * 276.0, min: 0.0, max: 23.0 };
    Series {
        name: name.to_owned(),
        raw: (0..DAYS).flat_map(hours).collect(),
        daily: daily.collect(),
        monthly: vec![month],
    }
}

fn data(fixture: &Fixture) -> ReportData<'_> {
    let size = TableSize {
        table: fixture.table.clone(),
        rows_before: Some(960),
        rows_after: Some(240),
        bytes_before: Some(86_400),
        bytes_after: None,
    };
    ReportData {
        planned: &fixture.planned,
        report: &fixture.report,
        table: fixture.table.clone(),
        column: "temp".to_owned(),
        unit: "°F".to_owned(),
        by: "airport".to_owned(),
        series: fixture.series.clone(),
        sizes: vec![size],
        notes: Vec::new(),
        version: "0.0.0".to_owned(),
    }
}

/// The headline of a page.
fn headline(html: &str) -> &str {
    html.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0
}

/// Fails where a tag is not closed in turn; attributes hold no `>`, since they are escaped.
fn check_balance(html: &str) {
    let body = html.split_once("<style>").unwrap();
    let html = format!("{}{}", body.0, body.1.split_once("</style>").unwrap().1);
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "<{tag}> closes another");
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are open");
}

#[test]
fn a_report_is_one_file_that_refers_to_nothing_else() {
    let fixture = fixture("observations");
    let html = render(&data(&fixture));
    check_balance(&html);
    for reference in ["http://", "https://", " src=", " href=", "@import", "<script", "<link"] {
        assert!(!html.contains(reference), "{reference}");
    }
    let urls = html.matches("url(").count();
    assert_eq!(urls, html.matches("url(#hatch)").count(), "only what the page itself holds");
    assert!(html.len() < 100_000, "{} bytes", html.len());
    assert_eq!(html, render(&data(&fixture)));
}

#[test]
fn it_says_what_matters() {
    let fixture = fixture("observations");
    let html = render(&data(&fixture));
    assert_eq!(headline(&html), "75 % of the raw rows went, every number that they gave is kept");
    for text in [
        "720 rows of observations that ended by 2013-01-31 (America/New_York) were removed",
        "ended at or before the cutoff; first into daily, verified",
        "✓ 30 of 30",
        "raw removed; daily and monthly kept",
        "<b>240</b>of 960 before",
        "America/New_York",
        "7:ab12",
        &fixture.planned.plan.hash.to_string(),
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn it_claims_nothing_that_is_not_so() {
    let mut lost = fixture("observations");
    lost.series[0].daily[3].count = 23;
    let html = render(&data(&lost));
    assert_eq!(headline(&html), "75 % of the raw rows went, and not every number that they gave is kept");
    assert!(html.contains("✗ 29 of 30") && html.contains("720 gone, 719 kept"));

    let mut missing = fixture("observations");
    missing.series[0].daily.remove(3);
    let html = render(&data(&missing));
    assert_eq!(headline(&html), "75 % of the raw rows went, and not every number that they gave is kept");

    let mut failed = fixture("observations");
    failed.report.outcomes[29].outcome = Outcome::Failed;
    failed.report.outcomes[29].message = Some("the <server> went away".to_owned());
    let html = render(&data(&failed));
    assert_eq!(headline(&html), "29 of 30 parts of the plan are done");
    assert!(html.contains("the &lt;server&gt; went away"));
    check_balance(&html);

    let mut nothing = fixture("observations");
    nothing.planned.plan.verdicts.retain(|verdict| verdict.verdict == Decision::Keep);
    nothing.report.outcomes.clear();
    assert_eq!(headline(&render(&data(&nothing))), "Nothing was due, every raw row is kept");
}

#[test]
fn many_series_over_years_stay_small() {
    let mut large = fixture("observations");
    let value = |hour: i32| 50.0 + 40.0 * f64::from(hour % 97).sin();
    let raw: Vec<_> = (0..26_280).map(|hour| (day(0) + TimeDelta::hours(hour.into()), value(hour))).collect();
    let bucket =
        |nth: i64| Bucket { start: day(nth), end: day(nth + 1), count: 24, sum: 1_200.0, min: 10.0, max: 90.0 };
    let daily: Vec<_> = (0..1_095).map(bucket).collect();
    let one = |nth: u32| Series { name: nth.to_string(), raw: raw.clone(), daily: daily.clone(), monthly: Vec::new() };
    large.series = (0..100).map(one).collect();
    let html = render(&data(&large));
    check_balance(&html);
    assert!(html.len() < 600_000, "{} bytes", html.len());
    assert!(html.contains("92 more series are not drawn"));
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</title><script>alert('1')</script>\"&\u{202e}\u{7}<svg onload=x>";
    let html = render(&data(&fixture(hostile)));
    check_balance(&html);
    assert!(!html.contains("<script") && !html.contains("<svg onload"));
    assert!(html.contains("&lt;script&gt;") && !html.contains('\u{202e}') && !html.contains('\u{7}'));
}

#[test]
fn a_report_without_data_is_a_page_nevertheless() {
    let mut empty = fixture("observations");
    empty.series.clear();
    let html = render(&data(&empty));
    check_balance(&html);
    assert!(!html.contains("<figure>"));
}
