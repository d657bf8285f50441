//! The effects of a retention plan: rollups are made, verified, and only then what fed them goes.

#[cfg(feature = "cratedb")]
mod apart;
mod change;
#[cfg(feature = "postgres")]
mod detached;
mod downsample;
mod drop_partitions;
#[cfg(feature = "archive")]
mod files;
mod fold;
mod gate;
mod held;
mod late;
mod lost;
#[cfg(feature = "postgres")]
mod partition;
mod remove;
mod span;
mod stream;
#[cfg(feature = "postgres")]
mod together;
#[cfg(feature = "postgres")]
mod turns;

#[cfg(any(feature = "mysql", feature = "cratedb"))]
use std::collections::BTreeSet;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Class, Decide, Executor, Lock, Outcome, Plan, Ran, Recorder, Step, Verdict};
use clusterkeep_core::sql::{Engine, Session, TableName, sql};
use clusterkeep_core::{Error, ErrorClass, Result};
use tokio::sync::{Mutex, RwLock};

use self::span::Span;
use crate::model::TablePolicy;
use crate::observe::{Observed, Piece};
use crate::plan::{Action, Detail, Domain, Lifecycle, Object, lifecycles};
use crate::retention::{Retention, not_observed};
use crate::sql::{SourceSql, Sums};

/// Applies plans of one [`Retention`].
#[derive(Debug)]
pub(crate) struct Apply<'a> {
    retention: &'a Retention,
    as_of: DateTime<Utc>,
    /// What was seen under the lock, and the plan that was made of it.
    seen: RwLock<Seen>,
    /// What the sources of rollups were when they were verified; read once, and again after a rollup was made.
    recorded: RwLock<BTreeMap<TableName, Arc<Vec<Piece>>>>,
    /// Held while the table of a rollup is made: `IF NOT EXISTS` of two at once is no protection on PostgreSQL.
    creating: Mutex<()>,
    #[cfg(feature = "postgres")]
    turns: turns::Turns,
    /// Held while a partition is rebuilt.
    #[cfg(feature = "mysql")]
    rebuilding: Mutex<()>,
    /// The policies that are applied, one for each table; settled once, under the lock.
    policies: OnceLock<Vec<TablePolicy>>,
    /// What was gone before the step that was to remove it.
    #[cfg(any(feature = "mysql", feature = "cratedb"))]
    gone: Mutex<BTreeSet<Object>>,
    /// What was verified of the copy of each partition, in this run.
    #[cfg(feature = "cratedb")]
    archived: Mutex<BTreeMap<Object, change::Copied>>,
    /// What was archived in files, in this run.
    #[cfg(feature = "archive")]
    filed: Mutex<BTreeMap<Object, files::Filed>>,
}

#[derive(Debug, Default)]
struct Seen {
    observed: Observed,
    /// What the plan says of each object.
    details: HashMap<Object, Detail>,
    /// The hash of the plan.
    #[cfg(feature = "archive")]
    hash: String,
}

impl<'a> Apply<'a> {
    pub(crate) fn new(retention: &'a Retention, as_of: DateTime<Utc>) -> Self {
        Self {
            retention,
            as_of,
            seen: RwLock::default(),
            recorded: RwLock::default(),
            creating: Mutex::default(),
            #[cfg(feature = "postgres")]
            turns: turns::Turns::default(),
            #[cfg(feature = "mysql")]
            rebuilding: Mutex::default(),
            policies: OnceLock::new(),
            #[cfg(any(feature = "mysql", feature = "cratedb"))]
            gone: Mutex::default(),
            #[cfg(feature = "cratedb")]
            archived: Mutex::default(),
            #[cfg(feature = "archive")]
            filed: Mutex::default(),
        }
    }

    /// How the table is asked.
    async fn source(&self, table: &TableName) -> Result<SourceSql> {
        let seen = self.seen.read().await;
        let found = seen.observed.sources.iter().find(|source| source.table == *table);
        found.cloned().ok_or_else(|| not_observed(table))
    }

