//! Three nodes with attributes, and what tests ask of them.

use chrono::{DateTime, Utc};
use clusterkeep_core::ExitCode;
use clusterkeep_core::plan::Approval;
use clusterkeep_core::sql::{Db, Engine, Ident, SqlBuilder, Statement, TableName, sql};
use clusterkeep_core::state::State;
use clusterkeep_retention::model::{Manifest, Policy, percent};
use clusterkeep_retention::plan::Domain;
use clusterkeep_retention::restore::Destination;
use clusterkeep_retention::{Planned, Retention};
use clusterkeep_testkit::nodes::Nodes;

pub(crate) type Report = clusterkeep_core::plan::Report<Domain>;

pub(crate) const NOW: &str = "2026-02-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) nodes: Nodes,
    pub(crate) db: Db,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    pub(crate) async fn new() -> Option<Self> {
        let nodes = Nodes::start(&[("storage", "hot"), ("storage", "warm"), ("storage", "cold")]).await.unwrap()?;
        let db = nodes.connect("doc").await.unwrap();
        Some(Self { nodes, db })
    }

    pub(crate) async fn run(&self, statement: impl Into<Statement> + Send) {
        self.db.execute(statement).await.unwrap();
    }

    /// A table of so many daily partitions from 1 January, each with 600 rows in three shards without copies, on `node`.
    pub(crate) async fn table(&self, name: &str, days: i64, node: &'static str) {
        let table = TableName::bare(Ident::new(name).unwrap());
        let mut create = SqlBuilder::new(Engine::Cratedb);
        create.push("CREATE TABLE ").table(&table);
        create.push(" (ts TIMESTAMP WITH TIME ZONE, x TEXT, day TIMESTAMP WITH TIME ZONE GENERATED ALWAYS AS date_trunc('day', ts)) ");
        create.push("CLUSTERED INTO 3 SHARDS PARTITIONED BY (day) WITH (number_of_replicas = 0");
        if !node.is_empty() {
            create.push(", \"routing.allocation.require.storage\" = ").bind(node);
        }
        create.push(")");
        self.run(create.build()).await;
        for day in 0..days {
            let mut insert = SqlBuilder::new(Engine::Cratedb);
            insert.push("INSERT INTO ").table(&table).push(" (ts, x) SELECT ");
            insert.bind((at("2026-01-01T00:00:00Z") + chrono::TimeDelta::days(day)).timestamp_millis());
            insert.push(" + g * 1000, gen_random_text_uuid() FROM generate_series(1, 600) AS t(g)");
            self.run(insert.build()).await;
        }
        self.refresh(name).await;
    }

    pub(crate) async fn refresh(&self, table: &str) {
        let mut refresh = SqlBuilder::new(Engine::Cratedb);
        refresh.push("REFRESH TABLE ").table(&TableName::bare(Ident::new(table).unwrap()));
        self.run(refresh.build()).await;
    }

    pub(crate) async fn rows(&self, table: &str) -> i64 {
        self.refresh(table).await;
        let mut count = SqlBuilder::new(Engine::Cratedb);
        count.push("SELECT count(*) FROM ").table(&TableName::bare(Ident::new(table).unwrap()));
        self.db.query(count.build()).await.unwrap().scalar().unwrap()
    }

    /// How many partitions of a table have a shard on each node, by its name.
    pub(crate) async fn where_is(&self, table: &str) -> Vec<(String, i64)> {
        let query = sql("SELECT node['name'] AS node, count(DISTINCT partition_ident) AS n FROM sys.shards \
                         WHERE table_name = ? AND schema_name = 'doc' AND node['name'] IS NOT NULL GROUP BY 1 ORDER BY 1");
        let found = self.db.query(query.bind(table)).await.unwrap();
        found.rows().map(|row| (row.get("node").unwrap(), row.get("n").unwrap())).collect()
    }

    pub(crate) async fn repository(&self, name: &str, settings: &'static str) {
        let mut create = SqlBuilder::new(Engine::Cratedb);
        create.push("CREATE REPOSITORY ").ident(&Ident::new(name).unwrap()).push(" TYPE fs WITH (location = ");
        create.bind(name).push(settings).push(")");
        self.run(create.build()).await;
    }

    pub(crate) fn retention(&self, policy: Policy) -> Retention {
        let state = State::of(self.db.clone()).named(Ident::literal("state"));
        let manifest = Manifest::named("test").policy(policy.max_share(percent(100)));
        Retention::new(self.db.clone()).state(state).manifest(manifest)
    }

    pub(crate) async fn apply(&self, policy: Policy) -> (Planned, Report) {
        let retention = self.retention(policy);
        let plan = retention.plan(at(NOW)).await.unwrap();
        let report = retention.apply(&plan, Approval::WithinGuards).await.unwrap();
        (plan, report)
    }
}

pub(crate) fn assert_done(report: &Report) {
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, ExitCode::Done, "{bad:?}");
}

pub(crate) fn messages(report: &Report) -> String {
    report.outcomes.iter().filter_map(|outcome| outcome.message.clone()).collect::<Vec<_>>().join("\n")
}

/// Brings a copy back; gives the table that it is in, or why it is in none.
pub(crate) async fn restored(retention: &Retention, name: &str, to: Destination) -> Result<String, String> {
    crate::restored::restored(retention, name, to, at(NOW)).await
}
