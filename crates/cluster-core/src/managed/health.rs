//! What a database says of its own health.

use std::error::Error as _;
use std::time::Duration;

use super::info::{DatabaseHealth, Status, TableHealth};
use crate::error::{Error, Result};
use crate::sql::{Db, Engine, sql};

/// The most tables that are named.
const MOST_TABLES: usize = 100;

/// A database that can't be asked, and why.
pub(super) fn unreachable(status: Status, error: Option<&Error>) -> DatabaseHealth {
    let error = error.map(|error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        text
    });
    DatabaseHealth { status, server: None, nodes: None, shards: None, unwell: Vec::new(), error }
}

/// A database that has said nothing for `limit`.
pub(super) fn silent(limit: Duration) -> DatabaseHealth {
    let error = Error::failed(format!("no answer within {} s", limit.as_secs()));
    unreachable(Status::Unreachable, Some(&error))
}

/// How the database behind `db` is.
pub(super) async fn of(db: &Db) -> Result<DatabaseHealth> {
    let server = db.server().await?;
    let server = Some(format!("{} {}", server.product, server.version));
    if db.engine() != Engine::Cratedb {
        db.query(sql("SELECT 1")).await?;
        return Ok(DatabaseHealth {
            status: Status::Green,
            server,
            nodes: Some(1),
            shards: None,
            unwell: Vec::new(),
            error: None,
        });
    }
    let nodes = db.query(sql("SELECT count(*) FROM sys.nodes")).await?.scalar::<i64>()?;
    let shards = db.query(sql("SELECT count(*) FROM sys.shards")).await?.scalar::<i64>()?;
    // -1 shards means that the server does not know.
    let unwell = db
        .query(sql("SELECT table_schema, table_name, partition_ident, health, missing_shards, underreplicated_shards \
             FROM sys.health WHERE health <> 'GREEN' ORDER BY severity DESC, 1, 2, 3"))
        .await?;
    let unwell = unwell.deserialize::<(String, String, Option<String>, String, i64, i64)>()?;
    let unwell: Vec<_> = unwell.into_iter().map(table).collect();
    let worst = |status: Status| unwell.iter().any(|table| table.status == status);
    let status = match () {
        () if worst(Status::Red) || worst(Status::Unknown) => Status::Red,
        () if unwell.is_empty() => Status::Green,
        () => Status::Yellow,
    };
    let unwell = unwell.into_iter().take(MOST_TABLES).collect();
    Ok(DatabaseHealth {
        status,
        server,
        nodes: u64::try_from(nodes).ok(),
        shards: u64::try_from(shards).ok(),
        unwell,
        error: None,
    })
}

type Row = (String, String, Option<String>, String, i64, i64);

fn table((schema, table, partition, health, missing, underreplicated): Row) -> TableHealth {
    TableHealth {
        table: format!("{schema}.{table}"),
        partition: partition.filter(|ident| !ident.is_empty()),
        status: Status::of(&health),
        missing_shards: u64::try_from(missing).ok(),
        underreplicated_shards: u64::try_from(underreplicated).ok(),
    }
}
