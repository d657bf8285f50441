//! The tables of the PostgreSQL store. Their names are looked up in the schema of the connection.

use clusterkeep_core::sql::{Statement, sql};

use crate::store::migrate::Migrations;

/// Held while the tables are made; its number is this use's own.
pub(super) const LOCK: Statement = sql("SELECT pg_advisory_xact_lock(7164779315840281)");

pub(super) const MIGRATIONS: Migrations = Migrations {
    found: "SELECT count(*) FROM pg_catalog.pg_tables \
        WHERE schemaname = current_schema() AND tablename = 'scheduler_version'",
    create: "CREATE TABLE IF NOT EXISTS scheduler_version (version BIGINT PRIMARY KEY)",
    version: "SELECT coalesce(max(version), 0) FROM scheduler_version",
    record: "INSERT INTO scheduler_version (version) VALUES (?)",
    steps: STEPS,
};

const STEPS: &[&[&str]] = &[
    &[
        // Instants are microseconds since 1970-01-01 00:00 UTC, as on every store. Names sort by their bytes, so that all
        // take locks in the same order.
        r#"CREATE TABLE scheduler_schedules (
        namespace TEXT COLLATE "C" NOT NULL,
        job TEXT COLLATE "C" NOT NULL,
        generation BIGINT NOT NULL,
        valid_from BIGINT NOT NULL,
        next_fire BIGINT,
        high_water BIGINT,
        zone_data TEXT NOT NULL,
        retired BIGINT,
        spec TEXT NOT NULL,
        paused_since BIGINT,
        paused_by TEXT,
        paused_note TEXT,
        changed BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (namespace, job)
    ) WITH (fillfactor = 70)"#,
        "CREATE INDEX scheduler_changed ON scheduler_schedules (changed)",
        "CREATE TABLE scheduler_changes (last BIGINT NOT NULL)",
        "INSERT INTO scheduler_changes (last) VALUES (0)",
        r#"CREATE TABLE scheduler_generations (
        namespace TEXT COLLATE "C" NOT NULL,
        job TEXT COLLATE "C" NOT NULL,
        generation BIGINT NOT NULL,
        valid_from BIGINT NOT NULL,
        valid_until BIGINT,
        spec TEXT NOT NULL,
        PRIMARY KEY (namespace, job, generation)
    )"#,
        r#"CREATE TABLE scheduler_runs (
        namespace TEXT COLLATE "C" NOT NULL,
        job TEXT COLLATE "C" NOT NULL,
        nominal BIGINT NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        generation BIGINT NOT NULL,
        state TEXT COLLATE "C" NOT NULL,
        attempt BIGINT NOT NULL,
        worker TEXT COLLATE "C",
        not_before BIGINT,
        renewed BIGINT NOT NULL,
        priority BIGINT NOT NULL,
        cancel TEXT,
        args TEXT,
        missed_count BIGINT,
        missed_last BIGINT,
        reason TEXT,
        note TEXT,
        started BIGINT,
        finished BIGINT,
        error TEXT,
        message TEXT,
        progress DOUBLE PRECISION,
        PRIMARY KEY (namespace, job, nominal, kind, generation)
    )"#,
        // Each says in its condition what its query says in the same words.
        "CREATE INDEX scheduler_running ON scheduler_runs (namespace, job, state) WHERE state = 'running'",
        "CREATE INDEX scheduler_pending ON scheduler_runs (namespace, job, state) WHERE state = 'pending'",
        "CREATE INDEX scheduler_waiting ON scheduler_runs (namespace, priority DESC, nominal) WHERE state = 'pending'",
        "CREATE INDEX scheduler_to_cancel ON scheduler_runs (worker) WHERE cancel IS NOT NULL",
        // Before which instant history may have been deleted.
        "CREATE TABLE scheduler_deleted (namespace TEXT PRIMARY KEY, before BIGINT NOT NULL)",
        r#"CREATE TABLE scheduler_workers (
        worker TEXT COLLATE "C" PRIMARY KEY,
        namespace TEXT NOT NULL,
        place TEXT NOT NULL,
        boot TEXT NOT NULL,
        until BIGINT NOT NULL
    )"#,
    ],
    // What a run's process has left behind; `result` is JSON, kept as it was written.
    &["ALTER TABLE scheduler_runs ADD COLUMN exit_code BIGINT, ADD COLUMN result TEXT, ADD COLUMN output TEXT"],
    // What jobs follow is looked for by when it has ended.
    &["CREATE INDEX scheduler_ended ON scheduler_runs (namespace, job, finished) WHERE finished IS NOT NULL"],
    // Who has changed a job last, and who has made each of its versions.
    &[
        "ALTER TABLE scheduler_schedules ADD COLUMN changed_by TEXT, ADD COLUMN origin TEXT",
        "ALTER TABLE scheduler_generations ADD COLUMN changed_by TEXT, ADD COLUMN origin TEXT",
    ],
    // What the attempts of a run came to before the latest: JSON.
    &["ALTER TABLE scheduler_runs ADD COLUMN earlier TEXT"],
    // Up to when fires were decided upon by zone data of another version.
    &["ALTER TABLE scheduler_schedules ADD COLUMN zone_data_since BIGINT"],
];
