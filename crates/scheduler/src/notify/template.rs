//! Templates of messages: checked when they are read, filled in when a message is sent.
//!
//! They reach the [`Facts`] and nothing else: no file, no environment, no other template; and they end, since the number
//! of their steps is limited.

use std::sync::LazyLock;

use clusterkeep_core::{Error, Result};
use minijinja::Environment;
use minijinja::value::{Serde, Value};

use super::context::Facts;
use crate::model::{Occasion, Words};
use crate::run::RunState;

/// The most steps that a template may take.
const FUEL: u64 = 100_000;

/// The longest subject and the longest text, in bytes.
const LONGEST_SUBJECT: usize = 500;
const LONGEST_TEXT: usize = 64 * 1024;

const SUBJECT: &str = "\
{%- if occasion == 'recovery' %}{{ namespace }}/{{ job }} is well again
{%- elif occasion == 'missed_heartbeat' %}{{ namespace }}/{{ job }} is silent
{%- else %}{{ namespace }}/{{ job }} {{ state }}
{%- endif %}";

const TEXT: &str = "\
{%- if occasion == 'missed_heartbeat' %}{{ reason }}
{% else %}The run of {{ nominal }} {{ 'was' if state == 'refused' else 'has' }} {{ state }}
{%- if attempt > 1 %} in attempt {{ attempt }}{% endif %}
{%- if finished %}, at {{ finished }}{% endif %}
{%- if seconds is not none %}, after {{ seconds|round(1) }} s{% endif %}.
{% endif %}
{%- if error %}{{ error }}
{% endif %}
{%- if message %}It said last: {{ message }}
{% endif %}
{%- if occasion == 'recovery' %}{{ failures }} had failed in a row, since {{ failing_since }}.
{% elif failures > 1 %}{{ failures }} have failed in a row, since {{ failing_since }}.
{% endif %}
{%- if last_success and occasion != 'success' and occasion != 'recovery' %}The last success was at {{ last_success }}.
{% endif %}
{%- if occasion == 'output' %}
{{ output }}
{% endif %}";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment
});

/// Whether a template can be read, and asks for nothing that there is not.
pub(crate) fn check(source: &str) -> Result<()> {
    let template = ENVIRONMENT.template_from_str(source).map_err(|error| unreadable(&error))?;
    let sample = sample()?;
    let known: Vec<&str> = sample.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let functions: Vec<&str> = ENVIRONMENT.globals().map(|(name, _)| name).collect();
    let mut asked: Vec<String> = template.undeclared_variables(false).into_iter().collect();
    asked.sort_unstable();
    if let Some(unknown) =
        asked.iter().find(|name| !known.contains(&name.as_str()) && !functions.contains(&name.as_str()))
    {
        return Err(Error::input(format!("the template asks for `{unknown}`, which there is not"))
            .with_hint(format!("there are {}", known.join(", "))));
    }
    // What only shows when it is filled in: a filter that is not there, a loop without an end.
    template.render(Value::from(Serde(&sample))).map(drop).map_err(|error| unreadable(&error))
}

