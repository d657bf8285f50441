//! The fluent way in: two databases, which tables, and what ties planning and applying together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::apply::Apply;
use super::catalogue;
use super::domain::Domain;
use super::history::{self, Recorded};
use super::inventory::{Inventory, Kind, Place, Source, Target, Verified};
use super::model::{Request, Tables};
use super::plan::staging;
use crate::audit::Audit;
use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::event::Events;
use crate::plan::{self, ApplyOptions, Approval, Plan, PlanFolder, Report};
use crate::sql::{Db, Engine, Ident, Session, TableName};

/// A copy of tables of one database into another.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::copy::TableCopy;
/// use clusterkeep_core::sql::Db;
///
/// let production = Db::connect("crate://reader@db.example.org:4200/?ssl=true&password=env:READER").await?;
/// let scratch = Db::connect("crate://crate@localhost:4200/").await?;
/// let copy = TableCopy::new(production, scratch).tables(["doc.metrics".parse()?]);
/// let plan = copy.plan(chrono::Utc::now()).await?;
/// println!("{plan}");
/// let report = copy.apply(&plan, plan.hash.into()).await?;
/// assert_eq!(report.exit_code().code(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TableCopy {
    pub(super) source: Db,
    pub(super) target: Db,
    pub(super) request: Request,
    folder: Option<PathBuf>,
    audit: Option<Audit>,
    clock: Arc<dyn Clock>,
    actor: String,
    events: Events,
    cancel: CancellationToken,
}

impl TableCopy {
    /// A copy of every table of the users' in `source` into `target`.
    #[must_use]
    pub fn new(source: Db, target: Db) -> Self {
        Self {
            source,
            target,
            request: Request::of(Tables::All),
            folder: None,
            audit: None,
            clock: Arc::new(SystemClock),
            actor: "library".to_owned(),
            events: Events::none(),
            cancel: CancellationToken::new(),
        }
    }

    /// Copies these tables and no others.
    #[must_use]
    pub fn tables(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.request.tables = Tables::Named(tables.into_iter().collect());
        self
    }

    /// Copies the tables of one schema.
    #[must_use]
    pub fn schema(mut self, schema: Ident) -> Self {
        self.request.tables = Tables::Schema(schema);
        self
    }

    /// Copies into this schema, whatever the one at the source.
    #[must_use]
    pub fn into_schema(mut self, schema: Ident) -> Self {
        self.request.into_schema = Some(schema);
        self
    }

    /// The most rows that go in one statement; 5,000 by default.
    #[must_use]
    pub const fn batch(mut self, rows: usize) -> Self {
        self.request.batch = rows;
        self
    }

    /// How many tables are copied at once; 2 by default, and one into or out of SQLite.
    #[must_use]
    pub const fn parallel(mut self, tables: usize) -> Self {
        self.request.parallel = tables;
        self
    }

