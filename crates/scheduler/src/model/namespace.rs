//! Names of namespaces: those that are given, and one for what gives none.

use clusterkeep_core::{Error, Result, hex};
use sha2::{Digest, Sha256};

/// How many digits of the hash stand in a name: two files of one user are the same in it once in 2^40 pairs.
const DIGITS: usize = 10;

/// Fails where `name` can't be told apart on the screen.
pub(crate) fn check(name: &str) -> Result<()> {
    if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        return Err(Error::input(format!("{name:?} is no name for a namespace"))
            .with_hint("a name has at least one character, none of control, and no blank at its ends"));
    }
    Ok(())
}

/// The namespace of a timetable that names none: the same for the same user, host and resource, and another one for any
/// other. Files of the same name in two folders are two resources: give their whole, resolved path.
///
/// ```
/// use clusterkeep_scheduler::ephemeral_namespace;
/// let name = ephemeral_namespace("db1", "ops", "/srv/jobs/weather.yaml");
/// assert_eq!(name, ephemeral_namespace("db1", "ops", "/srv/jobs/weather.yaml"));
/// assert!(name.starts_with("weather-ops-"), "{name}");
/// assert_ne!(name, ephemeral_namespace("db2", "ops", "/srv/jobs/weather.yaml"));
/// assert_ne!(name, ephemeral_namespace("db1", "ops", "/srv/more/weather.yaml"));
/// ```
#[must_use]
pub fn ephemeral_namespace(host: &str, user: &str, resource: &str) -> String {
    let mut sha = Sha256::new();
    for part in [host, user, resource] {
        // With its length before it, so that no two sequences of parts read the same.
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part.as_bytes());
    }
    let mut digits = hex::digits(&sha.finalize());
    digits.truncate(DIGITS);
    let file = resource.rsplit(['/', '\\']).next().unwrap_or(resource);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let word = |text: &str| -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let word: String = text.chars().map(plain).take(32).collect();
        if word.is_empty() { "jobs".to_owned() } else { word }
    };
    format!("{}-{}-{digits}", word(stem), word(user))
}