fn unreadable(error: &minijinja::Error) -> Error {
    let line = error.line().map(|line| format!(" in its line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    Error::input(format!("the template can't be used: {}{detail}{line}", error.kind()))
        .with_hint("write it as for Jinja: `{{ job }} failed: {{ error }}`")
}

/// Subject and text of a message. A template that fails with these facts is no reason not to tell: the words of the
/// house take its place.
pub(super) fn fill(subject: Option<&Words>, text: Option<&Words>, facts: &Facts) -> (String, String) {
    let subject = line(&filled(subject.map(Words::as_str), SUBJECT, facts));
    let mut text = filled(text.map(Words::as_str), TEXT, facts);
    cut(&mut text, LONGEST_TEXT);
    (subject, text)
}

fn filled(own: Option<&str>, house: &str, facts: &Facts) -> String {
    let value = Value::from(Serde(facts));
    let render = |source: &str| ENVIRONMENT.render_str(source, value.clone());
    own.map(|own| {
        render(own).or_else(|error| {
            tracing::warn!(
                job = facts.job,
                error = &error as &dyn std::error::Error,
                "a template could not be filled in"
            );
            render(house)
        })
    })
    .unwrap_or_else(|| render(house))
    .unwrap_or_else(|_| format!("{}/{}: {}", facts.namespace, facts.job, facts.occasion))
}

/// Text as one line: in a header of a mail another one would begin with a line's end.
fn line(text: &str) -> String {
    let mut line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&mut line, LONGEST_SUBJECT);
    line
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

/// Facts with a value in each place, as JSON.
fn sample() -> Result<serde_json::Value> {
    let now = chrono::DateTime::UNIX_EPOCH;
    let facts = Facts {
        occasion: Occasion::Failure,
        namespace: "namespace".into(),
        job: "job".into(),
        description: Some("description".into()),
        state: RunState::Failed,
        nominal: now,
        started: Some(now),
        finished: Some(now),
        seconds: Some(1.5),
        attempt: 1,
        error: Some("error".into()),
        message: Some("message".into()),
        exit: Some(1),
        result: Some(serde_json::json!({})),
        output: Some("output".into()),
        reason: Some("reason".into()),
        failures: 1,
        failing_since: Some(now),
        last_success: Some(now),
    };
    serde_json::to_value(facts).map_err(|error| Error::caused("write the sample of a message", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        serde_json::from_value(sample().unwrap()).unwrap()
    }

    #[test]
    fn what_can_not_be_filled_in_is_refused_when_it_is_read() {
        check("{{ job }} {{ error or 'no error' }} {% if failures > 1 %}again{% endif %}").unwrap();
        for (source, part) in [
            ("{{ job", "can't be used"),
            ("{{ jobb }}", "asks for `jobb`"),
            ("{{ job|shout }}", "unknown filter"),
            ("{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}", "fuel"),
            ("{% include 'etc/passwd' %}", "can't be used"),
        ] {
            let error = check(source).unwrap_err().to_string();
            assert!(error.contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn the_words_of_the_house() {
        let (subject, text) = fill(None, None, &facts());
        assert_eq!(subject, "namespace/job failed");
        assert_eq!(
            text,
            "The run of 1970-01-01T00:00:00Z has failed, at 1970-01-01T00:00:00Z, after 1.5 s.\nerror\nIt said last: \
             message\nThe last success was at 1970-01-01T00:00:00Z.\n"
        );
        let silent = Facts { occasion: Occasion::MissedHeartbeat, error: None, message: None, ..facts() };
        assert_eq!(fill(None, None, &silent).0, "namespace/job is silent");
        let well = Facts { occasion: Occasion::Recovery, state: RunState::Succeeded, failures: 3, ..facts() };
        let (subject, text) = fill(None, None, &well);
        assert!(subject.ends_with("is well again") && text.contains("3 had failed in a row"), "{subject}: {text}");
    }

    #[test]
    fn a_subject_is_one_line_and_a_text_has_an_end() {
        let long = Facts { error: Some("é".repeat(100_000)), ..facts() };
        let words = |text: &str| Words::new(text).unwrap();
        let (subject, text) = fill(Some(&words("{{ job }}\r\nBcc: x")), Some(&words("{{ error }}")), &long);
        assert_eq!(subject, "job  Bcc: x");
        assert!(text.len() <= LONGEST_TEXT + 3 && text.ends_with('…'));
    }

    #[test]
    fn nothing_is_escaped_as_if_it_were_html() {
        let odd = Facts { error: Some("<b> & \"q\"".into()), ..facts() };
        assert_eq!(fill(None, Some(&Words::new("{{ error }}").unwrap()), &odd).1, "<b> & \"q\"");
    }
}
