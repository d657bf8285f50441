//! When other schedulers fire: small models of their rules, so that an import can be held against what was there.
//!
//! Each reads text by the other program's grammar, and lists days, hours, minutes and seconds in plain loops. Nothing here
//! uses this crate's own expressions, search or table of zones: two that are wrong in the same way would agree.

pub(super) mod apscheduler;
mod fields;
pub(super) mod on_calendar;
pub(super) mod quartz;
pub(super) mod robfig;
pub(super) mod vixie;

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use crate::trigger::{Fold, Gap};

/// What decides whether there is a fire on a day.
pub(super) type OnDay = Box<dyn Fn(NaiveDate) -> bool + Send + Sync>;

/// Another program's schedule.
pub(super) enum Old {
    /// At civil times.
    Civil(Civil),
    /// So often, counted from an instant.
    Every {
        /// One of its fires, and the first.
        from: DateTime<Utc>,
        /// How far they lie apart; above 0.
        step: TimeDelta,
    },
    /// Once.
    Once(DateTime<Utc>),
    /// Whenever any of them does; of several at one instant there is one fire.
    Any(Vec<Old>),
    /// By the search of `APScheduler`, step by step.
    Stepped(apscheduler::Search),
}

/// Civil times, and what the program does where the clock changes.
pub(super) struct Civil {
    pub(super) seconds: Vec<u32>,
    pub(super) minutes: Vec<u32>,
    pub(super) hours: Vec<u32>,
    pub(super) on_day: OnDay,
    /// What it does with times that do not come.
    pub(super) gap: Gap,
    /// What it does with times that come twice.
    pub(super) fold: Fold,
}

/// A fire of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OldFire {
    pub(super) at: DateTime<Utc>,
    pub(super) how: How,
}

/// What the clock's changes have to do with a fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// Nothing.
    Plain,
    /// Its time comes twice, and this is the first.
    First,
    /// Its time comes twice, and this is the second.
    Second,
    /// Its time does not come, and this is what the program makes of it.
    Gap,
}

impl Old {
    /// What it does where the clock changes; nothing of what has no civil times.
    pub(super) fn policies(&self) -> Option<(Gap, Fold)> {
        match self {
            Self::Civil(civil) => Some((civil.gap, civil.fold)),
            Self::Stepped(search) => Some(search.policies()),
            Self::Any(parts) => parts.iter().find_map(Self::policies),
            Self::Every { .. } | Self::Once(_) => None,
        }
    }

    /// Its fires in `[from, until)`, in order.
    pub(super) fn fires(&self, zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<OldFire> {
        let mut fires = Vec::new();
        match self {
            Self::Civil(civil) => civil.fires(zone, from, until, &mut fires),
            Self::Every { from: first, step } => {
                let step = step.num_microseconds().unwrap_or(i64::MAX).max(1);
                let start = from.max(*first);
                let since = (start - *first).num_microseconds().unwrap_or_default();
                let mut count = since.div_euclid(step) + i64::from(since.rem_euclid(step) != 0);
                while let Some(at) = first.checked_add_signed(TimeDelta::microseconds(count.saturating_mul(step))) {
                    if at >= until {
                        break;
                    }
                    fires.push(OldFire { at, how: How::Plain });
                    count += 1;
                }
            }
            Self::Stepped(search) => search.fires(zone, from, until, &mut fires),
            Self::Once(at) => fires.extend((from..until).contains(at).then_some(OldFire { at: *at, how: How::Plain })),
            Self::Any(parts) => {
                fires.extend(parts.iter().flat_map(|part| part.fires(zone, from, until)));
                fires.sort_unstable();
                fires.dedup_by_key(|fire| fire.at);
            }
        }
        fires
    }
}

impl Civil {
    fn fires(&self, zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>, fires: &mut Vec<OldFire>) {
        // A change of the clock moves a time by a day at most.
        let (Some(first), Some(last)) =
            (from.date_naive().checked_sub_days(Days::new(2)), until.date_naive().checked_add_days(Days::new(2)))
        else {
            return;
        };
        let start = fires.len();
        for day in first.iter_days().take_while(|day| *day <= last).filter(|day| (self.on_day)(*day)) {
            let quiet = steady(zone, day);
            for civil in self.times(day) {
                match quiet {
                    Some(offset) => fires.push(OldFire { at: (civil - offset).and_utc(), how: How::Plain }),
                    None => self.changing(zone, civil, fires),
                }
            }
        }
        let mut own: Vec<_> = fires.drain(start..).filter(|fire| (from..until).contains(&fire.at)).collect();
        own.sort_unstable();
        fires.append(&mut own);
    }

    fn times(&self, day: NaiveDate) -> impl Iterator<Item = NaiveDateTime> + '_ {
        self.hours.iter().flat_map(move |hour| {
            self.minutes.iter().flat_map(move |minute| {
                self.seconds.iter().filter_map(move |second| day.and_hms_opt(*hour, *minute, *second))
            })
        })
    }

    /// A civil time of a day on which the clock may change.
    fn changing(&self, zone: Tz, civil: NaiveDateTime, fires: &mut Vec<OldFire>) {
        match zone.from_local_datetime(&civil) {
            MappedLocalTime::Single(at) => fires.push(OldFire { at: at.to_utc(), how: How::Plain }),
            MappedLocalTime::Ambiguous(first, second) => {
                if self.fold != Fold::Second {
                    fires.push(OldFire { at: first.to_utc(), how: How::First });
                }
                if self.fold != Fold::First {
                    fires.push(OldFire { at: second.to_utc(), how: How::Second });
                }
            }
            MappedLocalTime::None => {
                let gap = GapInfo::new(&civil, &zone);
                let at = match (self.gap, gap.as_ref().and_then(|gap| gap.end), gap.and_then(|gap| gap.begin)) {
                    (Gap::RunAfter, Some(end), _) => Some(end.to_utc()),
                    (Gap::Shift, _, Some((_, before))) => {
                        Some((civil - TimeDelta::seconds(before.fix().local_minus_utc().into())).and_utc())
                    }
                    _ => None,
                };
                fires.extend(at.map(|at| OldFire { at, how: How::Gap }));
            }
        }
    }
}

/// The offset of a zone, where it is the same from the day before to the day after.
fn steady(zone: Tz, day: NaiveDate) -> Option<TimeDelta> {
    let noon = day.and_hms_opt(12, 0, 0)?;
    let offset = |days: i64| zone.offset_from_utc_datetime(&(noon + TimeDelta::days(days))).fix().local_minus_utc();
    let (before, at, after) = (offset(-2), offset(0), offset(2));
    (before == at && at == after).then(|| TimeDelta::seconds(at.into()))
}

/// The day of the week; Sunday is 0.
fn weekday(day: NaiveDate) -> u32 {
    day.weekday().num_days_from_sunday()
}

/// The number of days of a day's month.
fn days_of_month(day: NaiveDate) -> u32 {
    u32::from(day.num_days_in_month())
}
