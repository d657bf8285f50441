//! Appends in transactions: the row of the head is locked while the records that follow it are written.

use std::time::Duration;

use async_trait::async_trait;

use super::rows::{Line, Rows};
use crate::audit::{Entry, Head, Record, Sink};
use crate::error::{Error, ErrorClass, Result};
use crate::sql::{Session, Value};

/// An audit in a database with transactions.
#[derive(Debug)]
pub(super) struct Transacted {
    rows: Rows,
}

/// How often an append is tried again after another writer was faster.
const ATTEMPTS: u32 = 20;

impl Transacted {
    pub(super) const fn new(rows: Rows) -> Self {
        Self { rows }
    }

    /// The newest record; `lock` keeps other writers out until the transaction ends.
    async fn head_within(&self, session: &mut dyn Session, lock: bool) -> Result<Option<Head>> {
        let mut query = self.rows.sql();
        query.push("SELECT ").name("number").push(", ").name("hash").push(" FROM ").table(&self.rows.heads());
        query.push(" WHERE ").name("chain").push(" = ").bind(self.rows.chain.as_str());
        if lock && self.rows.state.locks_rows() {
            query.push(" FOR UPDATE");
        }
        let records = session.query(&query.build()).await?;
        records.rows().next().map(|row| Ok(Head { number: row.get("number")?, hash: row.get("hash")? })).transpose()
    }

    async fn insert(&self, session: &mut dyn Session, head: Option<Head>, entries: &[Entry]) -> Result<Option<Head>> {
        let lines = self.rows.lines(head.clone(), entries)?;
        let Some(new) = lines.last().map(|line| line.record.head()) else { return Ok(head) };
        let mut values: Vec<Vec<Value>> = lines.into_iter().map(Line::values).collect();
        let insert = self.rows.insert(&[]).build();
        if let [one] = &mut values[..] {
            // Its statement is prepared once for each connection, where many are prepared each time.
            session.execute(&insert.bind_all(one.drain(..))).await?;
        } else {
            session.execute_many(&insert, &values).await?;
        }
        let (table, chain) = (self.rows.heads(), self.rows.chain.as_str());
        let mut heads = self.rows.sql();
        if head.is_some() {
            heads.push("UPDATE ").table(&table).push(" SET ").name("number").push(" = ").bind(new.number);
            heads.push(", ").name("hash").push(" = ").bind(new.hash.as_str());
            heads.push(" WHERE ").name("chain").push(" = ").bind(chain);
        } else {
            heads.push("INSERT INTO ").table(&table).push(" (").name("chain").push(", ");
            heads.name("number").push(", ").name("hash").push(") VALUES (").bind(chain);
            heads.push(", ").bind(new.number).push(", ").bind(new.hash.as_str()).push(")");
        }
        session.execute(&heads.build()).await?;
        Ok(Some(new))
    }

    /// Appends `entries`, unless an attempt before did that: what it would have left is `tried`.
    async fn append_once(&self, entries: &[Entry], tried: &mut Option<Head>) -> Result<Head> {
        let mut session = self.rows.state.db().session().await?;
        session.begin().await?;
        let head = self.head_within(&mut *session, true).await?;
        if let Some(left) = tried.take()
            && self.rows.read(&mut *session, left.number, 1).await?.first().map(|line| line.record.head())
                == Some(left.clone())
        {
            return Ok(left);
        }
        let new = self.insert(&mut *session, head, entries).await?;
        tried.clone_from(&new);
        session.commit().await?;
        new.ok_or_else(|| Error::failed("append nothing to an empty audit"))
    }
}

#[async_trait]
impl Sink for Transacted {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        // A commit whose answer was lost may have been one: a record must not come twice.
        let mut tried = None;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.append_once(&entries, &mut tried).await {
                Err(e) if attempt < ATTEMPTS && lost_the_race(&e) => {
                    tokio::time::sleep(Duration::from_millis(5 * u64::from(attempt))).await;
                }
                done => return done,
            }
        }
    }

    async fn append_within(&self, session: &mut dyn Session, entries: &[Entry]) -> Result<bool> {
        let head = self.head_within(session, true).await?;
        self.insert(session, head, entries).await?;
        Ok(true)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        let mut session = self.rows.state.db().session().await?;
        self.rows.read(&mut *session, from, limit).await?.into_iter().map(Line::checked).collect()
    }

    async fn head(&self) -> Result<Option<Head>> {
        let mut session = self.rows.state.db().session().await?;
        self.head_within(&mut *session, false).await
    }
}

/// Another writer took the number, or holds the row: the same append can be tried again.
fn lost_the_race(error: &Error) -> bool {
    error.is_retryable() || error.class() == Some(ErrorClass::DuplicateKey)
}
