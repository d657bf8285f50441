//! The effects of a plan to copy: one table after another, each whole or not at all.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, RwLock};

use super::domain::{Action, Domain, Object, Way};
use super::inventory::{Inventory, Source};
use super::job::TableCopy;
use super::observe::gone;
use super::plan::{made_of, staging};
use super::stream::Route;
use super::{catalogue, plan as planner};
use crate::error::{Error, ErrorClass, Result};
use crate::plan::{Executor, Lock, Outcome, Plan, Ran, Recorder, Step};
use crate::sql::{Engine, Session, SqlBuilder, TableName, sql};

/// Applies plans of one [`TableCopy`].
#[derive(Debug)]
pub(super) struct Apply<'a> {
    copy: &'a TableCopy,
    as_of: DateTime<Utc>,
    /// What was seen under the lock.
    seen: RwLock<Option<Inventory>>,
    /// How many rows each table got.
    copied: Mutex<BTreeMap<TableName, u64>>,
}

impl<'a> Apply<'a> {
    pub(super) fn new(copy: &'a TableCopy, as_of: DateTime<Utc>) -> Self {
        Self { copy, as_of, seen: RwLock::default(), copied: Mutex::default() }
    }

    /// Copies into a table of another name, which gets its own when it is verified.
    async fn by_staging(&self, job: &Job<'_>, recorder: &Recorder<'_, Domain>) -> Result<u64> {
        let lost = || Error::failed(format!("`{}` was planned without a way to make it", job.table.into));
        let half = staging(&job.table.into).ok_or_else(lost)?;
        let definition = made_of(job.table, job.way).ok_or_else(lost)?;
        let mut target = self.copy.target.session().await?;
        let mut drop_half = SqlBuilder::new(Engine::Cratedb);
        drop_half.push("DROP TABLE IF EXISTS ").table(&half);
        target.execute(&drop_half.build()).await?;
        target.execute(&definition.create(&half)).await?;

        let mut source = self.copy.source.session().await?;
        let (rows, _) = self.rows(job, &mut *source, &mut *target, &half, recorder).await?;
        catalogue::refresh(&mut *target, &half).await?;
        let there = catalogue::count(&mut *target, &half).await?;
        agree(job, rows, there)?;

        // What it rests on, once more: nothing was written to the target, and the source is still of the same make.
        let now = catalogue::describe(&mut *target, &job.table.into).await?;
        let mut change = SqlBuilder::new(Engine::Cratedb);
        match job.way {
            Way::Create if now.is_none() => {
                change.push("ALTER TABLE ").table(&half).push(" RENAME TO ").ident(&job.table.into.name);
            }
            Way::Replace if now.is_some() => {
                catalogue::refresh(&mut *target, &job.table.into).await?;
                let rows = catalogue::count(&mut *target, &job.table.into).await?;
                if rows > 0 {
                    return Err(drifted(format!("`{}` has {rows} rows by now", job.table.into)));
                }
                change.push("ALTER CLUSTER SWAP TABLE ").table(&half).push(" TO ").table(&job.table.into);
                change.push(" WITH (drop_source = true)");
            }
            _ => return Err(drifted(format!("`{}` came or went meanwhile", job.table.into))),
        }
        target.execute(&change.build()).await?;
        Ok(rows)
    }

    /// Fills a table that is there in one transaction.
    async fn by_transaction(&self, job: &Job<'_>, recorder: &Recorder<'_, Domain>) -> Result<u64> {
        let into = &job.table.into;
        let (mut source, mut target) = (self.copy.source.session().await?, self.copy.target.session().await?);
        target.begin().await?;
        let before = catalogue::count(&mut *target, into).await?;
        if before > 0 {
            return Err(drifted(format!("`{into}` has {before} rows by now")));
        }
        let (rows, _) = self.rows(job, &mut *source, &mut *target, into, recorder).await?;
        let there = catalogue::count(&mut *target, into).await?;
        agree(job, rows, there)?;
        // Where the answer is lost nobody knows; the next run sees the rows.
        target.commit().await?;
        Ok(rows)
    }

