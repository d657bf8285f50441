//! Whether a job here fires when it fired there: every fire of either, over years, and why those that differ do.
//!
//! What the other program would do comes from a model of its rules of its own (`old`), what happens here from the job's
//! schedule. Jitter and delays that a program adds are left out on both sides.

use std::collections::BTreeMap;

use chrono::{DateTime, Months, TimeDelta, Utc};
use clusterkeep_core::Result;
use serde::Serialize;

use super::old::{How, Old};
use crate::model::{JobName, JobSpec, Schedule};
use crate::trigger::DstNote;

/// How many fires are compared at most: those of a year of seconds are not.
const MOST_FIRES: u64 = 12_000_000;

/// How many instants of one difference are kept.
const MOST_SHOWN: usize = 10;

/// The years that are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Years {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

impl Years {
    /// Ten years from an instant on.
    pub(super) fn ten_from(from: DateTime<Utc>) -> Self {
        Self { from, until: from.checked_add_months(Months::new(120)).unwrap_or(DateTime::<Utc>::MAX_UTC) }
    }
}

/// The fires of a job there and here, in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Equivalence {
    /// The job.
    pub job: JobName,
    /// The first instant of the period.
    pub from: DateTime<Utc>,
    /// The end of the period, which is not in it: ten years later, or less where the job fires very often.
    pub until: DateTime<Utc>,
    /// How many fires there were there.
    pub there: u64,
    /// How many there are here.
    pub here: u64,
    /// How many are at the same instant.
    pub same: u64,
    /// What differs, by its reason.
    pub differences: Vec<Difference>,
}

impl Equivalence {
    /// Whether each difference has a reason.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        self.differences.iter().all(|difference| difference.why.is_explained())
    }
}

/// Fires that are not the same there and here, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The reason.
    pub why: Why,
    /// How many fires there are.
    pub count: u64,
    /// The first of them.
    pub fires: Vec<DateTime<Utc>>,
}

/// Why a fire is there and not here, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The clock leaves several times out; there each is made up for, here all of them at once.
    Coalesced,
    /// There a time that the clock leaves out is made up for, and not here.
    GapThereOnly,
    /// Here a time that the clock leaves out is made up for, and not there.
    GapHereOnly,
    /// There a time that comes twice fires in a pass in which it does not here.
    FoldThereOnly,
    /// Here a time that comes twice fires in a pass in which it does not there.
    FoldHereOnly,
    /// There the search for the next fire oversteps one after the clock has changed.
    Overlooked,
    /// No rule says why.
    NotExplained,
}

impl Why {
    /// Whether it is one.
    #[must_use]
    pub const fn is_explained(self) -> bool {
        !matches!(self, Self::NotExplained)
    }

    /// The reason, in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coalesced => {
                "the clock leaves several of its times out: there each was run after the gap, here they are one run"
            }
            Self::GapThereOnly => "the clock leaves the time out: there it was made up for, here it is skipped",
            Self::GapHereOnly => "the clock leaves the time out: there it was skipped, here it is made up for",
            Self::FoldThereOnly => "the time comes twice: there it fired in this pass, too",
            Self::FoldHereOnly => "the time comes twice: here it fires in this pass, too",
            Self::Overlooked => {
                "there it was overlooked: the search for it began before the clock changed, and came out too late"
            }
            Self::NotExplained => "no rule explains it: look at this job before it is used",
        }
    }
}

/// Compares a job with what it was there.
pub(super) fn compare(job: &JobSpec, old: &Old, years: Years) -> Result<Equivalence> {
    let mut unmoved = job.clone();
    unmoved.jitter = None;
    let schedule = unmoved.schedule()?;
    let mut tally = Tally::default();
    let (mut from, mut here) = (years.from, schedule.next_after(years.from - TimeDelta::nanoseconds(1)));
    while from < years.until && tally.there.max(tally.here) < MOST_FIRES {
        let until = years.until.min(from + TimeDelta::days(28));
        let there =
            old.fires(job.zone.tz(), from.max(job.starts.unwrap_or(from)), until.min(job.ends.unwrap_or(until)));
        let mut there = there.into_iter().peekable();
        // Both are in order: the earlier one has no counterpart.
        loop {
            let next = here.filter(|at| *at < until);
            match (there.peek().copied(), next) {
                (None, None) => break,
                (Some(fire), Some(new)) if fire.at == new => {
                    tally.there += 1;
                    tally.here += 1;
                    tally.same += 1;
                    tally.last = Some(new);
                    there.next();
                    while there.next_if(|more| more.at == new).is_some() {
                        tally.there += 1;
                        tally.differs(Why::Coalesced, new);
                    }
                    here = schedule.next_after(new);
                }
                (Some(fire), new) if new.is_none_or(|new| fire.at < new) => {
                    tally.there += 1;
                    tally.last = Some(fire.at);
                    tally.differs(there_only(fire.how), fire.at);
                    there.next();
                }
                (_, Some(new)) => {
                    tally.here += 1;
                    let why = match here_only(&schedule, new) {
                        Why::NotExplained if overlooks(old, job, tally.last, new) => Why::Overlooked,
                        why => why,
                    };
                    tally.differs(why, new);
                    here = schedule.next_after(new);
                }
                (Some(_), None) => break,
            }
        }
        from = until;
    }
    Ok(tally.into_equivalence(job.name.clone(), Years { from: years.from, until: from }))
}

const fn there_only(how: How) -> Why {
    match how {
        How::Plain => Why::NotExplained,
        How::First | How::Second => Why::FoldThereOnly,
        How::Gap => Why::GapThereOnly,
    }
}

fn here_only(schedule: &Schedule, at: DateTime<Utc>) -> Why {
    match schedule.next(at - TimeDelta::nanoseconds(1)).and_then(|fire| fire.note) {
        Some(DstNote::Gap { .. }) => Why::GapHereOnly,
        Some(DstNote::Fold { .. }) => Why::FoldHereOnly,
        None => Why::NotExplained,
    }
}

/// Whether the clock has changed between the last fire there and one that is here alone, where the search steps.
fn overlooks(old: &Old, job: &JobSpec, last: Option<DateTime<Utc>>, at: DateTime<Utc>) -> bool {
    use chrono::{Offset, TimeZone};
    let offset = |at: DateTime<Utc>| job.zone.tz().offset_from_utc_datetime(&at.naive_utc()).fix();
    matches!(old, Old::Stepped(_)) && last.is_some_and(|last| offset(last) != offset(at))
}

#[derive(Default)]
struct Tally {
    there: u64,
    here: u64,
    same: u64,
    /// The last fire there.
    last: Option<DateTime<Utc>>,
    differences: BTreeMap<Why, (u64, Vec<DateTime<Utc>>)>,
}

impl Tally {
    fn differs(&mut self, why: Why, at: DateTime<Utc>) {
        let (count, fires) = self.differences.entry(why).or_default();
        *count += 1;
        if fires.len() < MOST_SHOWN {
            fires.push(at);
        }
    }

    fn into_equivalence(self, job: JobName, Years { from, until }: Years) -> Equivalence {
        let difference = |(why, (count, fires))| Difference { why, count, fires };
        Equivalence {
            job,
            from,
            until,
            there: self.there,
            here: self.here,
            same: self.same,
            differences: self.differences.into_iter().map(difference).collect(),
        }
    }
}
