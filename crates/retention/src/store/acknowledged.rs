//! The tables that somebody has agreed may be cleared, by what clears them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::audit::Event;
use clusterkeep_core::sql::TableName;

use super::{Recorded, Store, Write, unreadable};

/// Which tables a manifest may clear that it does not name.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    store: Store,
}

const TABLE: &str = "acknowledged";

impl Acknowledged {
    pub(super) const fn of(store: Store) -> Self {
        Self { store }
    }

    /// The tables that were acknowledged for `subject`, such as `retention:weather`; `None` where nobody ever has.
    ///
    /// # Errors
    ///
    /// A row that names no table.
    pub async fn read(&self, subject: &str) -> Result<Option<BTreeSet<TableName>>> {
        let mut query = self.store.sql();
        query.push("SELECT ").name("table_name").push(" FROM ").table(&self.store.state.table(TABLE));
        query.push(" WHERE ").name("subject").push(" = ").bind(subject);
        let Some(records) = self.store.read(TABLE, query).await? else { return Ok(None) };
        let tables = records.rows().map(|row| {
            let name: String = row.get("table_name")?;
            name.parse::<TableName>().map_err(|e| unreadable(TABLE, &name, e))
        });
        let tables = tables.collect::<Result<BTreeSet<_>>>()?;
        Ok((!tables.is_empty()).then_some(tables))
    }

    /// Acknowledges tables for `subject`; returns those that were not before.
    ///
    /// # Errors
    ///
    /// The state can't be read or written.
    pub async fn add(
        &self,
        subject: &str,
        tables: impl IntoIterator<Item = TableName>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TableName>> {
        let known = self.read(subject).await?.unwrap_or_default();
        let new: BTreeSet<_> = tables.into_iter().filter(|table| !known.contains(table)).collect();
        let mut added = Vec::new();
        for table in new {
            let mut insert = self.store.sql();
            insert.push("INSERT INTO ").table(&self.store.state.table(TABLE)).push(" (");
            insert.join(", ", ["subject", "table_name", "at", "by_whom"], |sql, column| {
                sql.name(column);
            });
            insert.push(") VALUES (").bind(subject).push(", ").bind(table.to_string()).push(", ");
            insert.bind(now.timestamp_micros()).push(", ").bind(self.store.actor.as_str()).push(")");
            let data = serde_json::json!({ "table": table.to_string() });
            let recorded = Recorded { event: Event::Acknowledged, subject: subject.to_owned(), data };
            // Where somebody else was faster, it is acknowledged all the same.
            if self.store.change(vec![(Write::Insert(insert.build()), recorded)], now).await?.is_none() {
                added.push(table);
            }
        }
        Ok(added)
    }
}
