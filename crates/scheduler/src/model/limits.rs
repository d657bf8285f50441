//! What narrows a schedule: where it starts and ends, when it does not fire, and how far a fire is moved.
//!
//! All of it is a pure function of the schedule, so that what will fire can be told beforehand.

use chrono::{DateTime, TimeDelta, Utc};

use super::Exclusion;
use crate::civil::{LAST_YEAR, naive};
use crate::hash;
use crate::trigger::{Found, Trigger, WallClock};

/// The limits of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    /// The first instant that it may fire at.
    pub(crate) starts: Option<DateTime<Utc>>,
    /// The first instant that it may no more fire at.
    pub(crate) ends: Option<DateTime<Utc>>,
    pub(crate) except: Vec<Exclusion>,
    pub(crate) jitter: Option<Jitter>,
}

/// Moves each fire later, by a time that depends on its schedule and on itself alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jitter {
    /// Every fire is moved by less than this.
    pub(crate) most: TimeDelta,
    /// Of the schedule's name.
    pub(crate) seed: u64,
}

impl Limits {
    /// The first fire later than `after` that is within the limits.
    pub(crate) fn next(&self, trigger: &Trigger, clock: WallClock<'_>, after: DateTime<Utc>) -> Option<Found> {
        let Some(jitter) = self.jitter else { return self.unmoved(trigger, clock, after) };
        let mut found = self.latest_before(trigger, clock, after, jitter)?;
        loop {
            let following = self.unmoved(trigger, clock, found.at);
            // Where none follows, the end does.
            let moved = jitter.moved(found.at, following.map(|following| following.at).or(self.ends));
            if moved > after {
                return Some(found.moved_to(moved));
            }
            found = following?;
        }
    }

    /// The last fire at or before `after` that may have been moved behind it, or one before that; else the first after it.
    fn latest_before(
        &self,
        trigger: &Trigger,
        clock: WallClock<'_>,
        after: DateTime<Utc>,
        jitter: Jitter,
    ) -> Option<Found> {
        // No fire is moved to or behind the next one, so the last one before `after` is the only one that counts. It is
        // looked for in growing windows, since triggers only know the way forward.
        let mut window = TimeDelta::seconds(1);
        loop {
            let back = window.min(jitter.most);
            let found = self.unmoved(trigger, clock, after.checked_sub_signed(back)?);
            if back == jitter.most || found.is_some_and(|found| found.at <= after) {
                return found;
            }
            window = window * 2;
        }
    }

    /// The first fire later than `after`, without jitter.
    fn unmoved(&self, trigger: &Trigger, clock: WallClock<'_>, after: DateTime<Utc>) -> Option<Found> {
        // Fires are later than what is asked with, and the start itself may be one.
        let start = self.starts.map(|starts| starts - TimeDelta::nanoseconds(1));
        let mut after = start.map_or(after, |start| after.max(start));
        loop {
            let found = trigger.next(clock, after)?;
            if self.ends.is_some_and(|ends| found.at >= ends) {
                return None;
            }
            let civil = naive(found.at.timestamp() + clock.spans.offset_at(found.at.timestamp()));
            let Some(end) = self.except.iter().filter_map(|exclusion| exclusion.end(civil)).max() else {
                return Some(found);
            };
            // A rate goes on where the calendar's years have run out.
            if found.at.timestamp() > i64::from(LAST_YEAR - 1968) * 366 * crate::civil::DAY {
                return None;
            }
            after = behind(found.at, end - civil, clock);
        }
    }
}

/// The instant that is so much later on the wall, less a moment; only `at` where the clock changes in between.
fn behind(at: DateTime<Utc>, distance: TimeDelta, clock: WallClock<'_>) -> DateTime<Utc> {
    let target = at.timestamp() + distance.num_seconds();
    match DateTime::from_timestamp(target, 0) {
        Some(target) if clock.spans.index(target.timestamp()) == clock.spans.index(at.timestamp()) => {
            at.max(target - TimeDelta::nanoseconds(1))
        }
        _ => at,
    }
}

impl Jitter {
    /// `at`, moved within whole milliseconds, and before the fire that follows.
    fn moved(self, at: DateTime<Utc>, following: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let room = following.map_or(self.most, |following| self.most.min(following - at));
        let Some(room) = u64::try_from(room.num_milliseconds()).ok().filter(|room| *room > 0) else { return at };
        let shift = mixed(self.seed ^ at.timestamp_micros().cast_unsigned()) % room;
        at + TimeDelta::milliseconds(i64::try_from(shift).unwrap_or_default())
    }

    /// For a schedule of this name.
    pub(crate) fn of(most: TimeDelta, name: &str) -> Self {
        Self { most, seed: hash::of(hash::START, name) }
    }
}

/// Spreads neighbouring numbers (the finaliser of SplitMix64).
const fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
