//! What Kubernetes does not take: an expression that is read for it must be one that it would read.

use super::field::Wrong;

/// Whether an item is made of stars, numbers, names of three letters, ranges and steps alone.
pub(super) fn kubernetes_takes(item: &str) -> bool {
    let base = item.split('/').next().unwrap_or_default();
    let value = |text: &str| {
        let all = |kind: fn(&u8) -> bool| text.bytes().all(|byte| kind(&byte));
        !text.is_empty() && all(u8::is_ascii_digit) || text.len() == 3 && all(u8::is_ascii_alphabetic)
    };
    match base.split_once('-') {
        Some((first, last)) => value(first) && value(last),
        None => matches!(base, "*" | "?") || value(base),
    }
}

pub(super) fn not_in_kubernetes(field: &str, item: &str) -> Wrong {
    Wrong {
        what: format!("{field} `{item}` is none that Kubernetes takes"),
        hint: Some("it knows `*`, `?`, numbers, names of three letters, ranges, lists and steps".to_owned()),
    }
}
