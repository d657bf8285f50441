//! A lock as a row with an end, for an engine whose sessions hold nothing: CrateDB's.
//!
//! The row says who holds the lock, with which token, until when by the server's clock, which is asked in the same
//! statement that reads or writes the row. It is read by its key and written by compare-and-set on its version, so that
//! no two takers can both have it, and nobody renews what another has taken. It is never removed, since its token only
//! rises.
//!
//! A check wants [`MARGIN`] of the lease to be left. By so much the clocks of the cluster's nodes may differ, and so long
//! a step that begins then is alone; one that goes on after its lease was lost can't be stopped from here. What a renewal
//! wrote counts when the server has said so: a node that the others have given up may still show what it will lose.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{State, locked};
use crate::error::{Error, Result};
use crate::plan::Lock;
use crate::sql::{Records, Session, SqlBuilder, TableName};

/// A lease that is renewed as long as this value lives.
pub(super) struct Lease {
    slot: Arc<Slot>,
    token: u64,
    renewal: JoinHandle<()>,
}

/// The part of a lease that must be left of it for a step to begin.
const MARGIN: u32 = 6;
/// A lease is renewed when this part of it has passed.
const RENEWAL: u32 = 3;
/// After a renewal that failed, this part passes until the next one.
const NEXT_TRY: u32 = 15;
/// How often a row that others write to as well is tried.
const ATTEMPTS: u32 = 10;
/// The longest that one look at the row, or one change of it, may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Lease {
    pub(super) async fn take(state: &State, name: &str) -> Result<Self> {
        let slot = Arc::new(Slot {
            state: state.clone(),
            name: name.to_owned(),
            holder: Uuid::new_v4().to_string(),
            term: state.lease(),
            promised: std::sync::Mutex::new(Instant::now()),
            session: Mutex::new(None),
        });
        let token = slot.take().await?;
        let renewal = tokio::spawn(keep_up(Arc::clone(&slot), token));
        Ok(Self { slot, token, renewal })
    }

    pub(super) const fn token(&self) -> u64 {
        self.token
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

#[async_trait]
impl Lock for Lease {
    async fn check(&self) -> Result<()> {
        let asked = Instant::now();
        let row =
            self.slot.read().await.map_err(|e| Error::caused(format!("keep the lock `{}`", self.slot.name), e))?;
        let Some(row) = row.filter(|row| self.slot.holds(row, self.token)) else {
            return Err(self.slot.lost());
        };
        // The server may have read its clock when the call began.
        let left = row.left().saturating_sub(asked.elapsed());
        if left.min(self.slot.promised().saturating_duration_since(Instant::now())) <= self.slot.term / MARGIN {
            return Err(Error::failed(format!("the lease of the lock `{}` has run out", self.slot.name)));
        }
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<()> {
        self.renewal.abort();
        self.slot.release(self.token).await
    }
}

/// Renews the lease until it is lost or nobody needs it.
async fn keep_up(slot: Arc<Slot>, token: u64) {
    loop {
        sleep(slot.term / RENEWAL).await;
        loop {
            match slot.renew(token).await {
                Ok(true) => break,
                // Whoever asks is told by `check`.
                Ok(false) => return,
                Err(e) => tracing::warn!(lock = slot.name, error = %e, "a lease could not be renewed, trying again"),
            }
            sleep(slot.term / NEXT_TRY).await;
        }
    }
}

/// The row of a lock, and who wants it.
struct Slot {
    state: State,
    name: String,
    /// Nobody else's name, not even that of another lease of this process.
    holder: String,
    term: Duration,
    /// Until when the server has promised it, at least.
    promised: std::sync::Mutex<Instant>,
    /// Its own, so that it is renewed also while steps use all others.
    session: Mutex<Option<Box<dyn Session>>>,
}

/// What the row says.
struct Row {
    holder: String,
    token: u64,
    expires_at: i64,
    /// The server's clock.
    now: i64,
    version: Version,
}

/// What a row must still be for a change of it to count.
struct Version {
    number: i64,
    term: i64,
}

impl Row {
    /// How long the lease still goes.
    fn left(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.expires_at.saturating_sub(self.now)).unwrap_or(0))
    }
}

impl Slot {
    fn table(&self) -> TableName {
        self.state.table("leases")
    }

    fn holds(&self, row: &Row, token: u64) -> bool {
        row.holder == self.holder && row.token == token
    }

    fn lost(&self) -> Error {
        Error::failed(format!("the lock `{}` was lost: another run has taken it", self.name))
    }

    /// Takes the lock where nobody has it; returns the token.
    async fn take(&self) -> Result<u64> {
        for _ in 0..ATTEMPTS {
            match self.read().await? {
                None => {
                    if self.insert().await? {
                        return Ok(1);
                    }
                }
                // An earlier attempt seems to have counted; this one tells.
                Some(row) if row.holder == self.holder => {
                    if self.write(&row.version, row.token, &self.holder, Some(self.term)).await? {
                        return Ok(row.token);
                    }
                }
                Some(row) if row.left().is_zero() => {
                    let token = row.token + 1;
                    if self.write(&row.version, token, &self.holder, Some(self.term)).await? {
                        return Ok(token);
                    }
                }
                Some(_) => break,
            }
        }
        Err(locked(&self.name))
    }

