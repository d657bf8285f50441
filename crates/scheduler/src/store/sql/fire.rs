//! Making rows and beginning them: what goes by the other runs of a job.

use std::collections::HashMap;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Records, Session, SqlBuilder, Value, sql};

use super::{Dialect, SqlStore};
use crate::run::RunKey;
use crate::store::gate::{self, JobKey, Known, Mark, Open, job_of};
use crate::store::{Advance, Claim, Fired, NewRun, RunEnd, rows};

impl<D: Dialect> SqlStore<D> {
    pub(super) async fn fire_once(&self, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        if runs.is_empty() && advances.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.begin().await?;
        let fired = if runs.is_empty() { Vec::new() } else { self.make(&mut *session, runs, advances).await? };
        if !advances.is_empty() {
            let steps = self.lists().advances(gate::last_advances(runs, &fired, advances));
            session.execute(&sql(D::TEXTS.advance).bind(steps)).await?;
        }
        session.commit().await?;
        Ok(fired)
    }

    async fn make(&self, session: &mut dyn Session, runs: &[NewRun], advances: &[Advance]) -> Result<Vec<Fired>> {
        let stepped = advances.iter().map(|advance| (advance.namespace.clone(), advance.job.clone()));
        let jobs = gate::distinct(runs.iter().map(|new| job_of(&new.run.key)).chain(stepped));
        let mut known = Known { marks: self.lock(session, &jobs).await?, ..Known::default() };
        let keys = self.lists().keys(runs.iter().map(|new| &new.run.key));
        let there = session.query(&sql(D::TEXTS.there).bind(keys)).await?;
        known.there = there.iter().map(rows::key).collect::<Result<_>>()?;
        let gated = gate::gated_jobs(runs);
        if !gated.is_empty() {
            known.open = self.count_open(session, &gated).await?;
        }
        let made = gate::decide(runs, &mut known);
        if made.iter().any(Result::is_ok) {
            let rows = self.lists().runs(made.iter().flatten())?;
            session.execute(&sql(D::TEXTS.insert).bind(rows)).await?;
        }
        Ok(gate::fired(&made))
    }

    /// Keeps others from making and beginning runs of these jobs until the transaction ends; returns their marks.
    async fn lock(&self, session: &mut dyn Session, jobs: &[JobKey]) -> Result<HashMap<JobKey, Mark>> {
        let locked = session.query(&sql(D::TEXTS.lock).bind(self.lists().jobs(jobs))).await?;
        Ok(rows::readable(&locked, rows::mark).collect())
    }

    async fn count_open(&self, session: &mut dyn Session, jobs: &[JobKey]) -> Result<HashMap<JobKey, Open>> {
        let counted = session.query(&sql(D::TEXTS.open).bind(self.lists().jobs(jobs))).await?;
        let open = |row: &clusterkeep_core::sql::Row| {
            let open = Open { running: row.get("running")?, pending: row.get("pending")? };
            Ok(((row.get("namespace")?, row.get("job")?), open))
        };
        counted.iter().map(open).collect()
    }

    pub(super) async fn claim_once(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let gated = claims.iter().filter(|claim| claim.at_once != u32::MAX);
        let jobs = gate::distinct(gated.map(|claim| job_of(&claim.key)));
        let keys: Vec<&RunKey> = claims.iter().map(|claim| &claim.key).collect();
        self.change_runs(&jobs, D::TEXTS.claim, &self.lists().claims(claims)?, &keys).await
    }

    pub(super) async fn finish_once(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        if ends.is_empty() {
            return Ok(Vec::new());
        }
        // Always in the same order, so that two that end the same runs do not wait for one another.
        let mut ordered: Vec<&RunEnd> = ends.iter().collect();
        ordered.sort_by(|a, b| a.key.cmp(&b.key));
        let keys: Vec<&RunKey> = ends.iter().map(|end| &end.key).collect();
        self.change_runs(&[], D::TEXTS.finish, &self.lists().ends(ordered)?, &keys).await
    }

    /// Changes runs while these jobs are locked; says of each whether it was changed.
    ///
    /// Mostly all are, and then their number says so. Where it does not, all is undone and done again by a statement that
    /// tells which: rows that come back one by one cost more than the change.
    async fn change_runs(
        &self,
        jobs: &[JobKey],
        statement: &'static str,
        list: &Value,
        keys: &[&RunKey],
    ) -> Result<Vec<bool>> {
        let mut session = self.begin().await?;
        // A statement of its own: what the next one counts is what is there once the lock is held.
        if D::LOCKS && !jobs.is_empty() {
            self.lock(&mut *session, jobs).await?;
        }
        let changed = session.execute(&sql(statement).bind(list.clone())).await?;
        if usize::try_from(changed).is_ok_and(|changed| changed == keys.len()) {
            session.commit().await?;
            return Ok(vec![true; keys.len()]);
        }
        session.rollback().await?;
        session.begin().await?;
        if D::LOCKS && !jobs.is_empty() {
            self.lock(&mut *session, jobs).await?;
        }
        let mut telling = SqlBuilder::new(session.engine());
        telling.push(statement).push(" RETURNING namespace, job, nominal, kind, generation");
        let changed = session.query(&telling.build().bind(list.clone())).await?;
        session.commit().await?;
        each(keys, &changed)
    }
}

/// Of each key whether its row was changed; where one is asked for twice, the first was.
fn each(keys: &[&RunKey], changed: &Records) -> Result<Vec<bool>> {
    let mut changed: std::collections::HashSet<RunKey> = changed.iter().map(rows::key).collect::<Result<_>>()?;
    Ok(keys.iter().map(|key| changed.remove(*key)).collect())
}
