//! The effects of beginning and ending a replication.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};

use super::domain::{Action, Domain, Object};
use super::lag::{TableState, states};
use super::observe::{publication, raw, subscription};
use super::{Replication, Upstream, plan as planner};
use crate::error::{Error, Result};
use crate::plan::{Executor, Lock, Outcome, Plan, Ran, Recorder, Step};
use crate::sql::{Engine, Ident, Session, SqlBuilder, Statement, TableName};

/// How often the state of the tables is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// Begins or ends one replication.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    replication: &'a Replication,
    ends: bool,
    as_of: DateTime<Utc>,
    upstream: &'a Upstream,
}

impl<'a> Apply<'a> {
    pub(super) const fn new(
        replication: &'a Replication,
        ends: bool,
        as_of: DateTime<Utc>,
        upstream: &'a Upstream,
    ) -> Self {
        Self { replication, ends, as_of, upstream }
    }

    async fn subscribe(&self, name: &Ident, tables: &[TableName], recorder: &Recorder<'_, Domain>) -> Result<()> {
        let mut target = self.replication.target.session().await?;
        let mut create = SqlBuilder::new(Engine::Cratedb);
        create.push("CREATE SUBSCRIPTION ").ident(name).push(" CONNECTION ");
        create.bind(self.upstream.connection().expose()).push(" PUBLICATION ").ident(name);
        target.execute(&create.build()).await.map_err(|error| self.upstream.scrubbed(error))?;
        self.wait_for(&mut *target, name, tables, recorder).await
    }

    /// Waits until every table follows; one that has failed is an error with the target's own words.
    async fn wait_for(
        &self,
        target: &mut dyn Session,
        name: &Ident,
        tables: &[TableName],
        recorder: &Recorder<'_, Domain>,
    ) -> Result<()> {
        let deadline = Instant::now() + self.replication.timeout;
        loop {
            let states = states(target, name).await?;
            let mut following = 0;
            for table in tables {
                match states.get(&raw(table)) {
                    Some((TableState::Following, _)) => following += 1,
                    Some((TableState::Failed, reason)) => {
                        let reason = reason.clone().unwrap_or_else(|| "the target does not say why".to_owned());
                        return Err(Error::caused(format!("replicate `{table}`"), reason));
                    }
                    _ => {}
                }
            }
            recorder.progress(following, Some(tables.len() as u64));
            if following == tables.len() as u64 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let (all, seconds) = (tables.len(), self.replication.timeout.as_secs());
                return Err(Error::failed(format!("{following} of {all} tables follow after {seconds} s"))
                    .with_hint("the target goes on with it by itself; look at the lag later"));
            }
            sleep(PAUSE).await;
        }
    }
}

fn statement(text: &'static str, name: &Ident) -> Statement {
    let mut statement = SqlBuilder::new(Engine::Cratedb);
    statement.push(text).ident(name);
    statement.build()
}

#[async_trait]
impl Executor<Domain> for Apply<'_> {
    async fn prepare(&self) -> Result<()> {
        self.replication.folder()?.prepare()
    }

    async fn lock(&self) -> Result<Box<dyn Lock>> {
        self.replication.folder()?.lock(&format!("tables of {}", self.replication.target.address()))
    }

    async fn replan(&self) -> Result<Plan<Domain>> {
        let inventory = self.replication.observe(self.ends).await?;
        Ok(if self.ends { planner::end(&inventory, self.as_of) } else { planner::start(&inventory, self.as_of) })
    }

    async fn run(&self, step: &Step<Domain>, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
        match &step.action {
            Action::Publish { name, tables } => {
                let mut create = SqlBuilder::new(Engine::Cratedb);
                create.push("CREATE PUBLICATION ").ident(name).push(" FOR TABLE ");
                create.join(", ", tables, |sql, table| {
                    sql.table(table);
                });
                self.replication.source.execute(create.build()).await?;
            }
            Action::Subscribe { name, tables } => self.subscribe(name, tables, recorder).await?,
            Action::Unsubscribe { name } => {
                self.replication.target.execute(statement("DROP SUBSCRIPTION ", name)).await?;
            }
            Action::Unpublish { name } => {
                self.replication.source.execute(statement("DROP PUBLICATION ", name)).await?;
            }
        }
        Ok(Ran::Done(serde_json::Value::Null))
    }

    async fn verify(&self, step: &Step<Domain>) -> Result<Vec<(Object, Outcome)>> {
        let name = &self.replication.name;
        let mut source = self.replication.source.session().await?;
        let mut target = self.replication.target.session().await?;
        let published = publication(&mut *source, name).await?.is_some();
        let subscribed = subscription(&mut *target, name).await?.is_some();
        let states = states(&mut *target, name).await?;
        let there = |is_there: bool| match (self.ends, is_there) {
            (false, true) | (true, false) => Outcome::Done,
            (false, false) => Outcome::Failed,
            (true, true) => Outcome::StillPresent,
        };
        let outcome = |object: &Object| match object {
            Object::Publication(_) => there(published),
            Object::Subscription(_) => there(subscribed),
            Object::Table(table) => {
                let follows = matches!(states.get(&raw(table)), Some((TableState::Following, _)));
                there(follows)
            }
        };
        Ok(step.objects.iter().map(|object| (object.clone(), outcome(object))).collect())
    }
}
