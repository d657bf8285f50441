//! Making rows, beginning and ending them.

use std::collections::HashMap;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Value, sql};

use super::values::{RowKey, ids, json, micros, run, run_id, schedule_id};
use super::{CrateStore, Table};
use crate::run::{RunRecord, RunState};
use crate::store::gate::{self, JobKey, Known, Mark, Open, job_of};
use crate::store::{Advance, Claim, Fired, NewRun, RunEnd, rows};

impl CrateStore {
    pub(super) async fn make(&self, runs: &[NewRun]) -> Result<Vec<Fired>> {
        const INSERT: &str = "INSERT INTO scheduler_monthly_runs (id, month, schedule, namespace, job, nominal, kind, generation, state, \
             attempt, worker, not_before, renewed, priority, cancel, args, missed_count, missed_last, reason, note, \
             started, finished, error, message, progress, exit_code, result, output) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = gate::distinct(runs.iter().map(|new| job_of(&new.run.key)));
        let mut known = Known { marks: self.marks(&jobs).await?, ..Known::default() };
        let gated = gate::gated_jobs(runs);
        if !gated.is_empty() {
            known.open = self.count_open(&gated).await?;
            let keys: Vec<RowKey> = runs.iter().map(|new| RowKey::of_run(&new.run.key)).collect();
            let there = self.by_id(Table::Runs, "SELECT id FROM scheduler_monthly_runs", &keys).await?;
            known.there =
                runs.iter().map(|new| &new.run.key).filter(|key| there.contains_key(&run_id(key))).cloned().collect();
        }
        let mut made = gate::decide(runs, &mut known);
        let rows = made.iter().flatten().map(run).collect::<Result<Vec<_>>>()?;
        // The primary key decides who made it.
        let inserted = self.each(INSERT, &rows).await?;
        let mut ours = inserted.into_iter();
        for decided in &mut made {
            if decided.is_ok() && !ours.next().unwrap_or_default() {
                *decided = Err(Fired::Not);
            }
        }
        Ok(gate::fired(&made))
    }

    async fn marks(&self, jobs: &[JobKey]) -> Result<HashMap<JobKey, Mark>> {
        const READ: &str = "SELECT id, namespace, job, generation, high_water, paused_since FROM scheduler_schedules";
        let keys: Vec<RowKey> = jobs.iter().map(RowKey::of_schedule).collect();
        let found = self.by_id(Table::Schedules, READ, &keys).await?;
        // A job whose row can't be read has no fires, and does not keep others from theirs.
        Ok(found.values().filter_map(|row| rows::mark(row).ok()).collect())
    }

    /// The open runs of these jobs, as they are a moment before it counts.
    async fn count_open(&self, jobs: &[JobKey]) -> Result<HashMap<JobKey, Open>> {
        let schedules: Vec<String> = jobs.iter().map(schedule_id).collect();
        let count = sql("SELECT namespace, job, state, count(*) AS runs FROM scheduler_monthly_runs \
             WHERE state IN ('pending', 'running') AND schedule = ANY(?) GROUP BY namespace, job, state")
        .bind(ids(&schedules));
        let mut open: HashMap<JobKey, Open> = HashMap::new();
        for row in self.search(Table::Runs, count).await?.iter() {
            let of_job = open.entry((row.get("namespace")?, row.get("job")?)).or_default();
            match row.get::<String>("state")?.parse()? {
                RunState::Running => of_job.running = row.get("runs")?,
                _ => of_job.pending = row.get("runs")?,
            }
        }
        Ok(open)
    }

    pub(super) async fn advance(&self, advances: &[&Advance]) -> Result<()> {
        // One expression over the row as it is when it is written, so that no mark sinks.
        const ADVANCE: &str = "UPDATE scheduler_schedules SET next_fire = CASE WHEN generation = ? \
             AND (paused_since IS NOT NULL) = ? AND coalesce(high_water, ?) <= ? THEN CAST(? AS BIGINT) ELSE next_fire END, \
             high_water = CASE WHEN generation = ? AND (paused_since IS NOT NULL) = ? \
             THEN greatest(coalesce(high_water, ?), ?) ELSE high_water END WHERE id = ?";
        let row = |advance: &&Advance| -> Vec<Value> {
            let mark = micros(advance.high_water);
            vec![
                advance.generation.into(),
                advance.paused.into(),
                mark.into(),
                mark.into(),
                advance.next_fire.map(micros).into(),
                advance.generation.into(),
                advance.paused.into(),
                mark.into(),
                mark.into(),
                schedule_id(&(advance.namespace.clone(), advance.job.clone())).into(),
            ]
        };
        let rows: Vec<Vec<Value>> = advances.iter().map(row).collect();
        self.each(ADVANCE, &rows).await.map(drop)
    }

