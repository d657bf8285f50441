//! Which variables hold what no file should: their values are left where they are, and referred to.

/// Parts of names whose values are secrets, by custom.
const PARTS: [&str; 8] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "API_KEY", "CREDENTIAL"];

/// Whether a variable of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    PARTS.iter().any(|part| name.contains(part))
        || name == "PGPASS"
        || name.ends_with("_PASS")
        || name.ends_with("_KEY")
}

/// What a job says in place of a secret's value.
pub(super) fn reference(name: &str) -> String {
    format!("env:{name}")
}

/// What is said of it.
pub(super) fn remark(name: &str) -> String {
    format!(
        "`{name}` looks like a secret and was not copied: the job says `{}`; give it to the scheduler's environment",
        reference(name)
    )
}
