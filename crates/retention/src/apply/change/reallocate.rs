//! The nodes that hold a partition: the setting, the wait for the shards, and why they do not move.
//!
//! The setting is all that is written; the server moves by itself, and goes on when this program was killed. The next run
//! finds the setting there and waits for the rest.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clusterkeep_core::plan::{Ran, Recorder};
use clusterkeep_core::sql::{Engine, Row, SqlBuilder, TableName};
use clusterkeep_core::{Error, Result};
use serde_json::Value as Json;

use super::one::{One, Patience};
use crate::model::{Change, OnFailure, ReallocateTier};
use crate::observe::{Places, Standing};
use crate::plan::Domain;
use crate::sql::changes;
use crate::sql::standing::cratedb;

/// Where a partition is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) attribute: &'a str,
    pub(super) value: &'a str,
    /// What an earlier tier had it need.
    pub(super) release: &'a [String],
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn run(one: &mut One<'_>, wanted: Wanted<'_>, recorder: &Recorder<'_, Domain>) -> Result<Ran> {
    let tier = tier(one, wanted)?;
    let before = one.standing().await?;
    if settled(one, &before, wanted).await?.is_none() {
        return Ok(Ran::AlreadyDone);
    }
    if before.require.get(wanted.attribute).is_none_or(|is| is != wanted.value) {
        let statement = changes::require(one.table(), one.key, [(wanted.attribute, wanted.value)])?;
        one.session.execute(&statement).await?;
    }
    let release: Vec<&str> =
        wanted.release.iter().map(String::as_str).filter(|name| before.require.contains_key(*name)).collect();
    if !release.is_empty() {
        // After the new one is set: without either the shards could go anywhere for a moment.
        let statement = changes::no_longer_require(one.table(), one.key, release.iter().copied())?;
        one.session.execute(&statement).await?;
    }
    let (start, deadline) = (Instant::now(), tier.waits());
    let (mut pause, mut patience) = (PAUSE, Patience::default());
    loop {
        let looked = left(one, wanted).await;
        if let Some((left, copies)) = patience.bear(one, looked).await? {
            let Some(left) = left else { break };
            recorder.progress(copies.saturating_sub(left), Some(copies));
        }
        let interrupted = one.apply.retention.cancelled();
        if interrupted || start.elapsed() >= deadline {
            return Err(not_moved(one, wanted, &tier, &before, interrupted).await);
        }
        tokio::time::sleep(pause.min(deadline.saturating_sub(start.elapsed()))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(Ran::Done(serde_json::json!({
        "require": { wanted.attribute: wanted.value },
        "before": before.require,
        "waited_ms": u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    })))
}

pub(super) async fn is_so(one: &mut One<'_>, wanted: Wanted<'_>) -> Result<bool> {
    let standing = one.standing().await?;
    Ok(settled(one, &standing, wanted).await?.is_none())
}

/// The tier that says so, as it is in the policy that is applied.
fn tier(one: &One<'_>, wanted: Wanted<'_>) -> Result<ReallocateTier> {
    let lifecycle = one.apply.lifecycle(one.table())?;
    let found = lifecycle.changes().find_map(|change| match change {
        Change::Reallocate(tier) if tier.nodes() == Some((wanted.attribute, wanted.value)) => Some(tier.clone()),
        _ => None,
    });
    found.ok_or_else(|| {
        Error::failed(format!("`{}` has no tier for {}={}", one.table(), wanted.attribute, wanted.value))
    })
}

/// How many are left to move, of how many copies.
async fn left(one: &mut One<'_>, wanted: Wanted<'_>) -> Result<(Option<u64>, u64)> {
    let standing = one.standing().await?;
    Ok((settled(one, &standing, wanted).await?, standing.copies.len() as u64))
}

/// How many shards or settings are not as they should be; `None` where all are.
async fn settled(one: &mut One<'_>, standing: &Standing, wanted: Wanted<'_>) -> Result<Option<u64>> {
    let nodes = cratedb::nodes(&mut *one.session).await?;
    let places = Places { nodes: Some(nodes), ..Places::default() };
    let elsewhere = standing.elsewhere(&places, wanted.attribute, wanted.value).0 as u64;
    let is_set = standing.require.get(wanted.attribute).is_some_and(|is| is == wanted.value);
    let is_free = wanted.release.iter().all(|name| !standing.require.contains_key(name));
    let left = elsewhere.max(standing.unsettled).max(u64::from(!is_set || !is_free || standing.copies.is_empty()));
    Ok((left > 0).then_some(left))
}

/// Says why, and puts the settings back where the policy has it so.
async fn not_moved(
    one: &mut One<'_>,
    wanted: Wanted<'_>,
    tier: &ReallocateTier,
    before: &Standing,
    interrupted: bool,
) -> Error {
    let why = match explain(one).await {
        Ok(why) if why.is_empty() => "the server says nothing of why".to_owned(),
        Ok(why) => why.join("; "),
        Err(e) => format!("why can't be asked: {e}"),
    };
    let Wanted { attribute, value, .. } = wanted;
    let what = if interrupted {
        format!("interrupted while `{}` moves to {attribute}={value}: {why}", one.object)
    } else {
        let waited = tier.waits().as_secs();
        format!("`{}` has not moved to {attribute}={value} within {waited} s: {why}", one.object)
    };
    if interrupted || tier.on_failure == OnFailure::Keep {
        return Error::failed(what).with_hint("the setting stays, and the next run looks again");
    }
    match roll_back(one, wanted, &before.require).await {
        Ok(()) => Error::failed(what).with_hint("the settings are as they were before"),
        Err(e) => Error::caused(format!("{what}; and the settings could not be put back"), e),
    }
}

/// Puts the attributes back that this step has touched.
async fn roll_back(one: &mut One<'_>, wanted: Wanted<'_>, before: &BTreeMap<String, String>) -> Result<()> {
    let touched = || std::iter::once(wanted.attribute).chain(wanted.release.iter().map(String::as_str));
    let old: Vec<_> = touched().filter_map(|name| before.get(name).map(|value| (name, value.as_str()))).collect();
    if !old.is_empty() {
        let statement = changes::require(one.table(), one.key, old)?;
        one.session.execute(&statement).await?;
    }
    let new: Vec<_> = touched().filter(|name| !before.contains_key(*name)).collect();
    if !new.is_empty() {
        let statement = changes::no_longer_require(one.table(), one.key, new)?;
        one.session.execute(&statement).await?;
    }
    Ok(())
}

/// What the server says of the shards of a partition that are not where they should be.
async fn explain(one: &mut One<'_>) -> Result<Vec<String>> {
    let mut query = SqlBuilder::new(Engine::Cratedb);
    query.push("SELECT shard_id AS shard, \"primary\" AS is_first, current_state AS state, explanation, decisions ");
    query.push("FROM sys.allocations WHERE partition_ident = ").bind(one.key.ident.as_str());
    push_table(&mut query, one.table());
    query.push(" ORDER BY 1, 2 DESC");
    let found = one.session.query(&query.build()).await?;
    let mut said = found.rows().map(explained).collect::<Result<Vec<_>>>()?;
    said.retain(|text| !text.is_empty());
    said.dedup();
    Ok(said)
}

fn push_table(query: &mut SqlBuilder, table: &TableName) {
    query.push(" AND table_name = ").bind(table.name.as_str()).push(" AND table_schema = ");
    match &table.schema {
        Some(schema) => query.bind(schema.as_str()),
        None => query.push("current_schema"),
    };
}

/// One shard: its state, and what each node says of taking it; empty where nothing is wrong with it.
fn explained(row: &Row) -> Result<String> {
    let (shard, first): (i64, bool) = (row.get("shard")?, row.get("is_first")?);
    let (state, explanation): (String, Option<String>) = (row.get("state")?, row.get("explanation")?);
    let decisions = serde_json::to_value(row.value("decisions")?).unwrap_or(Json::Null);
    let mut text = Vec::new();
    text.extend(explanation);
    for decision in decisions.as_array().into_iter().flatten() {
        let node = decision["node_name"].as_str().unwrap_or("a node");
        let said = decision["explanations"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let said: Vec<&str> = said.collect();
        if !said.is_empty() {
            text.push(format!("{node}: {}", said.join(", ")));
        }
    }
    if text.is_empty() && state == "STARTED" {
        return Ok(String::new());
    }
    let copy = if first { "" } else { " (copy)" };
    Ok(format!("shard {shard}{copy} is {state}: {}", text.join("; ")))
}