    fn lifecycle(&self, table: &TableName) -> Result<Lifecycle<'_>> {
        lifecycles(self.policies.get().map_or(&[], Vec::as_slice))
            .find(|lifecycle| lifecycle.table == table)
            .ok_or_else(|| not_observed(table))
    }

    /// What the plan saw of an object that is to go: its bounds and its rows.
    async fn planned(&self, object: &Object) -> Result<(Option<DateTime<Utc>>, DateTime<Utc>, u64)> {
        let seen = self.seen.read().await;
        let lost = || Error::failed(format!("`{object}` was planned without an end or rows"));
        let detail = seen.details.get(object).ok_or_else(lost)?;
        Ok((detail.start, detail.end.ok_or_else(lost)?, detail.rows().ok_or_else(lost)?))
    }

    /// The same of one that has a start.
    async fn planned_span(&self, object: &Object) -> Result<(Span, u64)> {
        let (start, end, rows) = self.planned(object).await?;
        let start = start.ok_or_else(|| Error::failed(format!("`{object}` was planned without a start")))?;
        Ok(((start, end), rows))
    }

    /// How many bytes the plan thought that an object takes.
    #[cfg(any(feature = "postgres", feature = "mysql", feature = "cratedb"))]
    async fn planned_bytes(&self, object: &Object) -> Option<u64> {
        self.seen.read().await.details.get(object)?.bytes()
    }

    /// The start of the oldest piece, of those that are still there, that any rollup of a source was verified against.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    async fn first_recorded(&self, lifecycle: &Lifecycle<'_>) -> Result<Option<DateTime<Utc>>> {
        let all = self.recorded(lifecycle, (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC)).await?;
        Ok(all
            .iter()
            .flat_map(|recorded| &recorded.pieces)
            .filter(|piece| !piece.dropped)
            .map(|piece| piece.start)
            .min())
    }

    /// Looks whether the rollups still hold what was recorded of `span`: nothing goes that is kept nowhere else.
    async fn kept_elsewhere(
        &self,
        session: &mut dyn Session,
        lifecycle: &Lifecycle<'_>,
        source: &SourceSql,
        span: Span,
    ) -> Result<()> {
        for rollup in &lifecycle.rollups {
            let buckets = rollup.every.boundaries(lifecycle.zone_of(rollup), span.0, span.1);
            let (Some(from), Some(until)) = (buckets.first(), buckets.last()) else { continue };
            let recorded = self.recorded(lifecycle, (*from, *until)).await?;
            let Some(recorded) = recorded.into_iter().find(|recorded| *recorded.target == rollup.target) else {
                continue;
            };
            let sums = Sums { columns: recorded.columns, by: &lifecycle.policy.by, rolled: true };
            let stored = source.rolled_into(&rollup.target).sums(session, &buckets, sums).await?;
            gate::kept(&recorded, &buckets, &stored)?;
        }
        Ok(())
    }

    /// Sees that the rows of `object` are those of its archive in files, where its policy has them archived there; in the
    /// transaction or under the lock that removes them.
    async fn kept_in_files(&self, session: &mut dyn Session, lifecycle: &Lifecycle<'_>, object: &Object) -> Result<()> {
        if lifecycle.files().is_none() {
            return Ok(());
        }
        #[cfg(feature = "archive")]
        return files::still_holds(self, session, object).await;
        #[cfg(not(feature = "archive"))]
        {
            let _ = session;
            Err(Error::failed(format!(
                "`{object}` is to be archived in files, and this program was built without that"
            )))
        }
    }

    /// The rollups of a source, each with what overlaps `span` of what its source was when it was verified.
    async fn recorded<'l>(&self, lifecycle: &'l Lifecycle<'_>, span: Span) -> Result<Vec<gate::Recorded<'l>>> {
        let mut all = Vec::with_capacity(lifecycle.rollups.len());
        for rollup in &lifecycle.rollups {
            let known = self.recorded.read().await.get(&rollup.target).cloned();
            let pieces = match known {
                Some(pieces) => pieces,
                None => {
                    let pieces = Arc::new(self.retention.records().of(&rollup.target, &lifecycle.cut(rollup)).await?);
                    self.recorded.write().await.insert(rollup.target.clone(), Arc::clone(&pieces));
                    pieces
                }
            };
            let first = pieces.partition_point(|piece| piece.end <= span.0);
            let last = pieces.partition_point(|piece| piece.start < span.1);
            all.push(gate::Recorded {
                target: &rollup.target,
                columns: lifecycle.policy.columns_of(rollup),
                may_be_unknown: rollup.coverage.is_some(),
                pieces: pieces.get(first..last).unwrap_or_default().to_vec(),
            });
        }
        Ok(all)
    }

    /// A session that looks at one state of the data, as far as the engine knows how to.
    async fn snapshot(&self) -> Result<Box<dyn Session>> {
        if self.retention.db.capabilities().transactions {
            return self.transaction().await;
        }
        self.retention.db.session().await
    }

    /// A transaction whose statements all see one state of the data, and that fails where another one changed it.
    async fn transaction(&self) -> Result<Box<dyn Session>> {
        let mut session = self.retention.db.session().await?;
        let isolate = sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        if session.engine() == Engine::Mysql {
            // There it is for the next transaction.
            session.execute(&isolate).await?;
        }
        session.begin().await?;
        if session.engine() == Engine::Postgres {
            session.execute(&isolate).await?;
        }
        Ok(session)
    }
}

/// Tries a transaction again that lost against another one, such as a step beside it: it was rolled back as a whole.
async fn again<T, F: Future<Output = Result<T>>>(transaction: impl Fn() -> F) -> Result<T> {
    const ATTEMPTS: u32 = 8;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match transaction().await {
            Err(e) if attempt < ATTEMPTS && e.class() == Some(ErrorClass::Conflict) => {
                tracing::debug!(attempt, error = %e, "a transaction lost against another one");
                tokio::time::sleep(std::time::Duration::from_millis(20 << attempt)).await;
            }
            done => return done,
        }
    }
}

