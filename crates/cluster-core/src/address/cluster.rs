//! One type for every way to name a cluster.

use std::fmt;

use uuid::Uuid;

use super::DatabaseUrl;
use crate::error::{Error, Result};

/// A cluster, by whatever a user knows of it.
///
/// ```
/// use clusterkeep_core::address::ClusterAddress;
/// assert!(matches!("sqlite://weather.db".parse(), Ok(ClusterAddress::Url(_))));
/// assert!(matches!("staging".parse(), Ok(ClusterAddress::CloudName(_))));
/// assert!("weather.db".parse::<ClusterAddress>().is_err(), "a file needs its scheme");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterAddress {
    /// A CrateDB Cloud cluster by its id.
    CloudId(Uuid),
    /// A CrateDB Cloud cluster by its name.
    CloudName(String),
    /// A database server that Clusterkeep keeps on this machine, by its name: `local:scratch`.
    Local(String),
    /// A database by its URL.
    Url(DatabaseUrl),
}

impl ClusterAddress {
    /// A CrateDB Cloud cluster by its id.
    ///
    /// # Errors
    ///
    /// The text is no UUID.
    pub fn cloud_id(text: &str) -> Result<Self> {
        text.parse().map(Self::CloudId).map_err(|source: uuid::Error| Error::Input {
            what: "a CrateDB Cloud id is malformed".into(),
            place: None,
            hint: Some("it reads like 3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191".into()),
            source: Some(source.into()),
        })
    }

    /// A CrateDB Cloud cluster by its name.
    ///
    /// # Errors
    ///
    /// No cluster can have this name: it is a DNS label of 3 to 63 characters.
    pub fn cloud_name(text: &str) -> Result<Self> {
        let well_formed = (3..=63).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if well_formed { Ok(Self::CloudName(text.into())) } else { Err(no_address(text)) }
    }

    /// A server that Clusterkeep keeps on this machine, by its name.
    ///
    /// # Errors
    ///
    /// No such server can have this name: it is lower-case letters, digits and hyphens, a letter first, at most 40.
    pub fn local(name: &str) -> Result<Self> {
        let well_formed = name.len() <= 40
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if well_formed {
            return Ok(Self::Local(name.into()));
        }
        Err(Error::input("a server of this machine can't have this name")
            .with_hint("up to 40 lower-case letters, digits and hyphens, a letter first: `local:scratch`"))
    }

    /// The URL.
    ///
    /// # Errors
    ///
    /// The address is no URL: a cluster behind a name is looked up by what connects to it.
    pub fn into_url(self) -> Result<DatabaseUrl> {
        match self {
            Self::Url(url) => Ok(url),
            Self::CloudId(_) | Self::CloudName(_) | Self::Local(_) => {
                Err(Error::input(format!("{self} is the name of a cluster, and this takes the URL of a database"))
                    .with_hint("give the URL of its database: https://user@host:4200?password=env:NAME"))
            }
        }
    }
}

impl std::str::FromStr for ClusterAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.contains("://") || text.starts_with("sqlite:") {
            return text.parse().map(Self::Url);
        }
        if let Some(name) = text.strip_prefix("local:") {
            return Self::local(name);
        }
        text.parse().map(Self::CloudId).or_else(|_| Self::cloud_name(text))
    }
}

/// Shows what was given only where it can't hold a password.
fn no_address(text: &str) -> Error {
    let harmless = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let shown = if harmless { format!("`{text}`") } else { "the address".into() };
    let file = if harmless && (text.contains('/') || text.ends_with(".db")) {
        format!("a SQLite file is written `sqlite://{text}`")
    } else {
        "a URL begins with its engine: sqlite://, postgres://, mariadb://, mysql://, crate://, https:// or http://"
            .into()
    };
    Error::input(format!("{shown} is neither a URL nor the id or name of a CrateDB Cloud cluster")).with_hint(file)
}

impl fmt::Display for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudId(id) => write!(f, "{id}"),
            Self::CloudName(name) => f.write_str(name),
            Self::Local(name) => write!(f, "local:{name}"),
            Self::Url(url) => write!(f, "{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_from_the_others() {
        let id = "3f2e1b9c-0d4a-4c55-9a57-0c1b6ad0f191";
        assert_eq!(id.parse::<ClusterAddress>().unwrap().to_string(), id);
        assert!(matches!(id.parse(), Ok(ClusterAddress::CloudId(_))));
        assert!(matches!("sqlite::memory:".parse(), Ok(ClusterAddress::Url(_))));
        assert!(matches!("my-cluster-1".parse(), Ok(ClusterAddress::CloudName(_))));
    }

    #[test]
    fn what_is_none_of_them_is_not_repeated_where_it_may_hold_a_password() {
        for text in ["", "ab", "u:hunter2@h", "a b", "-abc", "weather.db", "data/weather"] {
            let error = text.parse::<ClusterAddress>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
