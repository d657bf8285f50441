//! Whether an archive is still the one that was read back: cheap enough to be asked right before its rows go.
//!
//! It reads no file: the store says whether one was written anew, by what it knows of each.

use std::time::Duration;

use clusterkeep_core::{Error, Result};

use super::location::Location;
use super::manifest::Manifest;
use super::name;
use super::store::Stamp;

/// The most that a look may take: rows may be locked meanwhile.
const LOOK: Duration = Duration::from_secs(30);

/// How the objects of an archive stand in their store.
///
/// Take it before the archive is read back: what is changed from then on shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    manifest: Stamp,
    file: Stamp,
}

/// How the objects of an archive stand at the moment.
///
/// # Errors
///
/// One of them is not there, or the store does not say.
pub async fn mark(location: &Location, manifest: &Manifest) -> Result<Mark> {
    let of = async |key: &str| {
        let stamp = location.store().stamp(key).await?;
        stamp.ok_or_else(|| Error::refused(format!("`{key}` is not in {location}")))
    };
    let manifest_key = name::manifest_key(&manifest.name);
    Ok(Mark { manifest: of(&manifest_key).await?, file: of(&manifest.file.key).await? })
}

/// Sees that an archive is what it was when `marked` was taken.
///
/// # Errors
///
/// [`Error::Refused`] where an object of it is gone or was written anew; the store does not say so in time.
pub async fn is_unchanged(location: &Location, manifest: &Manifest, marked: &Mark) -> Result<()> {
    let changed = |why: String| {
        Error::refused(format!("archive `{}` is not as it was when it was read back: {why}", manifest.name))
            .with_hint("who removes or changes files there? run again, and another archive is made")
    };
    match tokio::time::timeout(LOOK, mark(location, manifest)).await {
        Ok(Ok(now)) if now == *marked => Ok(()),
        Ok(Ok(_)) => Err(changed("it was written anew".to_owned())),
        Ok(Err(Error::Refused { what, .. })) => Err(changed(what)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::failed(format!("{location} has not answered within {} s", LOOK.as_secs()))),
    }
}
