//! Objects of kind `CronJob` of Kubernetes.
//!
//! Of a pod its one container is taken. What only a cluster can give (service accounts, volumes, secrets, init containers)
//! is named, never guessed.

use chrono::{DateTime, TimeDelta, Utc};
use clusterkeep_core::age::{Age, Unit};
use clusterkeep_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::collect::{At, Collector, NO_LIMIT, job};
use super::crontab::{at_once, without_large_steps};
use super::old::{Old, robfig};
use super::yaml::{at as look, documents, others, text, words};
use super::{NoteLevel, Source, secret};
use crate::civil::Zone;
use crate::model::{JobSpec, Misfire, Overlap, Retry, When, go};
use crate::trigger::{Cron, Dialect};

/// How often Kubernetes tries again where nothing is said, and how long it waits.
const BACKOFF_LIMIT: u64 = 6;
const FIRST_WAIT: Age = clusterkeep_core::age::seconds(10);
const LONGEST_WAIT: Age = clusterkeep_core::age::minutes(6);

/// Reads the objects of a text.
pub(super) fn read(source: &Source, collector: &mut Collector) -> Result<()> {
    for (line, document) in documents::<Value>(source)? {
        let at = At::line(&source.name, usize::try_from(line).unwrap_or_default());
        let items = look(&document, &["items"]).and_then(Value::as_array);
        for object in items.map_or(std::slice::from_ref(&document), Vec::as_slice) {
            let named = text(object, &["metadata", "name"]).unwrap_or("?");
            match text(object, &["kind"]) {
                Some("CronJob") => {
                    if let Err(error) = cron_job(object, &at, collector) {
                        collector.refuse(&at.job(named), &error);
                    }
                }
                Some(kind) => {
                    collector.note(&at, NoteLevel::Hint, format!("{kind} `{named}` is no CronJob and was passed over"))
                }
                None if object.is_null() => {}
                None => collector.refuse(&at, &Error::input("the object does not say its kind")),
            }
        }
    }
    Ok(())
}

