//! Which runs to list, as a condition.

use clusterkeep_core::sql::{Engine, SqlBuilder};

use super::RunQuery;

impl RunQuery {
    /// Appends what a row of runs must fulfil.
    pub(super) fn push_conditions(&self, select: &mut SqlBuilder) {
        if let Some(namespace) = &self.namespace {
            select.push(" AND namespace = ").bind(namespace);
        }
        if let Some(job) = &self.job {
            // In SQLite a plus keeps a column from being looked up: what has ended since an instant is found by that, and not
            // among all that the job has ever run.
            let looked_up = self.ended_since.is_none() || select.engine() != Engine::Sqlite;
            select.push(if looked_up { " AND job = " } else { " AND +job = " }).bind(job);
        }
        if let Some(kind) = self.kind {
            select.push(" AND kind = ").bind(kind.as_str());
        }
        if let Some(from) = self.from {
            select.push(" AND coalesce(missed_last, nominal) >= ").bind(from.timestamp_micros());
        }
        if let Some(until) = self.until {
            select.push(" AND nominal < ").bind(until.timestamp_micros());
        }
        if let Some(since) = self.ended_since {
            select.push(" AND finished >= ").bind(since.timestamp_micros());
        }
        // As text of the statement, so that the indexes on open runs can be used.
        match self.states.as_slice() {
            [] => {}
            [state] => {
                select.push(" AND state = '").push(state.as_str()).push("'");
            }
            states => {
                select.push(" AND state IN (");
                select.join(", ", states, |select, state| {
                    select.push("'").push(state.as_str()).push("'");
                });
                select.push(")");
            }
        }
    }
}
