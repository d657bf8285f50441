//! The fluent way in: policies, a database, and what ties planning and applying together.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::{self, Audit, Entry, TableAudit};
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::event::Events;
use clusterkeep_core::plan::{self, ApplyOptions, Approval, Plan, Report};
use clusterkeep_core::sql::Db;
use clusterkeep_core::state::State;
use clusterkeep_core::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::apply::Apply;
use crate::model::{Manifest, Policy, TablePolicy};
use crate::observe::{History, Observed, Records, observe};
use crate::plan::{Cutoff, Domain, Selection, cutoffs, estimate};
use crate::sql::{clock_ahead, show_removals};
use crate::store::Store;

/// Retention on one database.
///
/// ```no_run
/// # async fn example() -> clusterkeep_core::Result<()> {
/// use clusterkeep_core::age::days;
/// use clusterkeep_core::sql::Db;
/// use clusterkeep_retention::Retention;
/// use clusterkeep_retention::model::Policy;
///
/// let db = Db::connect("sqlite://weather.db").await?;
/// let policy = Policy::for_table("observations").time("time_hour").drop_after(days(90));
/// let retention = Retention::new(db).policy(policy);
/// let plan = retention.plan(chrono::Utc::now()).await?;
/// println!("{plan}");
/// let report = retention.apply(&plan, plan.hash.into()).await?;
/// assert_eq!(report.exit_code().code(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Retention {
    pub(crate) db: Db,
    pub(crate) state: State,
    pub(crate) manifest: Manifest,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Option<Audit>,
    plan_audit: Option<Audit>,
    chain: String,
    actor: String,
    events: Events,
    parallel: usize,
    cancel: CancellationToken,
    selection: Selection,
    simulated: bool,
}

/// The mark of a database that a simulation may change: set by what created it for that, and by nothing else.
const FOR_SIMULATION: &str = "for_simulation";

