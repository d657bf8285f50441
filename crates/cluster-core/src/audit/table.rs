//! An audit in a table of the state schema, so that an outcome commits with the work that it tells of.

use async_trait::async_trait;

use super::record::chain_up;
use super::{Entry, Head, Record, Sink};
use crate::error::{Error, ErrorClass, Result};
use crate::sql::{Session, SqlBuilder, Value};
use crate::state::State;

/// An audit in the table `audit` of the state schema.
#[derive(Debug, Clone)]
pub struct TableAudit {
    state: State,
    chain: String,
}

/// How often an append is tried again after another writer was faster.
const ATTEMPTS: u32 = 20;

impl TableAudit {
    /// The chain `chain` of `state`; the state schema must be there before the first record is written.
    pub fn new(state: State, chain: impl Into<String>) -> Self {
        Self { state, chain: chain.into() }
    }

    fn sql(&self) -> SqlBuilder {
        SqlBuilder::new(self.state.db().engine())
    }

    /// The newest record; `lock` keeps other writers out until the transaction ends.
    async fn head_within(&self, session: &mut dyn Session, lock: bool) -> Result<Option<Head>> {
        let mut query = self.sql();
        query
            .push("SELECT ")
            .name("number")
            .push(", ")
            .name("hash")
            .push(" FROM ")
            .table(&self.state.table("audit_heads"));
        query.push(" WHERE ").name("chain").push(" = ").bind(self.chain.as_str());
        if lock && self.state.locks_rows() {
            query.push(" FOR UPDATE");
        }
        let records = session.query(&query.build()).await?;
        records.rows().next().map(|row| Ok(Head { number: row.get("number")?, hash: row.get("hash")? })).transpose()
    }

    async fn insert(&self, session: &mut dyn Session, head: Option<Head>, entries: &[Entry]) -> Result<Option<Head>> {
        let records = chain_up(&self.chain, head.clone(), entries).map_err(|e| Error::caused("write the audit", e))?;
        let Some(new) = records.last().map(Record::head) else { return Ok(head) };
        let mut insert = self.sql();
        insert.push("INSERT INTO ").table(&self.state.table("audit")).push(" (");
        let columns = ["chain", "number", "at", "event", "subject", "body", "prev", "hash"];
        insert.join(", ", columns, |sql, column| {
            sql.name(column);
        });
        insert.push(") VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        let rows: Vec<Vec<Value>> = records
            .into_iter()
            .zip(entries)
            .map(|(record, entry)| {
                vec![
                    record.chain.into(),
                    record.number.into(),
                    entry.at.timestamp_micros().into(),
                    event_name(entry).into(),
                    entry.subject.as_str().into(),
                    record.body.into(),
                    record.prev.into(),
                    record.hash.into(),
                ]
            })
            .collect();
        session.execute_many(&insert.build(), &rows).await?;
        let mut heads = self.sql();
        if head.is_some() {
            heads.push("UPDATE ").table(&self.state.table("audit_heads")).push(" SET ").name("number").push(" = ");
            heads.bind(new.number).push(", ").name("hash").push(" = ").bind(new.hash.as_str());
            heads.push(" WHERE ").name("chain").push(" = ").bind(self.chain.as_str());
        } else {
            heads.push("INSERT INTO ").table(&self.state.table("audit_heads")).push(" (").name("chain").push(", ");
            heads.name("number").push(", ").name("hash").push(") VALUES (").bind(self.chain.as_str());
            heads.push(", ").bind(new.number).push(", ").bind(new.hash.as_str()).push(")");
        }
        session.execute(&heads.build()).await?;
        Ok(Some(new))
    }

    async fn append_once(&self, entries: &[Entry]) -> Result<Head> {
        let mut session = self.state.db().session().await?;
        session.begin().await?;
        let head = self.head_within(&mut *session, true).await?;
        let new = self.insert(&mut *session, head, entries).await?;
        session.commit().await?;
        new.ok_or_else(|| Error::failed("append nothing to an empty audit"))
    }
}

fn event_name(entry: &Entry) -> String {
    serde_json::to_value(entry.event).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[async_trait]
impl Sink for TableAudit {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.append_once(&entries).await {
                Err(e) if attempt < ATTEMPTS && lost_the_race(&e) => {
                    tokio::time::sleep(std::time::Duration::from_millis(5 * u64::from(attempt))).await;
                }
                done => return done,
            }
        }
    }

    async fn append_within(&self, session: &mut dyn Session, entries: &[Entry]) -> Result<bool> {
        if !self.state.db().capabilities().transactions {
            return Ok(false);
        }
        let head = self.head_within(session, true).await?;
        self.insert(session, head, entries).await?;
        Ok(true)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        let mut query = self.sql();
        query.push("SELECT ").join(
            ", ",
            ["number", "at", "event", "subject", "body", "prev", "hash"],
            |sql, column| {
                sql.name(column);
            },
        );
        query.push(" FROM ").table(&self.state.table("audit")).push(" WHERE ").name("chain").push(" = ");
        query.bind(self.chain.as_str()).push(" AND ").name("number").push(" >= ").bind(from);
        query.push(" ORDER BY ").name("number").push(" LIMIT ").number(i64::try_from(limit).unwrap_or(i64::MAX));
        let records = self.state.db().query(query.build()).await?;
        records
            .rows()
            .map(|row| {
                let record = Record {
                    chain: self.chain.clone(),
                    number: row.get("number")?,
                    body: row.get("body")?,
                    prev: row.get("prev")?,
                    hash: row.get("hash")?,
                };
                // Beside the body, which the hash covers, some of it stands in columns, for those who query the table.
                let columns = (row.get("at")?, row.get("event")?, row.get("subject")?);
                if record.hash == record.expected_hash()
                    && let Ok(entry) = record.entry()
                    && columns != (entry.at.timestamp_micros(), event_name(&entry), entry.subject)
                {
                    let (number, chain) = (record.number, &self.chain);
                    let what = format!("record {number} of the audit `{chain}` has other columns than were written");
                    return Err(Error::failed(what));
                }
                Ok(record)
            })
            .collect()
    }

    async fn head(&self) -> Result<Option<Head>> {
        let mut session = self.state.db().session().await?;
        self.head_within(&mut *session, false).await
    }
}

/// Another writer took the number, or holds the row: the same append can be tried again.
fn lost_the_race(error: &Error) -> bool {
    error.is_retryable() || error.class() == Some(ErrorClass::DuplicateKey)
}
