//! An archive, removed: for who keeps archives for a while only.

use clusterkeep_core::{Error, Result};

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
    if !location.is_there() {
        return Err(Error::failed(format!("there is no {location} to remove an archive from"))
            .with_hint("is its disk mounted? an archive that can't be looked for does not count as removed"));
    }
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
