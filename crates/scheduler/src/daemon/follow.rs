//! Jobs that follow others: the rows that the end of a run brings about.
//!
//! The row of such a run has the instant of the run that it follows, a kind that goes by that run's, and no version: so
//! there is one for each run that is followed, whoever makes it, and how often. It is made right after the end was
//! recorded. Where the scheduler dies in between, another one, or the next, finds the end: all look time and again at what
//! has ended since the mark of each such job, which is behind what was looked at before.
//!
//! A run that was followed in vain (its follower was skipped) and is tried anew is followed anew.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::Result;

use super::core::Core;
use super::dispatch::{Doer, begin_or, otherwise};
use super::engine::Engine;
use super::roster::Roster;
use crate::model::Verdict;
use crate::run::{RunKey, RunKind, RunRecord, RunState};
use crate::store::{Advance, Gate, NewRun, RunQuery};

/// How far behind what was looked at a mark stays: so much may the clocks of schedulers be apart, and so late may an end
/// be recorded.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// How far a mark moves at least, so that it is not written time and again.
const STEP: TimeDelta = TimeDelta::seconds(60);

/// What was seen of the ends that jobs follow.
#[derive(Debug, Default)]
pub(crate) struct CaughtUp {
    /// From when on ends have not been looked at, by the place of the job that follows.
    marks: HashMap<usize, DateTime<Utc>>,
    /// Runs that were followed, with their ends.
    seen: HashMap<RunKey, DateTime<Utc>>,
}

/// A row that a run's end brings about.
#[derive(Debug)]
pub(crate) struct Follower {
    /// The place of its job.
    pub(crate) index: usize,
    pub(crate) new: NewRun,
    /// When the last of the runs that it follows ended.
    ended: DateTime<Utc>,
}

impl Engine {
    /// Makes the rows that these ends bring about, and those that these bring about in turn.
    pub(crate) async fn follow(&mut self, ended: Vec<RunRecord>) -> Result<()> {
        let core = self.core.clone();
        let mut ended: VecDeque<RunRecord> = ended.into();
        while let Some(run) = ended.pop_front() {
            if self.roster.followers(&run.key.job).is_empty() {
                continue;
            }
            let mut doer = self.doer();
            if core.stop.is_cancelled() {
                doer.room = 0;
            }
            for follower in core.followers(&mut self.roster, &run, &mut doer).await? {
                let Follower { index, new, ended: at } = follower;
                let (key, runs) = (new.run.key.clone(), !new.run.state.is_final());
                match core.make(vec![new], &[]).await?.into_iter().flatten().next() {
                    Some(made) => {
                        ended.extend((made.state == RunState::Skipped).then(|| made.clone()));
                        self.made(index, made).await?;
                    }
                    None if runs => self.look |= core.follow_anew(&key, at).await?,
                    None => {}
                }
            }
            if let Some(finished) = run.finished {
                self.caught_up.seen.insert(run.key, finished);
            }
        }
        Ok(())
    }

    /// Follows what has ended without being followed: its scheduler has died, or somebody has ended it by hand.
    pub(crate) async fn catch_up(&mut self) -> Result<()> {
        let (core, now) = (self.core.clone(), self.core.now());
        if core.stop.is_cancelled() {
            return Ok(());
        }
        let followed: Vec<(String, Vec<usize>)> =
            self.roster.followed().map(|(job, followers)| (job.to_owned(), followers.to_vec())).collect();
        let mut followers = Vec::new();
        for (job, indices) in followed {
            let mut since: Option<DateTime<Utc>> = None;
            for index in indices {
                let Some(mark) = self.mark(index) else { continue };
                since = Some(since.map_or(mark, |since| since.min(mark)));
                followers.push(index);
            }
            let Some(since) = since else { continue };
            let query = RunQuery::of(&core.namespace, &job).ended_since(since).without_output();
            let mut ended = core.persist(|| core.store.runs(&query)).await?.0;
            ended.retain(|run| self.caught_up.seen.get(&run.key).copied() != run.finished);
            // The store gives the latest first.
            ended.reverse();
            self.follow(ended).await?;
        }
        followers.sort_unstable();
        followers.dedup();
        self.move_marks(&followers, now - MARGIN).await
    }

    /// From when on ends count for a job that follows others, where it does so here.
    fn mark(&mut self, index: usize) -> Option<DateTime<Utc>> {
        let known = self.caught_up.marks.get(&index).copied();
        let entry = self.roster.get(index).filter(|entry| !entry.superseded)?;
        Some(known.unwrap_or(DateTime::<Utc>::MIN_UTC).max(entry.kept.decided()))
    }

