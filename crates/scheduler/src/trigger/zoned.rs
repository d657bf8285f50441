//! The next instant at which civil times come in a zone.
//!
//! Time is a row of spans of constant offset. Within one, a civil match is an instant; at its edges the policies decide:
//! the start of a span after a fold repeats civil times, the start after a gap has left some out. Every answer is later
//! than what was asked with.

use super::{DstNote, Fold, Gap, Pass};
use crate::civil::{Span, Spans, naive};

/// Civil times in their order, in civil seconds, without a zone.
pub(crate) trait CivilTimes {
    /// The first one later than `after`; `None` where there is none.
    fn next_civil(&self, after: i64) -> Option<i64>;

    /// Whether they are an interval and not fixed times: that decides on the rules where none are set.
    fn follows_the_clock(&self) -> bool;
}

/// A match: its instant, and what brought it there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    /// Epoch seconds.
    pub(crate) instant: i64,
    /// The civil time that the expression named; another than the wall clock's where a gap moved it.
    civil: i64,
    moved: bool,
}

/// Rules for the clock's changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) gap: Gap,
    pub(crate) fold: Fold,
}

impl Rules {
    /// Those that were set; else fixed times run after a gap and the first time in a fold, and intervals skip the one and go
    /// through both passes of the other.
    pub(crate) fn of(times: &impl CivilTimes, gap: Option<Gap>, fold: Option<Fold>) -> Self {
        let (by_gap, by_fold) =
            if times.follows_the_clock() { (Gap::Skip, Fold::Both) } else { (Gap::RunAfter, Fold::First) };
        Self { gap: gap.unwrap_or(by_gap), fold: fold.unwrap_or(by_fold) }
    }
}

/// The first match after `after`, in epoch seconds.
pub(crate) fn next(times: &impl CivilTimes, spans: &Spans, rules: Rules, after: i64) -> Option<Match> {
    let mut index = spans.index(after);
    let mut after = after;
    loop {
        let span = spans.get(index)?;
        let civil = times.next_civil(first_civil(&span, rules, after) - 1);
        let regular = civil.filter(|civil| *civil < end_civil(&span, rules)).map(|civil| Match {
            instant: civil - span.offset,
            civil,
            moved: false,
        });
        let found =
            if span.before < span.offset { earlier(moved(times, &span, rules, after), regular) } else { regular };
        if let Some(found) = found {
            // Peers that could return what they were given have looped on it.
            assert!(found.instant > after, "a fire is later than the one before");
            return Some(found);
        }
        if span.end == i64::MAX {
            return None;
        }
        let folded = span.end + span.next;
        let clear = span.next >= span.offset || after + span.offset < folded;
        index = match civil {
            // No civil time before this match counts, so the spans up to it hold nothing; two days are more than any
            // two offsets differ. Where the fold at the span's end repeats times before `after`, it has to be looked at.
            Some(civil) if clear => spans.index(civil - 2 * crate::civil::DAY).max(index + 1),
            Some(_) => index + 1,
            // Past the last year there may still be something in a fold.
            None if !clear => index + 1,
            None => return None,
        };
        after = spans.get(index)?.start - 1;
    }
}

/// The first civil time of a span that may fire after `after`.
fn first_civil(span: &Span, rules: Rules, after: i64) -> i64 {
    let next = after + 1 + span.offset;
    // The second pass of the fold that the span begins with.
    if span.before > span.offset && rules.fold == Fold::First { next.max(span.start + span.before) } else { next }
}

/// Where the civil times of a span end that may fire in it.
const fn end_civil(span: &Span, rules: Rules) -> i64 {
    if span.end == i64::MAX {
        return i64::MAX;
    }
    // The first pass of the fold that the span ends with.
    let offset = if span.next < span.offset && matches!(rules.fold, Fold::Second) { span.next } else { span.offset };
    span.end + offset
}

/// What the gap that a span begins with has moved into it.
fn moved(times: &impl CivilTimes, span: &Span, rules: Rules, after: i64) -> Option<Match> {
    let (first, end) = (span.start + span.before, span.start + span.offset);
    let within = |after: i64| times.next_civil(after).filter(|civil| *civil < end);
    match rules.gap {
        Gap::RunAfter if after < span.start => {
            within(first - 1).map(|civil| Match { instant: span.start, civil, moved: true })
        }
        Gap::Shift => within(after.max(span.start - 1) + span.before).map(|civil| Match {
            instant: civil - span.before,
            civil,
            moved: true,
        }),
        Gap::Skip | Gap::RunAfter => None,
    }
}

/// The earlier of two; of two at one instant the moved one, which says more.
const fn earlier(moved: Option<Match>, regular: Option<Match>) -> Option<Match> {
    match (moved, regular) {
        (Some(moved), Some(regular)) if regular.instant < moved.instant => Some(regular),
        (None, regular) => regular,
        (moved, _) => moved,
    }
}

/// What a change of the clock did to a match.
pub(crate) fn note(found: Match, spans: &Spans, rules: Rules) -> Option<DstNote> {
    let span = spans.get(spans.index(found.instant))?;
    if found.moved {
        return Some(DstNote::Gap {
            at: naive(span.start + span.before),
            to: naive(span.start + span.offset),
            civil: naive(found.civil),
            policy: rules.gap,
        });
    }
    let fold =
        |at: i64, pass: Pass| DstNote::Fold { at: naive(at), civil: naive(found.civil), pass, policy: rules.fold };
    if span.before > span.offset && found.civil < span.start + span.before {
        return Some(fold(span.start + span.before, Pass::Second));
    }
    if span.next < span.offset && found.civil >= span.end + span.next {
        return Some(fold(span.end + span.offset, Pass::First));
    }
    None
}
