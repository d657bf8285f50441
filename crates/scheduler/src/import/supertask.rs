//! Timetables of supertask: YAML or JSON, and Python files with inline metadata (PEP 723 and `# /// task`).
//!
//! It hands its expressions to `APScheduler`, in Vienna's time: a 0 for the day of the week is Monday there.

use clusterkeep_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::aps::{cron, of_crontab};
use super::collect::{At, Collector, job as new_job};
use super::crontab::at_once;
use super::old::{Old, apscheduler};
use super::yaml::{at as look, documents, text};
use super::{NoteLevel, Source, secret};
use crate::model::Misfire;

/// The zone that supertask runs in, whatever the machine's is.
const ZONE: &str = "Europe/Vienna";
/// How many runs of one job it lets go at once.
const AT_ONCE: u32 = 10;

/// Reads a text of either form.
pub(super) fn read(source: &Source, collector: &mut Collector) -> Result<()> {
    let python = source.text.lines().any(|line| line.trim_end() == "# /// task");
    if python {
        let at = At::source(&source.name);
        if let Err(error) = task_file(source, &at, collector) {
            collector.refuse(&at, &error);
        }
        return Ok(());
    }
    for (line, document) in documents(source)? {
        let at = At::line(&source.name, usize::try_from(line).unwrap_or_default());
        let tasks = look(&document, &["tasks"]).and_then(Value::as_array).ok_or_else(|| {
            Error::input(format!("{}: this is no timetable of supertask: it has no `tasks`", at.place))
        })?;
        for task in tasks {
            let named = text(task, &["meta", "id"]).unwrap_or("?");
            if let Err(error) = one(task, &at, collector) {
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
        collector.note(&at, NoteLevel::Lost, "it is not enabled there, and was left out");
        return Ok(());
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
fn schedule(
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

/// A Python file whose comments say when it runs.
fn task_file(source: &Source, at: &At, collector: &mut Collector) -> Result<()> {
    let block = block(&source.text).ok_or_else(|| Error::input("its block `# /// task` has no end `# ///`"))?;
    let table = toml(&block)?;
    let cron = text(&table, &["cron"]).ok_or_else(|| Error::input("its block `# /// task` has no `cron`"))?;
    let base = source.name.rsplit('/').next().unwrap_or_default();
    let stem = base.strip_suffix(".py").unwrap_or(base);
    let mut target = Map::new();
    target.insert("python".into(), json!(format!("{}:run", source.name)));
    if let Some(options) = look(&table, &["options"]).and_then(Value::as_object).filter(|options| !options.is_empty()) {
        target.insert("kwargs".into(), json!(options));
    }
    let mut env = Map::new();
    for (name, value) in look(&table, &["env"]).and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if secret::is_secret(name) {
            collector.note(&at.job(stem), NoteLevel::Differs, secret::remark(name));
            env.insert(name.clone(), json!(secret::reference(name)));
        } else if value.starts_with("env:") || value.starts_with("file:") {
            collector.note(
                &at.job(stem),
                NoteLevel::Lost,
                format!("`{name}`: its value would be a reference here, and was left out"),
            );
        } else {
            env.insert(name.clone(), json!(value));
        }
    }
    if !env.is_empty() {
        target.insert("env".into(), env.into());
    }
    if base == "-" || !base.ends_with(".py") {
        return Err(Error::input("a task file has to be named, so that the job can name it")
            .with_hint("give its path instead of `-`"));
    }
    schedule(stem, cron, &[target.into()], None, at, collector)
}

/// The lines of the block `# /// task`, without their comment signs.
fn block(text: &str) -> Option<Vec<String>> {
    let mut lines = text.lines().skip_while(|line| line.trim_end() != "# /// task").skip(1);
    let mut block = Vec::new();
    loop {
        let line = lines.next()?.trim_end();
        if line == "# ///" {
            return Some(block);
        }
        block.push(line.strip_prefix('#')?.strip_prefix(' ').unwrap_or_default().to_owned());
    }
}

/// The small part of TOML that such blocks hold: tables of strings, numbers and truth values.
fn toml(lines: &[String]) -> Result<Value> {
    let (mut root, mut table) = (Map::new(), None::<String>);
    for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            root.entry(name.trim()).or_insert_with(|| json!({}));
            table = Some(name.trim().to_owned());
            continue;
        }
        let unread = || Error::input(format!("`{line}` of its block can't be read"));
        let (key, value) = line.split_once('=').ok_or_else(unread)?;
        let (key, value) = (key.trim().trim_matches('"').to_owned(), literal(value.trim()).ok_or_else(unread)?);
        match &table {
            None => drop(root.insert(key, value)),
            Some(table) => {
                let inner = root.get_mut(table).and_then(Value::as_object_mut).ok_or_else(unread)?;
                inner.insert(key, value);
            }
        }
    }
    Ok(root.into())
}

/// A string, a number or a truth value, with nothing but a comment behind it.
fn literal(text: &str) -> Option<Value> {
    let rest_is_comment = |rest: &str| rest.trim().is_empty() || rest.trim().starts_with('#');
    if let Some(quoted) = text.strip_prefix('\'') {
        let (inner, rest) = quoted.split_once('\'')?;
        return rest_is_comment(rest).then(|| json!(inner));
    }
    if text.starts_with('"') {
        // A string of TOML is one of JSON, but for rare escapes, which are refused.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let value = values.next()?.ok()?;
        let rest = text.get(values.byte_offset()..)?;
        return rest_is_comment(rest).then(|| json!(value));
    }
    let bare = text.split('#').next()?.trim();
    serde_json::from_str(bare).ok().filter(|value: &Value| value.is_number() || value.is_boolean())
}