    async fn move_marks(&mut self, followers: &[usize], to: DateTime<Utc>) -> Result<()> {
        let mut advances = Vec::new();
        for index in followers {
            let Some(mark) = self.mark(*index).map(|mark| mark.max(to)) else { continue };
            self.caught_up.marks.insert(*index, mark);
            let Some(entry) = self.roster.get(*index) else { continue };
            if mark < entry.kept.decided() + STEP {
                continue;
            }
            entry.kept.set_high_water(Some(mark));
            advances.push(Advance { paused: entry.paused().is_some(), ..entry.advance(mark, None) });
        }
        self.caught_up.seen.retain(|_, finished| *finished >= to - STEP);
        if advances.is_empty() {
            return Ok(());
        }
        let core = self.core.clone();
        core.make(Vec::new(), &advances).await.map(drop)
    }
}

impl Core {
    /// The rows that the end of a run brings about, of the jobs of this roster.
    pub(crate) async fn followers(
        &self,
        roster: &mut Roster,
        ended: &RunRecord,
        doer: &mut Doer,
    ) -> Result<Vec<Follower>> {
        let Some(kind) = kind_after(ended) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for index in roster.followers(&ended.key.job).to_vec() {
            let Some(entry) = roster.get(index).filter(|entry| !entry.superseded) else { continue };
            let Some(following) = entry.body().following().cloned() else { continue };
            let Some(parents) = self.parents(following.jobs(), ended, kind).await? else { continue };
            let last = parents.iter().filter_map(|run| run.finished).max().unwrap_or(ended.key.nominal);
            // By the clock of this scheduler the ends may lie ahead.
            let now = self.now().max(last);
            let key = RunKey { job: entry.name().to_owned(), kind, generation: 0, ..ended.key.clone() };
            let verdict = match entry.paused() {
                Some(pause) => Verdict::Skip(pause.to_string()),
                None => following.decide(&parents.iter().collect::<Vec<_>>()),
            };
            let new = match verdict {
                Verdict::Run => {
                    let run = RunRecord::new(key, RunState::Pending);
                    let otherwise = otherwise(entry.body(), 1);
                    begin_or(entry, run, doer, now, otherwise)
                }
                Verdict::Skip(why) => {
                    let (reason, finished) = (Some(why), Some(now));
                    let run = RunRecord { reason, finished, ..RunRecord::new(key, RunState::Skipped) };
                    NewRun { run, gate: Gate::OPEN }
                }
            };
            found.push(Follower { index, new, ended: last });
        }
        Ok(found)
    }

    /// The runs of these jobs for the instant of one that has ended; `None` where not all of them have.
    async fn parents(&self, jobs: &[String], ended: &RunRecord, kind: RunKind) -> Result<Option<Vec<RunRecord>>> {
        let nominal = ended.key.nominal;
        let mut parents = Vec::with_capacity(jobs.len());
        for job in jobs {
            if *job == ended.key.job {
                parents.push(ended.clone());
                continue;
            }
            let query = RunQuery::of(&self.namespace, job).between(nominal, nominal + TimeDelta::microseconds(1));
            let rows = self.persist(|| self.store.runs(&query)).await?.0;
            // Of several versions of the job the latest counts.
            let ours = rows.into_iter().filter(|run| kind_of(run.key.kind) == Some(kind));
            match ours.max_by_key(|run| run.key.generation) {
                Some(run) if run.state.is_final() => parents.push(run),
                _ => return Ok(None),
            }
        }
        Ok(Some(parents))
    }

    /// Lets a run that was skipped before the last of these ends wait for its turn after all; says whether it does.
    pub(crate) async fn follow_anew(&self, key: &RunKey, ended: DateTime<Utc>) -> Result<bool> {
        let query = RunQuery::of(&key.namespace, &key.job)
            .in_states([RunState::Skipped])
            .between(key.nominal, key.nominal + TimeDelta::microseconds(1));
        let rows = self.persist(|| self.store.runs(&query)).await?.0;
        let stale = |row: &RunRecord| row.key == *key && row.finished.is_some_and(|decided| decided < ended);
        if !rows.iter().any(stale) {
            return Ok(false);
        }
        Ok(self.persist(|| self.store.renew(key)).await?.0)
    }
}

/// The kind of the runs that follow a run; `None` where none does: fires that nobody was there for lead to nothing.
fn kind_after(ended: &RunRecord) -> Option<RunKind> {
    let passed = ended.missed.is_some() || matches!(ended.state, RunState::Coalesced | RunState::Missed);
    if passed || !ended.state.is_final() {
        return None;
    }
    kind_of(ended.key.kind)
}

const fn kind_of(parent: RunKind) -> Option<RunKind> {
    match parent {
        RunKind::Scheduled | RunKind::Event => Some(RunKind::Event),
        RunKind::Manual => Some(RunKind::Manual),
        RunKind::Backfill => Some(RunKind::Backfill),
        RunKind::Heartbeat => None,
    }
}
