//! Timetables of supertask: YAML or JSON; its task files are read by [`task`](super::task).
//!
//! It hands its expressions to `APScheduler`, in Vienna's time: a 0 for the day of the week is Monday there.

use clusterkeep_core::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use super::aps::{cron, of_crontab};
use super::collect::{At, Collector, job as new_job};
use super::crontab::at_once;
use super::old::{Old, apscheduler};
use super::yaml::{at as look, documents, text};
use super::{NoteLevel, Source, task};
use crate::model::Misfire;

/// The zone that supertask runs in, whatever the machine's is.
const ZONE: &str = "Europe/Vienna";
/// How many runs of one job it lets go at once.
const AT_ONCE: u32 = 10;

/// A document; what else it says is not needed.
#[derive(Deserialize)]
#[serde(expecting = "a timetable of supertask, which has `tasks`")]
struct Document {
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    tasks: Option<Vec<Spanned<Value>>>,
}

/// Reads a text of either form.
pub(super) fn read(source: &Source, collector: &mut Collector) -> Result<()> {
    if task::is_one(source) {
        if let Err(error) = task::import(source, collector) {
            collector.refuse(&At::source(&source.name), &error);
        }
        return Ok(());
    }
    let place = |line: u64| At::line(&source.name, usize::try_from(line).unwrap_or_default());
    for (line, document) in documents::<Document>(source)? {
        let at = place(line);
        let tasks = document.tasks.ok_or_else(|| {
            Error::input(format!("{}: this is no timetable of supertask: it has no `tasks`", at.place))
        })?;
        if let Some(namespace) = text(&document.meta, &["namespace"]) {
            collector.namespace(&at, namespace);
        }
        for task in tasks {
            let at = place(task.referenced.line());
            let named = text(&task.value, &["meta", "id"]).unwrap_or("?");
            if let Err(error) = one(&task.value, &at, collector) {
                collector.refuse(&at.job(named), &error);
            }
        }
    }
    Ok(())
}

fn one(task: &Value, at: &At, collector: &mut Collector) -> Result<()> {
    let id = text(task, &["meta", "id"]).ok_or_else(|| Error::input("a task has no `meta.id`"))?;
    let at = at.job(id);
    if look(task, &["meta", "enabled"]).and_then(Value::as_bool) == Some(false) {
        // A job of a timetable runs: what is to be paused is said to the store that it is in.
        return Err(Error::input("it is not enabled there, and was left out"));
    }
    let steps = look(task, &["steps"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let active = |step: &&Value| look(step, &["if"]).and_then(Value::as_bool) != Some(false);
    let steps: Vec<&Value> = steps.iter().filter(active).collect();
    let runs = steps.iter().map(|step| step_of(step)).collect::<Result<Vec<_>>>()?;
    if runs.is_empty() {
        return Err(Error::input("it has no step that runs"));
    }
    if runs.len() > 1 {
        collector.note(
            &at,
            NoteLevel::Differs,
            format!("its {} steps are jobs of their own, each after the success of the one before", runs.len()),
        );
    }
    let schedules = look(task, &["on", "schedule"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let crons: Vec<&str> = schedules.iter().filter_map(|item| text(item, &["cron"])).collect();
    if crons.is_empty() || crons.len() < schedules.len() {
        return Err(Error::input("it has no `on.schedule` with a `cron` in each item"));
    }
    if crons.len() > 1 {
        collector.note(
            &at,
            NoteLevel::Differs,
            format!(
                "it has {} expressions, of which supertask keeps the last alone: here each has a job of its own",
                crons.len()
            ),
        );
    }
    let description = text(task, &["meta", "description"]).or_else(|| text(task, &["meta", "name"]));
    for cron in crons {
        schedule(id, cron, &runs, description, &at, collector)?;
    }
    Ok(())
}

/// A job for one expression, and those for the further steps behind it.
pub(super) fn schedule(
    id: &str,
    text: &str,
    runs: &[Value],
    description: Option<&str>,
    at: &At,
    collector: &mut Collector,
) -> Result<()> {
    let fields = of_crontab(text)?;
    let old = Old::Stepped(apscheduler::read(&fields).map_err(Error::input)?);
    let when = cron(&fields)?;
    let name = collector.name(id);
    let Some((first, further)) = runs.split_first() else { return Ok(()) };
    let mut job = new_job(&name, &when, first)?;
    job.description = description.map(str::to_owned);
    job.zone = ZONE.parse()?;
    job.overlap = at_once(AT_ONCE);
    job.misfire = Misfire::Skip;
    collector.once(
        &At::source(at.place.split(':').next().unwrap_or_default()),
        NoteLevel::Hint,
        "supertask runs in the time of Europe/Vienna, and so do these jobs; say another `zone` where that was never meant",
    );
    if fields.day_of_week.bytes().any(|byte| byte.is_ascii_digit()) {
        collector.note(&at.job(&name), NoteLevel::Differs, format!(
            "to supertask the day of the week `{}` counts from Monday as 0, unlike to cron; the job names the days that it fired on", fields.day_of_week));
    }
    let overlap = job.overlap;
    // Without the first step there is nothing that the others could come after.
    let further = if collector.add(at, job, Some(&old)) { further } else { &[] };
    let mut before = name.clone();
    for (number, run) in (2_u32..).zip(further) {
        let next = collector.name(&format!("{name}-step-{number}"));
        let when =
            serde_json::from_value(json!({ "after": [before] })).map_err(|error| Error::input(error.to_string()))?;
        let mut job = new_job(&next, &when, run)?;
        job.zone = ZONE.parse()?;
        job.overlap = overlap;
        collector.add(at, job, None);
        before = next;
    }
    Ok(())
}

fn step_of(step: &Value) -> Result<Value> {
    let run = text(step, &["run"]).ok_or_else(|| Error::input("its step has no `run`"))?;
    match text(step, &["uses"]) {
        Some("python-entrypoint" | "python-file") => {}
        other => return Err(Error::input(format!("its step uses `{}`, which is unknown", other.unwrap_or_default()))),
    }
    let mut target = Map::new();
    target.insert("python".into(), json!(run));
    for name in ["args", "kwargs"] {
        if let Some(value) = look(step, &[name]) {
            target.insert(name.into(), value.clone());
        }
    }
    Ok(target.into())
}
