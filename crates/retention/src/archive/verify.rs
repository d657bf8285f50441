//! An archive, read back.

use std::fs::File;
use std::io::{Read as _, Seek as _};

use clusterkeep_core::{Error, Result, hex};
use sha2::{Digest, Sha256};

use super::checksum::Contents;
use super::error::lost;
use super::location::Location;
use super::manifest::{ArchivedFile, Manifest};
use super::name;
use super::reader::Reader;

impl Manifest {
    /// In what `contents` differ from what the archive holds, where they do.
    #[must_use]
    pub fn difference(&self, contents: &Contents) -> Option<String> {
        if contents.rows != self.rows {
            return Some(format!("{} rows instead of {}", contents.rows, self.rows));
        }
        for (column, (nulls, checksum)) in self.columns.iter().zip(&contents.columns) {
            if column.nulls != *nulls || column.checksum != *checksum {
                return Some(format!("other values in column `{}`", column.name));
            }
        }
        let same = contents.columns.len() == self.columns.len() && contents.whole == self.row_checksum;
        (!same).then(|| "the same values in other rows".to_owned())
    }
}

/// Whether a location has an archive, whole or not.
///
/// # Errors
///
/// `archive` is no name of an archive; what the store says.
pub async fn is_there(location: &Location, archive: &str) -> Result<bool> {
    name::check(archive)?;
    Ok(location.store().read(&name::manifest_key(archive)).await?.is_some())
}

/// Reads the manifest of an archive. It is whole and of this name; whether its file is there [`verify`] says.
///
/// # Errors
///
/// There is no such archive, or its manifest is damaged.
pub async fn manifest(location: &Location, archive: &str) -> Result<Manifest> {
    name::check(archive)?;
    let missing = || {
        Error::input(format!("there is no archive `{archive}` in {location}"))
            .with_hint("what an export that was killed has left is none")
    };
    let bytes = location.store().read(&name::manifest_key(archive)).await?.ok_or_else(missing)?;
    read(archive, &bytes)
}

/// The manifest of an archive from its bytes.
pub(super) fn read(archive: &str, bytes: &[u8]) -> Result<Manifest> {
    let manifest = Manifest::read(archive, bytes)?;
    match name::read_key(&manifest.file.key) {
        Some((of, name::Object::Rest)) if of == archive => Ok(manifest),
        _ => Err(Error::failed(format!("the manifest of `{archive}` names a file that is not of it"))),
    }
}

/// Reads an archive back from its location: size and SHA-256 of the file, the number of rows, and all checksums anew from
/// every value.
///
/// # Errors
///
/// There is no such archive, it can't be read, or it is not what its manifest says.
pub async fn verify(location: &Location, archive: &str) -> Result<Manifest> {
    let manifest = manifest(location, archive).await?;
    let file = open(location, &manifest).await?;
    let columns = manifest.columns.clone();
    let read = tokio::task::spawn_blocking(move || Reader::open(file, &columns)?.sum_up()).await;
    let contents = read.map_err(|e| lost("read an archive", e))??;
    match manifest.difference(&contents) {
        Some(difference) => Err(damaged(archive, &difference)),
        None => Ok(manifest),
    }
}

/// The file of an archive, whose every byte is what was written.
pub(super) async fn open(location: &Location, manifest: &Manifest) -> Result<File> {
    let ArchivedFile { key, bytes, .. } = &manifest.file;
    let file = location.store().open(key, *bytes).await?;
    let file = file.ok_or_else(|| damaged(&manifest.name, "its file is not there"))?;
    let (name, expected) = (manifest.name.clone(), manifest.file.clone());
    let checked = tokio::task::spawn_blocking(move || check(&name, file, &expected)).await;
    checked.map_err(|e| lost("read an archive", e))?
}

fn damaged(archive: &str, why: &str) -> Error {
    Error::failed(format!("archive `{archive}` is damaged: {why}"))
        .with_hint("nothing was removed; export the rows again while their table has them")
}

fn check(name: &str, mut file: File, expected: &ArchivedFile) -> Result<File> {
    let failed = |e| Error::caused(format!("read the file of `{name}`"), e);
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    if bytes != expected.bytes {
        return Err(damaged(name, &format!("its file has {bytes} bytes instead of {}", expected.bytes)));
    }
    if hex::digits(&hash.finalize()) != expected.sha256 {
        return Err(damaged(name, "the bytes of its file are others than were written"));
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}
