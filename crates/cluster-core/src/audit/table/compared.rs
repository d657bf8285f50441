//! Appends without transactions, by compare-and-set on the row of the head.
//!
//! That row carries the records that were appended last. Setting it is the append: it counts as a whole or not at all,
//! and of two writers one has lost and begins anew. The records are then put into the table, and whoever comes next
//! makes sure that they are there before it sets the head itself; so a writer that is killed leaves nothing half done,
//! and who reads in between finds in the head what the table lacks.
//!
//! Rows are read by their whole keys where it matters, which finds what was written just now; a search does not.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::rows::{Line, Rows};
use crate::audit::{Entry, Head, Record, Sink};
use crate::error::{Error, ErrorClass, Result};
use crate::sql::{Session, SqlBuilder, Value};

/// An audit in a database without transactions.
#[derive(Debug)]
pub(super) struct Compared {
    rows: Rows,
    /// Writers of one program take turns, rather than one another's chances.
    turn: Mutex<()>,
}

/// How long one statement may take: each reads or writes a few rows by their keys. A server that is out of breath has been
/// seen to never answer one, and to answer the next.
const ANSWER: Duration = Duration::from_secs(20);

/// How often what only reads is tried.
const READS: u32 = 3;

/// How long an append is tried again after other writers were faster, or the database was not to be had.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest pause after another writer was faster, in milliseconds; other programs have theirs at other times.
const PAUSE: u64 = 40;

/// The pause after the database was not to be had.
const LONG_PAUSE: Duration = Duration::from_millis(250);

/// What the row of the head says.
struct Tip {
    head: Head,
    /// The records of the newest append, which may not be in the table yet.
    pending: Vec<Line>,
    /// Which append that was.
    append: String,
    version: (i64, i64),
}

/// A record of the table, as far as it must be known before another one is written.
struct Found {
    hash: String,
    append: String,
}

/// An append that goes on until it has counted.
struct Append<'a> {
    entries: &'a [Entry],
    /// Which append its records came by.
    id: String,
    /// The head that its last try set, if that counted; nobody may know.
    tried: Option<Head>,
}

impl Compared {
    pub(super) fn new(rows: Rows) -> Self {
        Self { rows, turn: Mutex::new(()) }
    }

    async fn session(&self) -> Result<Box<dyn Session>> {
        self.rows.state.db().session().await
    }

    async fn tip(&self, session: &mut dyn Session) -> Result<Option<Tip>> {
        let mut query = self.rows.sql();
        query.push("SELECT ").join(", ", ["number", "hash", "pending", "_seq_no", "_primary_term"], |sql, column| {
            sql.name(column);
        });
        query.push(" FROM ").table(&self.rows.heads()).push(" WHERE ").name("chain").push(" = ");
        query.bind(self.rows.chain.as_str());
        let found = session.query(&query.build().timeout(ANSWER)).await?;
        let tip = found.rows().next().map(|row| {
            let pending: Pending = serde_json::from_str(&row.get::<String>("pending")?)
                .map_err(|e| Error::caused(format!("read the head of the audit `{}`", self.rows.chain), e))?;
            Ok(Tip {
                head: Head { number: row.get("number")?, hash: row.get("hash")? },
                pending: pending.records,
                append: pending.append,
                version: (row.get("_seq_no")?, row.get("_primary_term")?),
            })
        });
        tip.transpose()
    }

    /// The records of the table with these numbers.
    async fn find(&self, session: &mut dyn Session, numbers: &[u64]) -> Result<BTreeMap<u64, Found>> {
        let mut query = self.rows.sql();
        query.push("SELECT ").join(", ", ["number", "hash", "append"], |sql, column| {
            sql.name(column);
        });
        query.push(" FROM ").table(&self.rows.table()).push(" WHERE ").name("chain").push(" = ");
        query.bind(self.rows.chain.as_str()).push(" AND ").name("number").push(" IN (");
        // As text: a list of parameters would be searched for, and not looked up.
        query.join(", ", numbers, |sql, number| {
            sql.number(i64::try_from(*number).unwrap_or(i64::MAX));
        });
        query.push(")");
        let found = session.query(&query.build().timeout(ANSWER)).await?;
        found
            .rows()
            .map(|row| Ok((row.get("number")?, Found { hash: row.get("hash")?, append: row.get("append")? })))
            .collect()
    }

    async fn put(&self, session: &mut dyn Session, lines: &[Line], append: &str) -> Result<()> {
        let mut insert = self.rows.insert(&["append"]);
        insert.push(" ON CONFLICT DO NOTHING");
        let values = |line: &Line| line.clone().values().into_iter().chain([append.into()]).collect();
        let values: Vec<Vec<Value>> = lines.iter().map(values).collect();
        session.execute_many(&insert.build().timeout(ANSWER), &values).await.map(drop)
    }

