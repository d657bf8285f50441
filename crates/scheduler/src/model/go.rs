//! Durations as Go writes them, and so Kubernetes: `1h30m`. Nowhere else is `m` read as minutes.

use clusterkeep_core::age::{Age, Unit};

/// Nanoseconds of each unit.
const UNITS: [(&str, i128); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// What `@every` makes of one: whole seconds, and at least one. `None` where it is no positive duration.
pub(crate) fn interval(text: &str) -> Option<Age> {
    let mut nanos = 0_i128;
    let mut rest = text;
    while !rest.is_empty() {
        let of_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, behind) = rest.split_at(rest.find(|c| !of_number(c))?);
        let (unit, behind) = behind.split_at(behind.find(of_number).unwrap_or(behind.len()));
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(times(number, *unit)?)?;
        rest = behind;
    }
    let seconds = u32::try_from(nanos / 1_000_000_000).ok()?;
    let (count, unit) = match seconds {
        0 => (u32::from(nanos > 0), Unit::Second),
        seconds if seconds % 3_600 == 0 => (seconds / 3_600, Unit::Hour),
        seconds if seconds % 60 == 0 => (seconds / 60, Unit::Minute),
        seconds => (seconds, Unit::Second),
    };
    Age::new(count, unit)
}

/// A number with or without a fraction, times a unit.
fn times(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u32>().ok().map(i128::from) };
    let parts = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(digits(whole)? * unit + digits(fraction)? * unit / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_as_go_does() {
        for (text, every) in [
            ("1h30m", Some("90 minutes")),
            ("90s", Some("90 seconds")),
            ("1.5h", Some("90 minutes")),
            (".5m", Some("30 seconds")),
            ("2h", Some("2 hours")),
            ("1m2.9s", Some("62 seconds")),
            ("1500ms", Some("1 second")),
            ("10us", Some("1 second")),
            ("0s", None),
            ("", None),
            ("5", None),
            ("m", None),
            (".s", None),
            ("1.2.3s", None),
            ("1d", None),
            ("-5m", None),
            ("99999999999h", None),
        ] {
            assert_eq!(interval(text).map(|age| age.to_string()).as_deref(), every, "{text}");
        }
    }
}
