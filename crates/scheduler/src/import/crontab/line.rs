//! One line of a crontab, taken apart as cron does (`entry.c`, `env.c`).

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Blank,
    /// Its text, where it says something.
    Comment(Option<String>),
    /// A variable for the entries below it.
    Setting {
        name: String,
        value: String,
    },
    Entry(Entry),
    /// Neither, and why.
    Wrong(String),
}

/// When, and what.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) when: String,
    pub(super) user: Option<String>,
    pub(super) command: String,
    pub(super) stdin: Option<String>,
}

/// Takes a line apart.
pub(super) fn split(text: &str, system: bool) -> Line {
    let text = text.trim_start_matches([' ', '\t']).trim_end_matches('\r');
    if text.trim().is_empty() {
        return Line::Blank;
    }
    if let Some(comment) = text.strip_prefix('#') {
        let comment = comment.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '-' | '=' | '*'));
        return Line::Comment(Some(comment.to_owned()).filter(|comment| !comment.is_empty()));
    }
    if let Some((name, value)) = setting(text) {
        return Line::Setting { name, value };
    }
    // SUSE's cron takes a `-` in front, which keeps a line out of the log.
    let text = text.strip_prefix('-').unwrap_or(text);
    let count = if text.starts_with('@') { 1 } else { 5 };
    let mut rest = text;
    let mut fields = Vec::new();
    for _ in 0..count {
        let (field, tail) = word(rest);
        fields.push(field);
        rest = tail;
    }
    if fields.iter().any(|field| field.is_empty()) {
        return Line::Wrong(format!("`{}` is neither a setting nor five fields and a command", shortened(text)));
    }
    let user = if system {
        let (user, tail) = word(rest);
        rest = tail;
        if user.is_empty() {
            return Line::Wrong("there is no user in front of the command".to_owned());
        }
        Some(user.to_owned())
    } else {
        None
    };
    let (command, stdin) = percent(rest);
    Line::Entry(Entry { when: fields.join(" "), user, command, stdin })
}

fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start_matches([' ', '\t']))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// `NAME = value`; either may be in quotes.
fn setting(text: &str) -> Option<(String, String)> {
    let (name, rest) = quoted(text).or_else(|| {
        let end = text.find(|c: char| c == '=' || c.is_whitespace())?;
        Some(text.split_at(end))
    })?;
    let value = rest.trim_start().strip_prefix('=')?.trim();
    let value = quoted(value).filter(|(_, rest)| rest.is_empty()).map_or(value, |(inner, _)| inner);
    (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
}

/// What stands in the quotes that a text begins with, and what follows them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.get(1..)?.split_once(quote)
}

/// A command ends at its first `%`; what follows is what it reads, a line for each further one. `\%` is a `%`.
fn percent(text: &str) -> (String, Option<String>) {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = parts.len() - 1;
        match c {
            '\\' if chars.peek() == Some(&'%') => {
                chars.next();
                parts[last].push('%');
            }
            '%' => parts.push(String::new()),
            c => parts[last].push(c),
        }
    }
    let command = parts.remove(0);
    let stdin = if parts.is_empty() { None } else { Some(parts.join("\n") + "\n") };
    (command.trim_end().to_owned(), stdin)
}

/// The same expression without steps that leave nothing but the first value of what they go through.
pub(crate) fn without_large_steps(text: &str) -> String {
    const FIELDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let item = |item: &str, (low, high): (u32, u32)| {
        let (base, step) = item.split_once('/')?;
        let step: u32 = step.parse().ok()?;
        if step <= high - low {
            return None;
        }
        match base.split_once('-') {
            Some((first, _)) => Some(first.to_owned()),
            None if base == "*" => Some(low.to_string()),
            None => Some(base.to_owned()),
        }
    };
    let field = |(field, bounds): (&str, (u32, u32))| {
        let items = field.split(',').map(|part| item(part, bounds).unwrap_or_else(|| part.to_owned()));
        items.collect::<Vec<_>>().join(",")
    };
    text.split_ascii_whitespace().zip(FIELDS).map(field).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(when: &str, user: Option<&str>, command: &str, stdin: Option<&str>) -> Line {
        let user = user.map(str::to_owned);
        Line::Entry(Entry { when: when.into(), user, command: command.into(), stdin: stdin.map(str::to_owned) })
    }

    #[test]
    fn lines_are_what_cron_takes_them_for() {
        let setting = |name: &str, value: &str| Line::Setting { name: name.into(), value: value.into() };
        for (text, line) in [
            ("", Line::Blank),
            (" \t", Line::Blank),
            ("# at night", Line::Comment(Some("at night".into()))),
            ("  #", Line::Comment(None)),
            ("MAILTO=\"\"", setting("MAILTO", "")),
            ("PATH = /bin:/usr/bin ", setting("PATH", "/bin:/usr/bin")),
            ("\"A B\"=' c '", setting("A B", " c ")),
            ("X='a'b", setting("X", "'a'b")),
            ("*/5 * * * * a=b c", entry("*/5 * * * *", None, "a=b c", None)),
            ("5\t4 * *\tsun  echo hi ", entry("5 4 * * sun", None, "echo hi", None)),
            ("@daily /bin/x", entry("@daily", None, "/bin/x", None)),
            ("-0 1 * * * /bin/x", entry("0 1 * * *", None, "/bin/x", None)),
            ("0 1 * * * mail -s \\%s a%b%c\\%", entry("0 1 * * *", None, "mail -s %s a", Some("b\nc%\n"))),
            ("0 1 * * * date +\\%F", entry("0 1 * * *", None, "date +%F", None)),
            ("0 1 * * *", entry("0 1 * * *", None, "", None)),
        ] {
            assert_eq!(split(text, false), line, "{text:?}");
        }
        assert_eq!(
            split("17 * * * * root run-parts /x", true),
            entry("17 * * * *", Some("root"), "run-parts /x", None)
        );
        assert!(matches!(split("hello", false), Line::Wrong(_)));
        assert!(matches!(split("0 1 * *", false), Line::Wrong(_)));
        assert!(matches!(split("0 1 * * *", true), Line::Wrong(_)));
    }

    #[test]
    fn steps_beyond_a_field_leave_its_first_value() {
        assert_eq!(without_large_steps("*/60 2-23/24 * */12 *"), "0 2 * 1 *");
        assert_eq!(without_large_steps("*/15,3-9/90 * * * mon"), "*/15,3 * * * mon");
    }
}
