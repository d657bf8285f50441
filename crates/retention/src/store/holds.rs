//! The table of holds. One that was released stays as a row, so that its number is never given again.

use chrono::{DateTime, Utc};
use clusterkeep_core::audit::Event;
use clusterkeep_core::sql::Row;
use clusterkeep_core::state::RowChange;
use clusterkeep_core::{Error, Result};

use super::{Recorded, Store, Write, instant, micros, unreadable};
use crate::model::{Hold, HoldScope};

/// What must stay, whatever policies say.
#[derive(Debug, Clone)]
pub struct Holds {
    store: Store,
}

/// A hold that is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// What it is about.
    pub scope: HoldScope,
    /// When it ends by itself; it never does where this is missing.
    pub expires_at: Option<DateTime<Utc>>,
}

const TABLE: &str = "holds";
const COLUMNS: [&str; 8] = ["id", "owner", "reason", "scope", "expires_at", "placed_at", "released_at", "noticed_at"];
/// How often a number is tried that somebody else may take at the same moment.
const ATTEMPTS: u64 = 10;

impl Holds {
    pub(super) const fn of(store: Store) -> Self {
        Self { store }
    }

    /// The holds that nobody has released, the oldest first; also those that have expired.
    ///
    /// # Errors
    ///
    /// A row that can't be understood: what it holds can't be known, so nothing may go.
    pub async fn list(&self) -> Result<Vec<Hold>> {
        let mut holds = Vec::new();
        for (hold, released) in self.all().await? {
            if released.is_none() {
                holds.push(hold);
            }
        }
        Ok(holds)
    }

    /// Places a hold and gives it a number.
    ///
    /// # Errors
    ///
    /// It has no reason or owner, or could never hold anything; a state that may not be written to.
    pub async fn add(&self, new: NewHold, now: DateTime<Utc>) -> Result<Hold> {
        check(&new, now)?;
        let scope = serde_json::to_string(&new.scope).map_err(|e| Error::caused("write a hold", e))?;
        for _ in 0..ATTEMPTS {
            let taken = self.all().await?.iter().filter_map(|(hold, _)| hold.id.parse::<u64>().ok()).max();
            let hold = Hold {
                id: (taken.unwrap_or(0) + 1).to_string(),
                owner: new.owner.clone(),
                reason: new.reason.clone(),
                scope: new.scope.clone(),
                placed_at: now,
                expires_at: new.expires_at,
                noticed_at: None,
            };
            let mut insert = self.store.sql();
            insert.push("INSERT INTO ").table(&self.store.state.table(TABLE)).push(" (");
            insert.join(", ", COLUMNS, |sql, column| {
                sql.name(column);
            });
            insert.push(") VALUES (").bind(hold.id.as_str()).push(", ").bind(hold.owner.as_str()).push(", ");
            insert.bind(hold.reason.as_str()).push(", ").bind(scope.as_str()).push(", ");
            insert.bind(micros(hold.expires_at)).push(", ").bind(now.timestamp_micros()).push(", 0, 0)");
            let recorded = recorded(Event::HoldPlaced, &hold, &hold.reason);
            if self.store.change(vec![(Write::Insert(insert.build()), recorded)], now).await?.is_none() {
                return Ok(hold);
            }
        }
        Err(Error::failed("find a number for the hold: others take them faster"))
    }

    /// Ends a hold; `reason` says why it may.
    ///
    /// # Errors
    ///
    /// There is no such hold, or it was released before.
    pub async fn release(&self, id: &str, reason: &str, now: DateTime<Utc>) -> Result<Hold> {
        if reason.trim().is_empty() {
            return Err(Error::input("a hold is not released without a reason").with_hint("say why it may end"));
        }
        let known = self.all().await?.into_iter().find(|(hold, _)| hold.id == id);
        let unknown = || {
            Error::input(format!("there is no hold `{}`", id.escape_debug()))
                .with_hint("`clusterkeep retention hold list` shows those that there are")
        };
        let gone = || Error::input(format!("hold `{}` was released before", id.escape_debug()));
        let (hold, released) = known.ok_or_else(unknown)?;
        if released.is_some() {
            return Err(gone());
        }
        let released = RowChange::of(TABLE).key("id", id).seen("released_at", 0_i64);
        let released = released.set("released_at", now.timestamp_micros());
        let change = vec![(Write::Change(released), recorded(Event::HoldReleased, &hold, reason))];
        match self.store.change(change, now).await? {
            None => Ok(hold),
            Some(_) => Err(gone()),
        }
    }

