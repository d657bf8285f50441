//! A job as lines of a crontab.

use super::civil::{apart, as_cron_does, changes, crontab};
use super::{Written, common, each, one_line, plain};
use crate::civil::Zone;
use crate::model::{JobSpec, Misfire, Overlap, Target, When};
use crate::target::Program;

/// The lines, one for each of its times, with `CRON_TZ` where the zone is another than that of the lines before.
pub(super) fn write(job: &JobSpec, system: bool, zone: &mut Option<Zone>, lost: &mut Vec<String>) -> Written {
    let Target::Command(command) = &job.run else { return Err(format!("{} is no command", job.run.kind())) };
    let parts = each(job);
    let whens = parts.iter().map(crontab).collect::<Result<Vec<_>, _>>()?;
    apart(&parts)?;
    common(job, lost)?;
    if job.jitter.is_some() {
        lost.push("`jitter` is not said there".to_owned());
    }
    if job.when != When::Startup {
        for (part, when) in parts.iter().zip(&whens) {
            changes(part, as_cron_does(when), lost);
        }
        if !matches!(job.overlap, Overlap::Allow(_)) {
            lost.push(format!(
                "cron starts a run beside one that is still going, unlike `overlap: {}`",
                word(job.overlap)
            ));
        }
        if job.misfire != Misfire::Skip {
            lost.push("cron does not make up for what it missed while it was down, unlike `misfire`".to_owned());
        }
    }
    for (said, name) in [(job.timeout.is_some(), "timeout"), (job.retry.is_some(), "retry")] {
        if said {
            lost.push(format!("`{name}` is not said there"));
        }
    }
    let process = &command.process;
    if process.limits != crate::target::Limits::default() || process.grace.is_some() {
        lost.push("`limits` and `grace` are not said there".to_owned());
    }
    let line = match &command.program {
        Program::Shell(line) => line.clone(),
        Program::Exec(_) => command.program.to_string(),
    };
    if line.contains(['\n', '\r']) {
        return Err("its command has several lines".to_owned());
    }
    let mut front = String::new();
    if let Some(cwd) = &process.cwd {
        front = format!("cd {} && ", quoted(cwd));
    }
    let mut assignments = String::new();
    for (name, value) in &process.env {
        if value.contains(['\n', '\r']) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("the variable `{name}` can't be said there"));
        }
        if let Some(value) = plain(name, value, lost) {
            assignments.push_str(&format!("export {name}={}; ", quoted(value)));
        }
    }
    let text = assignments + &front + &line;
    // There a backslash in front of `%` can't be said: it is taken away, or ends the command.
    if odd_backslashes_before_percent(&text) {
        return Err("its command has a backslash in front of `%`, which cron takes away".to_owned());
    }
    let mut text = text.replace('%', "\\%");
    if let Some(stdin) = &command.stdin {
        let body = stdin.strip_suffix('\n').unwrap_or(stdin);
        text.push('%');
        text.push_str(&body.replace('%', "\\%").replace('\n', "%"));
    }
    if text.contains(['\n', '\r']) {
        return Err("its folder has a line break".to_owned());
    }
    let user = match (&process.user, system) {
        // Anything else would make the first word of the command the user that runs it.
        (Some(user), true) if !user.contains(|c: char| c.is_whitespace() || c.is_control()) => format!("{user} "),
        (Some(user), true) => return Err(format!("its user {user:?} can't be said there")),
        (None, true) => return Err("it says no user, and there each line does".to_owned()),
        (Some(user), _) => {
            lost.push(format!("its user `{user}` is not said in a user's crontab"));
            String::new()
        }
        (None, false) => String::new(),
    };
    let mut lines = String::new();
    if zone.as_ref() != Some(&job.zone) && job.when != When::Startup {
        lines.push_str(&format!("CRON_TZ={}\n", job.zone));
        *zone = Some(job.zone.clone());
    }
    let comment = job.description.as_deref().map(|text| format!(": {}", one_line(text))).unwrap_or_default();
    for when in whens {
        lines.push_str(&format!("{when} {user}{text}\n"));
    }
    Ok(format!("# {}{comment}\n{lines}", one_line(job.name.as_str())))
}

/// Whether a `%` stands behind a backslash that is not itself behind one.
fn odd_backslashes_before_percent(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let found = escaped && c == '%';
        escaped = c == '\\' && !escaped;
        found
    })
}

const fn word(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "skip",
        Overlap::Queue => "queue",
        Overlap::Replace => "replace",
        Overlap::Allow(_) => "allow",
    }
}

/// A word as `sh` takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
