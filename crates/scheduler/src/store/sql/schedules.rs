//! Schedules, their versions and their pauses.

use std::collections::HashMap;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Session, sql};

use super::lists::micros;
use super::{Dialect, SqlStore};
use crate::store::gate::{self, JobKey};
use crate::store::{Generation, Pause, ScheduleRecord, rows};

/// The most schedules in one statement: what a driver sends at once is bounded.
const MOST: usize = 5_000;

impl<D: Dialect> SqlStore<D> {
    pub(super) async fn put_once(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>> {
        if schedules.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.begin().await?;
        let change = self.change(&mut *session).await?;
        let mut put = Vec::with_capacity(schedules.len());
        for chunk in schedules.chunks(MOST) {
            self.put_chunk(&mut *session, chunk, change, &mut put).await?;
        }
        session.commit().await?;
        Ok(put)
    }

    async fn put_chunk(
        &self,
        session: &mut dyn Session,
        schedules: &[ScheduleRecord],
        change: i64,
        put: &mut Vec<bool>,
    ) -> Result<()> {
        let jobs = gate::distinct(schedules.iter().map(job_of));
        let known = session.query(&sql(D::TEXTS.known).bind(self.lists().jobs(&jobs))).await?;
        let mut known: HashMap<JobKey, ScheduleRecord> =
            known.iter().map(|row| rows::schedule(row).map(|known| (job_of(&known), known))).collect::<Result<_>>()?;
        let mut changed: HashMap<JobKey, u32> = HashMap::new();
        for schedule in schedules {
            let job = job_of(schedule);
            let replaced = gate::replaced(known.get(&job), schedule);
            put.push(replaced.is_some());
            if let Some(replaced) = replaced {
                changed.insert(job.clone(), replaced.generation);
                known.insert(job, replaced);
            }
        }
        let mut changed: Vec<&ScheduleRecord> = changed.keys().filter_map(|job| known.get(job)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        changed.sort_unstable_by_key(|schedule| (&schedule.namespace, schedule.spec.name.as_str()));
        let list = self.lists().schedules(changed)?;
        session.execute(&sql(D::TEXTS.put).bind(change).bind(list.clone())).await?;
        session.execute(&sql(D::TEXTS.close_generations).bind(list.clone())).await?;
        session.execute(&sql(D::TEXTS.put_generations).bind(list)).await?;
        Ok(())
    }

    /// The number of the change that this transaction makes. Others that change schedules wait for its end, so that no
    /// change is ever seen before one with a smaller number.
    async fn change(&self, session: &mut dyn Session) -> Result<i64> {
        session.query(&sql(D::TEXTS.change)).await?.scalar()
    }

    pub(super) async fn pause_once(&self, namespace: &str, job: &str, pause: Option<&Pause>) -> Result<bool> {
        let mut session = self.begin().await?;
        let change = self.change(&mut *session).await?;
        let statement = sql(D::TEXTS.pause)
            .bind(pause.map(|pause| micros(pause.since)))
            .bind(pause.map(|pause| self.lists().text(&pause.by)))
            .bind(pause.and_then(|pause| pause.note.as_deref()).map(|note| self.lists().text(note)))
            .bind(change)
            .bind(namespace)
            .bind(job);
        let paused = session.execute(&statement).await? > 0;
        session.commit().await?;
        Ok(paused)
    }

    pub(super) async fn changed_since(
        &self,
        namespace: &str,
        since: Option<i64>,
    ) -> Result<(Vec<ScheduleRecord>, i64)> {
        let mut session = self.db.session().await?;
        // First the token: what is changed in between comes again.
        let token: i64 = session.query(&sql(D::TEXTS.token)).await?.scalar()?;
        let Some(since) = since.filter(|since| *since < token) else { return Ok((Vec::new(), token)) };
        let changed = session.query(&sql(D::TEXTS.changed).bind(since).bind(namespace)).await?;
        Ok((rows::readable(&changed, rows::schedule).collect(), token))
    }

    pub(super) async fn versions(&self, namespace: &str, job: &str) -> Result<Vec<Generation>> {
        let versions = self.db.query(sql(D::TEXTS.generations).bind(namespace).bind(job)).await?;
        versions.iter().map(rows::generation).collect()
    }
}

fn job_of(schedule: &ScheduleRecord) -> JobKey {
    (schedule.namespace.clone(), schedule.spec.name.as_str().to_owned())
}
