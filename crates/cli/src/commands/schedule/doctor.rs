//! `schedule doctor`: what is wrong with a store and its schedulers. It changes nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::address::DatabaseUrl;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::sql::{ConnectOptions, Db, Engine, sql};
use clusterkeep_core::{ExitCode, Result};
use clusterkeep_scheduler::{RunQuery, RunState, ScheduleRecord, Store, Zone};
use serde::Serialize;

use super::store::{existing, url};
use super::utc;
use crate::args::DoctorArgs;
use crate::context::Context;
use crate::output::Listing;

/// So many dead runs are counted.
const MOST: u32 = 1_000;

/// By how much the clocks of this machine and of a store may differ.
const APART: TimeDelta = TimeDelta::seconds(2);

/// From how far on a job counts as decided upon ahead of the time.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    what: String,
}

fn check(check: &'static str, ok: bool, what: impl Into<String>) -> Check {
    Check { check, ok, what: what.into() }
}

pub(super) async fn doctor(args: DoctorArgs, context: &Context) -> Result<ExitCode> {
    let mut checks = vec![check("zone data", true, Zone::data_version())];
    match existing(&args.store, context).await {
        Ok(Some(store)) => {
            let url = url(&args.store, context)?;
            checks.push(check("store", true, format!("{url} answers, and is of a version that this program knows")));
            checks.push(clock(&url).await);
            let overdue = TimeDelta::from_std(args.overdue.0).unwrap_or(TimeDelta::MAX);
            examine(&*store, args.namespace.as_deref(), overdue, &mut checks).await?;
        }
        Ok(None) => checks.push(check("store", true, "there is none yet; `clusterkeep run` creates it")),
        // A store that can't be reached is what it looks for.
        Err(error) if error.is_retryable() => checks.push(check("store", false, crate::errors::chain(&error))),
        Err(error) => return Err(error),
    }
    let listing = Listing::of(&checks, "")
        .column("check", |check: &Check| check.check.into())
        .column("ok", |check| if check.ok { "yes" } else { "NO" }.into())
        .column("what", |check| check.what.as_str().into());
    context.printer.data(&listing.render(context.printer.format(), &checks)?)?;
    Ok(if checks.iter().all(|check| check.ok) { ExitCode::Done } else { ExitCode::Failed })
}

async fn examine(store: &dyn Store, namespace: Option<&str>, late: TimeDelta, checks: &mut Vec<Check>) -> Result<()> {
    let now = SystemClock.now();
    let mut schedules = store.schedules(namespace).await?;
    schedules.retain(|schedule| schedule.retired.is_none());
    let spaces: BTreeSet<&str> = schedules.iter().map(|schedule| schedule.namespace.as_str()).collect();

    let workers = store.workers().await?;
    let alive: BTreeSet<&str> =
        workers.iter().filter(|worker| worker.alive).map(|worker| worker.namespace.as_str()).collect();
    for space in &spaces {
        let here = workers.iter().filter(|worker| worker.alive && worker.namespace == *space);
        let places: Vec<_> = here.map(|worker| worker.place.as_str()).collect();
        let what = if places.is_empty() { "nobody".to_owned() } else { places.join(", ") };
        checks.push(check("schedulers", alive.contains(space), format!("{space}: {what}")));
    }
    let mut orphans = 0;
    for space in &spaces {
        orphans += store.orphans(space).await?.len();
    }
    checks.push(check("orphans", orphans == 0, format!("{orphans} runs are going that no scheduler holds")));

    let dead = match namespace {
        Some(namespace) => RunQuery::within(namespace),
        None => RunQuery::all(),
    };
    let dead = store.runs(&dead.in_states([RunState::Dead]).limit(MOST).without_output()).await?;
    let many = if dead.len() == MOST as usize { " or more" } else { "" };
    let what = format!("{}{many} runs have failed in all of their attempts", dead.len());
    checks.push(check("dead runs", dead.is_empty(), what));

    let overdue =
        |schedule: &&ScheduleRecord| schedule.paused.is_none() && schedule.next_fire.is_some_and(|at| at < now - late);
    let overdue: Vec<_> = schedules.iter().filter(overdue).collect();
    let named = overdue.iter().take(5).map(|schedule| {
        let since = schedule.next_fire.map(utc).unwrap_or_default();
        format!("{}/{} since {since}", schedule.namespace, schedule.spec.name)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let what = format!("{} schedules{}{named}", overdue.len(), if named.is_empty() { "" } else { ": " });
    checks.push(check("overdue", overdue.is_empty(), what));

    let ahead: Vec<_> = schedules.iter().filter_map(|schedule| ahead(schedule, now)).collect();
    if !ahead.is_empty() {
        checks.push(check("ahead", false, ahead.join(", ")));
    }
    let paused: Vec<_> = schedules
        .iter()
        .filter_map(|schedule| {
            Some(format!("{}/{} {}", schedule.namespace, schedule.spec.name, schedule.paused.as_ref()?))
        })
        .collect();
    if !paused.is_empty() {
        checks.push(check("paused", true, paused.join(", ")));
    }
    let other = schedules.iter().filter(|schedule| schedule.zone_data != Zone::data_version()).count();
    if other > 0 {
        let what = format!(
            "{other} next fires were computed with other zone data; a scheduler computes them anew at its start"
        );
        checks.push(check("computed with", true, what));
    }
    Ok(())
}

/// A job that was decided upon for instants that are still to come, by a clock that was wrong: until then it does not fire.
fn ahead(schedule: &ScheduleRecord, now: DateTime<Utc>) -> Option<String> {
    let mark = schedule.high_water.filter(|mark| *mark > now + AHEAD)?;
    let nominal = schedule.spec.schedule().is_ok_and(|schedule| schedule.trigger().is_nominal());
    let text = || format!("{}/{} does not fire before {}", schedule.namespace, schedule.spec.name, utc(mark));
    nominal.then(text)
}

/// How far the store's clock is from this machine's.
async fn clock(url: &DatabaseUrl) -> Check {
    let statement = match url.engine() {
        Engine::Postgres => "SELECT clock_timestamp()",
        Engine::Cratedb => "SELECT current_timestamp",
        _ => return check("clock", true, "the store is on this machine"),
    };
    let asked = async {
        let db = Db::connect_with(url, ConnectOptions::default()).await?;
        let before = SystemClock.now();
        let there = db.query(sql(statement)).await?;
        let after = SystemClock.now();
        db.close().await;
        let there = there.iter().next().and_then(|row| row.values().first()?.as_timestamp());
        Ok::<_, clusterkeep_core::Error>((before, there, after))
    };
    match asked.await {
        Ok((before, Some(there), after)) => {
            // It was read somewhere between the question and the answer.
            let apart = (before - there).max(there - after).max(TimeDelta::zero());
            check("clock", apart <= APART, format!("{:.1} s apart from the store's", apart.as_seconds_f64()))
        }
        Ok((_, None, _)) => check("clock", false, "the store does not say what time it is"),
        Err(error) => check("clock", false, crate::errors::chain(&error)),
    }
}
