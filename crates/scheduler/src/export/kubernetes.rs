//! A job as an object of kind `CronJob`.

use serde_json::{Map, Value, json};

use super::civil::{changes, kubernetes};
use super::{Written, common, plain};
use crate::model::{JobSpec, Misfire, Overlap, Target};
use crate::target::Entry;
use crate::trigger::{Fold, Gap};

/// The object as a document of YAML.
pub(super) fn write(job: &JobSpec, lost: &mut Vec<String>) -> Written {
    let Target::Container(container) = &job.run else { return Err(format!("{} is no container", job.run.kind())) };
    let name = job.name.as_str();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    if name.len() > 52 || !name.bytes().all(fits) || name.starts_with(['-', '.']) || name.ends_with(['-', '.']) {
        return Err("its name is none that Kubernetes takes: lower case letters, digits and `-`, at most 52".to_owned());
    }
    let schedule = kubernetes(job)?;
    common(job, lost)?;
    changes(job, (Gap::Skip, Fold::Both), lost);
    if job.jitter.is_some() {
        lost.push("`jitter` is not said there".to_owned());
    }
    let policy = match job.overlap {
        Overlap::Skip => "Forbid",
        Overlap::Replace => "Replace",
        Overlap::Allow(_) => {
            lost.push("there is no limit to runs beside one another there".to_owned());
            "Allow"
        }
        Overlap::Queue => return Err("runs that wait for one another can't be said there".to_owned()),
    };
    let mut spec = Map::new();
    spec.insert("schedule".into(), json!(schedule));
    spec.insert(
        "timeZone".into(),
        json!(if job.zone.to_string() == "UTC" { "Etc/UTC".to_owned() } else { job.zone.to_string() }),
    );
    spec.insert("concurrencyPolicy".into(), json!(policy));
    match job.misfire {
        Misfire::Latest => {}
        // A fire counts as missed from a minute on.
        Misfire::Skip => drop(spec.insert("startingDeadlineSeconds".into(), json!(60))),
        Misfire::All { within } => {
            let seconds = within.as_duration().map(|length| length.as_secs());
            spec.insert(
                "startingDeadlineSeconds".into(),
                json!(seconds.ok_or("its `misfire` has no length in seconds")?),
            );
            lost.push("of what was missed only the latest runs there".to_owned());
        }
    }
    let mut batch = Map::new();
    batch.insert("backoffLimit".into(), json!(job.retry.map_or(0, |retry| retry.attempts.get() - 1)));
    if let Some(timeout) = job.timeout {
        let seconds = timeout
            .as_duration()
            .map(|length| length.as_secs().max(1))
            .ok_or("its `timeout` has no length in seconds")?;
        batch.insert("activeDeadlineSeconds".into(), json!(seconds));
        if job.retry.is_some() {
            lost.push("`timeout` is for all attempts together there, and here for each".to_owned());
        }
    }
    let pod = json!({ "containers": [pod(name, container, lost)], "restartPolicy": "Never" });
    batch.insert("template".into(), json!({ "spec": pod }));
    spec.insert("jobTemplate".into(), json!({ "spec": batch }));
    let object = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": name }, "spec": spec });
    let text = serde_saphyr::to_string(&object).map_err(|error| error.to_string())?;
    Ok(format!("---\n{text}"))
}

fn pod(name: &str, container: &crate::target::Container, lost: &mut Vec<String>) -> Value {
    let mut one = Map::new();
    one.insert("name".into(), json!(name.replace('.', "-")));
    one.insert("image".into(), json!(container.container));
    match (&container.command, container.entrypoint.is_empty()) {
        (Some(Entry::Shell(line)), _) => drop(one.insert("command".into(), json!(["/bin/sh", "-c", literal(line)]))),
        (Some(Entry::Exec(words)), _) => drop(one.insert("args".into(), json!(literals(words)))),
        (None, _) => {}
    }
    if !container.entrypoint.is_empty() {
        one.insert("command".into(), json!(literals(&container.entrypoint)));
    }
    if let Some(cwd) = &container.cwd {
        one.insert("workingDir".into(), json!(cwd));
    }
    let env: Vec<Value> = container
        .env
        .iter()
        .filter_map(|(name, value)| {
            plain(name, value, lost).map(|value| json!({ "name": name, "value": literal(value) }))
        })
        .collect();
    if !env.is_empty() {
        one.insert("env".into(), json!(env));
    }
    for (said, what) in [
        (container.user.is_some(), "user"),
        (container.network.is_some(), "network"),
        (!container.mounts.is_empty(), "mounts"),
        (container.memory.is_some(), "memory"),
        (container.engine.is_some(), "engine"),
        (container.grace.is_some(), "grace"),
    ] {
        if said {
            lost.push(format!("`{what}` of the container is not written"));
        }
    }
    one.into()
}

/// Text in which Kubernetes replaces nothing: there `$(NAME)` is a variable and `$$` one `$`.
fn literal(text: &str) -> String {
    let mut kept = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        kept.push(c);
        if c == '$' && matches!(chars.peek(), Some('(' | '$')) {
            kept.push('$');
        }
    }
    kept
}

fn literals(words: &[String]) -> Vec<String> {
    words.iter().map(|word| literal(word)).collect()
}
