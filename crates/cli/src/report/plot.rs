//! One plot: a series as raw values, daily and monthly, with what was removed shaded.
//!
//! The drawing is stretched to the width that there is, and its words are not: they stay readable on a telephone and on paper.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use clusterkeep_retention::text::{bound, grouped};

use super::axis::{HEIGHT, WIDTH};
use super::html::esc;
use super::path::{self, Axes};
use super::removed::Span;
use super::{Bucket, Series};

/// What is drawn, and what is said about it.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    /// Unique on the page.
    pub(super) id: String,
    pub(super) title: String,
    /// What it shows, for those who don't see it.
    pub(super) describe: String,
    pub(super) series: &'a Series,
    pub(super) axes: Axes,
    pub(super) removed: &'a [Span],
    pub(super) cutoff: Option<DateTime<Utc>>,
    pub(super) unit: &'a str,
    /// Whether every bucket can be pointed at.
    pub(super) pointed: bool,
}

impl Display for Plot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = &self.id;
        writeln!(f, "<figure>\n<figcaption>{}</figcaption>", esc(&self.title))?;
        writeln!(
            f,
            "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" width=\"100%\" height=\"{HEIGHT}\">"
        )?;
        writeln!(f, "<title id=\"{id}-t\">{}</title>", esc(&self.title))?;
        writeln!(f, "<desc id=\"{id}-d\">{}</desc>", esc(&self.describe))?;
        f.write_str(&self.ground())?;
        f.write_str(&self.drawing())?;
        f.write_str(&self.above())?;
        f.write_str("</svg>\n</figure>\n")
    }
}

impl Plot<'_> {
    /// What lies under the lines: the removed spans, the grid and its words.
    fn ground(&self) -> String {
        let mut out = String::new();
        let Axes { time, value } = &self.axes;
        for span in self.removed.iter().filter_map(|span| span.overlap(time.span)) {
            let (from, until) = (100.0 * time.fraction(span.start), 100.0 * time.fraction(span.end));
            let wide = until - from;
            out.push_str(&format!("<rect class=\"gone\" x=\"{from:.2}%\" width=\"{wide:.2}%\" height=\"100%\"/>\n"));
            out.push_str(&format!(
                "<rect fill=\"url(#hatch)\" x=\"{from:.2}%\" width=\"{wide:.2}%\" height=\"100%\"/>\n"
            ));
        }
        for (at, label) in value.ticks() {
            let y = value.y(at);
            out.push_str(&format!("<line class=\"grid\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n"));
            let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", esc(self.unit)) };
            out.push_str(&format!("<text class=\"y\" x=\"-8\" y=\"{:.1}\">{label}{unit}</text>\n", y + 4.0));
        }
        for (nth, tick) in time.ticks().into_iter().enumerate() {
            let x = 100.0 * tick.at;
            let sparse = if nth % 2 == 1 { " odd" } else { "" };
            out.push_str(&format!(
                "<line class=\"tick\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{HEIGHT}\" y2=\"{}\"/>\n",
                HEIGHT + 5.0
            ));
            out.push_str(&format!(
                "<text class=\"x{sparse}\" x=\"{x:.2}%\" y=\"{}\">{}</text>\n",
                HEIGHT + 19.0,
                tick.label
            ));
            if let Some(year) = tick.year {
                out.push_str(&format!("<text class=\"x year\" x=\"{x:.2}%\" y=\"{}\">{year}</text>\n", HEIGHT + 34.0));
            }
        }
        out
    }

    /// The lines themselves, in the order in which they cover one another.
    fn drawing(&self) -> String {
        let axes = &self.axes;
        let daily = path::visible(axes, &self.series.daily);
        let monthly = path::visible(axes, &self.series.monthly);
        let mut out = format!(
            "<svg width=\"100%\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\">\n"
        );
        let mut draw = |class: &str, path: String| {
            if !path.is_empty() {
                out.push_str(&format!("<path class=\"{class}\" d=\"{path}\"/>\n"));
            }
        };
        draw("band", path::band(axes, &daily));
        let within = |at: DateTime<Utc>| axes.time.span.contains(at);
        let is_gone = |at: DateTime<Utc>| self.removed.iter().any(|span| span.contains(at));
        // What went and what is kept are lines of their own: one is a memory, the other is still in the table.
        let shown: Vec<_> = self.series.raw.iter().copied().filter(|(at, _)| within(*at)).collect();
        for run in shown.chunk_by(|(one, _), (other, _)| is_gone(*one) == is_gone(*other)) {
            let gone = run.first().is_some_and(|(at, _)| is_gone(*at));
            draw(if gone { "raw was" } else { "raw" }, path::line(axes, run));
        }
        draw("daily", path::steps(axes, &daily));
        draw("monthly halo", path::steps(axes, &monthly));
        draw("monthly", path::steps(axes, &monthly));
        if self.pointed {
            self.targets(&mut out, &daily);
        }
        out.push_str("</svg>\n");
        out
    }

    /// Places to point at, each with the numbers of its bucket.
    fn targets(&self, out: &mut String, buckets: &[Bucket]) {
        out.push_str("<g class=\"at\">");
        for bucket in buckets {
            let Some(mean) = bucket.mean() else { continue };
            let from = self.axes.time.x(bucket.start);
            let wide = self.axes.time.x(bucket.end) - from;
            let day = bucket.start.with_timezone(&self.axes.time.zone).format("%Y-%m-%d");
            out.push_str(&format!("<path d=\"M{from:.1} 0h{wide:.1}v{HEIGHT}h-{wide:.1}z\"><title>{day}: mean {mean:.1} {unit}, {} to {}, {} values</title></path>",
                bucket.min,
                bucket.max,
                grouped(bucket.count),
                unit = esc(self.unit),));
        }
        out.push_str("</g>\n");
    }

    /// The words above the plot, where no line can run through them: what was removed, and where the cutoff is.
    fn above(&self) -> String {
        let mut out = String::new();
        let time = &self.axes.time;
        let shaded = self.removed.iter().filter_map(|span| span.overlap(time.span)).map(|span| {
            let from = time.fraction(span.start);
            (from, time.fraction(span.end) - from)
        });
        // One word for the widest is enough; the shade is the same everywhere.
        if let Some((from, wide)) =
            shaded.max_by(|(_, one), (_, other)| one.total_cmp(other)).filter(|(_, wide)| *wide > 0.2)
        {
            let (from, long) = (100.0 * from, if wide > 0.4 { "; daily and monthly kept" } else { "" });
            out.push_str(&format!("<text class=\"label\" x=\"{from:.2}%\" y=\"-9\">raw removed{long}</text>\n"));
        }
        let Some(at) = self.cutoff.filter(|at| time.span.contains(*at)) else { return out };
        let x = 100.0 * time.fraction(at);
        out.push_str(&format!("<line class=\"cutoff\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"-20\" y2=\"{HEIGHT}\"/>\n"));
        let end = if x > 85.0 { " end" } else { "" };
        let (shift, bound) = (if x > 85.0 { -6 } else { 6 }, bound(Some(at), time.zone));
        out.push_str(&format!(
            "<text class=\"label cut{end}\" x=\"{x:.2}%\" dx=\"{shift}\" y=\"-9\">cutoff {bound}</text>\n"
        ));
        out
    }
}