    /// Tries once; nothing where another writer was faster.
    ///
    /// Where an earlier try seems to have counted, that is only what was read: a node that others have given up may still
    /// show it, and lose it. So the head is set again to what it is, and what was read counts if that does.
    async fn attempt(&self, append: &mut Append<'_>) -> Result<Option<Head>> {
        let mut session = self.session().await?;
        let session = &mut *session;
        let tip = self.tip(session).await?;
        let head = tip.as_ref().map(|tip| tip.head.clone());
        let lines = self.rows.lines(head.clone(), append.entries)?;
        let new = lines.last().map(|line| line.record.head());
        let pending = tip.as_ref().map_or(&[][..], |tip| &tip.pending);
        if tip.is_some() && pending.last().map(|line| line.record.head()) != head {
            return Err(self.broken("the head names another record than the newest"));
        }

        let numbers = |lines: &[Line]| lines.iter().map(|line| line.record.number).collect::<Vec<_>>();
        let tried = append.tried.as_ref().map(|head| head.number);
        let wanted: Vec<u64> = numbers(pending).into_iter().chain(numbers(&lines)).chain(tried).collect();
        if wanted.is_empty() {
            return Err(Error::failed("append nothing to an empty audit"));
        }
        let found = self.find(session, &wanted).await?;
        if let Some(tip) = &tip {
            self.complete(session, tip, &found).await?;
            // Others have appended since only when all before was in the table.
            let there = |tried: &Head| tip.append == append.id || is_of(found.get(&tried.number), &append.id);
            let counted = append.tried.clone().filter(there);
            if let Some(counted) = counted {
                let again = self.set(Some(tip), &tip.head, &tip.pending, &tip.append)?;
                return Ok((session.execute(&again.build().timeout(ANSWER)).await? == 1).then_some(counted));
            }
        }
        let Some(new) = new else { return Ok(head) };
        if lines.iter().any(|line| found.contains_key(&line.record.number)) {
            let now = self.tip(session).await?;
            if now.map(|tip| tip.version) == tip.map(|tip| tip.version) {
                return Err(self.broken("there are records behind the newest that its head knows"));
            }
            return Ok(None);
        }

        append.tried = Some(new.clone());
        let set = self.set(tip.as_ref(), &new, &lines, &append.id)?.build().timeout(ANSWER);
        if session.execute(&set).await? != 1 {
            return Ok(None);
        }
        self.put(session, &lines, &append.id).await?;
        Ok(Some(new))
    }

    /// Makes sure that the records of the newest append are in the table.
    async fn complete(&self, session: &mut dyn Session, tip: &Tip, found: &BTreeMap<u64, Found>) -> Result<()> {
        let mut missing = Vec::new();
        for line in &tip.pending {
            match found.get(&line.record.number) {
                None => missing.push(line.clone()),
                Some(found) if found.hash == line.record.hash => {}
                Some(_) => return Err(self.broken(&format!("record {} was changed", line.record.number))),
            }
        }
        if missing.is_empty() { Ok(()) } else { self.put(session, &missing, &tip.append).await }
    }

    /// Sets the head, where it is still the one that was read.
    fn set(&self, tip: Option<&Tip>, new: &Head, lines: &[Line], append: &str) -> Result<SqlBuilder> {
        let pending = serde_json::to_string(&Pending { append: append.to_owned(), records: lines.to_vec() })
            .map_err(|e| Error::caused("write the audit", e))?;
        let (table, chain) = (self.rows.heads(), self.rows.chain.as_str());
        let mut set = self.rows.sql();
        match tip {
            Some(Tip { version: (number, term), .. }) => {
                set.push("UPDATE ").table(&table).push(" SET ").name("number").push(" = ").bind(new.number);
                set.push(", ").name("hash").push(" = ").bind(new.hash.as_str());
                set.push(", ").name("pending").push(" = ").bind(pending);
                set.push(" WHERE ").name("chain").push(" = ").bind(chain);
                set.push(" AND ").name("_seq_no").push(" = ").bind(*number);
                set.push(" AND ").name("_primary_term").push(" = ").bind(*term);
            }
            None => {
                set.push("INSERT INTO ").table(&table).push(" (");
                set.join(", ", ["chain", "number", "hash", "pending"], |sql, column| {
                    sql.name(column);
                });
                set.push(") VALUES (").bind(chain).push(", ").bind(new.number).push(", ").bind(new.hash.as_str());
                set.push(", ").bind(pending).push(") ON CONFLICT DO NOTHING");
            }
        }
        Ok(set)
    }

    async fn read_once(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        let mut session = self.session().await?;
        let tip = self.tip(&mut *session).await?;
        self.rows.state.refresh_within(&mut *session, "jobs_log").await?;
        let lines = self.rows.read(&mut *session, from, limit).await?;
        let known = tip.as_ref().map_or(0, |tip| tip.head.number);
        let newest = match lines.last() {
            Some(line) if line.record.number > known => self.tip(&mut *session).await?.map_or(0, |tip| tip.head.number),
            _ => known,
        };
        let pending = tip.into_iter().flat_map(|tip| tip.pending).filter(|line| line.record.number >= from);
        let lines = as_of(known, newest, lines, pending);
        lines.into_iter().take(limit).map(Line::checked).collect()
    }

