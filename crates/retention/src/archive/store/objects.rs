//! Archives in an object store.
//!
//! An object appears as a whole when its upload is completed. A manifest is put only where none is, which the store itself
//! decides. What an upload that was killed has sent in parts is no object: no list shows it, and the store's own rule
//! for uploads that were never completed removes it.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use clusterkeep_core::secret::Secret;
use clusterkeep_core::{Error, Result};
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};

use super::super::error::lost;
use super::{Entry, MOST_MANIFEST, Stamp};

/// The bytes of a part of an upload: with at most 10,000 parts, 156 GiB for one file on S3.
const PART: usize = 16 << 20;
/// The bytes that are fetched with one request, each of which is tried again where it fails.
const FETCHED: u64 = 16 << 20;

/// An object store, and the prefix below which archives lie.
#[derive(Clone)]
pub(in super::super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// As it is shown.
    shown: Arc<str>,
    scrub: Scrub,
}

/// Stores print what they are made of, so they are not asked.
impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Objects").field(&self.shown).finish()
    }
}

/// Secrets that must not show in an error, whatever a store answers.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Scrub(Arc<[Secret]>);

impl Scrub {
    pub(in super::super) fn new(secrets: Vec<Secret>) -> Self {
        Self(secrets.into())
    }

    /// A store's error with all its causes, without secrets.
    pub(in super::super) fn text(&self, error: &StoreError) -> String {
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let mut text = String::new();
        for cause in causes.map(|cause| brief(&cause.to_string())) {
            // A store's own error says what its cause says.
            if !text.contains(&cause) {
                text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
            }
        }
        self.0.iter().filter(|secret| !secret.expose().is_empty()).for_each(|secret| {
            text = text.replace(secret.expose(), "***");
        });
        text
    }
}

/// An error's text, of whose document of XML only code and message are kept: the rest repeats the request.
fn brief(text: &str) -> String {
    let Some((before, document)) = text.split_once("<?xml") else { return text.to_owned() };
    let of = |tag: &str| {
        let (_, after) = document.split_once(&format!("<{tag}>"))?;
        after.split_once("</").map(|(inner, _)| inner.to_owned())
    };
    let parts: Vec<_> = [of("Code"), of("Message")].into_iter().flatten().collect();
    format!("{before}{}", parts.join(": "))
}

impl Objects {
    pub(in super::super) fn new(store: Arc<dyn ObjectStore>, prefix: Path, shown: &str, scrub: Scrub) -> Self {
        Self { store, prefix, shown: shown.into(), scrub }
    }

    fn path(&self, key: &str) -> Path {
        key.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// The key of an object below the prefix.
    fn key(&self, path: &Path) -> Option<String> {
        let parts: Vec<_> = path.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    fn failed(&self, what: &str, key: &str, error: &StoreError) -> Error {
        let failed = Error::caused(format!("{what} `{key}` in {}", self.shown), self.scrub.text(error));
        match error {
            StoreError::Unauthenticated { .. } | StoreError::PermissionDenied { .. } => {
                failed.with_hint("check the keys, and whether they may list, read, write and delete there")
            }
            StoreError::NotFound { .. } => failed.with_hint("is there a bucket or container of that name?"),
            // It tells too little of what the store answered.
            _ => failed.with_hint("does the store answer, and are bucket, region and keys right?"),
        }
    }

    pub(super) async fn list(&self, folder: Option<&str>) -> Result<Vec<Entry>> {
        let below = folder.map_or_else(|| self.prefix.clone(), |folder| self.path(folder));
        let found: Vec<_> = self
            .store
            .list(Some(&below))
            .try_collect()
            .await
            .map_err(|error| self.failed("list", folder.unwrap_or(""), &error))?;
        let entry = |meta: object_store::ObjectMeta| Some(Entry { key: self.key(&meta.location)?, bytes: meta.size });
        Ok(found.into_iter().filter_map(entry).collect())
    }

    pub(super) async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        let failed = |error: &StoreError| self.failed("read", key, error);
        let result = match self.store.get(&self.path(key)).await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            result => result.map_err(|error| failed(&error))?,
        };
        if result.meta.size > MOST_MANIFEST {
            return Err(Error::failed(format!("`{key}` in {} is too large for a manifest", self.shown)));
        }
        result.bytes().await.map(Some).map_err(|error| failed(&error))
    }

