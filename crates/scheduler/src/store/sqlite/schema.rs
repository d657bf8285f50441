//! The tables of the SQLite store.

use crate::store::migrate::Migrations;

pub(super) const MIGRATIONS: Migrations = Migrations {
    found: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'clusterkeep_scheduler_version'",
    create: "CREATE TABLE IF NOT EXISTS clusterkeep_scheduler_version (version INTEGER PRIMARY KEY) STRICT",
    version: "SELECT coalesce(max(version), 0) FROM clusterkeep_scheduler_version",
    record: "INSERT INTO clusterkeep_scheduler_version (version) VALUES (?)",
    steps: STEPS,
};

const STEPS: &[&[&str]] = &[
    &[
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
    ],
    &[
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN paused_since INTEGER",
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN paused_by TEXT",
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN paused_note TEXT",
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX clusterkeep_scheduler_changed ON clusterkeep_scheduler_schedules (changed)",
        // One row: how often something about schedules was changed.
        "CREATE TABLE clusterkeep_scheduler_changes (last INTEGER NOT NULL) STRICT",
        "INSERT INTO clusterkeep_scheduler_changes (last) VALUES (0)",
        "CREATE TABLE clusterkeep_scheduler_generations (
            namespace TEXT NOT NULL,
            job TEXT NOT NULL,
            generation INTEGER NOT NULL,
            valid_from INTEGER NOT NULL,
            valid_until INTEGER,
            spec TEXT NOT NULL,
            PRIMARY KEY (namespace, job, generation)
        ) STRICT, WITHOUT ROWID",
        "INSERT INTO clusterkeep_scheduler_generations (namespace, job, generation, valid_from, valid_until, spec)
            SELECT namespace, job, generation, valid_from, retired, spec FROM clusterkeep_scheduler_schedules",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN worker TEXT",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN not_before INTEGER",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN renewed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN cancel TEXT",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN args TEXT",
        // Each says in its condition what its query says in the same words; the state is among the columns, too, since
        // SQLite takes the index of which more columns are given, and the primary key begins with the same two.
        "DROP INDEX clusterkeep_scheduler_open_runs",
        "CREATE INDEX clusterkeep_scheduler_running ON clusterkeep_scheduler_runs (namespace, job, state)
            WHERE state = 'running'",
        "CREATE INDEX clusterkeep_scheduler_pending ON clusterkeep_scheduler_runs (namespace, job, state)
            WHERE state = 'pending'",
        "CREATE INDEX clusterkeep_scheduler_waiting ON clusterkeep_scheduler_runs (namespace, priority DESC, nominal)
            WHERE state = 'pending'",
        "CREATE INDEX clusterkeep_scheduler_to_cancel ON clusterkeep_scheduler_runs (worker)
            WHERE cancel IS NOT NULL",
        // Before which instant history may have been deleted.
        "CREATE TABLE clusterkeep_scheduler_deleted (namespace TEXT PRIMARY KEY, before INTEGER NOT NULL)
            STRICT, WITHOUT ROWID",
        // `until` counts microseconds since the machine's start, of which `boot` is the name.
        "CREATE TABLE clusterkeep_scheduler_workers (
            worker TEXT PRIMARY KEY,
            namespace TEXT NOT NULL,
            place TEXT NOT NULL,
            boot TEXT NOT NULL,
            until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID",
        "DROP TABLE clusterkeep_scheduler_leases",
    ],
    // What a run's process has left behind; `result` is JSON.
    &[
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN exit_code INTEGER",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN result TEXT",
        "ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN output TEXT",
    ],
    // What jobs follow is looked for by when it has ended.
    &["CREATE INDEX clusterkeep_scheduler_ended ON clusterkeep_scheduler_runs (namespace, job, finished)
        WHERE finished IS NOT NULL"],
    // Who has changed a job last, and who has made each of its versions.
    &[
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN changed_by TEXT",
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN origin TEXT",
        "ALTER TABLE clusterkeep_scheduler_generations ADD COLUMN changed_by TEXT",
        "ALTER TABLE clusterkeep_scheduler_generations ADD COLUMN origin TEXT",
    ],
    // What the attempts of a run came to before the latest: JSON.
    &["ALTER TABLE clusterkeep_scheduler_runs ADD COLUMN earlier TEXT"],
    &[
        // Up to when fires were decided upon by zone data of another version.
        "ALTER TABLE clusterkeep_scheduler_schedules ADD COLUMN zone_data_since INTEGER",
        // Ends come in the order of time: behind the job they would lie all over the index, and each write another page.
        "DROP INDEX clusterkeep_scheduler_ended",
        "CREATE INDEX clusterkeep_scheduler_ended ON clusterkeep_scheduler_runs (namespace, finished)
            WHERE finished IS NOT NULL",
    ],
];
