//! Expressions of Quartz: a list of names and expressions, or a file of properties.
//!
//! An expression says when and not what: each job runs an action of its own name, which the program has to register.

use clusterkeep_core::{Error, Result};
use serde_json::json;

use super::collect::{At, Collector, NO_LIMIT, job};
use super::crontab::at_once;
use super::old::{Old, quartz};
use super::{NoteLevel, Source};
use crate::model::When;
use crate::trigger::{Cron, Dialect};

/// Reads a text of either form.
pub(super) fn read(source: &Source, collector: &mut Collector) {
    for (index, line) in source.text.lines().enumerate() {
        let at = At::line(&source.name, index + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) || line.starts_with("//") {
            continue;
        }
        if let Err(error) = entry(line, &at, collector) {
            collector.refuse(&at, &error);
        }
    }
}

fn entry(line: &str, at: &At, collector: &mut Collector) -> Result<()> {
    let Some((name, expression)) = split(line) else {
        // Properties that say something else are no triggers.
        if let Some((name, _)) = line.split_once(['=', ':']) {
            collector.note(at, NoteLevel::Hint, format!("`{}` is no expression and was passed over", name.trim()));
            return Ok(());
        }
        return Err(Error::input(format!(
            "`{}` is no name with an expression",
            line.chars().take(60).collect::<String>()
        ))
        .with_hint("write `nightly 0 30 3 * * ?` or `nightly = 0 30 3 * * ?`"));
    };
    let expression = expression.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    Cron::parse_as(&expression, Dialect::Quartz, "")?;
    let old = quartz::read(&expression).map(Old::Civil);
    let name = collector.name(&name);
    let of_job = at.job(&name);
    if let Err(why) = &old {
        collector.note(
            &of_job,
            NoteLevel::Differs,
            format!("Quartz itself refuses it ({why}): there is nothing to compare with"),
        );
    }
    let when = When::Cron { text: expression, dialect: Dialect::Quartz };
    let mut job = job(&name, &when, &json!({ "action": name }))?;
    job.zone = collector.zone(at);
    job.overlap = at_once(NO_LIMIT);
    collector.once(
        &At::source(at.place.split(':').next().unwrap_or_default()),
        NoteLevel::Lost,
        "an expression does not say what it runs: each job names an action like itself; put your own `run` in its place",
    );
    collector.once(
        &At::source(at.place.split(':').next().unwrap_or_default()),
        NoteLevel::Hint,
        "Quartz lets runs of a job overlap, unless its class says @DisallowConcurrentExecution: then write `overlap: queue`",
    );
    collector.add(at, job, old.ok().as_ref());
    Ok(())
}

/// `name expression`, `name = expression` or `name: expression`; of `a.b.cronExpression` the name is `b`.
fn split(line: &str) -> Option<(String, String)> {
    let (name, rest) = match line.split_once('=').or_else(|| line.split_once(": ")) {
        Some((name, rest)) if !name.trim().contains(char::is_whitespace) => (name.trim(), rest.trim()),
        _ => line.split_once(char::is_whitespace)?,
    };
    let expression = rest.trim().trim_matches(['"', '\'']);
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let timely = |field: &&str| field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*?/,-#".contains(&byte));
    if !(6..=7).contains(&fields.len()) || !fields.iter().all(timely) {
        return None;
    }
    let telling = name.split('.').rev().find(|part| {
        !["cron", "cronexpression", "expression", "schedule", "trigger"].contains(&part.to_ascii_lowercase().as_str())
    });
    Some((telling.unwrap_or(name).to_owned(), expression.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_either_form() {
        for (line, name, expression) in [
            ("nightly 0 30 3 * * ?", "nightly", "0 30 3 * * ?"),
            ("org.quartz.trigger.report.cronExpression = 0 0/5 * * * ? *", "report", "0 0/5 * * * ? *"),
            ("jobs.clean.cron: 0 0 2 ? * MON", "clean", "0 0 2 ? * MON"),
            ("x=\"0 0 2 ? * 6L\"", "x", "0 0 2 ? * 6L"),
        ] {
            assert_eq!(split(line), Some((name.to_owned(), expression.to_owned())), "{line}");
        }
        for line in ["org.quartz.threadPool.threadCount = 5", "nightly 30 3 * * *", "nightly", "a = 0 0 2 ? * $(id) x"]
        {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
