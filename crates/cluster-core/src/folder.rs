//! Where files of this user's are kept between commands.

use std::path::{Path, PathBuf};

use crate::env;
use crate::error::{Error, Result};

/// The folder of files that this user's programs keep between them: `$XDG_STATE_HOME/clusterkeep`, else
/// `~/.local/state/clusterkeep`.
///
/// It is not made here, and what is in it may hold secrets: whoever writes there makes files that only their owner can
/// read.
///
/// # Errors
///
/// Neither variable is set.
pub fn state() -> Result<PathBuf> {
    if let Some(folder) = env::XDG_STATE_HOME.read()?.map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(folder.join("clusterkeep"));
    }
    let home = env::HOME.read()?.ok_or_else(|| {
        Error::input("there is no folder to keep state in").with_hint(format!(
            "set {} or {}, or name a database with --state",
            env::XDG_STATE_HOME.name,
            env::HOME.name
        ))
    })?;
    Ok(PathBuf::from(home).join(".local/state/clusterkeep"))
}

/// The folder of what this user has set for these programs: `$XDG_CONFIG_HOME/clusterkeep`, else `~/.config/clusterkeep`;
/// `None` where neither variable is set. It is not made here.
///
/// # Errors
///
/// A variable that is no text.
pub fn config() -> Result<Option<PathBuf>> {
    if let Some(folder) = env::XDG_CONFIG_HOME.read()?.map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(Some(folder.join("clusterkeep")));
    }
    Ok(env::HOME.read()?.map(|home| PathBuf::from(home).join(".config/clusterkeep")))
}

/// The folder of what can be made again: `$XDG_CACHE_HOME/clusterkeep`, else `~/.cache/clusterkeep`. It is not made here.
///
/// # Errors
///
/// Neither variable is set.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::XDG_CACHE_HOME.read()?.map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(folder.join("clusterkeep"));
    }
    let home = env::HOME.read()?.ok_or_else(|| {
        Error::input("there is no folder for what is built").with_hint(format!(
            "set {} or {}",
            env::XDG_CACHE_HOME.name,
            env::HOME.name
        ))
    })?;
    Ok(PathBuf::from(home).join(".cache/clusterkeep"))
}

/// The folder of the database servers of this machine that have a name, beside the state folder `state`.
///
/// Servers never run as root, and nobody else gets into root's own folder: where this process is root and `state` is
/// there, it is `/var/lib/clusterkeep/local`.
#[must_use]
pub fn servers(state: &Path) -> PathBuf {
    #[cfg(feature = "managed")]
    if rustix::process::geteuid().is_root() && state.starts_with("/root") {
        return PathBuf::from("/var/lib/clusterkeep/local");
    }
    state.join("local")
}
