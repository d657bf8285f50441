//! Paths of SVG: what a plot draws, in as few numbers as show the same.
//!
//! Where more points fall on a column of the plot than it can show, its first, lowest, highest and last remain: the line
//! covers the very same pixels.

use chrono::{DateTime, TimeDelta, Utc};

use super::Bucket;
use super::axis::{TimeAxis, ValueAxis};
use super::evidence::merge;
use super::removed::Span;

/// Both axes of a plot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub(super) time: TimeAxis,
    pub(super) value: ValueAxis,
}

/// A path under way; numbers have one decimal and no trailing zero.
#[derive(Debug, Default)]
struct Path(String);

impl Path {
    fn to(&mut self, command: char, numbers: &[f64]) {
        self.0.push(command);
        for (nth, number) in numbers.iter().enumerate() {
            let text = format!("{number:.1}");
            let text = text.strip_suffix(".0").unwrap_or(&text);
            self.0.push_str(&format!("{}{text}", if nth > 0 { " " } else { "" }));
        }
    }
}

/// The points that fall on one column of the plot, in what matters of them.
struct Column {
    x: f64,
    first: f64,
    low: f64,
    high: f64,
    last: f64,
}

/// The line through `points`; interrupted where values are missing for much longer than is usual among them.
pub(super) fn line(axes: &Axes, points: &[(DateTime<Utc>, f64)]) -> String {
    let Some(((first, _), (last, _))) = points.first().zip(points.last()) else { return String::new() };
    let usual = (*last - *first) / i32::try_from(points.len()).unwrap_or(i32::MAX).max(1);
    let widest = (usual * 6).max(TimeDelta::seconds(1));
    let mut path = Path::default();
    let mut open: Option<(Column, DateTime<Utc>)> = None;
    let mut begun = false;
    for (at, value) in points.iter().filter(|(_, value)| value.is_finite()) {
        let (x, y) = (axes.time.x(*at).round(), axes.value.y(*value));
        let gap = open.as_ref().is_some_and(|(_, before)| *at - *before > widest);
        match &mut open {
            Some((column, before)) if same(column.x, x) && !gap => {
                (column.low, column.high, column.last) = (column.low.min(y), column.high.max(y), y);
                *before = *at;
            }
            _ => {
                if let Some((column, _)) = open.replace((Column { x, first: y, low: y, high: y, last: y }, *at)) {
                    draw(&mut path, &column, begun);
                }
                begun = open.is_some() && !gap && !path.0.is_empty();
            }
        }
    }
    if let Some((column, _)) = open {
        draw(&mut path, &column, begun);
    }
    path.0
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.05
}

fn draw(path: &mut Path, column: &Column, goes_on: bool) {
    path.to(if goes_on { 'L' } else { 'M' }, &[column.x, column.first]);
    let mut at = column.first;
    for y in [column.low, column.high, column.last] {
        if !same(at, y) {
            path.to('V', &[y]);
            at = y;
        }
    }
    // A value on its own would be a line of no length, which shows nothing.
    if !goes_on && same(column.low, column.high) {
        path.to('h', &[0.6]);
    }
}

/// Neighbouring buckets merged until each is as wide as can be seen; exact, as rollups are.
pub(super) fn visible(axes: &Axes, buckets: &[Bucket]) -> Vec<Bucket> {
    let Span { start, end } = axes.time.span;
    let seconds = axes.time.seconds_per_unit();
    let mut seen: Vec<Bucket> = Vec::new();
    for bucket in buckets.iter().filter(|bucket| bucket.end > start && bucket.start < end) {
        if bucket.mean().is_none() || !bucket.min.is_finite() || !bucket.max.is_finite() {
            continue;
        }
        match seen.last_mut() {
            Some(last) if last.end == bucket.start && narrow(last, seconds) => *last = merge(last, bucket),
            _ => seen.push(*bucket),
        }
    }
    seen
}

#[expect(clippy::cast_precision_loss, reason = "a matter of what can be seen")]
fn narrow(bucket: &Bucket, seconds: f64) -> bool {
    ((bucket.end - bucket.start).num_seconds() as f64) < seconds
}

/// The means of `buckets` as steps: a mean is of its whole bucket.
pub(super) fn steps(axes: &Axes, buckets: &[Bucket]) -> String {
    let mut path = Path::default();
    let mut before: Option<&Bucket> = None;
    for bucket in buckets {
        let Some(mean) = bucket.mean() else { continue };
        let (x, y) = (axes.time.x(bucket.start), axes.value.y(mean));
        match before {
            Some(before) if before.end == bucket.start => path.to('V', &[y]),
            _ => path.to('M', &[x, y]),
        }
        path.to('H', &[axes.time.x(bucket.end)]);
        before = Some(bucket);
    }
    path.0
}

/// The area between the smallest and the largest value of `buckets`.
pub(super) fn band(axes: &Axes, buckets: &[Bucket]) -> String {
    let mut path = Path::default();
    for run in buckets.chunk_by(|one, other| one.end == other.start) {
        for (nth, bucket) in run.iter().enumerate() {
            let y = axes.value.y(bucket.max);
            if nth == 0 {
                path.to('M', &[axes.time.x(bucket.start), y]);
            } else {
                path.to('V', &[y]);
            }
            path.to('H', &[axes.time.x(bucket.end)]);
        }
        for bucket in run.iter().rev() {
            path.to('V', &[axes.value.y(bucket.min)]);
            path.to('H', &[axes.time.x(bucket.start)]);
        }
        path.to('z', &[]);
    }
    path.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        let span = Span { start: at(0), end: at(100_000) };
        let time = TimeAxis { span, zone: chrono_tz::UTC };
        Axes { time, value: ValueAxis::over([0.0, 100.0].into_iter()).unwrap() }
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(hour * 3600, 0).unwrap()
    }

    #[test]
    fn a_column_keeps_its_extremes() {
        let mut points: Vec<_> = (0..100).map(|hour| (at(hour), 50.0)).collect();
        points[20].1 = 100.0;
        points[40].1 = 0.0;
        // One hundredth of a column of 100 hours rounds to the next one from the middle on.
        let path = line(&axes(), &points);
        assert!(path.contains("V0") && path.contains("V240"), "{path}");
        assert!(path.len() < 60, "{path}");
    }

    #[test]
    fn missing_values_interrupt_the_line() {
        let points: Vec<_> = (0..10_000).chain(50_000..60_000).map(|hour| (at(hour), 50.0)).collect();
        let path = line(&axes(), &points);
        assert_eq!(path.matches('M').count(), 2, "{path}");
    }

    #[test]
    fn buckets_too_narrow_to_see_are_merged_exactly() {
        let buckets: Vec<_> =
            (0..100).map(|n| Bucket { start: at(n), end: at(n + 1), count: 1, sum: 2.0, min: 2.0, max: 2.0 }).collect();
        let seen = visible(&axes(), &buckets);
        assert_eq!((seen.len(), seen[0].count, seen[0].mean()), (1, 100, Some(2.0)));
    }
}
