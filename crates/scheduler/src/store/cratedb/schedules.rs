//! Schedules, their versions and their pauses.

use clusterkeep_core::sql::{Value, sql};
use clusterkeep_core::{Error, Result};

use super::values::{RowKey, generation, micros, schedule, schedule_id};
use super::{CrateStore, Table};
use crate::store::gate::{self, JobKey};
use crate::store::{Generation, Pause, ScheduleRecord, rows};

/// How often a schedule is read anew that another one has changed in between.
const ROUNDS: u32 = 50;

/// How long before a token what is told again may have been written, in milliseconds: writing takes time, and the clocks of
/// nodes differ.
const MARGIN: i64 = 10_000;

impl CrateStore {
    pub(super) async fn put_all(&self, schedules: &[ScheduleRecord]) -> Result<Vec<bool>> {
        let mut put = vec![false; schedules.len()];
        let mut left: Vec<usize> = (0..schedules.len()).collect();
        let mut written = Vec::new();
        for _ in 0..ROUNDS {
            if left.is_empty() {
                self.write_generations(&written).await?;
                return Ok(put);
            }
            // Of one job that is given several times, one after the other.
            let (mut now, mut later, mut taken) = (Vec::new(), Vec::new(), std::collections::HashSet::new());
            for place in left {
                let first = taken.insert(job_of(&schedules[place]));
                if first { now.push(place) } else { later.push(place) }
            }
            for (place, replaced) in self.put_round(schedules, &now).await? {
                match replaced {
                    Put::Done(schedule) => {
                        put[place] = true;
                        written.push(*schedule);
                    }
                    Put::Refused => {}
                    Put::Again => later.push(place),
                }
            }
            later.sort_unstable();
            left = later;
        }
        Err(Error::failed("put schedules into CrateDB: others change them all the time"))
    }