    fn broken(&self, what: &str) -> Error {
        Error::failed(format!("write the audit `{}`: {what}", self.rows.chain))
            .with_hint("`clusterkeep audit verify` names the first record that was changed")
    }
}

#[async_trait]
impl Sink for Compared {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        let mut append = Append { entries: &entries, id: Uuid::new_v4().to_string(), tried: None };
        let _turn = self.turn.lock().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let random = u64::from(Uuid::new_v4().as_bytes()[0]);
            let (lost, pause) = match self.attempt(&mut append).await {
                Ok(Some(head)) => return Ok(head),
                Ok(None) => {
                    let what = format!("write the audit `{}`: others always were faster", self.rows.chain);
                    (Error::failed(what), Duration::from_millis(1 + random % PAUSE))
                }
                // What has not answered may have counted, which the next try finds out.
                Err(e) if may_recover(&e) => (e, LONG_PAUSE),
                Err(e) => return Err(e),
            };
            if Instant::now() >= deadline {
                return Err(lost);
            }
            sleep(pause).await;
        }
    }

    async fn append_within(&self, _: &mut dyn Session, _: &[Entry]) -> Result<bool> {
        Ok(false)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        again(|| self.read_once(from, limit)).await
    }

    async fn head(&self) -> Result<Option<Head>> {
        again(|| async { Ok(self.tip(&mut *self.session().await?).await?.map(|tip| tip.head)) }).await
    }
}

/// Whether the next try may end otherwise: the server was not to be had, or has not answered.
fn may_recover(error: &Error) -> bool {
    error.is_retryable() || error.class() == Some(ErrorClass::Timeout)
}

/// Reads, and once more in a session of its own where no answer came.
async fn again<T, F: Future<Output = Result<T>>>(read: impl Fn() -> F) -> Result<T> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match read().await {
            Err(e) if attempt < READS && may_recover(&e) => {
                tracing::debug!(attempt, error = %e, "reading the audit again");
                sleep(LONG_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// The chain up to the record `known`: what of `pending` the table lacks is put in, and what others have appended since,
/// up to `newest`, is left out, for it may be there in part. What no head knows stays: it is somebody's forgery.
fn as_of(known: u64, newest: u64, mut lines: Vec<Line>, pending: impl Iterator<Item = Line>) -> Vec<Line> {
    lines.retain(|line| !(known + 1..=newest).contains(&line.record.number));
    for line in pending {
        if let Err(at) = lines.binary_search_by_key(&line.record.number, |line| line.record.number) {
            lines.insert(at, line);
        }
    }
    lines
}

fn is_of(found: Option<&Found>, append: &str) -> bool {
    found.is_some_and(|found| found.append == append)
}

/// The newest append, as the row of the head carries it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Pending {
    append: String,
    records: Vec<Line>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, subject: &str) -> Line {
        let record =
            Record { chain: String::new(), number, body: String::new(), prev: String::new(), hash: String::new() };
        Line { record, at: 0, event: String::new(), subject: subject.to_owned() }
    }

    fn read(known: u64, newest: u64, there: &[u64], pending: &[u64]) -> Vec<(u64, String)> {
        let lines = |numbers: &[u64], subject| numbers.iter().map(|number| line(*number, subject)).collect::<Vec<_>>();
        let lines = as_of(known, newest, lines(there, "table"), lines(pending, "head").into_iter());
        lines.into_iter().map(|line| (line.record.number, line.subject)).collect()
    }

    fn told(numbers: &[u64], by_head: &[u64]) -> Vec<(u64, String)> {
        let by = |number| if by_head.contains(number) { "head" } else { "table" };
        numbers.iter().map(|number| (*number, by(number).to_owned())).collect()
    }

    #[test]
    fn what_the_table_lacks_the_head_tells() {
        assert_eq!(read(4, 4, &[1, 2], &[3, 4]), told(&[1, 2, 3, 4], &[3, 4]));
        assert_eq!(read(4, 4, &[1, 2, 4], &[3, 4]), told(&[1, 2, 3, 4], &[3]), "what the table has counts");
        assert_eq!(read(4, 4, &[], &[3, 4]), told(&[3, 4], &[3, 4]));
    }

    #[test]
    fn what_came_since_is_left_out_and_what_no_head_knows_is_not() {
        assert_eq!(read(4, 7, &[1, 2, 3, 4, 6], &[3, 4]), told(&[1, 2, 3, 4], &[]), "half of an append");
        assert_eq!(read(0, 3, &[2], &[]), told(&[], &[]), "from the very first record on");
        assert_eq!(read(4, 4, &[1, 2, 3, 4, 6], &[3, 4]), told(&[1, 2, 3, 4, 6], &[]), "a forgery");
        assert_eq!(read(4, 6, &[1, 2, 3, 4, 5, 9], &[3, 4]), told(&[1, 2, 3, 4, 9], &[]));
    }
}
