//! The counting itself: fires and rows of one stretch of time after the other. Pure.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Count, because};
use crate::run::{RunKind, RunRecord};
use crate::store::Pause;

/// How many of the fires that were lost are listed; all are counted.
const LISTED: usize = 20;

/// What to think of fires that have no row.
#[derive(Debug, Clone, Default)]
pub(super) struct Rowless {
    /// Fires behind this mark are not decided upon yet; `None` where all are.
    pub(super) decided: Option<DateTime<Utc>>,
    /// Fires up to here should have been decided upon by now.
    pub(super) due: Option<DateTime<Utc>>,
    /// The pause that goes on.
    pub(super) paused: Option<Pause>,
    /// The rows of fires before this instant may have been removed.
    pub(super) pruned: Option<DateTime<Utc>>,
    /// Fires up to this instant were decided upon by zone data of another version.
    pub(super) moved: Option<DateTime<Utc>>,
}

/// So far another version of the zone data moves a fire at most: by a whole day, where a zone changes the side of the date
/// line, and a change of its clock.
const MOVED: TimeDelta = TimeDelta::hours(26);

/// Counts the fires of one version of a job.
#[derive(Debug)]
pub(super) struct Tally {
    generation: u32,
    /// The period, to know which rows lie wholly in it.
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    rowless: Rowless,
    count: Count,
    /// Rows for several fires that reach into the next stretch, and how many fires they have accounted for by now.
    open: HashMap<DateTime<Utc>, u64>,
    /// Rows that were decided upon by other zone data and have no fire by the present one, in order.
    strays: VecDeque<Stray>,
    /// Fires of then that have no row, in order.
    rowless_then: VecDeque<DateTime<Utc>>,
}

/// A row that stands for more fires than there are.
#[derive(Debug)]
struct Stray {
    run: RunRecord,
    /// By so many.
    fires: u64,
}

impl Stray {
    const fn first(&self) -> DateTime<Utc> {
        self.run.key.nominal
    }

    fn last(&self) -> DateTime<Utc> {
        self.run.last_fire()
    }

    /// How far it is from a fire.
    fn apart(&self, fire: DateTime<Utc>) -> TimeDelta {
        (self.first() - fire).max(fire - self.last()).max(TimeDelta::zero())
    }
}

impl Tally {
    pub(super) fn new(generation: u32, from: DateTime<Utc>, until: DateTime<Utc>, rowless: Rowless) -> Self {
        Self {
            generation,
            from,
            until,
            rowless,
            count: Count::default(),
            open: HashMap::new(),
            strays: VecDeque::new(),
            rowless_then: VecDeque::new(),
        }
    }

    /// Counts a stretch `[from, until)`: its fires, in order, and all rows that have to do with it.
    pub(super) fn stretch(
        &mut self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        fires: &[DateTime<Utc>],
        rows: &[RunRecord],
    ) {
        let ours = |run: &&RunRecord| run.key.kind == RunKind::Scheduled && run.key.generation == self.generation;
        let (ranges, singles): (Vec<_>, Vec<_>) = rows.iter().filter(ours).partition(|run| run.missed.is_some());
        let mut singles: HashMap<DateTime<Utc>, &RunRecord> =
            singles.into_iter().map(|run| (run.key.nominal, run)).collect();
        for fire in fires {
            self.count.expected += 1;
            let covering = ranges.iter().find(|run| run.key.nominal <= *fire && *fire <= run.last_fire());
            if let Some(run) = covering {
                *self.open.entry(run.key.nominal).or_default() += 1;
            }
            match (singles.remove(fire), covering) {
                (Some(run), covering) => {
                    self.count.account(run, 1);
                    // Both a run and among those that never ran: counted twice.
                    self.count.unexpected += u64::from(covering.is_some());
                }
                (None, Some(run)) => self.count.account(run, 1),
                (None, None) => self.without_row(*fire),
            }
        }
        for run in singles.into_values().filter(|run| (from..until).contains(&run.key.nominal)) {
            self.stray(run, 1);
        }
        for run in ranges {
            // What begins before the period or ends behind it is not counted as a whole.
            let whole = run.key.nominal >= self.from && run.last_fire() < self.until;
            if run.last_fire() < until {
                let covered = self.open.remove(&run.key.nominal).unwrap_or_default();
                match run.fires().checked_sub(covered).filter(|_| whole && self.then(run.last_fire())) {
                    Some(0) => {}
                    Some(surplus) => self.stray(run, surplus),
                    None if self.then(run.last_fire()) => {}
                    None => self.count.unexpected += if whole { run.fires().abs_diff(covered) } else { 0 },
                }
            }
        }
        self.strays.make_contiguous().sort_unstable_by_key(Stray::first);
        self.pair(from.checked_sub_signed(MOVED + MOVED).unwrap_or(from));
    }