    /// Puts the end off; `false` where the lease is another's by now.
    async fn renew(&self, token: u64) -> Result<bool> {
        loop {
            let Some(row) = self.read().await?.filter(|row| self.holds(row, token)) else { return Ok(false) };
            if self.write(&row.version, token, &self.holder, Some(self.term)).await? {
                return Ok(true);
            }
        }
    }

    /// Ends the lease where it is still this one.
    async fn release(&self, token: u64) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let Some(row) = self.read().await?.filter(|row| self.holds(row, token)) else { return Ok(()) };
            if self.write(&row.version, token, "", None).await? {
                return Ok(());
            }
        }
        Err(Error::failed(format!("the lock `{}` could not be given back", self.name)))
    }

    async fn read(&self) -> Result<Option<Row>> {
        let mut query = self.state.sql();
        query.push("SELECT ").join(", ", ["holder", "token", "expires_at"], |sql, column| {
            sql.name(column);
        });
        query.push(", ").append(self.after(Duration::ZERO)).push(" AS ").name("now");
        query.push(", ").name("_seq_no").push(", ").name("_primary_term").push(" FROM ").table(&self.table());
        // By the whole key and nothing else: a search would find what was there at the last refresh.
        query.push(" WHERE ").name("name").push(" = ").bind(self.name.as_str());
        let found = self.query(query).await?;
        let row = found.rows().next().map(|row| {
            Ok(Row {
                holder: row.get("holder")?,
                token: row.get("token")?,
                expires_at: row.get("expires_at")?,
                now: row.get("now")?,
                version: Version { number: row.get("_seq_no")?, term: row.get("_primary_term")? },
            })
        });
        row.transpose()
    }

    /// Makes the row; `false` where another did.
    async fn insert(&self) -> Result<bool> {
        let mut insert = self.state.sql();
        insert.push("INSERT INTO ").table(&self.table()).push(" (");
        insert.join(", ", ["name", "holder", "token", "expires_at"], |sql, column| {
            sql.name(column);
        });
        insert.push(") VALUES (").bind(self.name.as_str()).push(", ").bind(self.holder.as_str()).push(", 1, ");
        insert.append(self.after(self.term)).push(") ON CONFLICT DO NOTHING");
        self.changed(insert).await
    }

    /// Writes the row, where it is still of `version`; without a term it ends now.
    async fn write(&self, version: &Version, token: u64, holder: &str, term: Option<Duration>) -> Result<bool> {
        let mut update = self.state.sql();
        update.push("UPDATE ").table(&self.table()).push(" SET ").name("holder").push(" = ").bind(holder);
        update.push(", ").name("token").push(" = ").bind(token).push(", ").name("expires_at").push(" = ");
        match term {
            Some(term) => update.append(self.after(term)),
            None => update.push("0"),
        };
        update.push(" WHERE ").name("name").push(" = ").bind(self.name.as_str());
        update.push(" AND ").name("_seq_no").push(" = ").bind(version.number);
        update.push(" AND ").name("_primary_term").push(" = ").bind(version.term);
        self.changed(update).await
    }

    /// The instant so much later than the server's clock says.
    fn after(&self, term: Duration) -> SqlBuilder {
        let mut sql = self.state.sql();
        sql.push("CAST(CURRENT_TIMESTAMP AS BIGINT) * 1000 + ");
        sql.number(i64::try_from(term.as_micros()).unwrap_or(i64::MAX >> 1));
        sql
    }

    async fn query(&self, statement: SqlBuilder) -> Result<Records> {
        let statement = statement.build();
        self.in_time(async {
            let mut kept = self.session.lock().await;
            // A session whose call failed, or was given up, is not used again.
            let mut session = self.take_session(&mut kept).await?;
            let found = session.query(&statement).await?;
            *kept = Some(session);
            Ok(found)
        })
        .await
    }

    /// Whether the row was changed; a lease that was written then goes for its term from now on.
    async fn changed(&self, statement: SqlBuilder) -> Result<bool> {
        let (statement, sent) = (statement.build(), Instant::now());
        let changed = self.in_time(async {
            let mut kept = self.session.lock().await;
            let mut session = self.take_session(&mut kept).await?;
            let changed = session.execute(&statement).await?;
            *kept = Some(session);
            Ok(changed == 1)
        });
        let changed = changed.await?;
        if changed {
            *self.promised.lock().unwrap_or_else(PoisonError::into_inner) = sent + self.term;
        }
        Ok(changed)
    }

    fn promised(&self) -> Instant {
        *self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_session(&self, kept: &mut Option<Box<dyn Session>>) -> Result<Box<dyn Session>> {
        match kept.take() {
            Some(session) => Ok(session),
            None => self.state.db().session().await,
        }
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout(PATIENCE.min(self.term / RENEWAL), call).await {
            Ok(done) => done,
            Err(_) => Err(Error::failed(format!("the database that holds the lock `{}` does not answer", self.name))),
        }
    }
}