    pub(super) async fn stamp(&self, key: &str) -> Result<Option<Stamp>> {
        match self.store.head(&self.path(key)).await {
            Ok(of) => Ok(Some(Stamp(format!("{} {} {:?} {:?}", of.size, of.last_modified, of.e_tag, of.version)))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", key, &error)),
        }
    }

    pub(super) async fn open(&self, key: &str, most: u64) -> Result<Option<File>> {
        let failed = |error: &StoreError| self.failed("read", key, error);
        let path = self.path(key);
        let size = match self.store.head(&path).await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            meta => meta.map_err(|error| failed(&error))?.size,
        };
        let local = |e| Error::caused("keep a file that was fetched", e);
        let mut file = tempfile::tempfile().map_err(local)?;
        // One byte too many is enough to tell.
        let end = size.min(most.saturating_add(1));
        let mut at = 0;
        while at < end {
            let until = end.min(at + FETCHED);
            let bytes = self.store.get_range(&path, at..until).await.map_err(|error| failed(&error))?;
            at = until;
            let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file)).await;
            file = written.map_err(|e| lost("keep a file that was fetched", e))?.map_err(local)?;
        }
        file.rewind().map_err(local)?;
        Ok(Some(file))
    }

    pub(super) fn create(&self, key: &str) -> Upload {
        Upload { store: self.clone(), key: key.to_owned(), buffer: BytesMut::new(), parts: None }
    }

    pub(super) async fn publish(&self, key: &str, bytes: Bytes) -> Result<()> {
        match self.put(key, bytes.clone()).await {
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {}
            result => return result.map_err(|error| self.failed("write", key, &error)),
        }
        // The answer to an attempt before may have been lost.
        match self.read(key).await? {
            Some(there) if there == bytes => Ok(()),
            _ => Err(Error::Locked { what: format!("another run has put `{key}` into {}", self.shown) }),
        }
    }

    /// Puts an object where none is.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store.put_opts(&self.path(key), PutPayload::from_bytes(bytes), options).await.map(drop)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", key, &error)),
        }
    }
}

/// An object on its way: in parts, where it has more than one.
pub(in super::super) struct Upload {
    store: Objects,
    key: String,
    buffer: BytesMut,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.buffer.extend_from_slice(&bytes);
        while self.buffer.len() > PART {
            let part = self.buffer.split_to(PART).freeze();
            self.send(part).await?;
        }
        Ok(())
    }

    /// Sends a part, and waits for it: it is compressed faster than most networks take it, and memory counts.
    async fn send(&mut self, part: Bytes) -> Result<()> {
        let Self { store, key, parts, .. } = self;
        let failed = |error: StoreError| store.failed("write", key, &error);
        let begun = match parts {
            Some(begun) => begun,
            None => parts.insert(store.store.put_multipart(&store.path(key)).await.map_err(failed)?),
        };
        begun.put_part(PutPayload::from_bytes(part)).await.map_err(failed)
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        let rest = self.buffer.split().freeze();
        if self.parts.is_none() {
            let Self { store, key, .. } = &self;
            // The key has the attempt in its name: where it is there already, an answer was lost.
            return store.publish(key, rest).await;
        }
        if !rest.is_empty()
            && let Err(error) = self.send(rest).await
        {
            self.abort().await;
            return Err(error);
        }
        let Self { store, key, parts, .. } = &mut self;
        let Some(begun) = parts else { return Ok(()) };
        match begun.complete().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = store.failed("write", key, &error);
                self.abort().await;
                Err(error)
            }
        }
    }

    pub(super) async fn abort(mut self) {
        if let Some(parts) = &mut self.parts
            && let Err(error) = parts.abort().await
        {
            let error = self.store.scrub.text(&error);
            tracing::debug!(error, key = self.key, "left an upload behind that was not completed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_cut_to_what_they_say() {
        let text =
            "status 403: <?xml version=\"1.0\"?><Error><Code>No</Code><Message>Not you.</Message><Key>k</Key></Error>";
        assert_eq!(brief(text), "status 403: No: Not you.");
        assert_eq!(brief("no answer"), "no answer");
    }
}
