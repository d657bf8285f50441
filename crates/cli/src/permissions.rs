//! The local file that says what jobs out of a store may use, and where timetables may come from.

use std::path::{Path, PathBuf};

use clusterkeep_core::manifest::{self, Located};
use clusterkeep_core::{Error, Result, folder};
use clusterkeep_scheduler::Permissions;

/// Its name in the user's configuration directory.
const NAME: &str = "permissions.yaml";

/// The permissions of the file that --allow names; else of the one in the user's configuration directory, where there is
/// one; else none.
pub(crate) fn load(allow: Option<&Path>) -> Result<Permissions> {
    let path = match allow {
        Some(path) => path.to_path_buf(),
        None => match usual()? {
            Some(path) => path,
            None => return Ok(Permissions::default()),
        },
    };
    own(&path)?;
    let mut found = manifest::read_file::<Permissions>(&path)?.into_iter();
    match (found.next(), found.next()) {
        (Some(Located { value, .. }), None) => Ok(value),
        (None, _) => Err(Error::input(format!("{}: there is no document of kind Permissions", path.display()))
            .with_hint("begin one with `kind: Permissions`")),
        (Some(_), Some(second)) => {
            Err(Error::input("there is a document of kind Permissions above already").at(second.place))
        }
    }
}

/// The file in the user's configuration directory, where it is there.
fn usual() -> Result<Option<PathBuf>> {
    let path = folder::config()?.map(|folder| folder.join(NAME));
    Ok(path.filter(|path| path.symlink_metadata().is_ok()))
}

/// Fails where others than its owner may write it: they would decide what this program runs.
fn own(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let unreadable = |error: std::io::Error| Error::Input {
            what: format!("read `{}`, which says what may run here", path.display()),
            place: None,
            hint: Some("is the path right, and may this user read the file?".into()),
            source: Some(error.into()),
        };
        let mode = std::fs::metadata(path).map_err(unreadable)?.mode();
        if mode & 0o022 != 0 {
            let path = path.display();
            return Err(Error::refused(format!(
                "others than its owner may write `{path}`, which says what may run here"
            ))
            .with_hint(format!("chmod go-w {path}")));
        }
    }
    Ok(())
}
