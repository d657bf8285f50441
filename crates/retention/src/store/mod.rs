//! What people leave in the state for plans to go by: holds, acknowledgements, and policies.
//!
//! What is read from there is untrusted input: a row that can't be understood fails everything that rests on it. Each
//! change is recorded in the audit with who and when, in one transaction with it where the database has them; nothing
//! here decides what goes.

mod acknowledged;
mod differences;
mod holds;
mod policies;
mod subject;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::{Audit, Entry, Event, TableAudit};
use clusterkeep_core::sql::{Records, Session, SqlBuilder, Statement};
use clusterkeep_core::state::{RowChange, State};
use clusterkeep_core::{Error, ErrorClass, Result};

pub use acknowledged::Acknowledged;
pub use differences::{Difference, Differs, Field, differences};
pub use holds::{Holds, NewHold};
pub use policies::{Change, PolicyStore, Stored};
pub use subject::{PolicyId, Subject, TagTables};

/// Where things are left, and who is recorded to have changed them.
#[derive(Debug, Clone)]
pub struct Store {
    state: State,
    audit: Audit,
    actor: String,
}

/// A change of one row.
enum Write {
    Insert(Statement),
    Change(RowChange),
}

/// A change of one table, as it is recorded.
struct Recorded {
    event: Event,
    subject: String,
    data: serde_json::Value,
}

impl Store {
    /// The stores of `state`; the audit is kept there, too.
    #[must_use]
    pub fn of(state: State) -> Self {
        let audit = Arc::new(TableAudit::new(state.clone(), "main"));
        Self { state, audit, actor: "library".to_owned() }
    }

    /// Writes the audit elsewhere.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Who is recorded to have changed something.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// What must stay, whatever policies say.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds::of(self.clone())
    }

    /// The tables that somebody has agreed may be cleared.
    #[must_use]
    pub fn acknowledged(&self) -> Acknowledged {
        Acknowledged::of(self.clone())
    }

    /// The policies that are kept under the name of a manifest.
    #[must_use]
    pub fn policies(&self, manifest: impl Into<String>) -> PolicyStore {
        PolicyStore::of(self.clone(), manifest.into())
    }

    fn sql(&self) -> SqlBuilder {
        SqlBuilder::new(self.state.db().engine())
    }

    /// Reads rows of a table of the state, also those that were written a moment ago; `None` where the state has no such
    /// table yet.
    async fn read(&self, table: &'static str, query: SqlBuilder) -> Result<Option<Records>> {
        let found = async {
            self.state.refresh(table).await?;
            self.state.db().query(query.build()).await
        };
        match found.await {
            Ok(records) => Ok(Some(records)),
            Err(e) if e.class() == Some(ErrorClass::MissingRelation) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Makes changes of one row each, and records what they do.
    ///
    /// Returns the number of the first that found no such row, or one that was not to be there: nothing is changed then
    /// where the database has transactions, and no later one where it has none.
    async fn change(&self, changes: Vec<(Write, Recorded)>, now: DateTime<Utc>) -> Result<Option<usize>> {
        self.state.ensure(now).await?;
        let (writes, recorded): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let entries: Vec<_> = recorded.into_iter().map(|recorded| self.entry(recorded, now)).collect();
        let mut session = self.state.db().session().await?;
        if !self.state.db().capabilities().transactions {
            return self.change_one_by_one(&mut *session, &writes, entries).await;
        }
        session.begin().await?;
        for (number, write) in writes.iter().enumerate() {
            if !self.write(&mut *session, write).await? {
                session.rollback().await?;
                return Ok(Some(number));
            }
        }
        if !self.audit.append_within(&mut *session, &entries).await? {
            self.audit.append(entries).await?;
        }
        session.commit().await.map(|()| None)
    }

    /// The same where there are no transactions: what can't be recorded is not done, so the record comes first; what did
    /// not come to pass then is recorded, too.
    async fn change_one_by_one(
        &self,
        session: &mut dyn Session,
        writes: &[Write],
        entries: Vec<Entry>,
    ) -> Result<Option<usize>> {
        for (number, (write, entry)) in writes.iter().zip(entries).enumerate() {
            self.audit.append(vec![entry.clone()]).await?;
            if !self.write(session, write).await? {
                let data = serde_json::json!({ "reason": "somebody was faster", "of": entry.event });
                self.audit.append(vec![Entry { event: Event::Refused, data, ..entry }]).await?;
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether the row was not there and is now, or said what was seen and says something else now.
    async fn write(&self, session: &mut dyn Session, write: &Write) -> Result<bool> {
        match write {
            Write::Insert(statement) => match session.execute(statement).await {
                Err(e) if e.class() == Some(ErrorClass::DuplicateKey) => Ok(false),
                done => done.map(|_| true),
            },
            Write::Change(change) => self.state.change(session, change).await,
        }
    }

    fn entry(&self, recorded: Recorded, now: DateTime<Utc>) -> Entry {
        Entry {
            at: now,
            actor: self.actor.clone(),
            event: recorded.event,
            subject: recorded.subject,
            plan: String::new(),
            as_of: now,
            step: None,
            data: recorded.data,
        }
    }
}

/// An instant out of a column; 0 stands for none.
fn instant(micros: i64) -> Result<Option<DateTime<Utc>>> {
    if micros == 0 {
        return Ok(None);
    }
    let at = DateTime::from_timestamp_micros(micros);
    at.map(Some).ok_or_else(|| Error::failed(format!("{micros} µs is no point in time")))
}

/// What is kept of an optional instant.
fn micros(at: Option<DateTime<Utc>>) -> i64 {
    at.map_or(0, |at| at.timestamp_micros())
}

/// The error for a row that nobody of this version has written.
fn unreadable(table: &str, id: &str, source: impl Into<clusterkeep_core::error::BoxError>) -> Error {
    Error::caused(format!("read row `{}` of the state table `{table}`", id.escape_debug()), source)
        .with_hint("nothing is planned by a table that was changed by hand; put the row right, or take it out")
}