#[async_trait]
impl Executor<Domain> for Apply<'_> {
    async fn prepare(&self) -> Result<()> {
        self.retention.state.ensure(self.retention.now()).await
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        Ok(Box::new(self.retention.state.lock("retention").await?))
    }

    async fn replan(&self) -> Result<Plan<Domain>> {
        let (planned, mut observed) = self.retention.observe_and_plan(self.as_of).await?;
        if !self.retention.db.capabilities().transactional_ddl {
            self.retention.records().settle_all(&observed.inventory.sources, self.retention.now()).await?;
        }
        let plan = planned.plan;
        // Under the lock nobody else is about to make use of them.
        #[cfg(feature = "postgres")]
        self.retention.records().forget_all_detached(&observed.gone).await?;
        let policies = std::mem::take(&mut observed.policies);
        self.policies.set(policies).map_err(|_| Error::failed("one apply planned again twice"))?;
        // Whatever is done last to a partition: it may be archived before that.
        let touched = |verdict: &&Verdict<Domain>| verdict.verdict.class() == Class::Act;
        let drops = plan.verdicts.iter().filter(touched);
        let details = drops.map(|verdict| (verdict.object.clone(), verdict.detail.clone())).collect();
        *self.seen.write().await = Seen {
            observed,
            details,
            #[cfg(feature = "archive")]
            hash: plan.hash.to_string(),
        };
        Ok(plan)
    }

    async fn run(&self, step: &Step<Domain>, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        self.not_held(&[step]).await?;
        match &step.action {
            Action::Downsample(build) => again(|| downsample::build(self, build, recorder)).await,
            Action::DeleteSlices { table } => remove::slices(self, table, step, recorder).await,
            Action::MergeLate { source } => again(|| late::merge(self, source, step, recorder)).await,
            #[cfg(feature = "postgres")]
            Action::DropPartition { table, partition, detached } => {
                let going = partition::Going::new(self, table, partition, step).await?;
                going.go(if *detached { partition::How::DropDetached } else { partition::How::Drop }, recorder).await
            }
            #[cfg(feature = "postgres")]
            Action::DetachPartition { table, partition } => {
                let going = partition::Going::new(self, table, partition, step).await?;
                going.go(partition::How::Detach, recorder).await
            }
            Action::RemoveArchive { table, place } => change::remove_archive(self, table, place).await,
            Action::Change { table, due } => change::run(self, table, due, step, recorder).await,
            Action::DropPartitions { table } => drop_partitions::run(self, table, step, recorder).await,
            #[cfg(not(feature = "postgres"))]
            action @ (Action::DropPartition { .. } | Action::DetachPartition { .. }) => {
                Err(Error::failed(format!("{action}: this program was built without PostgreSQL")))
            }
        }
    }

    async fn verify(&self, step: &Step<Domain>) -> Result<Vec<(Object, Outcome)>> {
        match &step.action {
            Action::Downsample(build) => {
                again(|| downsample::verify(self, build)).await?;
                Ok(step.objects.iter().map(|object| (object.clone(), Outcome::Done)).collect())
            }
            Action::DeleteSlices { table } => remove::verify_slices(self, table, &step.objects).await,
            Action::MergeLate { source } => late::verify(self, source, &step.objects).await,
            #[cfg(feature = "postgres")]
            Action::DropPartition { partition, .. } => {
                partition::verify_dropped(self, &[(partition, &step.objects)]).await
            }
            #[cfg(feature = "postgres")]
            Action::DetachPartition { table, partition } => {
                detached::verify(self, table, partition, &step.objects).await
            }
            Action::RemoveArchive { place, .. } => change::verify_removed(self, place, &step.objects).await,
            Action::Change { table, due } => change::verify(self, table, due, &step.objects).await,
            Action::DropPartitions { table } => drop_partitions::verify(self, table, &step.objects).await,
            #[cfg(not(feature = "postgres"))]
            action @ (Action::DropPartition { .. } | Action::DetachPartition { .. }) => {
                Err(Error::failed(format!("{action}: this program was built without PostgreSQL")))
            }
        }
    }

    #[cfg(feature = "postgres")]
    async fn together(&self, steps: &[&Step<Domain>]) -> usize {
        together::count(self, steps).await
    }

    #[cfg(feature = "postgres")]
    async fn run_together(
        &self,
        steps: &[&Step<Domain>],
        recorder: &Recorder<'_, Domain>,
    ) -> Result<Vec<serde_json::Value>> {
        self.not_held(steps).await?;
        together::drop_partitions(self, steps, recorder).await
    }

    #[cfg(feature = "postgres")]
    async fn verify_together(&self, steps: &[&Step<Domain>]) -> Result<Vec<(Object, Outcome)>> {
        let dropped = steps.iter().filter_map(|step| match &step.action {
            Action::DropPartition { partition, .. } => Some((&**partition, &step.objects[..])),
            _ => None,
        });
        partition::verify_dropped(self, &dropped.collect::<Vec<_>>()).await
    }
}
