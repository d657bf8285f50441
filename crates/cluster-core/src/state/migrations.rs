//! The tables of the state, version by version.
//!
//! Only types that every engine shares are used: text and 64-bit integers; instants are microseconds since 1970 in UTC.

use chrono::{DateTime, Utc};

use super::State;
use crate::error::{Error, ErrorClass, Result};
use crate::sql::{Engine, SqlBuilder};

/// A column of a state table.
enum Column {
    /// Short text that can be part of a key.
    Key(&'static str),
    /// Text of any length.
    Text(&'static str),
    /// A whole number.
    Number(&'static str),
}

/// A table of the state: its columns, then how many of the first ones are its key.
struct Table {
    name: &'static str,
    columns: &'static [Column],
    key: usize,
    /// Further columns where the database has no transactions.
    untransacted: &'static [Column],
    kept: Kept,
}

/// Where a table is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Everywhere,
    /// Where the database has no transactions, nor locks that end with a session.
    WithoutTransactions,
}

impl Table {
    const fn new(name: &'static str, columns: &'static [Column], key: usize) -> Self {
        Self { name, columns, key, untransacted: &[], kept: Kept::Everywhere }
    }

    const fn untransacted(self, untransacted: &'static [Column]) -> Self {
        Self { untransacted, ..self }
    }

    const fn kept(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    fn is_kept_in(&self, state: &State) -> bool {
        self.kept == Kept::Everywhere || !state.db().capabilities().transactions
    }
}

use Column::{Key, Number, Text};

/// The migrations; the version of a state is the number of those that were applied. Only ever appended to.
const MIGRATIONS: &[&[Table]] = &[
    &[
        Table::new(
            "jobs_log",
            &[
                Key("chain"),
                Number("number"),
                Number("at"),
                Key("event"),
                Key("subject"),
                Text("body"),
                Key("prev"),
                Key("hash"),
            ],
            2,
        )
        // Which append a record came by.
        .untransacted(&[Key("append")]),
        Table::new("jobs_log_heads", &[Key("chain"), Number("number"), Key("hash")], 1)
            // The records of the newest append, as JSON.
            .untransacted(&[Text("pending")]),
        // What the source of each bucket of a rollup was when the bucket was verified.
        Table::new(
            "rollups",
            &[
                Key("target"),
                Number("bucket"),
                Number("until"),
                Key("source"),
                Number("source_rows"),
                Text("facts"),
                Number("verified_at"),
                // When this source was dropped, 0 while it is there: a bucket is never made again from what is left.
                Number("dropped_at"),
            ],
            2,
        ),
        // Marks such as "this database was made by the demo".
        Table::new("marks", &[Key("name"), Text("value")], 1),
    ],
    &[
        // What must stay, whatever a policy says.
        Table::new(
            "holds",
            &[
                Key("id"),
                Key("owner"),
                Text("reason"),
                // What it is about, as JSON.
                Text("scope"),
                // 0 where it has no end.
                Number("expires_at"),
                Number("placed_at"),
                // 0 while it is in force.
                Number("released_at"),
                // When a run first saw that it had expired, 0 before: that run still keeps what was held.
                Number("noticed_at"),
            ],
            1,
        ),
        // The tables that somebody has agreed may be cleared, by what clears them.
        Table::new("acknowledged", &[Key("subject"), Key("table_name"), Number("at"), Key("by_whom")], 2),
        // Policies by the name of their store, each with the version that a writer must have seen.
        Table::new(
            "policies",
            &[Key("store"), Key("id"), Text("body"), Number("version"), Number("changed_at"), Key("changed_by")],
            2,
        ),
        // What was detached and is still to be dropped.
        Table::new(
            "detached",
            &[
                Key("source"),
                Key("partition"),
                // The smallest number where it begins at no known instant.
                Number("starts"),
                Number("ends"),
                Number("row_count"),
                Text("facts"),
                Number("detached_at"),
            ],
            2,
        ),
        // Who holds a lock until when; the token rises with each holder.
        Table::new("leases", &[Key("name"), Key("holder"), Number("token"), Number("expires_at")], 1)
            .kept(Kept::WithoutTransactions),
    ],
    &[
        // Where verified copies of partitions are.
        Table::new(
            "archives",
            &[
                Key("source"),
                Key("partition"),
                // Such as `snapshot:REPOSITORY/NAME`.
                Key("place"),
                // The smallest number where it begins at no known instant.
                Number("starts"),
                Number("ends"),
                Number("row_count"),
                Text("facts"),
                Number("archived_at"),
                // 0 while it is there.
                Number("removed_at"),
            ],
            3,
        ),
        // What was made compact, where the server does not remember.
        Table::new("compacted", &[Key("source"), Key("partition"), Number("at")], 2),
    ],
];

const LEDGER: Table = Table::new("migrations", &[Number("version"), Number("applied_at")], 1);

/// The version of the state; `None` where it was never created.
pub(super) async fn version(state: &State) -> Result<Option<u64>> {
    let mut query = state.sql();
    query.push("SELECT max(").name("version").push(") AS ").name("version");
    query.push(" FROM ").table(&state.table(LEDGER.name));
    let found = async {
        state.refresh(LEDGER.name).await?;
        state.db().query(query.build()).await
    };
    match found.await {
        Ok(records) => match records.rows().next() {
            Some(row) => row.get("version"),
            None => Ok(None),
        },
        Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Applies the migrations that are missing.
pub(super) async fn migrate(state: &State, now: DateTime<Utc>) -> Result<()> {
    let found = version(state).await?;
    let newest = MIGRATIONS.len() as u64;
    if found.is_some_and(|found| found > newest) {
        return Err(Error::failed(format!(
            "the state in {} has version {}, this program knows {newest}",
            state.db().address(),
            found.unwrap_or_default(),
        ))
        .with_hint("use the newest clusterkeep that was used on this database"));
    }
    if found == Some(newest) {
        return Ok(());
    }
    // On CrateDB a schema is there as soon as something is in it.
    if state.db().engine() == Engine::Postgres {
        let mut create = state.sql();
        create.push("CREATE SCHEMA IF NOT EXISTS ").ident(state.name());
        ignoring_races(state.db().execute(create.build()).await)?;
    }
    create(state, &LEDGER).await?;
    for (number, tables) in (1_u64..).zip(MIGRATIONS).filter(|(number, _)| *number > found.unwrap_or(0)) {
        for table in tables.iter().filter(|table| table.is_kept_in(state)) {
            create(state, table).await?;
        }
        let mut insert = state.sql();
        insert.push("INSERT INTO ").table(&state.table(LEDGER.name)).push(" (").name("version").push(", ");
        insert.name("applied_at").push(") VALUES (").bind(number).push(", ").bind(now.timestamp_micros()).push(")");
        ignoring_races(state.db().execute(insert.build()).await)?;
    }
    Ok(())
}

async fn create(state: &State, table: &Table) -> Result<()> {
    let statement = ddl(state, table);
    ignoring_races(state.db().execute(statement.build()).await)
}

fn ddl(state: &State, table: &Table) -> SqlBuilder {
    let mut sql = state.sql();
    let engine = sql.engine();
    let further: &[Column] = if state.db().capabilities().transactions { &[] } else { table.untransacted };
    sql.push("CREATE TABLE IF NOT EXISTS ").table(&state.table(table.name)).push(" (");
    let column_name = |column: &Column| match column {
        Key(name) | Text(name) | Number(name) => *name,
    };
    sql.join(", ", table.columns.iter().chain(further), |sql, column| {
        sql.name(column_name(column));
        sql.push(match (column, engine) {
            (Number(_), _) => " BIGINT NOT NULL",
            // Compared byte by byte, and short enough for a key of two on every version.
            (Key(_), Engine::Mysql) => " VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
            (Text(_), Engine::Mysql) => " LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
            // What is indexed, or stored by columns, has room for 32 KiB.
            (Text(_), Engine::Cratedb) => " TEXT NOT NULL INDEX OFF STORAGE WITH (columnstore = false)",
            (Key(_) | Text(_), _) => " TEXT NOT NULL",
        });
    });
    sql.push(", PRIMARY KEY (").join(", ", &table.columns[..table.key], |sql, column| {
        sql.name(column_name(column));
    });
    sql.push("))");
    if engine == Engine::Cratedb {
        sql.push(" CLUSTERED INTO 1 SHARDS WITH (number_of_replicas = '0-1')");
    }
    sql
}

/// `IF NOT EXISTS` does not keep two sessions from creating the same thing at once: the loser finds it created.
fn ignoring_races(result: Result<u64>) -> Result<()> {
    match result {
        Err(e) if matches!(e.class(), Some(ErrorClass::DuplicateKey | ErrorClass::DuplicateRelation)) => Ok(()),
        Err(e) => Err(e),
        Ok(_) => Ok(()),
    }
}
