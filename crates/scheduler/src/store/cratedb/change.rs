//! Changing rows that nobody else has changed since they were read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clusterkeep_core::sql::{Engine, Row, SqlBuilder, Value};
use clusterkeep_core::{Error, Result};

use super::values::{RowKey, ids};
use super::{CrateStore, Table};
use crate::run::{RunKey, RunRecord};
use crate::store::rows;

/// How often a row is read anew that another one has changed in between.
const ROUNDS: u32 = 50;

/// The most rows that are read by their keys, and so many in one request: the server takes conditions apart in a time that
/// grows with the square of their number (200 take ten times as long as 50).
const MOST_BY_KEY: usize = 100;
const BY_KEY_AT_ONCE: usize = 40;

/// The most rows that one search asks for.
const MOST_SOUGHT: usize = 5_000;

impl CrateStore {
    /// The rows of these keys, with all that was acknowledged before; the query ends before its condition.
    ///
    /// Few are read by their keys, which only equalities do: for `= ANY(?)` the server searches in the state of its last
    /// refresh. Of many that search, after a refresh, takes a fraction of the time.
    pub(super) async fn by_id(
        &self,
        table: Table,
        query: &'static str,
        keys: &[RowKey],
    ) -> Result<HashMap<String, Row>> {
        let mut found = HashMap::with_capacity(keys.len());
        let many = keys.len() > MOST_BY_KEY;
        if many {
            self.refresh(table).await?;
        }
        for chunk in keys.chunks(if many { MOST_SOUGHT } else { BY_KEY_AT_ONCE }) {
            let mut select = SqlBuilder::new(Engine::Cratedb);
            select.push(query).push(" WHERE ");
            if many {
                let months: BTreeSet<i64> = chunk.iter().filter_map(|key| key.month).collect();
                if !months.is_empty() {
                    // The others need not be searched.
                    select.push("month = ANY(").bind(Value::Array(months.into_iter().map(Value::from).collect()));
                    select.push(") AND ");
                }
                select.push("id = ANY(").bind(ids(chunk.iter().map(|key| &key.id))).push(")");
            } else {
                push_keys(&mut select, chunk);
            }
            for row in self.db.query(select.build()).await?.iter() {
                found.insert(row.get("id")?, row.clone());
            }
        }
        Ok(found)
    }

    /// Changes runs in the version in which they were read. `set` says with which values, and of which runs nothing is to
    /// change; it is asked again about those that another one has changed first, all together in their order.
    ///
    /// The statement takes the values, then key and version.
    pub(super) async fn change(
        &self,
        keys: &[&RunKey],
        statement: &'static str,
        mut set: impl FnMut(usize, &RunRecord) -> Option<Vec<Value>>,
    ) -> Result<Vec<bool>> {
        const READ: &str =
            "SELECT *, \"_seq_no\" AS seq_no, \"_primary_term\" AS primary_term FROM scheduler_monthly_runs";
        let mut changed = vec![false; keys.len()];
        let mut left: Vec<(usize, RowKey)> = keys.iter().map(|key| RowKey::of_run(key)).enumerate().collect();
        for _ in 0..ROUNDS {
            let mut wanted: Vec<RowKey> = left.iter().map(|(_, key)| key.clone()).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let found = self.by_id(Table::Runs, READ, &wanted).await?;
            let (mut asked, mut values) = (Vec::new(), Vec::new());
            for (place, key) in left {
                let Some(row) = found.get(&key.id) else { continue };
                let Ok(run) = rows::run(row) else { continue };
                let Some(mut row_values) = set(place, &run) else { continue };
                let (number, term): (i64, i64) = (row.get("seq_no")?, row.get("primary_term")?);
                row_values.extend([Value::from(&key.id), key.month.into(), number.into(), term.into()]);
                values.push(row_values);
                asked.push((place, key));
            }
            if asked.is_empty() {
                return Ok(changed);
            }
            let outcomes = self.each(statement, &values).await?;
            left = Vec::new();
            for ((place, key), done) in asked.into_iter().zip(outcomes) {
                changed[place] = done;
                if !done {
                    left.push((place, key));
                }
            }
            if left.is_empty() {
                return Ok(changed);
            }
        }
        Err(Error::failed("change a run in CrateDB: others change it all the time"))
    }
}

/// The condition for these keys, which the server looks up: it wants the partition beside the key.
fn push_keys(select: &mut SqlBuilder, keys: &[RowKey]) {
    let mut months: BTreeMap<Option<i64>, Vec<&str>> = BTreeMap::new();
    for key in keys {
        months.entry(key.month).or_default().push(&key.id);
    }
    select.join(" OR ", months, |select, (month, ids)| {
        if let Some(month) = month {
            select.push("month = ").bind(month).push(" AND ");
        }
        select.push("(");
        select.join(" OR ", ids, |select, id| {
            select.push("id = ").bind(id);
        });
        select.push(")");
    });
}
