//! The tables of the SQLite store, and how older ones become today's.
//!
//! Migrations are numbered and go forward only: a program never opens what a later one has written.

use clusterkeep_core::sql::{Db, sql};
use clusterkeep_core::{Error, Result};

/// Each version's statements. What was released is never changed; what changes is appended.
const MIGRATIONS: &[&[&str]] = &[&[
    // Instants are microseconds since 1970-01-01 00:00 UTC.
    "CREATE TABLE clusterkeep_scheduler_schedules (
        namespace TEXT NOT NULL,
        job TEXT NOT NULL,
        generation INTEGER NOT NULL,
        valid_from INTEGER NOT NULL,
        next_fire INTEGER,
        high_water INTEGER,
        zone_data TEXT NOT NULL,
        retired INTEGER,
        spec TEXT NOT NULL,
        PRIMARY KEY (namespace, job)
    ) STRICT, WITHOUT ROWID",
    "CREATE TABLE clusterkeep_scheduler_runs (
        namespace TEXT NOT NULL,
        job TEXT NOT NULL,
        nominal INTEGER NOT NULL,
        kind TEXT NOT NULL,
        generation INTEGER NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        missed_count INTEGER,
        missed_last INTEGER,
        reason TEXT,
        note TEXT,
        started INTEGER,
        finished INTEGER,
        error TEXT,
        message TEXT,
        progress REAL,
        PRIMARY KEY (namespace, job, nominal, kind, generation)
    ) STRICT, WITHOUT ROWID",
    // What is open is looked for at every start and every second; of what has ended there is much more.
    "CREATE INDEX clusterkeep_scheduler_open_runs ON clusterkeep_scheduler_runs (namespace, state)
        WHERE state IN ('pending', 'running')",
    "CREATE TABLE clusterkeep_scheduler_leases (
        namespace TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
]];

/// Brings the tables to this program's version; at once, or not at all.
pub(super) async fn migrate(db: &Db) -> Result<()> {
    let mut session = db.session().await?;
    session.begin().await?;
    session
        .execute(&sql("CREATE TABLE IF NOT EXISTS clusterkeep_scheduler_version (version INTEGER PRIMARY KEY) STRICT"))
        .await?;
    let versions = session.query(&sql("SELECT coalesce(max(version), 0) FROM clusterkeep_scheduler_version")).await?;
    let version: i64 = versions.scalar()?;
    let done = usize::try_from(version).unwrap_or_default();
    let missing = MIGRATIONS.get(done..).ok_or_else(|| {
        Error::input(format!(
            "the schedules in {} are of version {version}, this program knows up to {}",
            db.address(),
            MIGRATIONS.len()
        ))
        .with_hint("use the version of this program that wrote them, or a later one")
    })?;
    for (number, statements) in (version + 1..).zip(missing) {
        for statement in *statements {
            session.execute(&sql(statement)).await?;
        }
        session.execute(&sql("INSERT INTO clusterkeep_scheduler_version (version) VALUES (?)").bind(number)).await?;
    }
    session.commit().await
}
