//! A table of six days and a newest row, on each engine, with a folder for its archives.

use chrono::{DateTime, Utc};
use clusterkeep_core::age::days;
use clusterkeep_core::plan::{Approval, Report};
use clusterkeep_core::sql::{Db, Statement};
use clusterkeep_retention::Retention;
use clusterkeep_retention::archive::{Listed, Location, Manifest, State, list};
use clusterkeep_retention::model::{Meaning, Policy, percent};
use clusterkeep_retention::plan::Domain;
use clusterkeep_retention::restore::Destination;
use clusterkeep_testkit::servers::{self, TestDatabase};
use tempfile::TempDir;

/// What ended before 4 January goes, what ended before 6 January is archived, and 6 January and the newest row stay.
pub(crate) const NOW: &str = "2026-01-24T12:00:00Z";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Partitions,
    Plain,
    Mariadb,
    MariadbPlain,
}

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) db: Db,
    pub(crate) folder: TempDir,
    _server: Option<TestDatabase>,
}

/// The statements that make the table, with rows 0 to 143, one for each hour, and 1000.
pub(crate) fn scripts(kind: Kind) -> String {
    let hours = "WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 143)";
    match kind {
        Kind::Sqlite => format!(
            "CREATE TABLE raw (ts INTEGER NOT NULL, n INTEGER, note TEXT); CREATE INDEX raw_ts ON raw (ts);
             INSERT INTO raw {hours} SELECT 1767225600 + n * 3600, n, 'naïve ' || n FROM s;
             INSERT INTO raw VALUES (1768867200, 1000, NULL);"
        ),
        Kind::Partitions | Kind::Plain => {
            let (by, parts) = if kind == Kind::Plain {
                ("", "CREATE INDEX ON raw (ts);".to_owned())
            } else {
                let day = |d: u32| {
                    format!(
                        "CREATE TABLE raw_{d} PARTITION OF raw FOR VALUES FROM ('2026-01-0{d}Z') TO ('2026-01-0{}Z');",
                        d + 1
                    )
                };
                let newest =
                    "CREATE TABLE raw_now PARTITION OF raw FOR VALUES FROM ('2026-01-20Z') TO ('2026-02-01Z');";
                (" PARTITION BY RANGE (ts)", (1..=6).map(day).collect::<String>() + newest)
            };
            format!(
                "CREATE TABLE raw (ts timestamptz NOT NULL, n bigint, note text){by}; {parts}
                 INSERT INTO raw SELECT '2026-01-01Z'::timestamptz + make_interval(hours => n), n, 'naïve ' || n
                   FROM generate_series(0, 143) n;
                 INSERT INTO raw VALUES ('2026-01-20Z', 1000, NULL);"
            )
        }
        Kind::MariadbPlain => format!(
            "CREATE TABLE raw (ts TIMESTAMP NOT NULL, n BIGINT, note TEXT CHARACTER SET utf8mb4, KEY (ts));
             INSERT INTO raw {hours} SELECT '2026-01-01' + INTERVAL n HOUR, n, concat('naïve ', n) FROM s;
             INSERT INTO raw VALUES ('2026-01-20', 1000, NULL);"
        ),
        Kind::Mariadb => {
            let day = |d: u32| format!("PARTITION p{d} VALUES LESS THAN (unix_timestamp('2026-01-0{}')), ", d + 1);
            format!(
                "CREATE TABLE raw (ts TIMESTAMP NOT NULL, n BIGINT, note TEXT CHARACTER SET utf8mb4)
                   PARTITION BY RANGE (unix_timestamp(ts)) ({} PARTITION rest VALUES LESS THAN MAXVALUE);
                 INSERT INTO raw {hours} SELECT '2026-01-01' + INTERVAL n HOUR, n, concat('naïve ', n) FROM s;
                 INSERT INTO raw VALUES ('2026-01-20', 1000, NULL);",
                (1..=6).map(day).collect::<String>()
            )
        }
    }
}

pub(crate) async fn script(db: &Db, text: impl Into<String>) {
    db.session().await.unwrap().execute_script(&Statement::assert_safe(text.into())).await.unwrap();
}

pub(crate) fn policy_at(kind: Kind, to: &str) -> Policy {
    let policy = Policy::for_table("raw").time("ts");
    let policy = if kind == Kind::Sqlite { policy.meaning(Meaning::EpochSeconds) } else { policy };
    policy.archive_to_after(days(18), to).drop_after(days(20)).max_share(percent(100))
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (server, db) = match kind {
            Kind::Sqlite => {
                let url = format!("sqlite://{}", folder.path().join("data.db").display()).parse().unwrap();
                let options = clusterkeep_core::sql::ConnectOptions::default().create();
                (None, Db::connect_with(&url, options).await.unwrap())
            }
            Kind::Partitions | Kind::Plain => {
                let server = servers::postgres().await?;
                let db = server.connect().await;
                (Some(server), db)
            }
            Kind::Mariadb | Kind::MariadbPlain => {
                let server = servers::mariadb().await?;
                let db = server.connect().await;
                (Some(server), db)
            }
        };
        script(&db, scripts(kind)).await;
        Some(Self { kind, db, folder, _server: server })
    }

    pub(crate) fn to(&self) -> String {
        self.folder.path().join("cold").display().to_string()
    }

    pub(crate) fn location(&self) -> Location {
        self.to().parse().unwrap()
    }

    pub(crate) fn policy(&self) -> Policy {
        policy_at(self.kind, &self.to())
    }

    pub(crate) fn retention(&self) -> Retention {
        Retention::new(self.db.clone()).policy(self.policy())
    }

    pub(crate) async fn apply(&self) -> Report<Domain> {
        let retention = self.retention();
        let plan = retention.plan(at(NOW)).await.unwrap();
        retention.apply(&plan, Approval::WithinGuards).await.unwrap()
    }

    pub(crate) async fn rows(&self) -> String {
        rows(&self.db, "raw").await
    }

    /// The manifests of all archives, each of which must be whole, by their first instant.
    pub(crate) async fn archives(&self) -> Vec<Manifest> {
        archives(&self.location()).await
    }
}

pub(crate) async fn archives(location: &Location) -> Vec<Manifest> {
    let manifest = |one: Listed| match one.state {
        State::Complete(manifest) => Some(*manifest),
        State::Unfinished => None,
        State::Damaged(why) => panic!("{}: {why}", one.name),
    };
    let mut found: Vec<_> = list(location).await.unwrap().into_iter().filter_map(manifest).collect();
    found.sort_by_key(|manifest| (manifest.start, manifest.name.clone()));
    found
}

/// All rows of a table as text, in order.
pub(crate) async fn rows(db: &Db, table: &str) -> String {
    let query = Statement::assert_safe(format!("SELECT ts, n, note FROM {table} ORDER BY n, note"));
    db.query(query).await.unwrap().csv().unwrap()
}

#[track_caller]
pub(crate) fn assert_done(report: &Report<Domain>) {
    let bad = report.outcomes.iter().find(|outcome| !outcome.outcome.is_done());
    assert_eq!(report.exit_code, clusterkeep_core::ExitCode::Done, "{bad:?}");
}

/// Brings a copy back; gives the table that it is in, or why it is in none.
pub(crate) async fn restored(retention: &Retention, name: &str, to: Destination) -> Result<String, String> {
    crate::restored::restored(retention, name, to, at(NOW)).await
}
