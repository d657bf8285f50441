//! The trait's calls.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, SqlBuilder, Value, sql};
use uuid::Uuid;

use super::values::{RowKey, ids, micros};
use super::{CrateStore, Table};
use crate::run::{RunKey, RunRecord, RunState};
use crate::store::{
    Advance, Beat, Cancelled, Claim, Fired, Generation, NewRun, Pause, Report, RunEnd, RunQuery, ScheduleRecord, Store,
    Worker, gate, rows,
};

/// How long a worker is remembered whose lease has run out, in milliseconds.
const REMEMBERED: i64 = 24 * 60 * 60 * 1_000;

/// All of runs but what their processes wrote, which may be much.
const WITHOUT_OUTPUT: &str = "SELECT namespace, job, nominal, kind, generation, state, attempt, worker, not_before, renewed, \
     priority, cancel, args, missed_count, missed_last, reason, note, started, finished, error, message, \
     progress, exit_code, result, CAST(NULL AS TEXT) AS output, CAST(NULL AS TEXT) AS earlier FROM scheduler_monthly_runs WHERE true";

impl CrateStore {
    /// Those whose lease goes on.
    async fn alive(&self) -> Result<Vec<Value>> {
        const ALIVE: &str = "SELECT worker FROM scheduler_workers WHERE until > CAST(current_timestamp AS BIGINT)";
        let alive = self.search(Table::Workers, sql(ALIVE)).await?;
        alive.iter().map(|row| row.get("worker")).collect()
    }
}

