//! Names for jobs whose source has none: the program that a command runs.

/// Words that stand before the program that matters.
const BEFORE: [&str; 26] = [
    "env", "nice", "ionice", "nohup", "sudo", "exec", "time", "timeout", "flock", "chronic", "cronic", "setsid", "sh",
    "bash", "dash", "zsh", "ksh", "php", "python", "python2", "python3", "perl", "ruby", "node", "java", "command",
];

/// Commands that only prepare what is meant.
const PREPARING: [&str; 12] = ["cd", "test", "[", "[[", "source", ".", "export", "sleep", "set", "echo", "true", ":"];

/// A short name for a command line: letters, digits, `-`, `_` and `.`; `job` where nothing can be told.
pub(super) fn of_command(command: &str) -> String {
    let parts = command.split(['&', ';', '|', '(', ')', '\n', '%']);
    let named: Vec<String> = parts.filter_map(program).collect();
    let telling = named.iter().find(|name| !PREPARING.contains(&name.as_str()));
    let name = telling.or(named.first()).map(|name| plain(name)).unwrap_or_default();
    if name.is_empty() { "job".to_owned() } else { name }
}

/// The program of one simple command.
fn program(part: &str) -> Option<String> {
    let mut words = part.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', '{', '}', '`']));
    let word = words.find(|word| {
        let base = word.rsplit('/').next().unwrap_or_default();
        let assigns = word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains('/'));
        let skipped = word.starts_with(['-', '>', '<']) || word.ends_with('>') || assigns || BEFORE.contains(&base);
        !word.is_empty() && !skipped && !word.bytes().all(|byte| byte.is_ascii_digit())
    })?;
    let base = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let stem = base.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(base, |(stem, _)| stem);
    Some(stem.to_owned()).filter(|stem| !stem.is_empty())
}

fn plain(name: &str) -> String {
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    kept.trim_matches(['-', '.']).chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_matters_gives_the_name() {
        for (command, name) in [
            ("/usr/local/bin/backup --all >/dev/null 2>&1", "backup"),
            ("cd /srv/app && ./bin/rake-it", "rake-it"),
            ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "run-parts"),
            ("php /var/www/CDRTool/scripts/normalize.php >/dev/null", "normalize"),
            ("LANG=C nice -n 10 python3 -u /opt/x/report.py", "report"),
            ("[ -d /var/cache ] && find /var/cache -type f", "find"),
            ("$VV $HOME/scripts/update-blast.pl", "VV"),
            ("", "job"),
            ("&& || ;", "job"),
            ("\u{1b}[31m", "31m"),
        ] {
            assert_eq!(of_command(command), name, "{command}");
        }
    }
}