    /// What was counted.
    pub(super) fn done(mut self) -> Count {
        self.pair(DateTime::<Utc>::MAX_UTC);
        self.count
    }

    /// Whether other zone data decided then.
    fn then(&self, at: DateTime<Utc>) -> bool {
        self.rowless.moved.is_some_and(|moved| at <= moved)
    }

    /// A row that has no fire, or more than there are.
    fn stray(&mut self, run: &RunRecord, fires: u64) {
        if self.then(run.last_fire()) {
            self.strays.push_back(Stray { run: run.clone(), fires });
        } else {
            self.count.unexpected += fires;
        }
    }

    /// Takes a row of then for the nearest fire, which lies elsewhere now, as far as they are before `until`. What was
    /// recorded is a fact; a fire of then for which nothing was recorded near it is lost.
    fn pair(&mut self, until: DateTime<Utc>) {
        loop {
            let (row, fire) = (self.strays.front(), self.rowless_then.front());
            let first = row.map(Stray::first).into_iter().chain(fire.copied()).min();
            if first.is_none_or(|first| first >= until) {
                return;
            }
            let (pairs, row_first) = match (row, fire) {
                (Some(row), Some(fire)) => {
                    let apart = row.apart(*fire);
                    let nearer_row = self.strays.get(1).is_some_and(|next| next.apart(*fire) < apart && row.fires == 1);
                    let nearer_fire = self.rowless_then.get(1).is_some_and(|next| row.apart(*next) < apart);
                    (apart <= MOVED && !nearer_row && !nearer_fire, row.last() < *fire)
                }
                (row, _) => (false, row.is_some()),
            };
            if !pairs && !row_first {
                let fire = self.rowless_then.pop_front();
                self.count.lost += 1;
                if self.count.first_lost.len() < LISTED {
                    self.count.first_lost.extend(fire);
                }
                continue;
            }
            if pairs {
                self.rowless_then.pop_front();
            } else {
                self.count.expected += 1;
            }
            let Some(stray) = self.strays.front_mut() else { return };
            self.count.account(&stray.run, 1);
            self.count.moved += 1;
            stray.fires -= 1;
            if stray.fires == 0 {
                self.strays.pop_front();
            }
        }
    }

