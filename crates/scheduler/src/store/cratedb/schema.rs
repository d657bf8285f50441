//! The tables of the CrateDB store. Each has one column as its key, that of runs beside the one that says in which partition
//! they lie: rows are read by it, many at once, in their latest state.

use clusterkeep_core::sql::{Db, Session, sql};
use clusterkeep_core::{Error, Result};

use super::moved::move_runs;
use crate::store::migrate::{Migrations, Tables};

const MIGRATIONS: Migrations = Migrations {
    found: "SELECT count(*) FROM information_schema.tables \
        WHERE table_schema = CURRENT_SCHEMA AND table_name = 'scheduler_version'",
    create: "CREATE TABLE IF NOT EXISTS scheduler_version (version BIGINT PRIMARY KEY) CLUSTERED INTO 1 SHARDS",
    version: "SELECT coalesce(max(version), 0) FROM scheduler_version",
    record: "INSERT INTO scheduler_version (version) VALUES (?) ON CONFLICT DO NOTHING",
    steps: STEPS,
};

/// Without transactions two programs may take the same step at the same time, so each statement can be repeated.
const STEPS: &[&[&str]] = &[
    &[
        // Instants are microseconds since 1970-01-01 00:00 UTC, as on every store; `changed` and `until` are milliseconds of
        // the server's clock. What nobody looks for has no index, which would limit its length.
        "CREATE TABLE IF NOT EXISTS scheduler_schedules (
        id TEXT PRIMARY KEY,
        namespace TEXT NOT NULL,
        job TEXT NOT NULL,
        generation BIGINT NOT NULL,
        valid_from BIGINT NOT NULL,
        next_fire BIGINT,
        high_water BIGINT,
        zone_data TEXT NOT NULL,
        retired BIGINT,
        spec TEXT NOT NULL INDEX OFF STORAGE WITH (columnstore = false),
        paused_since BIGINT,
        paused_by TEXT INDEX OFF STORAGE WITH (columnstore = false),
        paused_note TEXT INDEX OFF STORAGE WITH (columnstore = false),
        changed BIGINT NOT NULL
    ) CLUSTERED INTO 2 SHARDS WITH (refresh_interval = 1000)",
        "CREATE TABLE IF NOT EXISTS scheduler_generations (
        id TEXT PRIMARY KEY,
        schedule TEXT NOT NULL,
        generation BIGINT NOT NULL,
        valid_from BIGINT NOT NULL,
        valid_until BIGINT,
        spec TEXT NOT NULL INDEX OFF STORAGE WITH (columnstore = false)
    ) CLUSTERED INTO 1 SHARDS WITH (refresh_interval = 1000)",
        "CREATE TABLE IF NOT EXISTS scheduler_runs (
        id TEXT PRIMARY KEY,
        schedule TEXT NOT NULL,
        namespace TEXT NOT NULL,
        job TEXT NOT NULL,
        nominal BIGINT NOT NULL,
        kind TEXT NOT NULL,
        generation BIGINT NOT NULL,
        state TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        worker TEXT,
        not_before BIGINT,
        renewed BIGINT NOT NULL,
        priority BIGINT NOT NULL,
        cancel TEXT INDEX OFF STORAGE WITH (columnstore = false),
        args TEXT INDEX OFF STORAGE WITH (columnstore = false),
        missed_count BIGINT,
        missed_last BIGINT,
        reason TEXT INDEX OFF STORAGE WITH (columnstore = false),
        note TEXT INDEX OFF STORAGE WITH (columnstore = false),
        started BIGINT,
        finished BIGINT,
        error TEXT INDEX OFF STORAGE WITH (columnstore = false),
        message TEXT INDEX OFF STORAGE WITH (columnstore = false),
        progress DOUBLE PRECISION
    ) CLUSTERED INTO 2 SHARDS WITH (refresh_interval = 1000)",
        // Before which instant history may have been deleted.
        "CREATE TABLE IF NOT EXISTS scheduler_deleted (
        namespace TEXT PRIMARY KEY,
        before BIGINT NOT NULL
    ) CLUSTERED INTO 1 SHARDS",
        "CREATE TABLE IF NOT EXISTS scheduler_workers (
        worker TEXT PRIMARY KEY,
        namespace TEXT NOT NULL,
        place TEXT NOT NULL,
        until BIGINT NOT NULL
    ) CLUSTERED INTO 1 SHARDS WITH (refresh_interval = 1000)",
    ],
    &["ALTER TABLE scheduler_runs ADD COLUMN exit_code BIGINT, \
    ADD COLUMN result TEXT INDEX OFF STORAGE WITH (columnstore = false), \
    ADD COLUMN output TEXT INDEX OFF STORAGE WITH (columnstore = false)"],
    // In the place of `scheduler_runs`, whose rows `moved` brings here. A partition for each month of fires, so that history
    // goes month by month; the server wants its column in the key.
    &["CREATE TABLE IF NOT EXISTS scheduler_monthly_runs (
        id TEXT,
        month BIGINT,
        schedule TEXT NOT NULL,
        namespace TEXT NOT NULL,
        job TEXT NOT NULL,
        nominal BIGINT NOT NULL,
        kind TEXT NOT NULL,
        generation BIGINT NOT NULL,
        state TEXT NOT NULL,
        attempt BIGINT NOT NULL,
        worker TEXT,
        not_before BIGINT,
        renewed BIGINT NOT NULL,
        priority BIGINT NOT NULL,
        cancel TEXT INDEX OFF STORAGE WITH (columnstore = false),
        args TEXT INDEX OFF STORAGE WITH (columnstore = false),
        missed_count BIGINT,
        missed_last BIGINT,
        reason TEXT INDEX OFF STORAGE WITH (columnstore = false),
        note TEXT INDEX OFF STORAGE WITH (columnstore = false),
        started BIGINT,
        finished BIGINT,
        error TEXT INDEX OFF STORAGE WITH (columnstore = false),
        message TEXT INDEX OFF STORAGE WITH (columnstore = false),
        progress DOUBLE PRECISION,
        exit_code BIGINT,
        result TEXT INDEX OFF STORAGE WITH (columnstore = false),
        output TEXT INDEX OFF STORAGE WITH (columnstore = false),
        PRIMARY KEY (id, month)
    ) PARTITIONED BY (month) CLUSTERED BY (id) INTO 2 SHARDS WITH (refresh_interval = 1000)"],
    // Who has changed a job last, and who has made each of its versions.
    &["ALTER TABLE scheduler_schedules \
    ADD COLUMN changed_by TEXT INDEX OFF STORAGE WITH (columnstore = false), \
    ADD COLUMN origin TEXT INDEX OFF STORAGE WITH (columnstore = false)"],
    &["ALTER TABLE scheduler_generations \
    ADD COLUMN changed_by TEXT INDEX OFF STORAGE WITH (columnstore = false), \
    ADD COLUMN origin TEXT INDEX OFF STORAGE WITH (columnstore = false)"],
    // What the attempts of a run came to before the latest: JSON.
    &["ALTER TABLE scheduler_monthly_runs ADD COLUMN earlier TEXT INDEX OFF STORAGE WITH (columnstore = false)"],
    // Up to when fires were decided upon by zone data of another version.
    &["ALTER TABLE scheduler_schedules ADD COLUMN zone_data_since BIGINT"],
];

