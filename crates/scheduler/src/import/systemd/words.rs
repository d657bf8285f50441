//! Command lines, assignments and spans of time, as systemd writes them (systemd.service(5), systemd.time(7)).

use chrono::TimeDelta;
use clusterkeep_core::{Error, Result};

/// The words of a line: blanks separate them, quotes hold them together, and a backslash escapes.
pub(super) fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None::<char>);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) if word.is_none() => {
                quote = Some(c);
                word = Some(String::new());
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('\\', _) => {
                let escaped = match chars.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('s') => ' ',
                    Some(c @ ('\\' | '"' | '\'' | ' ' | ';')) => c,
                    other => {
                        let what = other.map(String::from).unwrap_or_default();
                        return Err(Error::input(format!("the escape `\\{what}` is not read")));
                    }
                };
                word.get_or_insert_default().push(escaped);
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Error::input(format!("`{line}` has a quote without its end")));
    }
    words.extend(word);
    Ok(words)
}

/// A span of time, such as `1h 30min`; a number alone is in seconds.
pub(super) fn span(text: &str) -> Result<TimeDelta> {
    let unread = || Error::input(format!("`{text}` is no span of time"));
    let (mut total, mut rest) = (0_f64, text.trim());
    if rest.is_empty() {
        return Err(unread());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "us" | "usec" | "µs" | "μs" => 0.000_001,
            "ms" | "msec" => 0.001,
            "" | "s" | "sec" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            "M" | "month" | "months" => 2_629_800.0,
            "y" | "year" | "years" => 31_557_600.0,
            _ => return Err(unread()),
        };
        total += number.parse::<f64>().map_err(|_| unread())? * unit;
        rest = tail.trim_start();
    }
    let micros = total * 1e6;
    // Longer than a century is no timer.
    if !(0.0..=4e15).contains(&micros) {
        return Err(unread());
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is within bounds, and parts of a microsecond are none")]
    Ok(TimeDelta::microseconds(micros.round() as i64))
}

/// A word as `sh` takes it; with `expand`, variables in it are replaced: a word that is `$NAME` becomes several, as there.
///
/// Whatever else a shell would do at a `$` or a backquote is kept from it.
pub(super) fn quoted(word: &str, expand: bool) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !expand || !word.contains('$') {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    if word.strip_prefix('$').is_some_and(is_name) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        // Within a word only `${NAME}` is a variable.
        let variable = rest.strip_prefix("${").and_then(|tail| tail.split_once('}')).filter(|(name, _)| is_name(name));
        if let Some((name, tail)) = variable {
            text.push_str(&format!("${{{name}}}"));
            rest = tail;
            continue;
        }
        if matches!(c, '\\' | '"' | '`' | '$') {
            text.push('\\');
        }
        text.push(c);
        rest = &rest[c.len_utf8()..];
    }
    text.push('"');
    text
}

fn is_name(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(word) && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_spans_as_the_manuals_say() {
        assert_eq!(words(r#"/bin/echo "a b" 'c "d"' e\x20"#).unwrap_err().to_string(), r"the escape `\x` is not read");
        assert_eq!(
            words(r#"/bin/echo "a b" 'c "d"' e\sf g"h"#).unwrap(),
            ["/bin/echo", "a b", "c \"d\"", "e f", "g\"h"]
        );
        assert!(words("a \"b").is_err());
        for (text, seconds) in [
            ("5", 5),
            ("1h 30min", 5_400),
            ("1h30min", 5_400),
            ("2 weeks", 1_209_600),
            ("1.5d", 129_600),
            ("3min", 180),
        ] {
            assert_eq!(span(text).unwrap(), TimeDelta::seconds(seconds), "{text}");
        }
        for text in ["", "h", "5 fortnights", "infinity", "-5", "999999y", "1..2s"] {
            assert!(span(text).is_err(), "{text}");
        }
        assert_eq!(quoted("it's", false), r"'it'\''s'");
        assert_eq!(quoted("${HOME}/a \"b\"", true), "\"${HOME}/a \\\"b\\\"\"");
        assert_eq!(quoted("$OPTS", true), "$OPTS");
        // What systemd leaves alone no shell may run.
        assert_eq!(quoted("${A} $(id) `id` $B ${C:-x}", true), r#""${A} \$(id) \`id\` \$B \${C:-x}""#);
    }
}