    /// Carries the rows; returns how many the source has, and how many were carried.
    async fn rows(
        &self,
        job: &Job<'_>,
        source: &mut dyn Session,
        target: &mut dyn Session,
        into: &TableName,
        recorder: &Recorder<'_, Domain>,
    ) -> Result<(u64, u64)> {
        let table = &job.table.table;
        begin_reading(source, table).await?;
        let expected = catalogue::count(source, table).await?;
        recorder.progress(0, Some(expected));
        let route = Route::of(job.inventory, job.table, into, self.copy.request.batch)?;
        let carried = match route {
            Some(route) => {
                route.carry(source, target, |done| recorder.progress(done, Some(expected.max(done)))).await?
            }
            None => 0,
        };
        // In another session: the one that was read from may have a cursor open, or its own view of the rows.
        let mut again = self.copy.source.session().await?;
        let described = catalogue::describe(&mut *again, table).await?.ok_or_else(|| gone(table))?;
        if described.columns != job.table.columns
            || (job.way == Way::Create && described.definition != job.table.definition)
        {
            return Err(drifted(format!("`{table}` was altered while it was copied")));
        }
        // As of one instant where the engine has that; else as of the end.
        let has = if source.engine() == Engine::Cratedb {
            refresh_source(&mut *again, table).await?;
            catalogue::count(&mut *again, table).await?
        } else {
            expected
        };
        agree(job, has, carried)?;
        Ok((has, carried))
    }
}

/// What a step is about.
#[derive(Debug)]
struct Job<'a> {
    inventory: &'a Inventory,
    table: &'a Source,
    way: Way,
}

fn drifted(what: String) -> Error {
    Error::Drifted { what, hint: Some("look at the plan as it is now, then approve that".into()) }
}

fn agree(job: &Job<'_>, source: u64, copy: u64) -> Result<()> {
    if source == copy {
        return Ok(());
    }
    let Source { table, into, .. } = job.table;
    Err(Error::failed(format!("`{table}` has {source} rows at the source, and the copy of it for `{into}` {copy}"))
        .with_hint("stop what writes to the source, then copy it again; or let CrateDB replicate it"))
}

/// Lets all that is read from now on be as of one instant, where the engine has that.
async fn begin_reading(source: &mut dyn Session, table: &TableName) -> Result<()> {
    match source.engine() {
        Engine::Postgres => {
            source.begin().await?;
            source.execute(&sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")).await?;
        }
        Engine::Mysql => source.begin().await?,
        // No lock to write, as `begin` would take it.
        Engine::Sqlite => drop(source.execute(&sql("BEGIN DEFERRED")).await?),
        Engine::Cratedb => refresh_source(source, table).await?,
    }
    Ok(())
}

/// What was written a moment ago is to be read, too, where the user may see to it.
async fn refresh_source(source: &mut dyn Session, table: &TableName) -> Result<()> {
    match catalogue::refresh(source, table).await {
        Err(error) if error.class() == Some(ErrorClass::Permission) => Ok(()),
        other => other,
    }
}

#[async_trait]
impl Executor<Domain> for Apply<'_> {
    async fn prepare(&self) -> Result<()> {
        self.copy.folder()?.prepare()
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        self.copy.folder()?.lock(&format!("tables of {}", self.copy.target.address()))
    }

    async fn replan(&self) -> Result<Plan<Domain>> {
        let inventory = self.copy.observe().await?;
        let plan = planner::plan(&self.copy.request, &inventory, self.as_of)?;
        *self.seen.write().await = Some(inventory);
        Ok(plan)
    }

    async fn run(&self, step: &Step<Domain>, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        let Action::Copy { table, way, .. } = &step.action;
        let seen = self.seen.read().await;
        let inventory = seen.as_ref().ok_or_else(|| gone(table))?;
        let source = inventory.tables.iter().find(|seen| seen.table == *table).ok_or_else(|| gone(table))?;
        let job = Job { inventory, table: source, way: *way };
        let rows = match way {
            Way::Create | Way::Replace => self.by_staging(&job, recorder).await?,
            Way::Fill => self.by_transaction(&job, recorder).await?,
        };
        self.copied.lock().await.insert(source.into.clone(), rows);
        Ok(Ran::Done(serde_json::json!({ "rows": rows })))
    }

    async fn verify(&self, step: &Step<Domain>) -> Result<Vec<(Object, Outcome)>> {
        let Action::Copy { into, .. } = &step.action;
        let mut target = self.copy.target.session().await?;
        catalogue::refresh(&mut *target, into).await?;
        let rows = catalogue::count(&mut *target, into).await?;
        let done = self.copied.lock().await.get(into) == Some(&rows);
        let outcome = if done { Outcome::Done } else { Outcome::Failed };
        Ok(step.objects.iter().map(|object| (object.clone(), outcome)).collect())
    }
}