/// The last column that a step has added, its table, and the number of the step: a column can't be added twice.
const ADDED: [(&str, &str, i64); 5] = [
    ("scheduler_runs", "output", 2),
    ("scheduler_schedules", "origin", 4),
    ("scheduler_generations", "origin", 5),
    ("scheduler_monthly_runs", "earlier", 6),
    ("scheduler_schedules", "zone_data_since", 7),
];

/// Looks what is there, and writes nothing.
pub(super) async fn look(db: &Db) -> Result<Tables> {
    MIGRATIONS.look(db).await
}

/// Makes what is missing.
pub(super) async fn migrate(db: &Db) -> Result<()> {
    let mut session = db.session().await?;
    session.execute(&sql(MIGRATIONS.create)).await?;
    note_added(&mut *session).await?;
    match MIGRATIONS.run(db, &mut *session).await {
        // Another program may have added them in between, and may not have written down yet that it has.
        Err(error) if !matches!(error, Error::Input { .. }) => {
            note_added(&mut *session).await?;
            MIGRATIONS.run(db, &mut *session).await?;
        }
        done => done?,
    }
    // Who looks at once finds what is there now, and no earlier version.
    refresh(&mut *session).await?;
    move_runs(&mut *session).await
}

/// Makes what was written down of steps visible.
async fn refresh(session: &mut dyn Session) -> Result<()> {
    session.execute(&sql("REFRESH TABLE scheduler_version")).await.map(drop)
}

/// Writes down the steps whose columns are there: a program that took one may have died before it wrote so.
async fn note_added(session: &mut dyn Session) -> Result<()> {
    const COLUMN: &str = "SELECT count(*) FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA \
        AND table_name = ? AND column_name = ?";
    for (table, column, number) in ADDED {
        if session.query(&sql(COLUMN).bind(table).bind(column)).await?.scalar::<i64>()? > 0 {
            session.execute(&sql(MIGRATIONS.record).bind(number)).await?;
        }
    }
    refresh(session).await
}
