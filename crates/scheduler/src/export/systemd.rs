//! A job as a timer and a service, as `systemctl cat` would print them.

use super::civil::changes;
use super::{Written, common, each, one_line, plain};
use crate::model::{JobSpec, Misfire, Overlap, Target, When};
use crate::target::Program;
use crate::trigger::{Cron, Dialect, Fold, Gap};

/// Both units.
pub(super) fn write(job: &JobSpec, lost: &mut Vec<String>) -> Written {
    let Target::Command(command) = &job.run else { return Err(format!("{} is no command", job.run.kind())) };
    let name = job.name.as_str();
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)) || name.starts_with(['-', '.'])
    {
        return Err("its name is none of a unit: letters, digits, `-`, `_`, `.` and `:`".to_owned());
    }
    let parts = each(job);
    let mut timer = parts.iter().map(on).collect::<Result<Vec<_>, _>>()?.concat();
    common(job, lost)?;
    for part in &parts {
        changes(part, (Gap::Skip, Fold::First), lost);
    }
    match job.misfire {
        Misfire::Latest => timer.push("Persistent=true".to_owned()),
        Misfire::Skip => {}
        Misfire::All { .. } => {
            timer.push("Persistent=true".to_owned());
            lost.push("of what was missed only the latest runs there".to_owned());
        }
    }
    if let Some(jitter) = job.jitter.and_then(clusterkeep_core::age::Age::as_duration) {
        timer.push(format!("RandomizedDelaySec={}s", jitter.as_secs_f64()));
        lost.push("the delay by `jitter` is drawn by another rule there".to_owned());
    }
    timer.push("AccuracySec=1s".to_owned());
    if !matches!(job.overlap, Overlap::Skip) && job.when != When::Startup {
        lost.push("a timer does not start what is still going, unlike `overlap`".to_owned());
    }
    if job.retry.is_some() {
        lost.push("`retry` is not said there".to_owned());
    }
    if command.stdin.is_some() {
        return Err("what it reads from its standard input can't be said there".to_owned());
    }
    let words: Vec<&str> = match &command.program {
        Program::Shell(line) => vec!["/bin/sh", "-c", line],
        Program::Exec(words) => words.iter().map(String::as_str).collect(),
    };
    // Such a character in front says there with which rights it runs, and whether its end counts (systemd.service(5)).
    if words.first().is_some_and(|program| program.starts_with(['-', '@', ':', '+', '!', '|'])) {
        return Err("its program begins with a character that means something there".to_owned());
    }
    let mut service = vec!["Type=oneshot".to_owned(), format!("ExecStart={}", line(&words)?)];
    let process = &command.process;
    // A line that ends with one goes on in the next.
    if [&process.user, &process.cwd].into_iter().flatten().any(|text| text.trim_end().ends_with('\\')) {
        return Err("its user or folder ends with a backslash".to_owned());
    }
    if let Some(user) = &process.user {
        service.push(format!("User={}", one_line(user).replace('%', "%%")));
    }
    if let Some(cwd) = &process.cwd {
        service.push(format!("WorkingDirectory={}", one_line(cwd).replace('%', "%%")));
    }
    for (name, value) in &process.env {
        if let Some(value) = plain(name, value, lost) {
            service.push(format!("Environment={}", word(&format!("{name}={value}"), false)?));
        }
    }
    if let Some(timeout) = job.timeout.and_then(clusterkeep_core::age::Age::as_duration) {
        service.push(format!("TimeoutStartSec={}s", timeout.as_secs_f64()));
    }
    if process.limits != Default::default() || process.grace.is_some() {
        lost.push("`limits` and `grace` are not said there".to_owned());
    }
    let description = one_line(job.description.as_deref().unwrap_or(name)).replace('%', "%%");
    Ok(format!(
        "# /etc/systemd/system/{name}.timer\n[Unit]\nDescription={description}\n\n[Timer]\n{}\n\n[Install]\nWantedBy=timers.target\n\n\
         # /etc/systemd/system/{name}.service\n[Unit]\nDescription={description}\n\n[Service]\n{}\n\n",
        timer.join("\n"),
        service.join("\n"),
    ))
}

/// When the timer elapses; each line is another time, and those that come together are one there, too.
fn on(job: &JobSpec) -> Result<Vec<String>, String> {
    let zone = &job.zone;
    Ok(match &job.when {
        When::Calendar(text) => vec![format!("OnCalendar={} {zone}", words(text))],
        When::Cron { text, dialect } => {
            let texts = calendar(text, *dialect, job.name.as_str())?;
            texts.into_iter().map(|text| format!("OnCalendar={text} {zone}")).collect()
        }
        // A fraction of a second is said to the microsecond there.
        When::At(at) if at.timestamp_subsec_nanos() % 1_000 == 0 => {
            vec![format!("OnCalendar={} UTC", at.format("%Y-%m-%d %H:%M:%S%.f"))]
        }
        When::After(delay) => match delay.as_duration() {
            Some(delay) => vec!["OnBootSec=0".to_owned(), format!("OnUnitInactiveSec={}s", delay.as_secs_f64())],
            None => return Err(format!("`{}` can't be said there", job.when)),
        },
        When::Startup => vec!["OnBootSec=0".to_owned()],
        other => return Err(format!("`{other}` can't be said there")),
    })
}

/// An expression on one line: between its words any blank may stand, a line's end, too.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same times as calendar expressions: two, where either of two days is enough. What comes out is read again, and
/// held against what went in.
fn calendar(text: &str, dialect: Dialect, name: &str) -> Result<Vec<String>, String> {
    let cron = Cron::parse_as(text, dialect, name).map_err(|error| error.to_string())?;
    let texts = cron.calendar_texts().ok_or_else(|| format!("the days of `{text}` can't be said there"))?;
    if let [one] = texts.as_slice() {
        let again = Cron::on_calendar(one).map_err(|error| error.to_string())?;
        if !again.is_at_the_same_times_as(&cron) {
            return Err(format!("`{text}` can't be said there"));
        }
    }
    Ok(texts)
}

fn line(words: &[&str]) -> Result<String, String> {
    Ok(words.iter().map(|text| word(text, true)).collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// A word in quotes where it needs them; what systemd would replace in it is escaped, variables of commands too.
fn word(text: &str, command: bool) -> Result<String, String> {
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err("a word of it holds a character of control".to_owned());
    }
    let mut escaped = text.replace('%', "%%");
    if command {
        escaped = escaped.replace('$', "$$");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,$".contains(c);
    if !escaped.is_empty() && escaped.chars().all(plain) {
        return Ok(escaped);
    }
    let escaped = escaped.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    Ok(format!("\"{escaped}\""))
}
