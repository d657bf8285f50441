//! Where a secret is kept: what an address, a job or a sink says in its place.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::secret::Secret;

/// The largest file that a secret is read from: what has no end is not read for ever.
const MAX_BYTES: u64 = 1 << 20;

/// A reference to a secret, which may be shown and stored: `env:NAME` or `file:PATH`.
///
/// ```
/// use clusterkeep_core::address::SecretRef;
/// let reference: SecretRef = "env:PGPASSWORD".parse().unwrap();
/// assert_eq!(reference.to_string(), "env:PGPASSWORD");
/// let password = reference.load("the example refers to", &|name| (name == "PGPASSWORD").then(|| "s3cret".into())).unwrap();
/// assert_eq!(password.expose(), "s3cret");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file that holds the secret and nothing else; a line end after it does not count.
    File(PathBuf),
}

impl SecretRef {
    /// Fetches the secret; `env` answers what an environment variable holds, and `why` goes on after "which" in messages:
    /// `the job refers to`.
    ///
    /// # Errors
    ///
    /// The variable is not set, the file can't be read or is too large, or what is there is empty; none says what is there.
    pub fn load(&self, why: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret> {
        let text = match self {
            Self::Env(name) => env(name).ok_or_else(|| {
                Error::input(format!("environment variable {name}, which {why}, is not set"))
                    .with_hint(format!("set {name} for this program, or name another place: `env:NAME` or `file:PATH`"))
            })?,
            Self::File(path) => of_file(path, why)?,
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(Error::input(format!("`{self}`, which {why}, is empty")));
        }
        Ok(Secret::new(text))
    }

    /// The same of this process's own environment.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_here(&self, why: &str) -> Result<Secret> {
        self.load(why, &|name| std::env::var(name).ok())
    }
}

fn of_file(path: &Path, why: &str) -> Result<String> {
    let unreadable = |source: std::io::Error| Error::Input {
        what: format!("read `{}`, which {why}", path.display()),
        place: None,
        hint: Some("name a file that holds the secret alone and that this user may read".into()),
        source: Some(source.into()),
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::input(format!("`{}`, which {why}, is too large for a secret", path.display())));
    }
    Ok(text)
}

impl std::str::FromStr for SecretRef {
    type Err = Error;

    // The text is not quoted back: somebody may have written a password where a reference belongs.
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(Error::input("a password parameter must say where the password is, not what it is")
                .with_hint("write `?password=env:NAME` or `?password=file:PATH`")),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_loses_its_line_end_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pw");
        std::fs::write(&path, " a b \r\n").unwrap();
        assert_eq!(SecretRef::File(path.clone()).load("it refers to", &|_| None).unwrap().expose(), " a b ");
        std::fs::write(&path, "\n").unwrap();
        assert!(SecretRef::File(path).load("it refers to", &|_| None).is_err());
    }

    #[test]
    fn a_literal_is_refused_without_being_shown() {
        let error = "hunter2".parse::<SecretRef>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