fn cron_job(object: &Value, at: &At, collector: &mut Collector) -> Result<()> {
    let missing = |what: &str| Error::input(format!("`{what}` is missing"));
    let name = text(object, &["metadata", "name"]).ok_or_else(|| missing("metadata.name"))?;
    let schedule = text(object, &["spec", "schedule"]).ok_or_else(|| missing("spec.schedule"))?;
    let at = at.job(name);
    let template = ["spec", "jobTemplate", "spec"];
    let batch = look(object, &template).ok_or_else(|| missing("spec.jobTemplate.spec"))?;
    let run = container(batch, &at, collector)?;
    let (expression, inline) = zone_within(schedule);
    let zone = match text(object, &["spec", "timeZone"]).or(inline) {
        Some(zone) => zone.parse::<Zone>()?,
        None => collector.zone(&at),
    };
    if inline.is_some() {
        collector.note(
            &at,
            NoteLevel::Differs,
            "newer versions of Kubernetes refuse a zone within the schedule; here it is the job's zone",
        );
    }
    let created = text(object, &["metadata", "creationTimestamp"]).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let (when, old) = when(expression, created, &at, collector)?;
    let unique = collector.name(name);
    let mut job = job(&unique, &when, &run)?;
    job.zone = zone;
    job.overlap = match text(object, &["spec", "concurrencyPolicy"]) {
        Some("Forbid") => Overlap::Skip,
        Some("Replace") => Overlap::Replace,
        _ => at_once(NO_LIMIT),
    };
    job.misfire = misfire(look(object, &["spec", "startingDeadlineSeconds"]), &job, &at, collector);
    let backoff = look(batch, &["backoffLimit"]).and_then(Value::as_u64).unwrap_or(BACKOFF_LIMIT);
    if let Ok(backoff @ 1..) = u32::try_from(backoff) {
        job.retry = Some(Retry::times(backoff.saturating_add(1)).first(FIRST_WAIT).most(LONGEST_WAIT));
    }
    job.timeout = look(batch, &["activeDeadlineSeconds"]).and_then(Value::as_u64).and_then(seconds);
    if look(object, &["spec", "suspend"]).and_then(Value::as_bool) == Some(true) {
        collector.note(
            &at,
            NoteLevel::Differs,
            format!("it is suspended there: pause it here with `clusterkeep schedule pause {unique}`"),
        );
    }
    if let Some(namespace) = text(object, &["metadata", "namespace"]) {
        collector.note(
            &at,
            NoteLevel::Hint,
            format!("it was in the namespace `{namespace}`; say one for all with --namespace"),
        );
    }
    lost(
        object,
        &["spec"],
        &[
            "schedule",
            "timeZone",
            "concurrencyPolicy",
            "startingDeadlineSeconds",
            "suspend",
            "jobTemplate",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
        ],
        &at,
        collector,
    );
    lost(batch, &[], &["template", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"], &at, collector);
    collector.add(&at, job, old.as_ref());
    Ok(())
}

/// `CRON_TZ=Zone` or `TZ=Zone` in front of an expression, which older versions take.
fn zone_within(schedule: &str) -> (&str, Option<&str>) {
    let trimmed = schedule.trim();
    let rest = trimmed.strip_prefix("CRON_TZ=").or_else(|| trimmed.strip_prefix("TZ="));
    match rest.and_then(|rest| rest.split_once(char::is_whitespace)) {
        Some((zone, expression)) => (expression.trim(), Some(zone)),
        None => (trimmed, None),
    }
}

fn when(text: &str, created: Option<DateTime<Utc>>, at: &At, collector: &mut Collector) -> Result<(When, Option<Old>)> {
    if let Some(interval) = text.strip_prefix("@every ") {
        let none = || Error::input(format!("`{text}` is no interval"));
        let interval = go::interval(interval.trim()).ok_or_else(none)?;
        let step = interval.as_duration().and_then(|length| TimeDelta::from_std(length).ok()).ok_or_else(none)?;
        if created.is_none() {
            collector.note(
                at,
                NoteLevel::Differs,
                "its interval counts from when it was created, which is not known here: it counts from 1970",
            );
        }
        let old = created.map(|from| Old::Every { from, step });
        return Ok((When::Every { interval, from: created }, old));
    }
    let old = Old::Civil(robfig::read(text).map_err(Error::input)?);
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let dialect = if text.starts_with('@') { Dialect::Crontab } else { Dialect::Kubernetes };
    let Err(error) = Cron::parse_as(&text, dialect, "") else { return Ok((When::Cron { text, dialect }, Some(old))) };
    let written = without_large_steps(&text);
    if Cron::parse_as(&written, dialect, "").is_err() {
        return Err(error);
    }
    collector.note(
        at,
        NoteLevel::Hint,
        format!("`{text}` has a step larger than its field: it is written `{written}`"),
    );
    Ok((When::Cron { text: written, dialect }, Some(old)))
}

fn seconds(count: u64) -> Option<Age> {
    u32::try_from(count).ok().and_then(|count| Age::new(count, Unit::Second))
}

/// Of what was missed Kubernetes starts the latest, if it is not older than the deadline.
fn misfire(deadline: Option<&Value>, job: &JobSpec, at: &At, collector: &mut Collector) -> Misfire {
    let Some(within) = deadline.and_then(Value::as_u64).and_then(seconds) else { return Misfire::Latest };
    let Ok(schedule) = job.schedule() else { return Misfire::Latest };
    let fires: Vec<_> = schedule.upcoming(DateTime::UNIX_EPOCH).take(400).map(|fire| fire.nominal).collect();
    let shortest = fires.windows(2).map(|pair| pair[1] - pair[0]).min();
    if shortest.is_none_or(|shortest| shortest > TimeDelta::seconds(within.count().into())) {
        return Misfire::All { within };
    }
    collector.note(
        at,
        NoteLevel::Differs,
        format!(
            "startingDeadlineSeconds: {} spans several fires: here the latest missed one runs, however late it is",
            within.count()
        ),
    );
    Misfire::Latest
}

/// The one container of a pod.
fn container(batch: &Value, at: &At, collector: &mut Collector) -> Result<Value> {
    let pod = look(batch, &["template", "spec"]).ok_or_else(|| Error::input("`template.spec` is missing"))?;
    let containers = look(pod, &["containers"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [one] = containers else {
        return Err(Error::input(format!("its pod has {} containers, and a job runs one", containers.len())));
    };
    let image = text(one, &["image"]).ok_or_else(|| Error::input("its container has no image"))?;
    let mut run = Map::new();
    run.insert("container".into(), json!(image));
    if let Some(entrypoint) = words(one, &["command"]).filter(|words| !words.is_empty()) {
        run.insert("entrypoint".into(), json!(entrypoint));
    }
    if let Some(args) = words(one, &["args"]).filter(|words| !words.is_empty()) {
        run.insert("command".into(), json!(args));
    }
    if let Some(cwd) = text(one, &["workingDir"]) {
        run.insert("cwd".into(), json!(cwd));
    }
    let mut env = Map::new();
    for variable in look(one, &["env"]).and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = text(variable, &["name"]) else { continue };
        // What it says once variables are replaced is what counts.
        let value = text(variable, &["value"]).map(|value| replaced(value, &env, at, collector));
        match value {
            Some(_) if secret::is_secret(name) => {
                collector.note(at, NoteLevel::Differs, secret::remark(name));
                env.insert(name.to_owned(), json!(secret::reference(name)));
            }
            Some(value) if value.starts_with("env:") || value.starts_with("file:") => {
                collector.note(
                    at,
                    NoteLevel::Lost,
                    format!("`{name}`: its value would be a reference here, and was left out"),
                );
            }
            Some(value) => drop(env.insert(name.to_owned(), json!(value))),
            None if look(variable, &["valueFrom", "secretKeyRef"]).is_some() => {
                collector.note(at, NoteLevel::Differs, format!(
                    "`{name}` came from a secret of the cluster: the job says `{}`; give it to the scheduler's environment", secret::reference(name)));
                env.insert(name.to_owned(), json!(secret::reference(name)));
            }
            None => collector.note(at, NoteLevel::Lost, format!("`{name}` came from the cluster and was left out")),
        }
    }
    for key in ["entrypoint", "command"] {
        let Some(words) = run.get_mut(key).and_then(Value::as_array_mut) else { continue };
        for word in words {
            let text = word.as_str().unwrap_or_default().to_owned();
            *word = json!(replaced(&text, &env, at, collector));
        }
    }
    if !env.is_empty() {
        run.insert("env".into(), env.into());
    }
    if let Some(memory) = text(one, &["resources", "limits", "memory"]) {
        match size(memory) {
            Some(size) => drop(run.insert("memory".into(), json!(size))),
            None => collector.note(at, NoteLevel::Lost, format!("the limit of memory `{memory}` can't be said here")),
        }
    }
    lost(
        pod,
        &[],
        &["containers", "restartPolicy", "dnsPolicy", "schedulerName", "terminationGracePeriodSeconds"],
        at,
        collector,
    );
    lost(
        one,
        &[],
        &[
            "name",
            "image",
            "imagePullPolicy",
            "command",
            "args",
            "workingDir",
            "env",
            "resources",
            "terminationMessagePath",
            "terminationMessagePolicy",
        ],
        at,
        collector,
    );
    Ok(run.into())
}

/// Text with its `$(NAME)` replaced, as Kubernetes does where the variable is one of the container's own; `$$` is one `$`.
fn replaced(text: &str, env: &Map<String, Value>, at: &At, collector: &mut Collector) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('$') {
        whole.push_str(before);
        let variable = tail.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let known = variable.and_then(|(name, after)| Some((name, env.get(name)?.as_str()?, after)));
        rest = match known {
            Some((name, value, after)) if value == secret::reference(name) => {
                collector.note(
                    at,
                    NoteLevel::Differs,
                    format!(
                        "`$({name})` was replaced by a secret there; here it stays: let the command read the variable"
                    ),
                );
                whole.push_str(&format!("$({name})"));
                after
            }
            Some((_, value, after)) => {
                whole.push_str(value);
                after
            }
            None => {
                whole.push('$');
                tail.strip_prefix('$').unwrap_or(tail)
            }
        };
    }
    whole.push_str(rest);
    whole
}

/// `512Mi` as `512 MiB`.
fn size(quantity: &str) -> Option<String> {
    let digits = quantity.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match quantity.get(digits.len()..)? {
        "" => "B",
        "Ki" => "KiB",
        "Mi" => "MiB",
        "Gi" => "GiB",
        _ => return None,
    };
    digits.parse::<u64>().ok().map(|count| format!("{count} {unit}"))
}

/// Names what is said there and not here.
fn lost(object: &Value, path: &[&str], known: &[&str], at: &At, collector: &mut Collector) {
    let others = others(object, path, known);
    if !others.is_empty() {
        collector.note(at, NoteLevel::Lost, format!("not carried over: {}", others.join(", ")));
    }
}
