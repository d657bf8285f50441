//! The next fires of all jobs, the earliest first, in 16 bytes each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

use crate::store::kept::Packed;

/// Each with the place of its job and its lap: what is of an earlier lap counts no more.
#[derive(Debug, Default)]
pub(crate) struct Heap(BinaryHeap<Reverse<(Packed, u32, u32)>>);

/// A fire: when, the place of its job, its lap.
pub(crate) type Due = (DateTime<Utc>, usize, u32);

impl Heap {
    pub(crate) fn push(&mut self, (at, place, lap): Due) {
        // No memory holds so many jobs that a place would not fit.
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.0.push(Reverse((Packed::of(Some(at)), place, lap)));
    }

    /// The earliest.
    pub(crate) fn peek(&self) -> Option<Due> {
        self.0.peek().and_then(due)
    }

    /// Takes the earliest out.
    pub(crate) fn pop(&mut self) -> Option<Due> {
        self.0.pop().as_ref().and_then(due)
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Due> + use<> {
        std::mem::take(&mut self.0).into_iter().filter_map(|fire| due(&fire))
    }
}

fn due(Reverse((at, place, lap)): &Reverse<(Packed, u32, u32)>) -> Option<Due> {
    at.instant().map(|at| (at, *place as usize, *lap))
}
