//! Changing rows that nobody else has changed since they were read.

use std::collections::HashMap;

use clusterkeep_core::sql::{Engine, Row, SqlBuilder, Value};
use clusterkeep_core::{Error, Result};

use super::CrateStore;
use super::values::run_id;
use crate::run::{RunKey, RunRecord};
use crate::store::rows;

/// How often a row is read anew that another one has changed in between.
const ROUNDS: u32 = 50;

/// The most rows that one request reads.
const MOST: usize = 200;

impl CrateStore {
    /// The rows of these keys, in their latest state; the query ends before its condition.
    ///
    /// Only equalities make the server read rows by their keys: for `= ANY(?)` it searches, in the state of its last
    /// refresh.
    pub(super) async fn by_id(&self, query: &'static str, keys: &[String]) -> Result<HashMap<String, Row>> {
        let mut found = HashMap::with_capacity(keys.len());
        for chunk in keys.chunks(MOST) {
            let mut select = SqlBuilder::new(Engine::Cratedb);
            select.push(query).push(" WHERE ");
            select.join(" OR ", chunk, |select, id| {
                select.push("id = ").bind(id);
            });
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
        const READ: &str = "SELECT *, \"_seq_no\" AS seq_no, \"_primary_term\" AS primary_term FROM scheduler_runs";
        let mut changed = vec![false; keys.len()];
        let mut left: Vec<(usize, String)> = keys.iter().map(|key| run_id(key)).enumerate().collect();
        for _ in 0..ROUNDS {
            let mut wanted: Vec<String> = left.iter().map(|(_, id)| id.clone()).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let found = self.by_id(READ, &wanted).await?;
            let (mut asked, mut values) = (Vec::new(), Vec::new());
            for (place, id) in left {
                let Some(row) = found.get(&id) else { continue };
                let Some(mut row_values) = set(place, &rows::run(row)?) else { continue };
                let (number, term): (i64, i64) = (row.get("seq_no")?, row.get("primary_term")?);
                row_values.extend([Value::from(&id), number.into(), term.into()]);
                values.push(row_values);
                asked.push((place, id));
            }
            if asked.is_empty() {
                return Ok(changed);
            }
            let outcomes = self.each(statement, &values).await?;
            left = Vec::new();
            for ((place, id), done) in asked.into_iter().zip(outcomes) {
                changed[place] = done;
                if !done {
                    left.push((place, id));
                }
            }
            if left.is_empty() {
                return Ok(changed);
            }
        }
        Err(Error::failed("change a run in CrateDB: others change it all the time"))
    }
}