    /// Takes all of what is to be copied, and how, from `request`.
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.request = request;
        self
    }

    /// The folder of locks and of the audit, instead of this user's.
    #[must_use]
    pub fn state_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Writes the audit elsewhere than into the folder; it also tells which tables were copied before.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// The clock that records are stamped by, and that a plan may not be ahead of.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Who is recorded to have done it.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// Who wants to see what happens.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// Ends an apply after the tables that are under way.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// What audit records are about.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("copy:{} -> {}", self.source.address(), self.target.address())
    }

    /// The audit of applies.
    ///
    /// # Errors
    ///
    /// There is no folder to keep it in.
    pub fn audit_sink(&self) -> Result<Audit> {
        match &self.audit {
            Some(audit) => Ok(Arc::clone(audit)),
            None => Ok(self.folder()?.audit()),
        }
    }

    pub(super) fn folder(&self) -> Result<PlanFolder> {
        Ok(PlanFolder::at(match &self.folder {
            Some(folder) => folder.clone(),
            None => crate::folder::state()?,
        }))
    }

    /// Looks at both sides and decides what would be copied, as of `now`. It changes nothing.
    ///
    /// # Errors
    ///
    /// A request that makes no sense, a table that is not there, or a database that does not answer.
    pub async fn plan(&self, now: DateTime<Utc>) -> Result<Planned> {
        let inventory = self.observe().await?;
        let plan = super::plan::plan(&self.request, &inventory, now)?;
        Ok(Planned { plan, source: inventory.source, target: inventory.target })
    }

    /// Applies what was approved: locks, plans again, refuses if it is another plan by now, and then copies table after
    /// table.
    ///
    /// # Errors
    ///
    /// See [`crate::plan::apply`]; from the first table on, failures are outcomes in the report.
    pub async fn apply(&self, planned: &Planned, approval: Approval) -> Result<Report<Domain>> {
        let audit = self.audit_sink()?;
        let executor = Apply::new(self, planned.plan.as_of);
        let sqlite = [&self.source, &self.target].iter().any(|db| db.engine() == Engine::Sqlite);
        let options = ApplyOptions {
            approval,
            audit: &audit,
            subject: self.subject(),
            actor: self.actor.clone(),
            clock: &*self.clock,
            events: self.events.clone(),
            // SQLite takes one writer at a time.
            parallel: if sqlite { 1 } else { self.request.parallel },
            cancel: self.cancel.clone(),
        };
        plan::apply(&executor, &planned.plan, &options).await
    }

    /// Reads what is there on both sides.
    pub(super) async fn observe(&self) -> Result<Inventory> {
        self.request.check()?;
        let recorded = history::read(&*self.audit_sink()?, &self.subject(), self.clock.now()).await?;
        let relations = catalogue::select(&self.source, &self.request.tables).await?;
        let (mut source, mut target) = (self.source.session().await?, self.target.session().await?);
        let mut tables = Vec::with_capacity(relations.len());
        for relation in relations {
            let into = self.name_at_target(&mut *target, &relation.table).await?;
            tables.push(self.look(&mut *source, &mut *target, relation.table, into, &recorded).await?);
        }
        Ok(Inventory { source: place(&self.source), target: place(&self.target), tables })
    }

    async fn name_at_target(&self, target: &mut dyn Session, table: &TableName) -> Result<TableName> {
        if let Some(schema) = &self.request.into_schema {
            return Ok(TableName::within(schema.clone(), table.name.clone()));
        }
        // Schemas mean the same on both sides where the engine is the same and has them; MySQL's are whole databases.
        let keeps = matches!(target.engine(), Engine::Postgres | Engine::Cratedb);
        if keeps && self.source.engine() == target.engine() {
            return Ok(table.clone());
        }
        if target.engine() == Engine::Cratedb {
            return Ok(TableName::within(catalogue::current_schema(target).await?, table.name.clone()));
        }
        Ok(TableName::bare(table.name.clone()))
    }

    async fn look(
        &self,
        source: &mut dyn Session,
        target: &mut dyn Session,
        table: TableName,
        into: TableName,
        recorded: &BTreeMap<String, Recorded>,
    ) -> Result<Source> {
        let described = catalogue::describe(source, &table).await?.ok_or_else(|| gone(&table))?;
        let rows = match described.kind {
            Kind::Table => catalogue::count(source, &table).await?,
            Kind::Other(_) => 0,
        };
        let there = catalogue::describe(target, &into).await?;
        let there = match there {
            Some(there) => {
                let is_table = there.kind == Kind::Table;
                let rows = if is_table { catalogue::count(target, &into).await? } else { 0 };
                Some(Target {
                    kind: there.kind,
                    columns: there.columns,
                    rows,
                    definition: there.definition,
                    granted: there.granted,
                    without_transactions: there.without_transactions,
                })
            }
            None => None,
        };
        let half = staging(&into).filter(|_| target.engine() == Engine::Cratedb);
        let left_over = match half {
            Some(half) => catalogue::describe(target, &half).await?.is_some(),
            None => false,
        };
        let verified = match recorded.get(&into.to_string()) {
            Some(Recorded::Done(verified)) => Some(*verified),
            Some(Recorded::Begun(at)) => Some(Verified { at: *at, rows }),
            Some(Recorded::Failed) | None => None,
        };
        let definition = described.definition.filter(|_| target.engine() == Engine::Cratedb);
        Ok(Source {
            table,
            kind: described.kind,
            columns: described.columns,
            rows,
            definition,
            into,
            target: there,
            left_over,
            verified,
        })
    }
}

pub(super) fn gone(table: &TableName) -> crate::Error {
    crate::Error::Drifted { what: format!("table `{table}` is not there any more"), hint: None }
}

fn place(db: &Db) -> Place {
    Place { engine: db.engine(), address: db.address() }
}

/// A plan, with what is needed to show it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan<Domain>,
    /// Where it is copied from.
    pub source: Place,
    /// Where it is copied to.
    pub target: Place,
}

impl std::ops::Deref for Planned {
    type Target = Plan<Domain>;

    fn deref(&self) -> &Self::Target {
        &self.plan
    }
}
