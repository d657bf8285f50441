//! The plan: pure, total and deterministic.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use clusterkeep_core::plan::{Class, Decide, Domain, Plan, PlanHasher, Step, StepId, Verdict};
use clusterkeep_core::{Error, Result};

use super::domain::{Action, Decision, Deploying, Detail, Object};
use super::reason::{self, Reason};
use crate::model::{JobSpec, Timetable};
use crate::store::{ScheduleRecord, Store};

/// What a store has of some namespaces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory(BTreeMap<Object, ScheduleRecord>);

impl Inventory {
    /// Of these schedules.
    pub fn of(schedules: impl IntoIterator<Item = ScheduleRecord>) -> Self {
        Self(schedules.into_iter().map(|record| (object(&record.namespace, &record.spec), record)).collect())
    }

    /// Reads what `store` has of the namespaces of `wanted`.
    pub(super) async fn read(store: &dyn Store, wanted: &[Timetable]) -> Result<Self> {
        let mut all = Vec::new();
        for timetable in wanted {
            all.extend(store.schedules(Some(timetable.namespace())).await?);
        }
        Ok(Self::of(all))
    }

    /// The job, as the store has it; also where it was removed.
    pub(super) fn get(&self, object: &Object) -> Option<&ScheduleRecord> {
        self.0.get(object)
    }
}

pub(super) fn object(namespace: &str, spec: &JobSpec) -> Object {
    Object { namespace: namespace.to_owned(), job: spec.name.as_str().to_owned() }
}

/// Plans `wanted`, of which each has a namespace of its own, against what is there, as of `now`.
///
/// # Errors
///
/// A job that is there twice, or that can't be scheduled.
pub fn plan(wanted: &[Timetable], inventory: &Inventory, now: DateTime<Utc>) -> Result<Plan<Deploying>> {
    let (mut verdicts, mut steps) = (Vec::new(), Vec::new());
    let mut hasher = PlanHasher::new(Deploying::KIND);
    for timetable in wanted {
        let decided = decide(timetable, inventory, now)?;
        let acting = |verdict: &&Verdict<Deploying>| verdict.verdict.class() == Class::Act;
        hasher.text(timetable.namespace()).number(decided.iter().filter(acting).count() as u64);
        for verdict in decided.iter().filter(acting) {
            feed(&mut hasher, verdict, timetable, inventory)?;
        }
        let objects: Vec<Object> = decided.iter().filter(acting).map(|verdict| verdict.object.clone()).collect();
        if !objects.is_empty() {
            let count = |decision| decided.iter().filter(|verdict| verdict.verdict == decision).count();
            let action = Action {
                namespace: timetable.namespace().to_owned(),
                create: count(Decision::Create),
                change: count(Decision::Change),
                remove: count(Decision::Remove),
            };
            let id = StepId(u32::try_from(steps.len() + 1).unwrap_or(u32::MAX));
            steps.push(Step { id, action, objects, needs: Vec::new(), sql: None });
        }
        verdicts.extend(decided);
    }
    verdicts.sort_by(|a, b| a.object.cmp(&b.object));
    Ok(Plan { kind: Deploying::KIND, as_of: now, zone: chrono_tz::Tz::UTC, hash: hasher.finish(), verdicts, steps })
}

/// What the verdict rests on, exactly: the version that the store has, and what is wanted.
fn feed(
    hasher: &mut PlanHasher,
    verdict: &Verdict<Deploying>,
    timetable: &Timetable,
    inventory: &Inventory,
) -> Result<()> {
    hasher.text(&verdict.object.job).text(&verdict.verdict.to_string());
    let there = inventory.get(&verdict.object);
    let stored = there.map(|record| reason::json(&record.spec)).transpose()?;
    hasher.optional(there.zip(stored), |hasher, (record, json)| {
        hasher.number(u64::from(record.generation)).text(&json.to_string());
        hasher.optional(record.retired, |hasher, at| {
            hasher.instant(at);
        });
    });
    let wanted = timetable.jobs.iter().find(|spec| spec.name.as_str() == verdict.object.job);
    let wanted = wanted.map(reason::json).transpose()?;
    hasher.optional(wanted, |hasher, json| {
        hasher.text(&json.to_string());
    });
    Ok(())
}

/// One verdict for each job that the timetable or the store has, those that were removed before left out.
fn decide(timetable: &Timetable, inventory: &Inventory, now: DateTime<Utc>) -> Result<Vec<Verdict<Deploying>>> {
    let namespace = timetable.namespace();
    let (mut verdicts, mut names) = (Vec::new(), BTreeSet::new());
    for spec in &timetable.jobs {
        let object = object(namespace, spec);
        if !names.insert(object.clone()) {
            return Err(Error::input(format!("job `{}` is there twice", spec.name)));
        }
        let there = inventory.get(&object);
        let (decision, reason) = match there {
            None => (Decision::Create, Reason::New),
            Some(ScheduleRecord { retired: Some(removed), .. }) => {
                (Decision::Create, Reason::Back { removed: *removed })
            }
            Some(record) if record.spec == *spec => (Decision::Unchanged, Reason::Same),
            Some(record) => (Decision::Change, Reason::Differs { fields: reason::fields(&record.spec, spec)? }),
        };
        verdicts.push(Verdict { object, verdict: decision, reason, detail: detail(spec, there, now)? });
    }
    let others = inventory.0.iter().filter(|(object, record)| {
        object.namespace == namespace && record.retired.is_none() && !names.contains(*object)
    });
    for (object, record) in others {
        let decision = if timetable.prune { Decision::Remove } else { Decision::Kept };
        let reason = Reason::NotInFile { prune: timetable.prune };
        let detail = detail(&record.spec, Some(record), now)?;
        verdicts.push(Verdict { object: object.clone(), verdict: decision, reason, detail });
    }
    Ok(verdicts)
}

fn detail(spec: &JobSpec, there: Option<&ScheduleRecord>, now: DateTime<Utc>) -> Result<Detail> {
    let schedule = spec.schedule()?;
    let next_fire = if schedule.trigger().is_nominal() { schedule.next_after(now) } else { None };
    Ok(Detail {
        generation: there.map(|record| record.generation),
        when: spec.when.to_string(),
        zone: spec.zone.to_string(),
        next_fire,
        paused: there.and_then(|record| record.paused.as_ref()).map(ToString::to_string),
        changed_by: there.and_then(|record| record.source.as_ref()).map(|source| source.by.clone()),
    })
}
