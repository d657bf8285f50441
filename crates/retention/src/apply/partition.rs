//! Partitions that are tables of their own go here (PostgreSQL): one transaction for each, which locks, checks and counts
//! again, and is rolled back where anything is not as planned.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Outcome, Ran, Recorder, Step};
use clusterkeep_core::sql::{Session, SqlBuilder, TableName, sql};
use clusterkeep_core::{Error, ErrorClass, Result};

use super::remove::{finish, removed};
use super::{Apply, Span, gate};
use crate::plan::{Domain, Lifecycle, Object};
use crate::sql::catalogue::postgres::{self, Place};
use crate::sql::{SourceSql, Sums};

/// How long each attempt waits for its locks, in milliseconds.
///
/// Who waits for a lock makes those wait who come after, readers as well: so the first attempts give up soon, and between
/// two of them everybody else gets on.
pub(super) const PATIENCE: [u32; 5] = [500, 1000, 2000, 4000, 5000];

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is dropped out of its table.
    Drop,
    /// It is taken out of its table.
    Detach,
    /// It was taken out before, and is dropped now.
    DropDetached,
}

/// A partition that is to go, with all that its checks need.
pub(super) struct Going<'a> {
    pub(super) apply: &'a Apply<'a>,
    pub(super) lifecycle: Lifecycle<'a>,
    pub(super) source: SourceSql,
    pub(super) partition: &'a TableName,
    object: &'a Object,
    /// The bounds and the rows that the plan saw.
    pub(super) planned: (Option<DateTime<Utc>>, DateTime<Utc>, u64),
    bytes: Option<u64>,
}

impl<'a> Going<'a> {
    pub(super) async fn new(
        apply: &'a Apply<'a>,
        table: &TableName,
        partition: &'a TableName,
        step: &'a Step<Domain>,
    ) -> Result<Self> {
        let object = step.objects.first().ok_or_else(|| Error::failed("a step without objects"))?;
        let source = apply.source(table).await?;
        let (planned, bytes) = (apply.planned(object).await?, apply.planned_bytes(object).await);
        Ok(Self { apply, lifecycle: apply.lifecycle(table)?, source, partition, object, planned, bytes })
    }

    /// Has it gone, and tries again where others were in the way.
    pub(super) async fn go(&self, how: How, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        // Each waits for locks on the same table: one after the other, they are in the way of others less.
        let mut turn = self.apply.turns.of(&self.source.table).await;
        // Where somebody holds the table for long, the next ones of it don't wait as long again, one by one.
        let attempts = if turn.was_hindered { 1 } else { PATIENCE.len() };
        let mut attempt = 0;
        loop {
            let patience = PATIENCE[attempt];
            attempt += 1;
            let tried = match how {
                How::Drop => self.drop_once(patience, recorder).await,
                How::Detach => self.detach_once(patience, recorder).await,
                How::DropDetached => self.drop_detached_once(patience, recorder).await,
            };
            match tried {
                Err(e) if attempt < attempts && may_differ(&e) => {
                    tracing::debug!(partition = %self.partition, attempt, error = %e, "trying again");
                    tokio::time::sleep(pause(attempt)).await;
                }
                tried => {
                    turn.was_hindered = tried.as_ref().is_err_and(|e| e.class() == Some(ErrorClass::LockTimeout));
                    return tried.map_err(|e| self.explained(e));
                }
            }
        }
    }

    async fn drop_once(&self, patience: u32, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        let mut session = self.apply.retention.db.session().await?;
        session.begin().await?;
        let Some(place) = self.place(&mut *session).await? else {
            // An attempt whose answer was lost may have done it.
            return match postgres::oid(&mut *session, self.partition).await? {
                Some(_) => Err(self.moved("is no partition of it any more")),
                None => Ok(Ran::AlreadyDone),
            };
        };
        self.lock(&mut *session, Some(&place.parent), patience).await?;
        let span = self.check(&mut *session, &place).await?;
        self.kept_in_files(&mut *session).await?;
        if place.referred_to {
            // The server drops what is referred to only after it was detached, which fails where rows still refer to it.
            self.detach_from(&mut *session, &place).await?;
        }
        self.drop_table(&mut *session).await?;
        finish(self.apply, session, &self.source, &[span], self.removed(), recorder).await
    }

