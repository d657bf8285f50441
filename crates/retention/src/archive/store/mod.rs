//! The few things that a place for archives has to be able to do, in a folder of this machine and in object stores.

mod folder;
mod objects;

use std::fs::File;

use bytes::Bytes;
use clusterkeep_core::Result;

pub(super) use self::folder::Folder;
pub(super) use self::objects::{Objects, Scrub};

/// The most that a manifest may have, in bytes.
const MOST_MANIFEST: u64 = 64 << 20;

/// An object in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place below the location.
    pub(super) key: String,
    /// Its size in bytes.
    pub(super) bytes: u64,
}

/// How an object stands in its store: what is written anew has another one, if its bytes are the same or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(String);

/// A place for archives.
#[derive(Debug, Clone)]
pub(super) enum Store {
    Folder(Folder),
    Objects(Objects),
}

impl Store {
    /// Whether the place itself is there, as far as that can be told without a request: a disk may not be mounted.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Folder(store) => store.is_there(),
            Self::Objects(_) => true,
        }
    }

    /// All objects, or those in one folder.
    pub(super) async fn list(&self, folder: Option<&str>) -> Result<Vec<Entry>> {
        let mut found = match self {
            Self::Folder(store) => store.list(folder).await?,
            Self::Objects(store) => store.list(folder).await?,
        };
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// A small object; nothing where it is not there.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        match self {
            Self::Folder(store) => store.read(key).await,
            Self::Objects(store) => store.read(key).await,
        }
    }

    /// How an object stands; nothing where it is not there.
    pub(super) async fn stamp(&self, key: &str) -> Result<Option<Stamp>> {
        match self {
            Self::Folder(store) => store.stamp(key).await,
            Self::Objects(store) => store.stamp(key).await,
        }
    }

    /// An object as a file to read, from its beginning; nothing where it is not there. One of an object store is fetched
    /// into a nameless file of this machine, which is gone when it is closed; `most` is the size that it must not exceed.
    pub(super) async fn open(&self, key: &str, most: u64) -> Result<Option<File>> {
        match self {
            Self::Folder(store) => store.open(key).await,
            Self::Objects(store) => store.open(key, most).await,
        }
    }

    /// Begins an object that is not there yet. It appears when it is finished, and not before.
    pub(super) async fn create(&self, key: &str) -> Result<Upload> {
        match self {
            Self::Folder(store) => store.create(key).await.map(Upload::Folder),
            Self::Objects(store) => Ok(Upload::Objects(store.create(key))),
        }
    }

    /// Puts a small object where none is, as a whole. Where one is already, it must be the same.
    pub(super) async fn publish(&self, key: &str, bytes: Bytes) -> Result<()> {
        match self {
            Self::Folder(store) => store.publish(key, bytes).await,
            Self::Objects(store) => store.publish(key, bytes).await,
        }
    }

    /// Removes an object; one that is gone already counts as removed.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        match self {
            Self::Folder(store) => store.delete(key).await,
            Self::Objects(store) => store.delete(key).await,
        }
    }
}

/// An object on its way into a store. Dropped before its end, it leaves as little as can be.
pub(super) enum Upload {
    Folder(folder::Upload),
    Objects(objects::Upload),
}

impl Upload {
    /// Adds bytes.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match self {
            Self::Folder(upload) => upload.write(bytes).await,
            Self::Objects(upload) => upload.write(bytes).await,
        }
    }

    /// Ends the object, which is there from now on, and will be after a crash.
    pub(super) async fn finish(self) -> Result<()> {
        match self {
            Self::Folder(upload) => upload.finish().await,
            Self::Objects(upload) => upload.finish().await,
        }
    }

    /// Gives up what was begun.
    pub(super) async fn abort(self) {
        match self {
            Self::Folder(upload) => drop(upload),
            Self::Objects(upload) => upload.abort().await,
        }
    }
}
