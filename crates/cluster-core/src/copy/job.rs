//! The fluent way in: two databases, which tables, and what ties planning and applying together.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::apply::Apply;
use super::domain::Domain;
use super::inventory::Place;
use super::model::{Request, Tables};
use crate::audit::Audit;
use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::event::Events;
use crate::plan::{self, ApplyOptions, Approval, Plan, PlanFolder, Report};
use crate::sql::{Db, Engine, Ident, TableName};

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
    pub(super) clock: Arc<dyn Clock>,
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
