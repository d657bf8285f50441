//! Backups: hourly, as the schedule says, for two weeks.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};

use super::super::answer::{Answer, Answered, Errors};
use super::super::call::Call;
use super::super::time;
use super::super::world::World;
use super::super::world::cluster::Cluster;
use super::super::world::operation::Effect;
use super::{Route, route};

pub(in crate::cloud) const ROUTES: &[Route] = &[
    route("GET", "/api/v2/clusters/{cluster_id}/snapshots/", list),
    route("POST", "/api/v2/clusters/{cluster_id}/snapshots/restore/", restore),
];

/// The minute at which backups are made.
const MINUTE: u32 = 55;

/// How far back a list reaches from its newest snapshot.
const WINDOW: TimeDelta = TimeDelta::weeks(2);

/// When a cluster was backed up, newest first.
fn taken(cluster: &Cluster, end: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let hours: Vec<u32> = {
        let hours = cluster.schedule.split(' ').nth(1).unwrap_or("*");
        if hours == "*" { (0..24).collect() } else { hours.split(',').filter_map(|hour| hour.parse().ok()).collect() }
    };
    let (asleep_since, created) = (cluster.suspended.then_some(cluster.modified), cluster.created);
    let newest = asleep_since.map_or(end, |since| since.min(end));
    let top = newest.with_minute(MINUTE).and_then(|at| at.with_second(0)?.with_nanosecond(0)).unwrap_or(newest);
    let first = if top > newest { top - TimeDelta::hours(1) } else { top };
    (0..24 * 14)
        .map(move |ago| first - TimeDelta::hours(ago))
        .take_while(move |at| *at >= created)
        .filter(move |at| hours.contains(&at.hour()))
}

fn name(at: DateTime<Utc>) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

/// A cluster has one repository, named after its beginning.
fn repository(cluster: &Cluster) -> String {
    format!("system_backup_{}", name(cluster.created))
}

fn view(cluster: &Cluster, at: DateTime<Utc>) -> Value {
    json!({
        "cluster_id": cluster.id,
        "project_id": cluster.project.to_string(),
        "created": time::stamp(at),
        "repository": repository(cluster),
        "snapshot": name(at),
        "tables": cluster.tables,
        "concrete_indices": cluster.tables,
        "dc": time::dc(at, at),
    })
}

fn list(world: &mut World, call: &Call) -> Answered {
    let cluster = world.cluster(call)?;
    let (start, end) = (call.instant("start")?, call.instant("end")?.unwrap_or(call.now).min(call.now));
    let newest = taken(cluster, end).next();
    let oldest = newest.map(|newest| start.unwrap_or(DateTime::<Utc>::MIN_UTC).max(newest - WINDOW));
    let within = taken(cluster, end).filter(|at| oldest.is_some_and(|oldest| *at >= oldest));
    Answer::ok(&within.map(|at| view(cluster, at)).collect::<Vec<_>>())
}

fn restore(world: &mut World, call: &Call) -> Answered {
    let target = world.cluster_mut(call)?;
    target.is_awake()?;
    let id = target.id;
    let fields = call.fields(&["repository", "snapshot", "type", "tables", "sections", "source_cluster_id"])?;
    let mut errors = Errors::default();
    let (repository_name, snapshot) =
        (fields.required("repository", &mut errors), fields.required("snapshot", &mut errors));
    let kind = fields.text("type", &mut errors).unwrap_or_else(|| "tables".to_owned());
    if !["tables", "all", "metadata", "sections"].contains(&kind.as_str()) {
        errors.add("type", "Must be one of: tables, all, metadata, sections.");
    }
    let tables = fields.texts("tables", &mut errors).unwrap_or_default();
    let sections = fields.texts("sections", &mut errors).unwrap_or_default();
    let known = ["tables", "views", "users", "privileges", "analyzers", "udfs"];
    if sections.iter().any(|section| !known.contains(&section.as_str())) {
        errors.add("sections", &format!("Must be of: {}.", known.join(", ")));
    }
    let source = fields.id("source_cluster_id", &mut errors).unwrap_or(id);
    errors.none()?;

    let place = |cluster: &Cluster| {
        world.project(cluster.project).map(|project| (project.organization, project.region.clone()))
    };
    let target = world.cluster(call)?;
    let source = world.clusters.iter().find(|cluster| cluster.id == source);
    let source = source.filter(|source| place(source).ok() == place(target).ok());
    let source = source.ok_or_else(|| {
        Answer::field("source_cluster_id", "The source must be a cluster of the same organization and region.")
    })?;
    let at = taken(source, call.now).find(|at| name(*at) == snapshot).filter(|_| repository(source) == repository_name);
    let at = at.ok_or_else(|| Answer::field("snapshot", "The snapshot does not exist."))?;
    if let Some(missing) = tables.iter().find(|table| !source.tables.contains(*table)) {
        return Err(Answer::field("tables", &format!("The snapshot has no table {missing}.")));
    }
    let view = view(source, at);
    world.begin(id, call.now, Effect::Restored)?;
    Answer::ok(&view)
}
