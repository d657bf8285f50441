//! What archives are in a location.

use std::collections::{BTreeMap, BTreeSet};

use clusterkeep_core::Result;

use super::location::Location;
use super::manifest::Manifest;
use super::name::{self, Object};
use super::verify;

/// An archive, or what an export has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the location.
    pub name: String,
    /// How it is.
    pub state: State,
}

/// How an archive is, as far as a list tells: files are not read for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its manifest is whole, and its file is there with the size that it must have.
    Complete(Box<Manifest>),
    /// An export did not come to its end; the next one of the same part removes what it left.
    Unfinished,
    /// Its manifest can't be read, or its file is missing or of another size. Why.
    Damaged(String),
}

/// All archives in a location, by name.
///
/// # Errors
///
/// The location can't be listed, or a manifest can't be fetched.
pub async fn list(location: &Location) -> Result<Vec<Listed>> {
    let entries = location.store().list(None).await?;
    let sizes: BTreeMap<&str, u64> = entries.iter().map(|entry| (entry.key.as_str(), entry.bytes)).collect();
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    for (name, object) in entries.iter().filter_map(|entry| name::read_key(&entry.key)) {
        *found.entry(name).or_default() |= object == Object::Manifest;
    }
    let mut listed = Vec::with_capacity(found.len());
    for (name, has_manifest) in found {
        let state = if has_manifest { state(location, name, &sizes).await? } else { State::Unfinished };
        listed.push(Listed { name: name.to_owned(), state });
    }
    Ok(listed)
}

/// The names of what has a manifest and a file, without a look into either; nothing where the place itself is not there.
///
/// # Errors
///
/// The location can't be listed.
pub(crate) async fn names(location: &Location) -> Result<Option<BTreeSet<String>>> {
    if !location.is_there() {
        return Ok(None);
    }
    let entries = location.store().list(None).await?;
    let keyed = || entries.iter().filter_map(|entry| Some((entry, name::read_key(&entry.key)?)));
    let files = keyed().filter(|(entry, (_, object))| *object == Object::Rest && entry.key.ends_with(".parquet"));
    let files: BTreeSet<&str> = files.map(|(_, (name, _))| name).collect();
    let manifests = keyed().filter(|(_, (name, object))| *object == Object::Manifest && files.contains(name));
    Ok(Some(manifests.map(|(_, (name, _))| name.to_owned()).collect()))
}

async fn state(location: &Location, name: &str, sizes: &BTreeMap<&str, u64>) -> Result<State> {
    let Some(bytes) = location.store().read(&name::manifest_key(name)).await? else { return Ok(State::Unfinished) };
    let manifest = match verify::read(name, &bytes) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(State::Damaged(error.to_string())),
    };
    Ok(match sizes.get(manifest.file.key.as_str()) {
        None => State::Damaged("its file is not there".to_owned()),
        Some(bytes) if *bytes != manifest.file.bytes => {
            State::Damaged(format!("its file has {bytes} bytes instead of {}", manifest.file.bytes))
        }
        Some(_) => State::Complete(Box::new(manifest)),
    })
}
