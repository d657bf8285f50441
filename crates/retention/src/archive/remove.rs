//! An archive, removed: for who keeps archives for a while only.

use clusterkeep_core::Result;

use super::location::Location;
use super::name::{self, Object};

/// Removes an archive from its location, and whether its manifest was there.
///
/// The manifest goes first: what a crash leaves is no archive any more, and is removed by the next export of the same
/// part, or by removing it again.
///
/// # Errors
///
/// `archive` is no name of an archive; what the store says.
pub async fn remove(location: &Location, archive: &str) -> Result<bool> {
    name::check(archive)?;
    let store = location.store();
    let folder = archive.split_once('/').map(|(folder, _)| folder);
    let entries = store.list(folder).await?;
    let ours = entries.iter().filter_map(|entry| {
        let (of, object) = name::read_key(&entry.key)?;
        (of == archive).then_some((&entry.key, object))
    });
    let (manifests, rest): (Vec<_>, Vec<_>) = ours.partition(|(_, object)| *object == Object::Manifest);
    for (key, _) in manifests.iter().chain(&rest) {
        store.delete(key).await?;
    }
    Ok(!manifests.is_empty())
}
