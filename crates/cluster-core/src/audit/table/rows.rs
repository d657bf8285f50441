//! The rows of one chain, as both ways of appending write and read them.

use serde::{Deserialize, Serialize};

use super::super::record::chain_up;
use super::super::{Entry, Head, Record};
use crate::error::{Error, Result};
use crate::sql::{Row, Session, SqlBuilder, TableName, Value};
use crate::state::State;

/// The tables `jobs_log` and `jobs_log_heads` of a state, and a chain in them.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) state: State,
    pub(super) chain: String,
}

/// A record, and what of its entry stands in columns of its own, for those who query the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(flatten)]
    pub(super) record: Record,
    pub(super) at: i64,
    pub(super) event: String,
    pub(super) subject: String,
}

/// How long reading some hundred lines may take.
const PAGE: std::time::Duration = std::time::Duration::from_secs(60);

/// The columns of a line, in the order of [`Line::values`].
const COLUMNS: [&str; 8] = ["chain", "number", "at", "event", "subject", "body", "prev", "hash"];

impl Rows {
    pub(super) const fn new(state: State, chain: String) -> Self {
        Self { state, chain }
    }

    pub(super) fn sql(&self) -> SqlBuilder {
        SqlBuilder::new(self.state.db().engine())
    }

    pub(super) fn table(&self) -> TableName {
        self.state.table("jobs_log")
    }

    pub(super) fn heads(&self) -> TableName {
        self.state.table("jobs_log_heads")
    }

    /// The lines that follow `head`, one per entry.
    pub(super) fn lines(&self, head: Option<Head>, entries: &[Entry]) -> Result<Vec<Line>> {
        let records = chain_up(&self.chain, head, entries).map_err(|e| Error::caused("write the audit", e))?;
        let line = |(record, entry): (Record, &Entry)| Line {
            record,
            at: entry.at.timestamp_micros(),
            event: event_name(entry),
            subject: entry.subject.clone(),
        };
        Ok(records.into_iter().zip(entries).map(line).collect())
    }

    /// `INSERT` for one line, and for as many `further` columns behind it.
    pub(super) fn insert(&self, further: &[&'static str]) -> SqlBuilder {
        let columns = || COLUMNS.iter().chain(further);
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&self.table()).push(" (").join(", ", columns(), |sql, column| {
            sql.name(column);
        });
        insert.push(") VALUES (").join(", ", columns(), |sql, _| {
            sql.push("?");
        });
        insert.push(")");
        insert
    }

    /// The lines of the table from number `from` on, as they stand there.
    pub(super) async fn read(&self, session: &mut dyn Session, from: u64, limit: usize) -> Result<Vec<Line>> {
        let mut query = self.sql();
        query.push("SELECT ").join(", ", COLUMNS, |sql, column| {
            sql.name(column);
        });
        query.push(" FROM ").table(&self.table()).push(" WHERE ").name("chain").push(" = ");
        query.bind(self.chain.as_str()).push(" AND ").name("number").push(" >= ").bind(from);
        query.push(" ORDER BY ").name("number").push(" LIMIT ").number(i64::try_from(limit).unwrap_or(i64::MAX));
        let records = session.query(&query.build().timeout(PAGE)).await?;
        let line = |row: &Row| {
            Ok(Line {
                record: Record {
                    chain: row.get("chain")?,
                    number: row.get("number")?,
                    body: row.get("body")?,
                    prev: row.get("prev")?,
                    hash: row.get("hash")?,
                },
                at: row.get("at")?,
                event: row.get("event")?,
                subject: row.get("subject")?,
            })
        };
        records.rows().map(line).collect()
    }
}

impl Line {
    /// What stands in its columns.
    pub(super) fn values(self) -> Vec<Value> {
        let Self { record, at, event, subject } = self;
        vec![
            record.chain.into(),
            record.number.into(),
            at.into(),
            event.into(),
            subject.into(),
            record.body.into(),
            record.prev.into(),
            record.hash.into(),
        ]
    }

    /// The record, where the columns beside it say what it says; its hash covers the body alone.
    pub(super) fn checked(self) -> Result<Record> {
        let Self { record, at, event, subject } = self;
        if record.hash == record.expected_hash()
            && let Ok(entry) = record.entry()
            && (at, &event, &subject) != (entry.at.timestamp_micros(), &event_name(&entry), &entry.subject)
        {
            let Record { number, chain, .. } = &record;
            let what = format!("record {number} of the audit `{chain}` has other columns than were written");
            return Err(Error::failed(what));
        }
        Ok(record)
    }
}

fn event_name(entry: &Entry) -> String {
    serde_json::to_value(entry.event).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
