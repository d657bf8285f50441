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

/// The settings of a runner of programs: `search` and `echo`, for its fields `programs` and `echo`.
macro_rules! settings {
    ($runner:ty, $programs:literal) => {
        impl $runner {
            #[doc = concat!("Looks for ", $programs, " in these folders, which are written as in PATH.")]
            #[must_use]
            pub fn search(mut self, path: impl Into<std::ffi::OsString>) -> Self {
                self.programs.path = Some(path.into());
                self
            }

            /// Hands what they write to `echo`, too.
            #[must_use]
            pub fn echo(mut self, echo: crate::target::Echo) -> Self {
                self.echo = echo;
                self
            }
        }
    };
}
pub(super) use settings;
