//! The plots of the report: each series over all of its time, and one of them close up around the cutoff.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_retention::text::{bound, grouped};

use super::axis::{TimeAxis, ValueAxis};
use super::html::esc;
use super::path::Axes;
use super::plot::Plot;
use super::removed::{self, Span};
use super::{Bucket, ReportData, Series};

/// More series than anybody compares by eye would only make the file large.
const MOST: usize = 8;

/// The most buckets on the page that can each be pointed at.
const POINTED: usize = 1_500;

/// How far the close-up reaches on either side of the cutoff.
const AROUND: TimeDelta = TimeDelta::days(10);

/// The section with all plots; empty where there is nothing to plot.
pub(super) fn render(data: &ReportData<'_>) -> String {
    let shown = data.series.get(..MOST).unwrap_or(&data.series);
    let Some((value, span)) = value_axis(shown).zip(extent(shown)) else { return String::new() };
    let zone = data.planned.plan.zone;
    let cutoff = data.planned.cutoffs.iter().find(|cutoff| cutoff.table == data.table).map(|cutoff| cutoff.at);
    let removed = removed::spans(data);
    let unit = if data.unit.is_empty() { String::new() } else { format!(" in {}", data.unit) };
    let mut out = format!(
        "<section>\n<h2>{}{} by {}</h2>\n<p class=\"note\">Times are of {}. <span class=\"screen\">Point at a day for its numbers.</span></p>\n",
        esc(&data.column),
        esc(&unit),
        esc(&data.by),
        zone.name(),
    );
    out.push_str(LEGEND);
    let axes = Axes { time: TimeAxis { span, zone }, value };
    let pointed = shown.iter().map(|series| series.daily.len()).sum::<usize>() <= POINTED;
    for (nth, series) in shown.iter().enumerate() {
        let plot = Plot {
            id: format!("p{nth}"),
            title: series.name.clone(),
            describe: describe(data, series, &axes),
            series,
            axes,
            removed: &removed,
            cutoff,
            unit: &data.unit,
            pointed,
        };
        out.push_str(&format!("{plot}"));
    }
    if let Some(more) = data.series.len().checked_sub(MOST).filter(|more| *more > 0) {
        out.push_str(&format!("<p class=\"note\">{} more series are not drawn.</p>\n", grouped(more as u64)));
    }
    if let Some((at, series)) = cutoff.zip(shown.first()) {
        out.push_str(&close_up(data, series, at, &axes, &removed));
    }
    out.push_str("</section>\n");
    out
}

/// What every plot shows, each with a form of its own as well as a colour.
const LEGEND: &str = r#"<ul class="legend" aria-label="Legend">
<li><svg width="34" height="14"><path class="raw" d="M0 9L4 4 7 11 11 3 15 10 19 5 23 12 27 4 31 9 34 6"/></svg>raw values, kept</li>
<li><svg width="34" height="14"><path class="raw was" d="M0 9L4 4 7 11 11 3 15 10 19 5 23 12 27 4 31 9 34 6"/></svg>raw values, removed</li>
<li><svg width="34" height="14"><path class="band" d="M0 1H34V13H0z"/><path class="daily" d="M0 7H34"/></svg>daily mean, lowest to highest</li>
<li><svg width="34" height="14"><path class="monthly" d="M0 10H17V4H34"/></svg>monthly mean</li>
<li><svg width="34" height="14"><rect class="gone" width="34" height="14"/><rect fill="url(#hatch)" width="34" height="14"/></svg>span that was removed</li>
<li><svg width="34" height="14"><path class="cutoff" d="M17 0V14"/></svg>cutoff</li>
</ul>
"#;

/// The days around the cutoff, where one sees what raw rows show that days do not.
fn close_up(data: &ReportData<'_>, series: &Series, at: DateTime<Utc>, axes: &Axes, removed: &[Span]) -> String {
    let span = Span { start: at - AROUND, end: at + AROUND };
    let has_raw =
        |from: DateTime<Utc>, until: DateTime<Utc>| series.raw.iter().any(|(at, _)| from <= *at && *at < until);
    if !has_raw(span.start, at) || !has_raw(at, span.end) {
        return String::new();
    }
    let near = |buckets: &[Bucket]| {
        let near = |bucket: &&Bucket| bucket.end > span.start && bucket.start < span.end;
        buckets.iter().filter(near).copied().collect()
    };
    let part = Series {
        name: series.name.clone(),
        raw: series.raw.iter().copied().filter(|(at, _)| span.contains(*at)).collect(),
        daily: near(&series.daily),
        monthly: near(&series.monthly),
    };
    let axes = Axes {
        time: TimeAxis { span, ..axes.time },
        value: value_axis(std::slice::from_ref(&part)).unwrap_or(axes.value),
    };
    let title = format!("{}: the ten days on either side of the cutoff", series.name);
    let plot = Plot {
        id: "near".to_owned(),
        title,
        describe: describe(data, &part, &axes),
        series: &part,
        axes,
        removed,
        cutoff: Some(at),
        unit: &data.unit,
        pointed: true,
    };
    plot.to_string()
}

/// One scale for all series, so that they can be compared: it holds all that is drawn.
fn value_axis(series: &[Series]) -> Option<ValueAxis> {
    let raw = series.iter().flat_map(|one| &one.raw).map(|(_, value)| *value);
    let daily = series.iter().flat_map(|one| &one.daily).filter(|bucket| bucket.count > 0);
    let monthly = series.iter().flat_map(|one| &one.monthly).filter_map(Bucket::mean);
    ValueAxis::over(raw.chain(daily.flat_map(|bucket| [bucket.min, bucket.max])).chain(monthly))
}

/// All the time that there is anything of.
fn extent(series: &[Series]) -> Option<Span> {
    let raw = series.iter().flat_map(|one| &one.raw).map(|(at, _)| (*at, *at + TimeDelta::seconds(1)));
    let buckets = series.iter().flat_map(|one| one.daily.iter().chain(&one.monthly));
    let all = raw.chain(buckets.map(|bucket| (bucket.start, bucket.end)));
    all.map(|(start, end)| Span { start, end })
        .reduce(|all, one| Span { start: all.start.min(one.start), end: all.end.max(one.end) })
}

fn describe(data: &ReportData<'_>, series: &Series, axes: &Axes) -> String {
    let Span { start, end } = axes.time.span;
    let zone = axes.time.zone;
    let mut text = format!(
        "{} of {} from {} to {} ({}): {} raw values as a thin line, {} daily means as steps within a band from the lowest to \
         the highest value, {} monthly means as bold steps.",
        data.column,
        series.name,
        bound(Some(start), zone),
        bound(Some(end), zone),
        zone.name(),
        grouped(series.raw.len() as u64),
        grouped(series.daily.len() as u64),
        grouped(series.monthly.len() as u64),
    );
    for span in removed::spans(data).iter().filter_map(|span| span.overlap(axes.time.span)).take(3) {
        let (from, until) = (bound(Some(span.start), zone), bound(Some(span.end), zone));
        text.push_str(&format!(" Raw values from {from} until {until} were removed."));
    }
    text
}
