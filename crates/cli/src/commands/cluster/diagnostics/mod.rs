//! What a database says of itself, by named questions: one file of SQL each, under the name of its engine.
//!
//! They only read. One that fails, or takes too long, is told as failed, and the others go on.

use std::time::Duration;

use clusterkeep_core::sql::{ConnectOptions, Db, Engine, Records, sql};
use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::errors;

/// The most that one question may take.
const LIMIT: Duration = Duration::from_secs(15);

/// How many are asked at once.
const AT_ONCE: usize = 4;

macro_rules! questions {
    ($engine:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!($engine, "/", $name, ".sql")))),*]
    };
}

/// Name and text.
type Question = (&'static str, &'static str);

const CRATEDB: &[Question] = questions!["cratedb":
    "cluster_name", "cluster_health", "cluster_nodes_count", "cluster_nodes_list", "table_health", "backups_recent",
    "shard_allocation", "table_allocation", "node_shard_distribution", "table_shard_count",
    "shard_rebalancing_progress", "shard_rebalancing_status", "shard_not_started", "shard_not_started_count",
    "max_checkpoint_delta", "shard_total_count", "translog_uncommitted", "translog_uncommitted_size",
];
const POSTGRES: &[Question] = questions!["postgres": "databases", "tables", "connections"];
const MYSQL: &[Question] = questions!["mysql": "databases", "tables", "connections"];
const SQLITE: &[Question] = questions!["sqlite": "databases", "tables"];

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct DatabaseInfo {
    /// The product and its version.
    pub(crate) server: Option<String>,
    /// Why it can't be asked, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The questions, in a fixed order, each with its answer.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Diagnostic {
    /// Its name.
    pub(crate) name: String,
    /// What the database answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<Vec<Map<String, Value>>>,
    /// Why it has no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip)]
    pub(super) records: Option<Records>,
}

impl DatabaseInfo {
    /// A database that can't be asked, and why.
    pub(super) fn silent(why: &str) -> Self {
        Self { server: None, error: Some(why.to_owned()), diagnostics: Vec::new() }
    }
}

/// How to connect for questions.
pub(super) fn options() -> ConnectOptions {
    let sessions = u32::try_from(AT_ONCE).unwrap_or(1);
    ConnectOptions::default().connect_timeout(LIMIT).statement_timeout(LIMIT).max_sessions(sessions).read_only()
}

/// Asks everything that there is to ask an engine of this kind.
pub(super) async fn ask(db: &Db) -> DatabaseInfo {
    let server = match timeout(LIMIT, db.server()).await {
        Ok(Ok(server)) => Some(format!("{} {}", server.product, server.version)),
        Ok(Err(_)) | Err(_) => None,
    };
    let questions = of(db.engine()).iter().map(|question| one(db, *question));
    let diagnostics = futures::stream::iter(questions).buffered(AT_ONCE).collect().await;
    DatabaseInfo { server, error: None, diagnostics }
}

const fn of(engine: Engine) -> &'static [Question] {
    match engine {
        Engine::Cratedb => CRATEDB,
        Engine::Postgres => POSTGRES,
        Engine::Mysql => MYSQL,
        _ => SQLITE,
    }
}

async fn one(db: &Db, (name, text): Question) -> Diagnostic {
    let answer = match timeout(LIMIT, db.query(sql(text))).await {
        Ok(answer) => answer.map_err(|error| errors::chain(&error)),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    };
    let rows = answer.as_ref().ok().map(rows);
    let error = answer.as_ref().err().cloned();
    Diagnostic { name: name.to_owned(), rows, error, records: answer.ok() }
}

/// The rows as JSON objects.
fn rows(records: &Records) -> Vec<Map<String, Value>> {
    let object = |row| match serde_json::to_value(row) {
        Ok(Value::Object(row)) => Some(row),
        _ => None,
    };
    records.iter().filter_map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_begins_by_saying_what_it_asks() {
        assert_eq!(CRATEDB.len(), 18);
        for (name, text) in [CRATEDB, POSTGRES, MYSQL, SQLITE].concat() {
            let first = text.lines().next().unwrap();
            assert!(first.starts_with("-- ") && first.ends_with('.'), "{name}: {first}");
            assert!(!text.trim_end().ends_with(';'), "{name}");
        }
    }
}
