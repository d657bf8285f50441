//! The trait's calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clusterkeep_core::Result;
use clusterkeep_core::sql::{SqlBuilder, sql};
use uuid::Uuid;

use super::lists::{Lists, bind_key, micros};
use super::{Dialect, SqlStore, again};
use crate::run::{RunKey, RunRecord, RunState};
use crate::store::{
    Advance, Beat, Cancelled, Claim, Fired, Generation, NewRun, Pause, Report, RunEnd, RunQuery, ScheduleRecord, Store,
    Worker, rows,
};

impl<D: Dialect> SqlStore<D> {
    pub(super) const fn lists(&self) -> Lists {
        Lists { nul: D::NUL }
    }

    async fn beat_once(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat> {
        let mut session = self.begin().await?;
        let name = worker.to_string();
        let lapsed = session.query(&sql(D::TEXTS.lapsed).bind_all(self.dialect.now()?).bind(&name)).await?;
        // Of one that was lost long ago nobody wants to know any more.
        session.execute(&sql(D::TEXTS.forget).bind_all(self.dialect.now()?)).await?;
        let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        let beat = sql(D::TEXTS.beat).bind(&name).bind(namespace).bind(self.lists().text(place));
        session.execute(&beat.bind_all(self.dialect.now()?).bind(lease)).await?;
        let cancel = session.query(&sql(D::TEXTS.to_cancel).bind(&name)).await?;
        session.commit().await?;
        Ok(Beat { lapsed: !lapsed.is_empty(), cancel: rows::readable(&cancel, rows::to_cancel).collect() })
    }
}

impl<D: Dialect> From<SqlStore<D>> for Arc<dyn Store> {
    fn from(store: SqlStore<D>) -> Self {
        Arc::new(store)
    }
}

#[async_trait]
impl<D: Dialect> Store for SqlStore<D> {
    async fn put(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>> {
        again!(self.put_once(schedules))
    }

    async fn schedules(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        let query = match namespace {
            Some(namespace) => sql(D::TEXTS.of_namespace).bind(namespace),
            None => sql(D::TEXTS.all),
        };
        Ok(rows::readable(&self.db.query(query).await?, rows::schedule).collect())
    }

    async fn named(&self, namespace: &str, jobs: &[String]) -> Result<Vec<ScheduleRecord>> {
        let jobs: Vec<_> = jobs.iter().map(|job| (namespace.to_owned(), job.clone())).collect();
        let known = self.db.query(sql(D::TEXTS.known).bind(self.lists().jobs(&jobs))).await?;
        Ok(rows::readable(&known, rows::schedule).collect())
    }

    async fn changed(&self, namespace: &str, since: Option<i64>) -> Result<(Vec<ScheduleRecord>, i64)> {
        self.changed_since(namespace, since).await
    }

    async fn generations(&self, namespace: &str, job: &str) -> Result<Vec<Generation>> {
        self.versions(namespace, job).await
    }

    async fn pause(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool> {
        again!(self.pause_once(namespace, job, pause))
    }

    async fn fire(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        again!(self.fire_once(runs, advances))
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        again!(self.claim_once(claims))
    }

    async fn report(&self, key: &RunKey, attempt: u32, report: Report<'_>) -> Result<bool> {
        let text = |said: Option<&str>| said.map(|said| self.lists().text(said));
        let said = sql(D::TEXTS.report).bind(report.progress).bind(text(report.message)).bind(text(report.output));
        let statement = bind_key(said, key).bind(attempt);
        Ok(self.db.execute(statement).await? > 0)
    }

    async fn finish(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        again!(self.finish_once(ends))
    }

    async fn cancel(&self, key: &RunKey, why: &str, at: DateTime<Utc>) -> Result<Cancelled> {
        let why = self.lists().text(why);
        let cancel = bind_key(sql(D::TEXTS.cancel).bind(&why).bind(&why).bind(micros(at)), key);
        let states = self.db.query(cancel).await?;
        let Some(row) = states.first() else { return Ok(Cancelled::Not) };
        Ok(match row.get::<String>("state")?.parse()? {
            RunState::Cancelled => Cancelled::Ended,
            _ => Cancelled::Asked,
        })
    }

    async fn renew(&self, key: &RunKey) -> Result<bool> {
        Ok(self.db.execute(bind_key(sql(D::TEXTS.renew), key)).await? > 0)
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunRecord>> {
        let mut select = SqlBuilder::new(self.db.engine());
        select.push(if query.without_output { D::TEXTS.runs_without_output } else { D::TEXTS.runs });
        query.push_conditions(&mut select);
        select.push(" ORDER BY nominal DESC, namespace, job, kind, generation");
        if let Some(limit) = query.limit {
            select.push(" LIMIT ").number(i64::from(limit));
        }
        Ok(rows::readable(&self.db.query(select.build()).await?, rows::run).collect())
    }

    async fn waiting(&self, namespace: &str, but: &[String], at: DateTime<Utc>, limit: u32) -> Result<Vec<RunRecord>> {
        let waiting = sql(D::TEXTS.waiting).bind(namespace).bind(micros(at));
        let waiting = waiting.bind(self.lists().names(but)).bind(i64::from(limit));
        Ok(rows::readable(&self.db.query(waiting).await?, rows::run).collect())
    }

    async fn orphans(&self, namespace: &str) -> Result<Vec<RunRecord>> {
        let orphans = sql(D::TEXTS.orphans).bind(namespace).bind_all(self.dialect.now()?);
        Ok(rows::readable(&self.db.query(orphans).await?, rows::run).collect())
    }

    async fn prune(&self, namespace: &str, before: DateTime<Utc>) -> Result<u64> {
        self.db.execute(sql(D::TEXTS.mark_deleted).bind(namespace).bind(micros(before))).await?;
        self.db.execute(sql(D::TEXTS.prune).bind(namespace).bind(micros(before))).await
    }

    async fn deleted_before(&self, namespace: &str) -> Result<Option<DateTime<Utc>>> {
        let rows = self.db.query(sql(D::TEXTS.deleted_before).bind(namespace)).await?;
        rows.iter().next().map(|row| rows::instant(row, "before")).transpose()
    }

    async fn beat(&self, namespace: &str, worker: Uuid, place: &str, lease: Duration) -> Result<Beat> {
        again!(self.beat_once(namespace, worker, place, lease))
    }

    async fn to_cancel(&self, worker: Uuid) -> Result<Vec<(RunKey, u32, String)>> {
        let cancel = self.db.query(sql(D::TEXTS.to_cancel).bind(worker.to_string())).await?;
        Ok(rows::readable(&cancel, rows::to_cancel).collect())
    }

    async fn leave(&self, worker: Uuid) -> Result<()> {
        self.db.execute(sql(D::TEXTS.leave).bind(worker.to_string())).await.map(drop)
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        let workers = self.db.query(sql(D::TEXTS.workers).bind_all(self.dialect.now()?)).await?;
        Ok(rows::readable(&workers, rows::worker).collect())
    }
}