    async fn put_round(&self, schedules: &[ScheduleRecord], places: &[usize]) -> Result<Vec<(usize, Put)>> {
        const READ: &str =
            "SELECT *, \"_seq_no\" AS seq_no, \"_primary_term\" AS primary_term FROM scheduler_schedules";
        const INSERT: &str = "INSERT INTO scheduler_schedules (generation, valid_from, next_fire, high_water, zone_data, \
             retired, spec, paused_since, paused_by, paused_note, changed_by, origin, zone_data_since, id, namespace, job, changed) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(current_timestamp AS BIGINT)) ON CONFLICT DO NOTHING";
        const UPDATE: &str = "UPDATE scheduler_schedules SET generation = ?, valid_from = ?, next_fire = ?, \
             high_water = ?, zone_data = ?, retired = ?, spec = ?, paused_since = ?, paused_by = ?, paused_note = ?, \
             changed_by = ?, origin = ?, zone_data_since = ?, changed = CAST(current_timestamp AS BIGINT) WHERE id = ? AND \"_seq_no\" = ? AND \"_primary_term\" = ?";
        let keys: Vec<RowKey> = places.iter().map(|place| RowKey::of_schedule(&job_of(&schedules[*place]))).collect();
        let found = self.by_id(Table::Schedules, READ, &keys).await?;
        let (mut outcomes, mut new, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for (place, RowKey { id, .. }) in places.iter().zip(keys) {
            let row = found.get(&id);
            let before = row.map(rows::schedule).transpose()?;
            let Some(replaced) = gate::replaced(before.as_ref(), &schedules[*place]) else {
                outcomes.push((*place, Put::Refused));
                continue;
            };
            let mut values = schedule(&replaced)?;
            values.push(id.into());
            if let Some(row) = row {
                values.extend([row.get::<Value>("seq_no")?, row.get("primary_term")?]);
                known.push((*place, replaced, values));
            } else {
                values.extend([Value::from(&replaced.namespace), replaced.spec.name.as_str().into()]);
                new.push((*place, replaced, values));
            }
        }
        for (statement, list) in [(INSERT, new), (UPDATE, known)] {
            let values: Vec<Vec<Value>> = list.iter().map(|(_, _, values)| values.clone()).collect();
            let done = self.each(statement, &values).await?;
            outcomes.extend(list.into_iter().zip(done).map(|((place, replaced, _), done)| {
                (place, if done { Put::Done(Box::new(replaced)) } else { Put::Again })
            }));
        }
        Ok(outcomes)
    }

    /// Writes versions that are valid now, and the ends of those before them.
    async fn write_generations(&self, written: &[ScheduleRecord]) -> Result<()> {
        const CLOSE: &str = "UPDATE scheduler_generations SET valid_until = ? \
             WHERE schedule = ? AND generation < ? AND valid_until IS NULL";
        const WRITE: &str = "INSERT INTO scheduler_generations (id, schedule, generation, valid_from, valid_until, spec, \
             changed_by, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET valid_until = excluded.valid_until";
        let id = |schedule: &ScheduleRecord| schedule_id(&job_of(schedule));
        let later = written.iter().filter(|schedule| schedule.generation > 1);
        let close: Vec<Vec<Value>> =
            later.map(|it| vec![micros(it.valid_from).into(), id(it).into(), it.generation.into()]).collect();
        let rows = written.iter().map(|it| generation(it, &id(it))).collect::<Result<Vec<_>>>()?;
        if !close.is_empty() {
            self.refresh(Table::Generations).await?;
            self.db.session().await?.execute_many(&sql(CLOSE), &close).await?;
        }
        self.each(WRITE, &rows).await.map(drop)
    }

    pub(super) async fn list(&self, namespace: Option<&str>) -> Result<Vec<ScheduleRecord>> {
        let query = match namespace {
            Some(namespace) => {
                sql("SELECT * FROM scheduler_schedules WHERE namespace = ? ORDER BY job").bind(namespace)
            }
            None => sql("SELECT * FROM scheduler_schedules ORDER BY namespace, job"),
        };
        Ok(rows::readable(&self.search(Table::Schedules, query).await?, rows::schedule).collect())
    }

    pub(super) async fn changed_since(
        &self,
        namespace: &str,
        since: Option<i64>,
    ) -> Result<(Vec<ScheduleRecord>, i64)> {
        const CHANGED: &str = "SELECT * FROM scheduler_schedules WHERE changed > ? AND namespace = ? ORDER BY job";
        // First the token: what is changed in between comes again.
        let token = self.db.query(sql("SELECT CAST(current_timestamp AS BIGINT)")).await?.scalar()?;
        let Some(since) = since else { return Ok((Vec::new(), token)) };
        let changed = self.search(Table::Schedules, sql(CHANGED).bind(since - MARGIN).bind(namespace)).await?;
        Ok((rows::readable(&changed, rows::schedule).collect(), token))
    }

    pub(super) async fn versions(&self, job: &JobKey) -> Result<Vec<Generation>> {
        let versions = sql("SELECT * FROM scheduler_generations WHERE schedule = ? ORDER BY generation");
        let found = self.search(Table::Generations, versions.bind(schedule_id(job))).await?;
        found.iter().map(rows::generation).collect()
    }

    pub(super) async fn set_pause(&self, job: &JobKey, pause: Option<&Pause>) -> Result<bool> {
        const PAUSE: &str = "UPDATE scheduler_schedules SET paused_since = ?, paused_by = ?, paused_note = ?, \
             changed = CAST(current_timestamp AS BIGINT) WHERE id = ?";
        let values = vec![
            pause.map(|pause| micros(pause.since)).into(),
            pause.map(|pause| pause.by.as_str()).into(),
            pause.and_then(|pause| pause.note.as_deref()).into(),
            schedule_id(job).into(),
        ];
        Ok(self.each(PAUSE, &[values]).await?.contains(&true))
    }
}

/// What became of a schedule that was to be put.
#[derive(Debug)]
enum Put {
    Done(Box<ScheduleRecord>),
    Refused,
    /// Another one has changed it in between.
    Again,
}

fn job_of(schedule: &ScheduleRecord) -> JobKey {
    (schedule.namespace.clone(), schedule.spec.name.as_str().to_owned())
}
