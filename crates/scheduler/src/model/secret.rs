//! What in a job may be a secret: where only a reference belongs, and what is never shown.
//!
//! It goes by names, so it may be wrong in either direction: it warns and hides, and decides nothing.

use serde_json::Value;

/// Parts of names whose values are secrets, in lower case and without separators.
const NAMES: [&str; 9] =
    ["password", "passwd", "secret", "token", "apikey", "authorization", "credential", "privatekey", "passphrase"];

/// Whether a key of this name holds a secret.
pub(crate) fn is_name(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    NAMES.iter().any(|name| plain.contains(name))
}

/// Whether a value says where something is, and not what it is. `file://` begins a URL.
pub(crate) fn is_reference(text: &str) -> bool {
    let path = |path: &str| !path.is_empty() && !path.starts_with("//");
    text.strip_prefix("env:").is_some_and(|name| !name.is_empty()) || text.strip_prefix("file:").is_some_and(path)
}

/// Whether text is an address with a password in it: `scheme://user:password@host`.
pub(crate) fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| password(rest).is_some())
}

/// The password in what follows the `://` of an address.
fn password(rest: &str) -> Option<&str> {
    let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or(rest);
    let (_, word) = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'))?;
    Some(word).filter(|word| !word.is_empty() && !is_reference(word))
}

/// The text with `***` in the place of passwords in addresses. The rest stays: who looks at a change must see what is run.
pub(crate) fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        shown.push_str("://");
        match (password(rest), rest.split_once(':')) {
            // The user's name ends at the first colon, and the password follows it.
            (Some(word), Some((user, more))) => {
                shown.push_str(&format!("{user}:***{}", more.get(word.len()..).unwrap_or_default()));
            }
            _ => shown.push_str(rest),
        }
    }
    shown
}

/// Why `text`, which stands under `key`, should be a reference; `None` where nothing says so.
pub(crate) fn reveals(key: &str, text: &str) -> Option<&'static str> {
    if is_secret(key, text) {
        return Some("a secret stands in plain text");
    }
    has_password(text).then_some("an address has its password in plain text")
}

/// Whether `text` is a secret by the name of its key.
fn is_secret(key: &str, text: &str) -> bool {
    is_name(key) && !is_reference(text.trim_end()) && !text.is_empty()
}

/// The last key of a path such as `run.headers.Authorization` or `run.sql[0]`.
pub(crate) fn last_key(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    last.split('[').next().unwrap_or(last)
}

/// Hides what may be a secret in a value that stands under `key`.
pub(crate) fn hide(key: &str, value: &mut Value) {
    match value {
        Value::String(text) if is_secret(key, text) => *text = "***".to_owned(),
        Value::String(text) if has_password(text) => *text = without_passwords(text),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(key, item)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| hide(name, value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_seen() {
        for (key, text, is) in [
            ("password", "hunter2", true),
            ("X-Api-Key", "abc", true),
            ("AWS_SECRET_ACCESS_KEY", "abc", true),
            ("password", "env:PGPASSWORD", false),
            ("password", "file:/run/secrets/pg", false),
            ("password", "env:", true),
            ("password", "env: ", true),
            ("password", "file:///run/secrets/pg", true),
            ("cluster", "postgres://ops:hunter2@db/jobs", true),
            ("cluster", "postgres://ops:env:PGPASSWORD@db/jobs", false),
            ("cluster", "postgres://ops@db/jobs", false),
            ("command", "curl https://a:b@example.org/x", true),
            ("http", "https://example.org/a?b=c:d@e", false),
            ("name", "the secret of it", false),
        ] {
            assert_eq!(reveals(key, text).is_some(), is, "{key}: {text}");
        }
        for (text, shown) in [
            ("curl https://u:p@x/y; rm -rf /srv", "curl https://u:***@x/y; rm -rf /srv"),
            ("a://p:p@p/p b://c:d@e f", "a://p:***@p/p b://c:***@e f"),
            ("a://u:env:P@x c://d", "a://u:env:P@x c://d"),
            ("none", "none"),
        ] {
            let mut value = serde_json::json!(text);
            hide("command", &mut value);
            assert_eq!(value, shown);
        }
        let mut value = serde_json::json!({"headers": {"Authorization": "Bearer x", "Accept": "*/*"}});
        hide("run", &mut value);
        assert_eq!(value["headers"], serde_json::json!({"Authorization": "***", "Accept": "*/*"}));
    }
}
