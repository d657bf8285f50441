//! The profile file of the vendor's own client, which is read and never written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uuid::Uuid;

use crate::cloud::Credentials;
use crate::env;
use crate::error::{Error, Place, Result};
use crate::secret::Secret;

/// The profile that is in use.
pub(super) struct Profile {
    token: Option<Secret>,
    key: Option<String>,
    secret: Option<Secret>,
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) organization: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Option<Written>>,
}

/// A profile as it is written; it implements no `Debug`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Written {
    #[serde(default)]
    auth_token: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    organization_id: Option<String>,
}

/// Where the vendor's own client keeps its file.
pub(super) fn default_path(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let get = |name| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(target_os = "macos") {
        get(env::HOME.name)?.join("Library/Application Support")
    } else {
        get(env::XDG_CONFIG_HOME.name).or_else(|| Some(get(env::HOME.name)?.join(".config")))?
    };
    Some(folder.join("Crate").join("croud.yaml"))
}

impl Profile {
    /// The profile in use of the file at `path`; nothing where there is no such file or profile.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(Error::io("read", path, cause)),
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
        // The parser's own message may quote the file, and so a secret: only the place is said.
        let file: File = serde_saphyr::from_str(&text).map_err(|error| {
            let position = error.location().map(|at| (at.line(), at.column()));
            let place = Place { file: path.display().to_string(), position };
            Error::input("this is no profile file of the vendor's command line client").at(place).with_hint(format!(
                "set {} and {}, and the file is not looked at",
                env::CRATEDB_CLOUD_API_KEY.name,
                env::CRATEDB_CLOUD_API_SECRET.name
            ))
        })?;
        let File { current_profile, mut profiles } = file;
        let written = match current_profile {
            Some(name) => profiles.remove(&name).flatten(),
            None if profiles.len() == 1 => profiles.into_values().next().flatten(),
            None => None,
        };
        Ok(written.map(Self::from))
    }

    /// Who asks: the browser's session wins, as in the vendor's own client.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        if let Some(token) = &self.token {
            return Some(Credentials::Session(token.clone()));
        }
        let (key, secret) = (self.key.clone()?, self.secret.clone()?);
        Some(Credentials::Key { key, secret })
    }
}

impl From<Written> for Profile {
    fn from(written: Written) -> Self {
        let some = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            token: some(written.auth_token).map(Secret::new),
            key: some(written.key),
            secret: some(written.secret).map(Secret::new),
            endpoint: some(written.endpoint),
            region: some(written.region),
            organization: some(written.organization_id).and_then(|id| id.parse().ok()),
        }
    }
}
