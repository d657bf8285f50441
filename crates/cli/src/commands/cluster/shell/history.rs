//! What a shell keeps of what was typed: a file of this user's alone, without what looks like it carries a secret.

use std::path::PathBuf;

use clusterkeep_core::{Error, Result};

use crate::context::state_folder;

/// Parts of words that stand beside secrets.
const SIGNS: &[&str] =
    &["password", "passwd", "pwd", "identified", "secret", "token", "credential", "access_key", "api_key", "apikey"];

/// Whether a line looks like it carries a password or its like. Rather once too often than once too seldom.
pub(super) fn carries_a_secret(line: &str) -> bool {
    let lower = line.to_lowercase();
    SIGNS.iter().any(|sign| lower.contains(sign)) || has_url_password(&lower)
}

/// `scheme://user:password@host`.
fn has_url_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or_default();
        let authority = rest.split(|c: char| c.is_whitespace() || "/'\"".contains(c)).next().unwrap_or_default();
        authority.split_once(':').is_some_and(|(_, after)| after.contains('@'))
    })
}

/// The file, in a folder that is made where it is missing.
pub(super) fn file() -> Result<PathBuf> {
    let folder = state_folder()?;
    std::fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
    Ok(folder.join("shell-history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_carry_a_secret_is_known() {
        for line in [
            "CREATE USER a WITH (password = 'x')",
            "ALTER USER a IDENTIFIED BY 'x'",
            "create repository r type s3 with (access_key='a', secret_key='b')",
            "COPY t FROM 'https://me:hunter2@example.org/x.csv'",
            "SET SESSION Token = 'x'",
        ] {
            assert!(carries_a_secret(line), "{line}");
        }
        for line in ["SELECT * FROM users", "COPY t FROM 'https://example.org:80/a@b'", "\\d users"] {
            assert!(!carries_a_secret(line), "{line}");
        }
    }
}