    fn without_row(&mut self, fire: DateTime<Utc>) {
        let Rowless { decided, due, paused, pruned, .. } = &self.rowless;
        let undecided = decided.is_some_and(|mark| fire > mark);
        match paused.as_ref().filter(|pause| undecided && fire > pause.since) {
            Some(pause) => {
                self.count.skipped += 1;
                because(&mut self.count.skipped_for, &pause.to_string(), 1);
            }
            None if undecided => {
                self.count.undecided += 1;
                self.count.overdue += u64::from(due.is_some_and(|due| fire <= due));
            }
            None if pruned.is_some_and(|before| fire < before) => self.count.pruned += 1,
            None if self.then(fire) => self.rowless_then.push_back(fire),
            None => {
                self.count.lost += 1;
                if self.count.first_lost.len() < LISTED {
                    self.count.first_lost.push(fire);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use clusterkeep_core::age;
    use proptest::prelude::*;

    use super::*;
    use crate::daemon::due::{self, Passed};
    use crate::daemon::passed_run;
    use crate::model::{Misfire, Schedule};
    use crate::run::{RunKey, RunState};
    use crate::trigger::{Cron, Trigger};

    fn key(nominal: DateTime<Utc>) -> RunKey {
        let (namespace, job) = ("n".to_owned(), "j".to_owned());
        RunKey { namespace, job, nominal, kind: RunKind::Scheduled, generation: 1 }
    }

    fn quarters() -> Schedule {
        Schedule::new(Trigger::Cron(Cron::parse("*/15 * * * *").unwrap()))
    }

    /// The rows of a scheduler that looks after so many minutes each, by these policies; and when it looked last.
    fn rows(start: DateTime<Utc>, looks: &[(i64, usize)]) -> (Vec<RunRecord>, DateTime<Utc>) {
        let policies = [Misfire::Skip, Misfire::Latest, Misfire::All { within: age::hours(2) }];
        let (schedule, mut now, mut rows) = (quarters(), start, Vec::new());
        let mut next = schedule.next_after(start);
        for (minutes, policy) in looks {
            now += TimeDelta::minutes(*minutes);
            let Some(first) = next.filter(|at| *at <= now) else { continue };
            let decision = due::decide(&schedule, policies[*policy], first, now, due::none);
            rows.extend(decision.run.iter().map(|at| RunRecord::new(key(*at), RunState::Succeeded)));
            rows.extend(
                decision.passed.into_iter().map(|passed: Passed| passed_run(key(passed.first), passed, "late", now)),
            );
            next = decision.next;
        }
        (rows, now)
    }

    /// Counts in stretches of so many fires.
    fn count(rows: &[RunRecord], start: DateTime<Utc>, now: DateTime<Utc>, size: usize) -> Count {
        let until = now + TimeDelta::microseconds(1);
        let mut tally = Tally::new(1, start, until, Rowless::default());
        let fires: Vec<_> = quarters().upcoming(start).map(|fire| fire.nominal).take_while(|at| *at < until).collect();
        let mut begin = start;
        let mut rest = &fires[..];
        loop {
            let (part, behind) = rest.split_at(size.min(rest.len()));
            let end = behind.first().copied().unwrap_or(until);
            let within: Vec<_> =
                rows.iter().filter(|run| run.last_fire() >= begin && run.key.nominal < end).cloned().collect();
            tally.stretch(begin, end, part, &within);
            if behind.is_empty() {
                return tally.done();
            }
            (begin, rest) = (end, behind);
        }
    }

    proptest! {
        #[test]
        fn whatever_was_decided_sums_up(
            looks in prop::collection::vec((1_i64..400, 0_usize..3), 1..40),
            size in 1_usize..50,
            drop in any::<prop::sample::Index>(),
        ) {
            let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
            let (mut rows, now) = rows(start, &looks);
            let whole = count(&rows, start, now, size);
            prop_assert!(whole.sums_up(), "{}", whole);
            prop_assert_eq!(whole.expected as i64, (now - start).num_minutes() / 15);
            prop_assert_eq!(&count(&rows, start, now, usize::MAX), &whole);
            if rows.is_empty() {
                return Ok(());
            }
            // One row less, and as many fires as it stood for are lost; one that nobody knows of, and it shows.
            let gone = rows.remove(drop.index(rows.len()));
            prop_assert_eq!(count(&rows, start, now, size).lost, gone.fires());
            let stray = RunRecord { missed: None, ..RunRecord::new(key(gone.key.nominal + TimeDelta::seconds(1)), gone.state) };
            rows.push(gone);
            rows.push(stray);
            if rows.last().is_some_and(|stray| stray.key.nominal <= now) {
                prop_assert_eq!(count(&rows, start, now, size).unexpected, 1);
            }
        }
    }
}
