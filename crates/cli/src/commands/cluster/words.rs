//! Ids, sizes and times in the short form that a line has room for.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::managed::RunState;
use uuid::Uuid;

/// `3f2e..91`: enough to tell two clusters apart, and not meant to be typed.
pub(super) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    format!("{}..{}", &text[..4], &text[30..])
}

/// `2 h ago`.
pub(super) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match span(now - at) {
        Some(span) => format!("{span} ago"),
        None => "just now".into(),
    }
}

/// `in 41 s`, for what began and ended at these instants.
pub(super) fn took(began: Option<DateTime<Utc>>, ended: Option<DateTime<Utc>>) -> Option<String> {
    let span = span(ended? - began?)?;
    Some(format!("in {span}"))
}

/// The largest unit that there is one of; nothing for less than a second.
fn span(time: TimeDelta) -> Option<String> {
    let seconds = time.num_seconds();
    let (count, unit) = match seconds {
        ..1 => return None,
        1..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    Some(format!("{count} {unit}"))
}

/// A size in binary units: `8 GiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(shift, _)| bytes >= 1 << shift);
    let Some((shift, unit)) = unit else { return format!("{bytes} B") };
    let (whole, tenth) = (bytes >> shift, ((bytes & ((1 << shift) - 1)) * 10) >> shift);
    if whole >= 10 || tenth == 0 { format!("{whole} {unit}") } else { format!("{whole}.{tenth} {unit}") }
}

/// An operation's kind as people call it: the API has one word for suspending and resuming.
pub(super) fn operation(kind: &str, state: &RunState) -> String {
    match (kind, state) {
        ("SUSPEND", RunState::Running) => "resume".into(),
        _ => kind.to_lowercase().replace('_', " "),
    }
}

/// A word of the API as people write it: `in progress`.
pub(super) fn word(word: &str) -> String {
    word.to_lowercase().replace('_', " ")
}

/// An instant on a line.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_one_unit() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let seconds = |seconds| now - TimeDelta::seconds(seconds);
        assert_eq!(ago(seconds(0), now), "just now");
        assert_eq!(ago(seconds(-5), now), "just now");
        assert_eq!(ago(seconds(119), now), "119 s ago");
        assert_eq!(ago(seconds(7199), now), "119 min ago");
        assert_eq!(ago(seconds(7200), now), "2 h ago");
        assert_eq!(ago(seconds(999_999), now), "11 d ago");
        assert_eq!(took(Some(seconds(41)), Some(now)).as_deref(), Some("in 41 s"));
    }

    #[test]
    fn sizes_are_binary() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(8 << 30), "8 GiB");
        assert_eq!(size((1 << 30) + (1 << 29)), "1.5 GiB");
        assert_eq!(size(u64::MAX), "16777215 TiB");
    }

    #[test]
    fn an_id_is_short() {
        assert_eq!(short("3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191".parse().unwrap()), "3f2e..91");
    }
}