    pub(super) async fn begin(&self, claims: &[Claim]) -> Result<Vec<bool>> {
        const CLAIM: &str = "UPDATE scheduler_monthly_runs SET state = 'running', attempt = ?, worker = ?, started = ?, \
             not_before = NULL, progress = NULL, message = NULL, exit_code = NULL, result = NULL, output = NULL, \
             earlier = ? WHERE id = ? AND month = ? AND \"_seq_no\" = ? AND \"_primary_term\" = ?";
        let jobs =
            gate::distinct(claims.iter().filter(|claim| claim.at_once != u32::MAX).map(|claim| job_of(&claim.key)));
        let mut open = if jobs.is_empty() { HashMap::new() } else { self.count_open(&jobs).await? };
        let mut asked = vec![false; claims.len()];
        let earlier: Vec<Option<String>> = claims
            .iter()
            .map(|claim| (!claim.earlier.is_empty()).then(|| json(&claim.earlier)).transpose())
            .collect::<Result<_>>()?;
        let set = |place: usize, run: &RunRecord| {
            let claim = &claims[place];
            let due = run.not_before.is_none_or(|at| at <= claim.at);
            if run.state != RunState::Pending || run.attempt != claim.attempt || !due {
                return None;
            }
            let going = &mut open.entry(job_of(&claim.key)).or_default().running;
            // One that is asked about again has its place already.
            if !std::mem::replace(&mut asked[place], true) {
                if *going >= u64::from(claim.at_once) {
                    asked[place] = false;
                    return None;
                }
                *going += 1;
            }
            let known = || (!run.earlier.is_empty()).then(|| json(&run.earlier).ok()).flatten();
            let earlier = earlier[place].clone().or_else(known);
            let attempt = claim.attempt.saturating_add(1);
            Some(vec![attempt.into(), claim.worker.to_string().into(), micros(claim.at).into(), earlier.into()])
        };
        let keys: Vec<_> = claims.iter().map(|claim| &claim.key).collect();
        self.change(&keys, CLAIM, set).await
    }

    pub(super) async fn end(&self, ends: &[RunEnd]) -> Result<Vec<bool>> {
        const FINISH: &str = "UPDATE scheduler_monthly_runs SET state = ?, error = ?, finished = ?, not_before = ?, cancel = NULL, \
             exit_code = ?, result = ?, output = ? WHERE id = ? AND month = ? AND \"_seq_no\" = ? AND \"_primary_term\" = ?";
        let results: Vec<Option<String>> =
            ends.iter().map(|end| end.result.as_ref().map(json).transpose()).collect::<Result<_>>()?;
        let set = |place: usize, run: &RunRecord| {
            let end: &RunEnd = &ends[place];
            let cancelled = run.cancel.as_deref().filter(|_| !end.state.is_final());
            let state = if cancelled.is_some() { RunState::Cancelled } else { end.state };
            (run.state == RunState::Running && run.attempt == end.attempt).then(|| {
                vec![
                    state.as_str().into(),
                    cancelled.or(end.error.as_deref()).into(),
                    state.is_final().then(|| micros(end.at)).into(),
                    end.not_before.filter(|_| !state.is_final()).map(micros).into(),
                    end.exit.or(run.exit).into(),
                    // What was reported is text that came from a value.
                    results[place].clone().or_else(|| run.result.as_ref().map(ToString::to_string)).into(),
                    end.output.as_deref().or(run.output.as_deref()).into(),
                ]
            })
        };
        let keys: Vec<_> = ends.iter().map(|end| &end.key).collect();
        self.change(&keys, FINISH, set).await
    }
}
