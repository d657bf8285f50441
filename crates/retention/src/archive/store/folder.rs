//! Archives in a folder of this machine.
//!
//! Folders that are made here are 0700 and files 0600. A file is written beside its place, flushed to the disk, and then
//! moved there; a manifest is linked, which fails where one is already. The folder is flushed after each.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clusterkeep_core::{Error, Result};

use super::super::error::lost;
use super::{Entry, MOST_MANIFEST, Stamp};

/// What a file's name ends with until it is whole.
const PARTIAL: &str = ".partial";

/// A folder.
#[derive(Debug, Clone)]
pub(in super::super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(in super::super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Looks whether it is a folder, or whether there is one that it can be made in.
    pub(in super::super) async fn look(&self) -> Result<()> {
        let root = self.root.clone();
        blocking(move || {
            if root.is_dir() {
                return Ok(());
            }
            if root.exists() {
                return Err(Error::input(format!("`{}` is no folder", root.display())));
            }
            match root.parent() {
                Some(parent) if parent.is_dir() => Ok(()),
                _ => Err(Error::input(format!("there is no folder that `{}` could be made in", root.display()))),
            }
        })
        .await
    }

    pub(super) fn is_there(&self) -> bool {
        self.root.is_dir()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(super) async fn list(&self, folder: Option<&str>) -> Result<Vec<Entry>> {
        let (root, only) = (self.root.clone(), folder.map(str::to_owned));
        blocking(move || list(&root, only.as_deref())).await
    }

    pub(super) async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        let path = self.path(key);
        blocking(move || {
            let Some(file) = open(&path)? else { return Ok(None) };
            let mut bytes = Vec::new();
            file.take(MOST_MANIFEST).read_to_end(&mut bytes).map_err(|e| Error::io("read", &path, e))?;
            Ok(Some(bytes.into()))
        })
        .await
    }

    /// The time of the last change of any kind is part of it, which nobody can set back.
    pub(super) async fn stamp(&self, key: &str) -> Result<Option<Stamp>> {
        let path = self.path(key);
        blocking(move || match fs::metadata(&path) {
            Ok(of) => {
                let (place, written) = ((of.dev(), of.ino()), (of.mtime(), of.mtime_nsec()));
                Ok(Some(Stamp(format!("{place:?} {} {written:?} {:?}", of.len(), (of.ctime(), of.ctime_nsec())))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path, error)),
        })
        .await
    }

    pub(super) async fn open(&self, key: &str) -> Result<Option<File>> {
        let path = self.path(key);
        blocking(move || open(&path)).await
    }

    pub(super) async fn create(&self, key: &str) -> Result<Upload> {
        let (path, root) = (self.path(key), self.root.clone());
        blocking(move || {
            make_folder(&root, &path)?;
            let partial = partial(&path);
            let file = create(&partial)?;
            Ok(Upload { file: Some(file), partial: Some(partial), path })
        })
        .await
    }

    pub(super) async fn publish(&self, key: &str, bytes: Bytes) -> Result<()> {
        let (path, root) = (self.path(key), self.root.clone());
        blocking(move || {
            make_folder(&root, &path)?;
            publish(&path, &bytes)
        })
        .await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let path = self.path(key);
        blocking(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path, error)),
            _ => Ok(()),
        })
        .await
    }
}

/// A file on its way.
pub(in super::super) struct Upload {
    file: Option<File>,
    /// Where it is, until it is in its place.
    partial: Option<PathBuf>,
    path: PathBuf,
}

impl Upload {
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let Some(mut file) = self.file.take() else {
            return Err(Error::failed("a file was closed by an error before"));
        };
        let path = self.path.clone();
        let written = blocking(move || {
            file.write_all(&bytes).map_err(|e| Error::io("write", &path, e))?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        let (file, partial) = (self.file.take(), self.partial.clone());
        let (Some(file), Some(partial)) = (file, partial) else {
            return Err(Error::failed("a file was closed by an error before"));
        };
        let path = self.path.clone();
        blocking(move || {
            file.sync_all().map_err(|e| Error::io("flush", &path, e))?;
            fs::rename(&partial, &path).map_err(|e| Error::io("move into place", &path, e))?;
            sync_folder(&path)
        })
        .await?;
        self.partial = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(partial) = self.partial.take()
            && let Err(error) = fs::remove_file(&partial)
        {
            tracing::debug!(%error, path = %partial.display(), "left a file behind for the next attempt to remove");
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| lost("work with files", e))?
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path, error)),
    }
}

fn create(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| Error::io("create", path, e))
}

/// Makes the folder that `path` is in, and those above it, and flushes what was made.
fn make_folder(root: &Path, path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| Error::io("create", folder, e))?;
    sync_folder(folder)?;
    sync_folder(root)
}

/// Flushes the folder that `path` is in, so that its entry is there after a crash.
fn sync_folder(path: &Path) -> Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Error::io("flush", folder, e))
}

fn publish(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = partial(path);
    // What an attempt that was killed has left.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &partial, error)),
        _ => {}
    }
    let written = create(&partial).and_then(|mut file| {
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| Error::io("write", &partial, e))?;
        // Unlike a move, it never replaces what is there.
        fs::hard_link(&partial, path).map_err(|e| Error::io("link into place", path, e))
    });
    let cleaned = fs::remove_file(&partial).map_err(|e| Error::io("remove", &partial, e));
    match written {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::read(path).map_err(|e| Error::io("read", path, e))?;
            if there != bytes {
                return Err(Error::Locked { what: format!("another run has put `{}` there", path.display()) });
            }
        }
        written => written?,
    }
    cleaned?;
    sync_folder(path)
}

fn list(root: &Path, only: Option<&str>) -> Result<Vec<Entry>> {
    let folders = match only {
        Some(folder) => vec![folder.to_owned()],
        None => entries(root)?.into_iter().filter(|(_, entry)| entry.is_dir()).map(|(name, _)| name).collect(),
    };
    let mut found = Vec::new();
    for folder in folders {
        for (name, entry) in entries(&root.join(&folder))? {
            if entry.is_file() {
                found.push(Entry { key: format!("{folder}/{name}"), bytes: entry.len() });
            }
        }
    }
    Ok(found)
}

/// What is in a folder, as far as its names are text; nothing where it is not there.
fn entries(folder: &Path) -> Result<Vec<(String, fs::Metadata)>> {
    let failed = |e| Error::io("list", folder, e);
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in read {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        match entry.metadata() {
            Ok(metadata) => found.push((name, metadata)),
            // Somebody was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(found)
}
