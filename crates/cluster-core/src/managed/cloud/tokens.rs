//! The tokens by which a cluster of CrateDB Cloud lets its caller in.
//!
//! A token lasts for minutes to hours and opens one cluster. It is renewed before it expires, and kept in a file that only
//! its owner can read, so that a command that runs each minute does not ask for a new one each minute.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::clock::Clock;
use crate::cloud::{CloudClient, ClusterToken};
use crate::error::Result;
use crate::registry::file;
use crate::secret::Secret;
use crate::sql::TokenSource;

/// How long before its expiry a token is renewed: the clocks of two machines are never quite the same.
const MARGIN: Duration = Duration::seconds(60);

/// The tokens of one caller for one cluster.
#[derive(Debug)]
pub(super) struct Tokens {
    client: CloudClient,
    cluster: Uuid,
    clock: Arc<dyn Clock>,
    path: PathBuf,
    held: Mutex<Option<Held>>,
}

/// A token as it is remembered.
#[derive(Clone, Serialize, Deserialize)]
struct Held {
    token: String,
    refresh: Option<String>,
    expiry: DateTime<Utc>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("expiry", &self.expiry).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens of `client` for `cluster`, kept below the state folder `folder`.
    pub(super) fn new(client: CloudClient, cluster: Uuid, clock: Arc<dyn Clock>, folder: &Path) -> Self {
        // Another caller, or the same one elsewhere, has other tokens.
        let caller: String = client.identity().chars().take(16).collect();
        let path = folder.join("tokens").join(format!("{cluster}-{caller}.json"));
        Self { client, cluster, clock, path, held: Mutex::new(None) }
    }

    /// Forgets the token: the cluster did not take it.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
        if let Err(error) = file::remove(&self.path) {
            tracing::warn!(%error, "a token that does not work can't be removed");
        }
    }

    fn is_fresh(&self, held: &Held) -> bool {
        held.expiry.signed_duration_since(self.clock.now()) > MARGIN
    }

    /// A new token: by the refresh token of the old one where there is one, else for the asking.
    async fn renew(&self, old: Option<&Held>) -> Result<ClusterToken> {
        if let Some(refresh) = old.and_then(|old| old.refresh.as_ref()) {
            match self.client.refresh_jwt(&Secret::new(refresh)).await {
                Ok(token) => return Ok(token),
                Err(error) => tracing::debug!(%error, "a token could not be renewed, asking for a new one"),
            }
        }
        self.client.jwt(self.cluster).await
    }

    fn remember(&self, held: &Held) {
        let written = self.path.parent().map_or(Ok(()), file::private_folder).and_then(|()| {
            let text = serde_json::to_vec(held).map_err(|error| crate::Error::caused("write a token", error))?;
            file::replace(&self.path, &text)
        });
        if let Err(error) = written {
            // It works all the same, with one more request each time.
            tracing::debug!(%error, "a token is not kept");
        }
    }
}

/// The token in the file at `path`, unless somebody else could have read or written it.
fn remembered(path: &Path) -> Option<Held> {
    // What is looked at is what is read, and a link is not followed.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).ok()?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let facts = file.metadata().ok()?;
    let private = facts.is_file() && facts.mode() & 0o077 == 0 && facts.uid() == rustix::process::geteuid().as_raw();
    if !private {
        tracing::warn!(path = %path.display(), "others can read this token: it is not used");
        return None;
    }
    serde_json::from_str(&std::io::read_to_string(file).ok()?).ok()
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self) -> Result<Secret> {
        let mut held = self.held.lock().await;
        if held.is_none() {
            *held = remembered(&self.path);
        }
        if let Some(fresh) = held.as_ref().filter(|held| self.is_fresh(held)) {
            return Ok(Secret::new(&fresh.token));
        }
        let token = self.renew(held.as_ref()).await?;
        let new = Held {
            token: token.token.expose().to_owned(),
            refresh: token.refresh.as_ref().map(|refresh| refresh.expose().to_owned()),
            // One of unknown life is good for this once.
            expiry: token.expiry.unwrap_or_else(|| self.clock.now()),
        };
        if self.is_fresh(&new) {
            self.remember(&new);
        }
        let secret = Secret::new(&new.token);
        *held = Some(new);
        Ok(secret)
    }
}