    /// Marks the holds that have expired by `now`, so that the next run no longer keeps what they held.
    ///
    /// # Errors
    ///
    /// The state can't be read or written.
    pub async fn notice_expired(&self, now: DateTime<Utc>) -> Result<Vec<Hold>> {
        let expired = self.list().await?.into_iter().filter(|hold| hold.noticed_at.is_none() && hold.expired_at(now));
        let mut noticed = Vec::new();
        for hold in expired {
            let seen = RowChange::of(TABLE).key("id", hold.id.as_str()).seen("noticed_at", 0_i64);
            let seen = seen.set("noticed_at", now.timestamp_micros());
            let change = vec![(Write::Change(seen), recorded(Event::HoldExpired, &hold, &hold.reason))];
            // Where another run was faster, that one has noticed it.
            if self.store.change(change, now).await?.is_none() {
                noticed.push(Hold { noticed_at: Some(now), ..hold });
            }
        }
        Ok(noticed)
    }

    /// All rows, the oldest first, with when each was released.
    async fn all(&self) -> Result<Vec<(Hold, Option<DateTime<Utc>>)>> {
        let mut query = self.store.sql();
        query.push("SELECT ").join(", ", COLUMNS, |sql, column| {
            sql.name(column);
        });
        query.push(" FROM ").table(&self.store.state.table(TABLE));
        let Some(records) = self.store.read(TABLE, query).await? else { return Ok(Vec::new()) };
        let mut holds = records.rows().map(read).collect::<Result<Vec<_>>>()?;
        holds.sort_by_cached_key(|(hold, _)| (hold.placed_at, hold.id.len(), hold.id.clone()));
        Ok(holds)
    }
}

fn read(row: &Row) -> Result<(Hold, Option<DateTime<Utc>>)> {
    let id: String = row.get("id")?;
    let text: String = row.get("scope")?;
    let scope: HoldScope = serde_json::from_str(&text).map_err(|e| unreadable(TABLE, &id, e))?;
    let placed = instant(row.get("placed_at")?)?;
    let hold = Hold {
        owner: row.get("owner")?,
        reason: row.get("reason")?,
        scope,
        placed_at: placed.ok_or_else(|| unreadable(TABLE, &id, "it was never placed"))?,
        expires_at: instant(row.get("expires_at")?)?,
        noticed_at: instant(row.get("noticed_at")?)?,
        id,
    };
    Ok((hold, instant(row.get("released_at")?)?))
}

fn check(new: &NewHold, now: DateTime<Utc>) -> Result<()> {
    let blank = |text: &str| text.trim().is_empty();
    if blank(&new.reason) || blank(&new.owner) {
        return Err(Error::input("a hold needs a reason, and somebody who answers for it"));
    }
    if new.owner.len() > 200 {
        return Err(Error::input("the owner of a hold has more than 200 bytes"));
    }
    if let (Some(from), Some(until)) = (new.scope.from, new.scope.until)
        && from >= until
    {
        return Err(Error::input("the hold begins at or after its end, so it would hold nothing"));
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::input("the hold would have expired already"));
    }
    Ok(())
}

fn recorded(event: Event, hold: &Hold, reason: &str) -> Recorded {
    Recorded {
        event,
        subject: format!("hold:{}", hold.id),
        data: serde_json::json!({ "reason": reason, "scope": hold.scope, "owner": hold.owner, "expires_at": hold.expires_at }),
    }
}