#[async_trait]
impl Store for CrateStore {
    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>> {
        self.put_all(schedules).await
    }

    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        self.list(namespace).await
    }

    async fn named(&self, namespace: &str, jobs: &[String]) -> Result<Vec<ScheduleRecord>> {
        let keys: Vec<RowKey> =
            jobs.iter().map(|job| RowKey::of_schedule(&(namespace.to_owned(), job.clone()))).collect();
        let found = self.by_id(Table::Schedules, "SELECT * FROM scheduler_schedules", &keys).await?;
        // One that can't be read is left out, as where all are listed.
        Ok(found.values().filter_map(|row| rows::schedule(row).ok()).collect())
    }

    async fn changed(&self, namespace: &str, since: Option<i64>) -> Result<(Vec<ScheduleRecord>, i64)> {
        self.changed_since(namespace, since).await
    }

    async fn generations(&self, namespace: &str, job: &str) -> Result<Vec<Generation>> {
        self.versions(&(namespace.to_owned(), job.to_owned())).await
    }

    async fn pause(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool> {
        self.set_pause(&(namespace.to_owned(), job.to_owned()), pause).await
    }

    async fn fire(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        let fired = self.make(runs).await?;
        self.advance(&gate::last_advances(runs, &fired, advances)).await?;
        Ok(fired)
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        self.begin(claims).await
    }

    async fn report(&self, key: &RunKey, attempt: u32, report: Report<'_>) -> Result<bool> {
        const REPORT: &str = "UPDATE scheduler_monthly_runs SET progress = ?, message = ?, output = ? \
             WHERE id = ? AND month = ? AND \"_seq_no\" = ? AND \"_primary_term\" = ?";
        let set = |_: usize, run: &RunRecord| {
            (run.state == RunState::Running && run.attempt == attempt).then(|| {
                vec![
                    report.progress.or(run.progress).into(),
                    report.message.or(run.message.as_deref()).into(),
                    report.output.or(run.output.as_deref()).into(),
                ]
            })
        };
        Ok(self.change(&[key], REPORT, set).await?.contains(&true))
    }

    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        self.end(ends).await
    }

    async fn cancel(&self, key: &RunKey, why: &str, at: DateTime<Utc>) -> Result<Cancelled> {
        const CANCEL: &str = "UPDATE scheduler_monthly_runs SET state = ?, reason = ?, cancel = ?, finished = ?, \
             not_before = NULL WHERE id = ? AND month = ? AND \"_seq_no\" = ? AND \"_primary_term\" = ?";
        let mut became = Cancelled::Not;
        let set = |_: usize, run: &RunRecord| match run.state {
            RunState::Pending => {
                became = Cancelled::Ended;
                let state = RunState::Cancelled.as_str();
                Some(vec![state.into(), why.into(), Value::Null, micros(at).into()])
            }
            RunState::Running => {
                became = Cancelled::Asked;
                Some(vec![run.state.as_str().into(), run.reason.as_deref().into(), why.into(), Value::Null])
            }
            _ => None,
        };
        let changed = self.change(&[key], CANCEL, set).await?;
        Ok(if changed.contains(&true) { became } else { Cancelled::Not })
    }

    async fn renew(&self, key: &RunKey) -> Result<bool> {
        const RENEW: &str = "UPDATE scheduler_monthly_runs SET state = 'pending', renewed = ?, finished = NULL, \
             not_before = NULL, error = NULL, reason = NULL WHERE id = ? AND month = ? AND \"_seq_no\" = ? AND \"_primary_term\" = ?";
        let renewable = |run: &RunRecord| run.state.is_renewable() || run.state == RunState::Skipped;
        let set = |_: usize, run: &RunRecord| renewable(run).then(|| vec![run.attempt.into()]);
        Ok(self.change(&[key], RENEW, set).await?.contains(&true))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let mut select = SqlBuilder::new(Engine::Cratedb);
        select.push(if query.without_output {
            WITHOUT_OUTPUT
        } else {
            "SELECT * FROM scheduler_monthly_runs WHERE true"
        });
        query.push_conditions(&mut select);
        select.push(" ORDER BY nominal DESC, namespace, job, kind, generation");
        if let Some(limit) = query.limit {
            select.push(" LIMIT ").number(i64::from(limit));
        }
        Ok(rows::readable(&self.search(Table::Runs, select.build()).await?, rows::run).collect())
    }

    async fn waiting(&self, namespace: &str, but: &[String], at: DateTime<Utc>, limit: u32) -> Result<Vec<RunRecord>> {
        const WAITING: &str = "SELECT * FROM scheduler_monthly_runs WHERE namespace = ? AND state = 'pending' \
             AND (not_before IS NULL OR not_before <= ?) AND NOT (job = ANY(?)) ORDER BY priority DESC, nominal LIMIT ?";
        let waiting = sql(WAITING).bind(namespace).bind(micros(at)).bind(ids(but)).bind(i64::from(limit));
        Ok(rows::readable(&self.search(Table::Runs, waiting).await?, rows::run).collect())
    }

    async fn orphans(&self, namespace: &str) -> Result<Vec<RunRecord>> {
        const OF_OTHERS: &str = "SELECT * FROM scheduler_monthly_runs WHERE namespace = ? AND state = 'running' \
             AND (worker IS NULL OR NOT worker = ANY(?)) ORDER BY nominal";
        let of_others = sql(OF_OTHERS).bind(namespace).bind(Value::Array(self.alive().await?));
        let of_others = self.search(Table::Runs, of_others).await?;
        if of_others.is_empty() {
            return Ok(Vec::new());
        }
        // One that came in between holds what it runs.
        let alive: HashSet<String> = self.alive().await?.iter().filter_map(|it| it.as_str().map(Into::into)).collect();
        let held = |run: &RunRecord| run.worker.is_some_and(|worker| alive.contains(&worker.to_string()));
        Ok(rows::readable(&of_others, rows::run).filter(|run| !held(run)).collect())
    }

    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        self.remove(namespace, before).await
    }

    async fn deleted_before(&self, namespace: &str) -> Result<Option<DateTime<Utc>>> {
        const MARK: &str = "SELECT before FROM scheduler_deleted WHERE namespace = ?";
        let rows = self.db.query(sql(MARK).bind(namespace)).await?;
        rows.iter().next().map(|row| rows::instant(row, "before")).transpose()
    }

    async fn beat(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat> {
        const LAPSED: &str = "SELECT until <= CAST(current_timestamp AS BIGINT) AS lapsed FROM scheduler_workers \
             WHERE worker = ?";
        const BEAT: &str = "INSERT INTO scheduler_workers (worker, namespace, place, until) \
             VALUES (?, ?, ?, CAST(current_timestamp AS BIGINT) + CAST(? AS BIGINT)) ON CONFLICT (worker) DO UPDATE SET \
             namespace = excluded.namespace, place = excluded.place, until = excluded.until";
        const FORGET: &str = "DELETE FROM scheduler_workers WHERE until < CAST(current_timestamp AS BIGINT) - ?";
        let name = worker.to_string();
        let before = self.db.query(sql(LAPSED).bind(&name)).await?;
        let lapsed = before.first().map(|row| row.get("lapsed")).transpose()?.unwrap_or_default();
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.db.execute(sql(BEAT).bind(&name).bind(namespace).bind(place).bind(lease)).await?;
        self.db.execute(sql(FORGET).bind(REMEMBERED)).await?;
        Ok(Beat { lapsed, cancel: self.to_cancel(worker).await? })
    }

    async fn to_cancel(&self, worker: Uuid) -> Result<Vec<(RunKey, u32, String)>> {
        const CANCEL: &str = "SELECT * FROM scheduler_monthly_runs WHERE worker = ? AND state = 'running' \
             AND cancel IS NOT NULL";
        let cancel = self.search(Table::Runs, sql(CANCEL).bind(worker.to_string())).await?;
        Ok(rows::readable(&cancel, rows::to_cancel).collect())
    }

    async fn leave(&self, worker: Uuid) -> Result<()> {
        self.db.execute(sql("DELETE FROM scheduler_workers WHERE worker = ?").bind(worker.to_string())).await.map(drop)
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        const WORKERS: &str = "SELECT worker, namespace, place, \
             CASE WHEN until > CAST(current_timestamp AS BIGINT) THEN 1 ELSE 0 END AS alive \
             FROM scheduler_workers ORDER BY worker";
        Ok(rows::readable(&self.search(Table::Workers, sql(WORKERS)).await?, rows::worker).collect())
    }
}
