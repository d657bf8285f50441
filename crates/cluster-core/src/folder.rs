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
    of_user(&env::XDG_STATE_HOME, ".local/state/clusterkeep")?.ok_or_else(|| {
        Error::input("there is no folder to keep state in").with_hint(format!(
            "set {} or {}, or name a database with --state",
            env::XDG_STATE_HOME.name,
            env::HOME.name
        ))
    })
}

/// The folder of what this user has set for these programs: `$XDG_CONFIG_HOME/clusterkeep`, else `~/.config/clusterkeep`;
/// `None` where neither variable is set. It is not made here.
///
/// # Errors
///
/// A variable that is no text.
pub fn config() -> Result<Option<PathBuf>> {
    of_user(&env::XDG_CONFIG_HOME, ".config/clusterkeep")
}

/// The folder of what can be made again: `$XDG_CACHE_HOME/clusterkeep`, else `~/.cache/clusterkeep`. It is not made here.
///
/// # Errors
///
/// Neither variable is set.
pub fn cache() -> Result<PathBuf> {
    of_user(&env::XDG_CACHE_HOME, ".cache/clusterkeep")?.ok_or_else(|| {
        Error::input("there is no folder for what is built").with_hint(format!(
            "set {} or {}",
            env::XDG_CACHE_HOME.name,
            env::HOME.name
        ))
    })
}

/// `clusterkeep` in the folder that a variable names, else this folder of the user's own; `None` where neither is known. A
/// variable that names no whole path counts as unset (XDG Base Directory Specification).
fn of_user(variable: &env::Variable, below_home: &str) -> Result<Option<PathBuf>> {
    if let Some(folder) = variable.read()?.map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(Some(folder.join("clusterkeep")));
    }
    Ok(env::HOME.read()?.map(|home| PathBuf::from(home).join(below_home)))
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