impl Retention {
    /// Retention on `db`, without a policy yet; its state is kept in the same database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            state: State::of(db.clone()),
            db,
            manifest: Manifest::named("retention"),
            clock: Arc::new(SystemClock),
            audit: None,
            plan_audit: None,
            chain: "main".to_owned(),
            actor: "library".to_owned(),
            events: Events::none(),
            parallel: 4,
            cancel: CancellationToken::new(),
            selection: Selection::default(),
            simulated: false,
        }
    }

    /// Adds a policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.manifest.tables.push(policy);
        self
    }

    /// Takes all policies from `manifest`, and its name and zone.
    #[must_use]
    pub fn manifest(mut self, manifest: Manifest) -> Self {
        self.manifest = manifest;
        self
    }

    /// Keeps locks, records and the audit elsewhere than in the database that is served.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Writes the audit of applies elsewhere than into the state.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Records plans, too; planning needs no right to write in the database, so this is a sink of its own.
    #[must_use]
    pub fn plan_audit(mut self, audit: Audit) -> Self {
        self.plan_audit = Some(audit);
        self
    }

    /// The chain of the audit that applies are recorded in; a simulation has one of its own.
    #[must_use]
    pub fn chain(mut self, chain: impl Into<String>) -> Self {
        self.chain = chain.into();
        self
    }

    /// Who is recorded to have done it.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// The clock that records are stamped by, and that a plan may not be ahead of.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Goes by a simulated clock, with a record of its own: a database that was not marked for it is refused.
    #[must_use]
    pub fn simulated(mut self, clock: impl Clock + 'static) -> Self {
        self.simulated = true;
        self.clock(clock).chain("simulation")
    }

    /// Marks the database as one that a simulation may change; for what creates databases to try things on.
    ///
    /// # Errors
    ///
    /// The state can't be created.
    pub async fn allow_simulation(&self, made_by: &str) -> Result<()> {
        self.state.ensure(self.clock.now()).await?;
        self.state.set_mark(FOR_SIMULATION, made_by).await
    }

    /// Whether the database is one that a simulation may change.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn allows_simulation(&self) -> Result<bool> {
        Ok(self.state.mark(FOR_SIMULATION).await?.is_some())
    }

    /// Who wants to see what happens.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// The most steps that run at once; engines that take one writer at a time run one.
    #[must_use]
    pub const fn parallel(mut self, steps: usize) -> Self {
        self.parallel = steps;
        self
    }

    /// Ends an apply after the steps that are under way.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Plans only a part.
    #[must_use]
    pub fn select(mut self, selection: Selection) -> Self {
        let unattended = self.selection.unattended || selection.unattended;
        self.selection = Selection { unattended, ..selection };
        self
    }

    /// Plans as a schedule does, where no person looks: tables that nobody has ever acknowledged are refused.
    #[must_use]
    pub const fn unattended(mut self) -> Self {
        self.selection.unattended = true;
        self
    }

    /// The audit of applies.
    #[must_use]
    pub fn audit_sink(&self) -> Audit {
        self.audit.clone().unwrap_or_else(|| Arc::new(TableAudit::new(self.state.clone(), self.chain.clone())))
    }

    /// What audit records are about.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("retention:{}", self.manifest.name)
    }

    /// Looks at what is there and decides what would go, as of `now`. It changes nothing.
    ///
    /// # Errors
    ///
    /// A manifest that breaks a rule, a table or column that is not there, a time column whose meaning can't be known, or
    /// a database that does not answer. Nothing is planned then.
    pub async fn plan(&self, now: DateTime<Utc>) -> Result<Planned> {
        let (planned, _) = self.observe_and_plan(now).await?;
        if let Some(audit) = &self.plan_audit {
            let entry = Entry {
                at: self.clock.now(),
                actor: self.actor.clone(),
                event: audit::Event::Planned,
                subject: self.subject(),
                plan: planned.plan.hash.to_string(),
                as_of: now,
                step: None,
                data: serde_json::json!({
                    "address": self.db.address(),
                    "steps": planned.plan.steps.len(),
                    "refused": planned.plan.refusals(),
                }),
            };
            audit.append(vec![entry]).await?;
        }
        Ok(planned)
    }

    /// Applies what was approved: locks, plans again, refuses if it is another plan by now, and then does step after step.
    ///
    /// # Errors
    ///
    /// See [`clusterkeep_core::plan::apply`]; from the first step on, failures are outcomes in the report.
    pub async fn apply(&self, planned: &Planned, approval: Approval) -> Result<Report<Domain>> {
        if self.simulated && !self.allows_simulation().await? {
            return Err(Error::refused(format!("{} was not made for simulations", self.db.address()))
                .with_hint("a simulated clock works on a database that the demo or a test created"));
        }
        // Where nobody has looked, nobody has acknowledged anything either.
        let this = if approval == Approval::WithinGuards { self.clone().unattended() } else { self.clone() };
        let executor = Apply::new(&this, planned.plan.as_of);
        let by_a_person = approval != Approval::WithinGuards;
        let report = self.apply_by(&executor, &planned.plan, approval, self.subject()).await?;
        self.remember(planned, by_a_person).await?;
        Ok(report)
    }

    /// Has a plan applied, with what all applies of this have in common.
    pub(crate) async fn apply_by<D: plan::Domain>(
        &self,
        executor: &dyn plan::Executor<D>,
        plan: &plan::Plan<D>,
        approval: Approval,
        subject: String,
    ) -> Result<Report<D>> {
        let audit = self.audit_sink();
        let options = ApplyOptions {
            approval,
            audit: &audit,
            subject,
            actor: self.actor.clone(),
            clock: &*self.clock,
            events: self.events.clone(),
            // SQLite takes one writer at a time: more would only wait for one another.
            parallel: if self.db.engine() == clusterkeep_core::sql::Engine::Sqlite { 1 } else { self.parallel },
            cancel: self.cancel.clone(),
        };
        plan::apply(executor, plan, &options).await
    }

    /// Remembers what this run has seen, for the next one: holds that have expired, and, the first time that a person has
    /// looked, which tables the policies are about.
    async fn remember(&self, planned: &Planned, by_a_person: bool) -> Result<()> {
        let store = self.store();
        if store.holds().list().await?.iter().any(|hold| hold.noticed_at.is_none() && hold.expired_at(planned.as_of)) {
            store.holds().notice_expired(planned.as_of).await?;
        }
        let matched = planned.policies.iter().filter(|of| of.by_selector).map(|of| of.table.clone());
        let matched: Vec<_> = matched.collect();
        if by_a_person && !matched.is_empty() && store.acknowledged().read(&self.subject()).await?.is_none() {
            store.acknowledged().add(&self.subject(), matched, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Holds, acknowledgements and policies of the state.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::of(self.state.clone()).audit(self.audit_sink()).actor(self.actor.clone())
    }

    pub(crate) async fn observe_and_plan(&self, now: DateTime<Utc>) -> Result<(Planned, Observed)> {
        self.manifest.check()?;
        let records = Records::of_state(self.state.clone());
        let store = self.store();
        let remembered = async {
            let has_state = self.state.exists().await?;
            let history = if has_state || self.audit.is_some() {
                History::read(&*self.audit_sink(), &self.subject(), self.clock.now()).await?
            } else {
                History::default()
            };
            Ok::<_, Error>((has_state, history))
        };
        let ahead = async {
            // A simulated clock is another one on purpose.
            if self.simulated {
                return Ok(None);
            }
            clock_ahead(&mut *self.db.session().await?, &*self.clock).await
        };
        let (holds, acknowledged) = (store.holds(), store.acknowledged());
        let subject = self.subject();
        // None of them rests on another, and most of the time goes by on the way to the database and back.
        let (mut observed, (has_state, history), ahead, holds, acknowledged) = tokio::try_join!(
            observe(&self.db, &records, &self.manifest, &self.selection, now),
            remembered,
            ahead,
            holds.list(),
            acknowledged.read(&subject),
        )?;
        let inventory = &mut observed.inventory;
        inventory.last_applied = history.last_applied;
        for source in &mut inventory.sources {
            source.removed = history.removed(&source.table);
            source.removed_archives = history.removed_archives(&source.table);
        }
        inventory.clock_ahead = ahead;
        inventory.holds = holds;
        inventory.acknowledged = acknowledged;
        let mut plan = crate::plan::plan(&self.manifest, &observed.inventory, now, &self.selection)?;
        show_removals(&mut plan, &observed.sources);
        let mut notes = observed.notes.clone();
        if !has_state && !plan.is_empty() {
            notes.push(format!("`{}` is created first, for locks, records and the audit", self.state_text()));
        }
        let planned = Planned {
            estimate: estimate(self.db.engine(), &plan, &observed.inventory),
            plan,
            name: self.manifest.name.clone(),
            address: self.db.address(),
            engine: self.db.engine(),
            cutoffs: cutoffs(&observed.policies, now)?,
            guards: observed.policies.iter().map(|of| (of.table.clone(), of.policy.guard.clone())).collect(),
            policies: observed.policies.clone(),
            notes,
        };
        Ok((planned, observed))
    }

    fn state_text(&self) -> String {
        let name = self.state.name();
        let what = if self.state.db().capabilities().schemas { format!("schema {name}") } else { format!("{name}_*") };
        format!("{what} in {}", self.state.db().address())
    }

    pub(crate) fn records(&self) -> Records {
        Records::of_state(self.state.clone())
    }

    /// Whether state and data lie in one database, so that one transaction can hold both.
    pub(crate) fn state_is_here(&self) -> bool {
        self.state.db().same_as(&self.db)
    }

    /// Whether somebody has asked for an end.
    #[cfg(any(feature = "cratedb", feature = "postgres"))]
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// A plan, with what is needed to show it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan<Domain>,
    /// The manifest's name.
    pub name: String,
    /// The database, without its password.
    pub address: String,
    /// Its engine.
    pub engine: clusterkeep_core::sql::Engine,
    /// The cutoff of each table.
    pub cutoffs: Vec<Cutoff>,
    /// The guard of each raw table.
    pub guards: Vec<(clusterkeep_core::sql::TableName, crate::model::Guard)>,
    /// The policies that it was made from, one for each table.
    pub policies: Vec<TablePolicy>,
    /// About how long its steps take one after the other, by what the engine took elsewhere: an order of magnitude.
    pub estimate: std::time::Duration,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl std::ops::Deref for Planned {
    type Target = Plan<Domain>;

    fn deref(&self) -> &Self::Target {
        &self.plan
    }
}

/// As a table, like things folded into one row.
impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::plan(self, false))
    }
}

/// The error for a source that a step names and that was not observed.
pub(crate) fn not_observed(table: &clusterkeep_core::sql::TableName) -> Error {
    Error::failed(format!("`{table}` was not observed"))
}
