//! A schema of its own on the shared server, and what tests ask of it.

use chrono::{DateTime, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::{Approval, Outcome};
use clusterkeep_core::sql::{Db, Engine, Ident, SqlBuilder, Statement, TableName, Value, sql};
use clusterkeep_core::state::State;
use clusterkeep_retention::model::{Manifest, Policy, percent};
use clusterkeep_retention::plan::{Decision, Domain};
use clusterkeep_retention::{Planned, Retention};
use clusterkeep_testkit::servers::{self, TestDatabase};

pub(crate) type Report = clusterkeep_core::plan::Report<Domain>;

/// A schema, and the state beside it: all tests share one server.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) state: State,
    database: TestDatabase,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    /// `None`, and a word about it, where there is no CrateDB.
    pub(crate) async fn new() -> Option<Self> {
        let database = servers::cratedb().await?;
        let db = database.connect().await;
        let state = Self::state_of(&database, &db);
        Some(Self { db, state, database })
    }

    pub(crate) fn state_of(database: &TestDatabase, db: &Db) -> State {
        State::of(db.clone()).named(Ident::new(format!("{}_state", database.name())).unwrap())
    }

    pub(crate) fn schema(&self) -> &str {
        self.database.name()
    }

    /// The address of the server, without a schema.
    pub(crate) fn server_url(&self) -> &str {
        self.database.url().rsplit_once('/').map_or("", |(server, _)| server)
    }

    pub(crate) async fn run(&self, statement: impl Into<Statement> + Send) {
        self.db.execute(statement).await.unwrap();
    }

    /// Inserts rows and makes them visible.
    pub(crate) async fn insert(&self, table: &'static str, insert: Statement, rows: &[Vec<Value>]) {
        self.db.session().await.unwrap().execute_many(&insert, rows).await.unwrap();
        self.refresh(table).await;
    }

    pub(crate) async fn refresh(&self, table: &str) {
        let mut refresh = SqlBuilder::new(Engine::Cratedb);
        refresh.push("REFRESH TABLE ").table(&TableName::bare(Ident::new(table).unwrap()));
        self.run(refresh.build()).await;
    }

    pub(crate) async fn drop_table(&self, table: &str) {
        let mut drop = SqlBuilder::new(Engine::Cratedb);
        drop.push("DROP TABLE IF EXISTS ").table(&TableName::bare(Ident::new(table).unwrap()));
        self.run(drop.build()).await;
    }

    pub(crate) fn retention(&self, policy: Policy) -> Retention {
        Retention::new(self.db.clone())
            .state(self.state.clone())
            .manifest(Manifest::named("test").policy(policy.max_share(percent(100))))
    }

    /// Plans and applies, as of `now`.
    pub(crate) async fn apply(&self, policy: Policy, now: &str) -> (Planned, Report) {
        let retention = self.retention(policy);
        let plan = retention.plan(at(now)).await.unwrap();
        let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
        (plan, report)
    }

    /// The idents of the partitions that are there, by their keys as JSON.
    pub(crate) async fn keys(&self, table: &str) -> Vec<String> {
        let query = sql("SELECT \"values\" AS key FROM information_schema.table_partitions \
                         WHERE table_schema = ? AND table_name = ? ORDER BY partition_ident");
        let found = self.db.query(query.bind(self.schema()).bind(table)).await.unwrap();
        let mut keys: Vec<String> = found.rows().map(|row| row.value("key").unwrap().to_string()).collect();
        keys.sort();
        keys
    }
}

/// Each verdict as `object: verdict, reason`.
pub(crate) fn verdicts(plan: &Planned) -> Vec<String> {
    plan.verdicts.iter().map(|v| format!("{}: {}, {}", v.object, v.verdict, v.reason)).collect()
}

pub(crate) fn dropped(plan: &Planned) -> Vec<String> {
    plan.verdicts.iter().filter(|v| v.verdict == Decision::Drop).map(|v| v.object.to_string()).collect()
}

pub(crate) fn assert_done(report: &Report) {
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, ExitCode::Done, "{bad:?}");
    assert_eq!(report.count(Outcome::Done), report.outcomes.len());
}
