//! Tables that one CrateDB follows of another: a publication at the source, a subscription at the target.
//!
//! The target makes the tables itself, copies what is in them, and follows what is written from then on; they can't be
//! written to there until the replication ends. [`Replication::lag`] tells how far behind it is,
//! [`Replication::plan_end`] plans its end: the tables stay, and can be written to.
//!
//! The target connects to the source by itself, over the PostgreSQL wire protocol (`pg_tunnel`) unless told otherwise: the
//! source's address in [`Upstream`] is as the target sees it. The user there needs `AL` on the cluster or ownership, and
//! `DQL` on the tables. The password is bound as a parameter: it is in no plan, no record, and not in the statement that
//! the target's own log of jobs keeps.

mod apply;
mod domain;
mod lag;
mod observe;
mod plan;
mod text;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::model::Tables;
use crate::audit::Audit;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::plan::{self as kernel, ApplyOptions, Approval, Plan, PlanFolder, Report};
use crate::sql::{Db, Engine, Ident, TableName};

pub use domain::{Action, Decision, Detail, Domain, Object, Reason};
pub use lag::{Lag, TableState};
pub use observe::{Followed, Inventory, Published, Subscribed};
pub use plan::{end, start};
pub use text::{HEADINGS, LAG_HEADINGS};
pub use upstream::{Mode, Upstream};

/// A replication of tables of one CrateDB into another.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::copy::replicate::{Replication, Upstream};
/// use clusterkeep_core::sql::Db;
///
/// let source = "crate://repl@db.example.org:4200/?ssl=true&password=env:REPL".parse()?;
/// let upstream = Upstream::of(&source)?;
/// let (source, target) = (Db::connect_with(&source, Default::default()).await?, Db::connect("crate://localhost/").await?);
/// let replication = Replication::new(source, target).tables(["doc.metrics".parse()?]);
/// let plan = replication.plan(chrono::Utc::now()).await?;
/// println!("{plan}");
/// replication.apply(&plan, plan.hash.into(), &upstream).await?;
/// for table in replication.lag().await? {
///     println!("{}: {:?} operations behind", table.table, table.behind);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Replication {
    pub(in crate::copy) source: Db,
    pub(in crate::copy) target: Db,
    pub(in crate::copy) tables: Tables,
    pub(in crate::copy) name: Ident,
    pub(in crate::copy) timeout: Duration,
    folder: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    actor: String,
    events: Events,
    cancel: CancellationToken,
}

impl Replication {
    /// The name of publication and subscription, where nothing else is asked for.
    pub const NAME: &str = "clusterkeep";

    /// A replication of every table of the users' in `source` into `target`.
    #[must_use]
    pub fn new(source: Db, target: Db) -> Self {
        Self {
            source,
            target,
            tables: Tables::All,
            name: Ident::literal(Self::NAME),
            timeout: Duration::from_secs(60 * 60),
            folder: None,
            clock: Arc::new(SystemClock),
            actor: "library".to_owned(),
            events: Events::none(),
            cancel: CancellationToken::new(),
        }
    }

    /// Replicates these tables and no others.
    #[must_use]
    pub fn tables(mut self, tables: impl IntoIterator<Item = TableName>) -> Self {
        self.tables = Tables::Named(tables.into_iter().collect());
        self
    }

    /// Replicates the tables of one schema; those that are made later are not among them.
    #[must_use]
    pub fn schema(mut self, schema: Ident) -> Self {
        self.tables = Tables::Schema(schema);
        self
    }

    /// Which tables.
    #[must_use]
    pub fn selection(mut self, tables: Tables) -> Self {
        self.tables = tables;
        self
    }

    /// The name of publication and subscription.
    #[must_use]
    pub fn name(mut self, name: Ident) -> Self {
        self.name = name;
        self
    }

    /// The most that apply waits for the tables to be copied for the first time: an hour by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The folder of locks and of the audit, instead of this user's.
    #[must_use]
    pub fn state_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
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

    /// Ends an apply after the step that is under way.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    fn folder(&self) -> Result<PlanFolder> {
        Ok(PlanFolder::at(match &self.folder {
            Some(folder) => folder.clone(),
            None => crate::folder::state()?,
        }))
    }

    /// The audit of applies.
    ///
    /// # Errors
    ///
    /// There is no folder to keep it in.
    pub fn audit_sink(&self) -> Result<Audit> {
        Ok(self.folder()?.audit())
    }

    /// Looks at both sides and decides what would be replicated, as of `now`. It changes nothing.
    ///
    /// # Errors
    ///
    /// Another engine than CrateDB, a table that is not there, or a database that does not answer.
    pub async fn plan(&self, now: DateTime<Utc>) -> Result<Planned> {
        self.check()?;
        Ok(self.planned(false, plan::start(&self.observe(false).await?, now)))
    }

    /// Looks at both sides and decides what the end of the replication takes, as of `now`. It changes nothing.
    ///
    /// # Errors
    ///
    /// Another engine than CrateDB, or a database that does not answer.
    pub async fn plan_end(&self, now: DateTime<Utc>) -> Result<Planned> {
        self.check()?;
        Ok(self.planned(true, plan::end(&self.observe(true).await?, now)))
    }

    fn planned(&self, ends: bool, plan: Plan<Domain>) -> Planned {
        Planned { plan, ends, name: self.name.clone(), source: self.source.address(), target: self.target.address() }
    }

    fn check(&self) -> Result<()> {
        for (side, db) in [("source", &self.source), ("target", &self.target)] {
            if db.engine() != Engine::Cratedb {
                return Err(Error::input(format!("the {side} of a replication is {}", db.engine()))
                    .with_hint("CrateDB replicates to CrateDB; without `--replicate` rows are copied once"));
            }
        }
        Ok(())
    }

    /// Applies what was approved. Beginning a replication takes the source's address as the target sees it; ending one
    /// does not look at it.
    ///
    /// # Errors
    ///
    /// See [`crate::plan::apply`]; from the first step on, failures are outcomes in the report.
    pub async fn apply(&self, planned: &Planned, approval: Approval, upstream: &Upstream) -> Result<Report<Domain>> {
        let audit = self.audit_sink()?;
        let executor = apply::Apply::new(self, planned.ends, planned.plan.as_of, upstream);
        let options = ApplyOptions {
            approval,
            audit: &audit,
            subject: format!("replicate:{} -> {}", self.source.address(), self.target.address()),
            actor: self.actor.clone(),
            clock: &*self.clock,
            events: self.events.clone(),
            parallel: 1,
            cancel: self.cancel.clone(),
        };
        kernel::apply(&executor, &planned.plan, &options).await
    }
}

/// A plan, with what is needed to show it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan<Domain>,
    /// Whether it is the end of the replication.
    pub ends: bool,
    /// The name of publication and subscription.
    pub name: Ident,
    /// The source's address, without a password.
    pub source: String,
    /// The target's address, without a password.
    pub target: String,
}

impl std::ops::Deref for Planned {
    type Target = Plan<Domain>;

    fn deref(&self) -> &Self::Target {
        &self.plan
    }
}
