//! Where programs are that targets need.

use std::ffi::OsString;
use std::path::PathBuf;

/// Finds programs by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Programs {
    /// Folders to look in, as PATH has them; without, that of the environment.
    pub(super) path: Option<OsString>,
}

impl Programs {
    /// The first file of this name that may be run.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path.clone().or_else(|| std::env::var_os("PATH"))?;
        let runs = |file: &PathBuf| {
            file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
        };
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(runs)
    }
}
