//! Where things stand in a plot: fractions of its width and height, and the ticks that say so.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use clusterkeep_core::civil::Every;

use super::removed::Span;

/// The height of a plot in its own units; the page shows one unit as one pixel.
pub(super) const HEIGHT: f64 = 240.0;

/// The width of a plot in its own units, stretched to whatever width there is.
pub(super) const WIDTH: f64 = 1000.0;

/// The largest number that an axis shows; what lies beyond stands at its end.
const LARGEST: f64 = 1e300;

/// The axis of time, across the plot.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeAxis {
    pub(super) span: Span,
    pub(super) zone: Tz,
}

/// A mark on the axis of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where, of the width.
    pub(super) at: f64,
    /// The civil time there, in short.
    pub(super) label: String,
    /// The year, where it is new.
    pub(super) year: Option<i32>,
}

#[expect(clippy::cast_precision_loss, reason = "positions are shown to a thousandth of the width")]
impl TimeAxis {
    /// Where `at` is, as a fraction of the width, within the plot.
    pub(super) fn fraction(&self, at: DateTime<Utc>) -> f64 {
        let whole = (self.span.end - self.span.start).num_seconds().max(1) as f64;
        ((at - self.span.start).num_seconds() as f64 / whole).clamp(0.0, 1.0)
    }

    /// Where `at` is, in the plot's own units.
    pub(super) fn x(&self, at: DateTime<Utc>) -> f64 {
        self.fraction(at) * WIDTH
    }

    /// How many seconds one unit of the plot's width stands for.
    pub(super) fn seconds_per_unit(&self) -> f64 {
        (self.span.end - self.span.start).num_seconds() as f64 / WIDTH
    }

    /// The starts of civil days, months or years, whichever are not too many.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let days = (self.span.end - self.span.start).num_days();
        let (every, step) = match days {
            i64::MIN..=14 => (Every::Day, 1),
            15..=24 => (Every::Day, 2),
            25..=60 => (Every::Day, 5),
            61..=460 => (Every::Month, 1),
            461..=1_400 => (Every::Month, 3),
            _ => (Every::Year, usize::try_from(days / 4_400).unwrap_or(0) + 1),
        };
        let mut year = None;
        let mut ticks = Vec::new();
        let mut start = every.start_of(self.zone, self.span.start);
        if start < self.span.start {
            start = every.end_of(self.zone, start);
        }
        for nth in 0.. {
            if start >= self.span.end {
                break;
            }
            let civil = start.with_timezone(&self.zone);
            let shown = match every {
                Every::Month => (civil.month0() as usize).is_multiple_of(step),
                _ => usize::is_multiple_of(nth, step),
            };
            if shown {
                let format = match every {
                    Every::Day => "%b %-d",
                    Every::Month => "%b",
                    _ => "%Y",
                };
                let new = every != Every::Year && year.replace(civil.year()) != Some(civil.year());
                ticks.push(Tick {
                    at: self.fraction(start),
                    label: civil.format(format).to_string(),
                    year: new.then_some(civil.year()),
                });
            }
            start = every.end_of(self.zone, start);
        }
        ticks
    }
}

/// The axis of values, up the plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ValueAxis {
    low: f64,
    high: f64,
    step: f64,
}

impl ValueAxis {
    /// An axis of round numbers that holds all of `values`; `None` where there is none.
    pub(super) fn over(values: impl Iterator<Item = f64>) -> Option<Self> {
        // Round numbers around the largest float would be none any more.
        let drawn = values.filter(|value| value.is_finite()).map(|value| value.clamp(-LARGEST, LARGEST));
        let (low, high) = drawn.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return None;
        }
        let rough = ((high - low) / 5.0).max(low.abs().max(high.abs()).max(1e-9) * 1e-6);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Some(Self { low, high: if high > low { high } else { low + step }, step })
    }

    /// Where `value` is, in the plot's own units from the top.
    pub(super) fn y(&self, value: f64) -> f64 {
        HEIGHT * (1.0 - ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0))
    }

    /// The round numbers on it and how they are written, from the lowest.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decimals = (0..9).find(|n| self.step * 10_f64.powi(*n) >= 0.999).map_or(9, |n| n.unsigned_abs() as usize);
        // Counted, not added up, so that rounding can't make one too few; a dozen at most by how steps are chosen.
        let all = (0..12).map(|nth| self.low + f64::from(nth) * self.step);
        let within = all.take_while(|value| *value <= self.high + self.step / 2.0);
        within.map(|value| (value, format!("{:.decimals$}", value + 0.0))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_round_ticks() {
        let axis = ValueAxis::over([10.94, 100.04].into_iter()).unwrap();
        let labels: Vec<_> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0", "20", "40", "60", "80", "100", "120"]);
        assert!(ValueAxis::over([f64::NAN].into_iter()).is_none());
        let constant = ValueAxis::over([5.0].into_iter()).unwrap();
        assert!((0.0..=HEIGHT).contains(&constant.y(5.0)));
        assert!(ValueAxis::over([f64::MIN, f64::MAX].into_iter()).unwrap().y(0.0).is_finite());
    }

    #[test]
    fn ticks_stand_at_civil_starts() {
        let span =
            Span { start: "2013-01-01T05:00:00Z".parse().unwrap(), end: "2014-01-01T05:00:00Z".parse().unwrap() };
        let axis = TimeAxis { span, zone: chrono_tz::America::New_York };
        let ticks = axis.ticks();
        assert_eq!((ticks.len(), ticks[0].label.as_str(), ticks[0].year), (12, "Jan", Some(2013)));
        assert!(ticks[0].at.abs() < 1e-9, "the year begins at midnight in New York");
        // Clocks go forward in March: April begins an hour earlier than 90 days of 24 hours say.
        assert!((ticks[3].at - (90.0 * 24.0 - 1.0) / (365.0 * 24.0)).abs() < 1e-9);
    }
}
