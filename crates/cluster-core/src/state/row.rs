//! A change of one row of the state that counts only where the row still says what somebody has seen.

use super::State;
use crate::error::{Error, Result};
use crate::sql::{Session, SqlBuilder, Value};

/// Which row, what it must still say, and what it is to say then.
#[derive(Debug, Clone)]
pub struct RowChange {
    table: &'static str,
    key: Vec<(&'static str, Value)>,
    seen: Vec<(&'static str, Value)>,
    set: Vec<(&'static str, Value)>,
}

/// How often a row is tried whose other columns somebody else changes at the same time.
const ATTEMPTS: u32 = 10;

impl RowChange {
    /// A change of a row of `table`.
    #[must_use]
    pub const fn of(table: &'static str) -> Self {
        Self { table, key: Vec::new(), seen: Vec::new(), set: Vec::new() }
    }

    /// Names the row: a column of its key, all of which must be named, and the value there.
    #[must_use]
    pub fn key(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        self.key.push((column, value.into()));
        self
    }

    /// What was seen in a column, and must still be there.
    #[must_use]
    pub fn seen(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        self.seen.push((column, value.into()));
        self
    }

    /// What a column is to say.
    #[must_use]
    pub fn set(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        self.set.push((column, value.into()));
        self
    }
}

impl State {
    /// Makes a change in `session`, as a part of its transaction where it has one open; `false`, and nothing done, where
    /// the row is not there or says something else by now.
    ///
    /// # Errors
    ///
    /// The state was not created, or may not be written to.
    pub async fn change(&self, session: &mut dyn Session, change: &RowChange) -> Result<bool> {
        if self.db().capabilities().transactions {
            let update = self.update(change, &change.seen);
            return Ok(session.execute(&update.build()).await? > 0);
        }
        for _ in 0..ATTEMPTS {
            let Some(version) = self.version_as_seen(session, change).await? else { return Ok(false) };
            let update = self.update(change, &version);
            if session.execute(&update.build()).await? > 0 {
                return Ok(true);
            }
        }
        Err(Error::failed(format!("change a row of the state table `{}`: others do so all the time", change.table)))
    }

    fn update(&self, change: &RowChange, rests_on: &[(&'static str, Value)]) -> SqlBuilder {
        let mut update = self.sql();
        update.push("UPDATE ").table(&self.table(change.table)).push(" SET ");
        equal(&mut update, ", ", change.set.iter());
        update.push(" WHERE ");
        equal(&mut update, " AND ", change.key.iter().chain(rests_on));
        update
    }

    /// What identifies the row as it is now, where it says what was seen. Without transactions a condition on anything
    /// else than key and version is searched for, which finds what was there at the last refresh, and is not looked at
    /// again when the row is written (CrateDB).
    async fn version_as_seen(
        &self,
        session: &mut dyn Session,
        change: &RowChange,
    ) -> Result<Option<[(&'static str, Value); 2]>> {
        let version = ["_seq_no", "_primary_term"];
        let mut query = self.sql();
        query.push("SELECT ").join(
            ", ",
            version.iter().chain(change.seen.iter().map(|(name, _)| name)),
            |sql, name| {
                sql.name(name);
            },
        );
        query.push(" FROM ").table(&self.table(change.table)).push(" WHERE ");
        equal(&mut query, " AND ", change.key.iter());
        let found = session.query(&query.build()).await?;
        let Some(row) = found.first() else { return Ok(None) };
        if row.values().iter().skip(version.len()).ne(change.seen.iter().map(|(_, value)| value)) {
            return Ok(None);
        }
        Ok(Some([(version[0], row.get::<i64>(0)?.into()), (version[1], row.get::<i64>(1)?.into())]))
    }
}

fn equal<'a>(sql: &mut SqlBuilder, separator: &'static str, columns: impl Iterator<Item = &'a (&'static str, Value)>) {
    sql.join(separator, columns, |sql, (name, value)| {
        sql.name(name).push(" = ").bind(value.clone());
    });
}
