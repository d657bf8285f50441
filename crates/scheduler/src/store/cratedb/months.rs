//! Removing run history. Runs lie in one partition for each month: a month of which nothing is to stay goes as a whole, of
//! the others rows go one by one.
//!
//! Without transactions nothing keeps a run from being made between a count and the removal, so a month is closed to
//! writers first: who would write into it fails, and does it again when the month is open or gone. A month that a killed
//! program has left closed is opened or removed by the next one that removes history.

use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, SqlBuilder, Statement, sql};

use super::values::{micros, month};
use super::{CrateStore, Table};

/// A partition.
#[derive(Debug, Clone, Copy)]
struct Month {
    number: i64,
    closed: bool,
}

impl CrateStore {
    /// Removes the final runs of a namespace whose last fire lies before `before`; returns how many.
    pub(super) async fn remove(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        const MARK: &str = "INSERT INTO scheduler_deleted (namespace, before) VALUES (?, ?) ON CONFLICT (namespace) \
             DO UPDATE SET before = greatest(before, excluded.before)";
        const REMOVE: &str = "DELETE FROM scheduler_monthly_runs WHERE namespace = ? \
             AND coalesce(missed_last, nominal) < ? AND month <= ? AND state NOT IN ('pending', 'running')";
        self.db.execute(sql(MARK).bind(namespace).bind(micros(before))).await?;
        self.refresh(Table::Runs).await?;
        let mut removed = 0;
        for at in self.months().await? {
            let all = at.number < month(before) && self.goes_whole(at, namespace, before).await?.is_some();
            if all {
                removed += self.remove_month(at, namespace, before).await?;
            } else if at.closed {
                self.close(at, false).await?;
            }
        }
        let rows = sql(REMOVE).bind(namespace).bind(micros(before)).bind(month(before));
        Ok(removed + self.db.execute(rows).await?)
    }

    async fn months(&self) -> Result<Vec<Month>> {
        const MONTHS: &str = "SELECT CAST(\"values\"['month'] AS BIGINT) AS month, \
             coalesce(settings['blocks']['write'], false) AS closed FROM information_schema.table_partitions \
             WHERE table_schema = CURRENT_SCHEMA AND table_name = 'scheduler_monthly_runs' ORDER BY 1";
        let found = self.db.query(sql(MONTHS)).await?;
        found.iter().map(|row| Ok(Month { number: row.get("month")?, closed: row.get("closed")? })).collect()
    }

    /// How many runs a month has, where all of them are to go.
    async fn goes_whole(&self, at: Month, namespace: &str, before: DateTime<Utc>) -> Result<Option<u64>> {
        const COUNT: &str = "SELECT count(*) AS runs, count(CASE WHEN namespace = ? AND coalesce(missed_last, nominal) < ? \
             AND state NOT IN ('pending', 'running') THEN 1 END) AS going FROM scheduler_monthly_runs WHERE month = ?";
        let count = self.db.query(sql(COUNT).bind(namespace).bind(micros(before)).bind(at.number)).await?;
        let Some(row) = count.first() else { return Ok(None) };
        let (runs, going): (u64, u64) = (row.get("runs")?, row.get("going")?);
        Ok((runs == going).then_some(runs))
    }

    /// Closes a month, looks again, and removes it; where something has come in between, it is open again.
    async fn remove_month(&self, at: Month, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        self.close(at, true).await?;
        let looked = async {
            self.db.execute(about(at, "REFRESH TABLE scheduler_monthly_runs", "")).await?;
            self.goes_whole(at, namespace, before).await
        };
        match looked.await {
            Ok(Some(runs)) => {
                self.db.execute(sql("DELETE FROM scheduler_monthly_runs WHERE month = ?").bind(at.number)).await?;
                Ok(runs)
            }
            other => {
                self.close(at, false).await?;
                other.map(|_| 0)
            }
        }
    }

    async fn close(&self, at: Month, closed: bool) -> Result<()> {
        let set = if closed { " SET (\"blocks.write\" = true)" } else { " SET (\"blocks.write\" = false)" };
        self.db.execute(about(at, "ALTER TABLE scheduler_monthly_runs", set)).await.map(drop)
    }
}

/// A statement about one partition, which the server takes no parameter for.
fn about(at: Month, what: &'static str, rest: &'static str) -> Statement {
    let mut statement = SqlBuilder::new(Engine::Cratedb);
    statement.push(what).push(" PARTITION (month = ").number(at.number).push(")").push(rest);
    statement.build()
}
