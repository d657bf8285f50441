//! Where a secret is: what a file says in its place.

use std::borrow::Cow;
use std::fmt;

use clusterkeep_core::address;
use clusterkeep_core::secret::Secret;
use clusterkeep_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_saphyr::Spanned;

/// A secret by reference: `env:NAME` or `file:PATH`. Other text is the secret itself, which is warned about where it
/// stands in a file.
///
/// ```
/// use clusterkeep_scheduler::SecretRef;
/// let by_name: SecretRef = "env:PAGER_SECRET".parse()?;
/// assert_eq!(format!("{by_name:?}"), "env:PAGER_SECRET");
/// assert_eq!(format!("{:?}", "hunter2".parse::<SecretRef>()?), "***");
/// # Ok::<(), clusterkeep_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// Where it is.
    At(address::SecretRef),
    /// The secret itself, and in which line of its file it stands.
    Plain(Secret, Option<u64>),
}

impl SecretRef {
    /// The secret, as it is now.
    ///
    /// # Errors
    ///
    /// A variable that is not set, or a file that can't be read; neither says what is in it.
    pub fn read(&self) -> Result<Secret> {
        match self {
            Self::Plain(secret, _) => Ok(secret.clone()),
            Self::At(reference) => reference.load_here("a sink refers to"),
        }
    }

    /// The line of a file in which the secret itself stands; `Some(0)` where it is not known.
    #[must_use]
    pub(crate) const fn plain_in_line(&self) -> Option<u64> {
        match self {
            Self::Plain(_, Some(line)) => Some(*line),
            Self::Plain(_, None) => Some(0),
            _ => None,
        }
    }
}

impl std::str::FromStr for SecretRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env" | "file", "")) => {
                Err(Error::input(format!("`{text}` names nothing")).with_hint("write `env:NAME` or `file:PATH`"))
            }
            Some(("env" | "file", _)) => text.parse().map(Self::At),
            _ if text.is_empty() => Err(Error::input("an empty secret").with_hint("write `env:NAME` or `file:PATH`")),
            _ => Ok(Self::Plain(Secret::new(text), None)),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(reference) => fmt::Display::fmt(reference, f),
            Self::Plain(..) => f.write_str("***"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(deserializer)?;
        let line = Some(text.referenced.line()).filter(|line| *line > 0);
        Ok(match text.value.parse().map_err(clusterkeep_core::error::custom)? {
            Self::Plain(secret, _) => Self::Plain(secret, line),
            reference => reference,
        })
    }
}

impl schemars::JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a secret by reference: `env:NAME` or `file:PATH`" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_text_without_the_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret \n").unwrap();
        let reference: SecretRef = format!("file:{}", path.display()).parse().unwrap();
        assert_eq!(reference.read().unwrap().expose(), "s3cret ");
        std::fs::write(&path, vec![b'x'; 2 << 20]).unwrap();
        assert!(reference.read().unwrap_err().to_string().contains("too large"));
        assert!("env:".parse::<SecretRef>().is_err() && "".parse::<SecretRef>().is_err());
        assert!("env:CLUSTERKEEP_NOT_SET_ANYWHERE".parse::<SecretRef>().unwrap().read().is_err());
    }

    #[test]
    fn nothing_shows_a_plain_secret() {
        let plain: SecretRef = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(plain.read().unwrap().expose(), "hunter2");
        assert!(!format!("{plain:?} {plain} {}", serde_json::to_string(&plain).unwrap()).contains("hunter2"));
        assert_eq!(plain.plain_in_line(), Some(0));
    }
}