    pub(super) async fn place(&self, session: &mut dyn Session) -> Result<Option<Place>> {
        let time = &self.lifecycle.policy.time;
        let found = postgres::places(session, &self.source.table, &[self.partition], time, &self.source.kind).await?;
        Ok(found.into_values().next())
    }

    /// Locks it with all that is below it, for everybody.
    pub(super) async fn lock(
        &self,
        session: &mut dyn Session,
        parent: Option<&TableName>,
        patience: u32,
    ) -> Result<()> {
        wait(session, patience).await?;
        // The table above it first, as every reader does it: the other way round they would wait for one another.
        lock(session, parent.as_slice(), &[self.partition], false).await
    }

    pub(super) async fn drop_table(&self, session: &mut dyn Session) -> Result<()> {
        session.execute(&self.source.drop_tables(&[self.partition])).await.map(drop)
    }

    /// Looks, under the lock, whether it is what the plan saw, and whether its rollups hold what is in it.
    pub(super) async fn check(&self, session: &mut dyn Session, locked: &Place) -> Result<Span> {
        self.is_there(&locked.parent, self.place(session).await?.as_ref())?;
        self.count(session).await?;
        self.gate(session, false).await
    }

    /// A name is not an identity: it may have been detached, or another one may bear its name, while this waited.
    pub(super) fn is_there(&self, parent: &TableName, now: Option<&Place>) -> Result<()> {
        let (start, end, _) = self.planned;
        match now {
            Some(now) if now.parent != *parent => Err(self.moved("was moved within it")),
            Some(now) if now.bounds == (start, Some(end)) => Ok(()),
            Some(_) => Err(self.moved("has other bounds now")),
            None => Err(self.moved("is no partition of it any more")),
        }
    }

    pub(super) async fn count(&self, session: &mut dyn Session) -> Result<()> {
        self.has(self.source.count_all(session, self.partition).await.map_err(|error| {
            match &error {
                Error::Database { code: Some(code), source, .. } if code == "42501" => {
                    Error::refused(format!("not all rows of `{}` can be seen: {source}", self.partition))
                        .with_hint("run it as a role that sees all of them, such as one with BYPASSRLS")
                }
                _ => error,
            }
        })?)
    }

    /// Holds the number of its rows against the plan.
    pub(super) fn has(&self, rows: u64) -> Result<()> {
        let planned = self.planned.2;
        if rows == planned {
            return Ok(());
        }
        let what = format!("partition `{}` has {rows} rows, the plan saw {planned}", self.partition);
        Err(Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) })
    }

    /// Holds its rows against what its rollups were verified against; gives the span of its rows.
    ///
    /// What was `detached` is recorded as dropped already, and must still be what it was then.
    pub(super) async fn gate(&self, session: &mut dyn Session, detached: bool) -> Result<Span> {
        let (start, end, _) = self.planned;
        let (apply, lifecycle) = (self.apply, &self.lifecycle);
        let within = SourceSql { table: self.partition.clone(), ..self.source.clone() };
        let start = match start {
            Some(start) => start,
            // Without a lower bound it begins with its first row, or with what was recorded before that.
            None => {
                let first = within.span(session).await?.map(|(first, _)| first);
                [first, apply.first_recorded(lifecycle).await?].into_iter().flatten().min().unwrap_or(end)
            }
        };
        let span = (start, end);
        apply.kept_elsewhere(session, lifecycle, &self.source, span).await?;
        let mut recorded = apply.recorded(lifecycle, span).await?;
        let pieces = recorded.iter_mut().flat_map(|recorded| &mut recorded.pieces).filter(|_| detached);
        pieces.filter(|piece| span.0 <= piece.start && piece.end <= span.1).for_each(|piece| piece.dropped = false);
        let columns = gate::columns(&recorded);
        let sums = Sums { columns: &columns, by: &lifecycle.policy.by, rolled: lifecycle.rolled.is_some() };
        if !recorded.is_empty() {
            let summed = within.sums(session, &gate::bounds(&recorded, span), sums).await?;
            gate::check(&self.source.table, &recorded, &summed, &columns)?;
        }
        Ok(span)
    }

    /// Sees that its rows are those of its archive, where it is archived in files first.
    pub(super) async fn kept_in_files(&self, session: &mut dyn Session) -> Result<()> {
        self.apply.kept_in_files(session, &self.lifecycle, self.object).await
    }

    pub(super) async fn detach_from(&self, session: &mut dyn Session, place: &Place) -> Result<()> {
        let mut detach = SqlBuilder::new(self.source.engine);
        detach.push("ALTER TABLE ").table(&place.parent).push(" DETACH PARTITION ").table(self.partition);
        session.execute(&detach.build()).await.map(drop)
    }

    /// What the outcome of its drop says.
    pub(super) fn removed(&self) -> serde_json::Value {
        removed(&self.source, self.planned.2, 1, self.bytes)
    }

    pub(super) fn moved(&self, how: &str) -> Error {
        let what = format!("`{}` of `{}` {how}", self.partition, self.source.table);
        Error::Drifted { what, hint: Some("look at the plan as it is now".into()) }
    }

    /// What depends on a partition keeps it, and is told as a refusal: trying again does not help.
    fn explained(&self, error: Error) -> Error {
        let Error::Database { code: Some(code), source, .. } = &error else { return error };
        let partition = self.partition;
        match code.as_str() {
            "23503" => Error::refused(format!("rows of other tables refer to rows of `{partition}`: {source}"))
                .with_hint("remove what refers to it first"),
            "2BP01" => Error::refused(format!("`{partition}` can't go while something else depends on it: {source}"))
                .with_hint("drop what depends on it first, if nobody needs it"),
            _ => error,
        }
    }
}

/// How long, in milliseconds, each lock of the transaction is waited for.
///
/// Rows that row-level security hides would not be counted and yet go with their table: where it would hide any, the
/// server says so from here on, instead of leaving them out.
pub(super) async fn wait(session: &mut dyn Session, patience: u32) -> Result<()> {
    let timeout = sql("SELECT set_config('lock_timeout', ?, true), set_config('row_security', 'off', true)");
    let timeout = timeout.bind(patience.to_string());
    session.query(&timeout).await.map(drop)
}

/// Locks tables for everybody: those above partitions alone, partitions with all that is below them; `now` or not at all.
pub(super) async fn lock(
    session: &mut dyn Session,
    above: &[&TableName],
    partitions: &[&TableName],
    now: bool,
) -> Result<()> {
    let tables = above.iter().map(|table| (true, table)).chain(partitions.iter().map(|table| (false, table)));
    let mut lock = SqlBuilder::new(session.engine());
    lock.push("LOCK TABLE ").join(", ", tables, |lock, (alone, table)| {
        lock.push(if alone { "ONLY " } else { "" }).table(table);
    });
    lock.push(" IN ACCESS EXCLUSIVE MODE").push(if now { " NOWAIT" } else { "" });
    session.execute(&lock.build()).await.map(drop)
}

/// Whether another attempt may end otherwise: somebody was in the way, or has just dropped it, which the next one finds out.
fn may_differ(error: &Error) -> bool {
    error.is_retryable() || error.class() == Some(ErrorClass::MissingRelation)
}

/// How long to wait after an attempt: longer each time, and at random up to twice as long, so that two that were in each
/// other's way don't meet again.
fn pause(attempt: usize) -> Duration {
    let base = 50_u64 << attempt.min(6);
    // Every RandomState has other keys.
    Duration::from_millis(base + RandomState::new().hash_one(0) % base)
}

/// Looks for partitions in the catalogue.
pub(super) async fn verify_dropped(
    apply: &Apply<'_>,
    dropped: &[(&TableName, &[Object])],
) -> Result<Vec<(Object, Outcome)>> {
    let mut session = apply.retention.db.session().await?;
    let partitions: Vec<&TableName> = dropped.iter().map(|(partition, _)| *partition).collect();
    let still_there = postgres::oids(&mut *session, &partitions).await?;
    let outcome = |partition| if still_there.contains_key(partition) { Outcome::StillPresent } else { Outcome::Done };
    let seen = dropped
        .iter()
        .flat_map(|(partition, objects)| objects.iter().map(move |object| (object.clone(), outcome(partition))));
    Ok(seen.collect())
}
