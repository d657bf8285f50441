//! The local file that says what jobs out of a store may use, and where timetables may come from.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clusterkeep_core::manifest::{self, Located, MAX_BYTES};
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
    let mut found = manifest::read_str::<Permissions>(&own(&path)?, &path.display().to_string())?.into_iter();
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

/// Its text; fails where somebody else than this user, root or nobody may write it: they would decide what this program
/// runs. What is looked at is the file that is read, whatever stands at its path by then.
fn own(path: &Path) -> Result<String> {
    let unreadable = |error: std::io::Error| Error::Input {
        what: format!("read `{}`, which says what may run here", path.display()),
        place: None,
        hint: Some("is the path right, and may this user read the file?".into()),
        source: Some(error.into()),
    };
    let mut file = File::open(path).map_err(unreadable)?;
    #[cfg(unix)]
    {
        let real = path.canonicalize().map_err(unreadable)?;
        foreign(&real, &file.metadata().map_err(unreadable)?)?;
    }
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::input(format!("`{}` is more than permissions need", path.display())));
    }
    manifest::decode(bytes, &path.display().to_string())
}

/// Refuses a file that others own or may write, or may put another one in the place of.
#[cfg(unix)]
fn foreign(path: &Path, facts: &std::fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let refused = |what: String, hint: String| {
        Err(Error::refused(format!("{what} `{}`, which says what may run here", path.display())).with_hint(hint))
    };
    let (mode, owner, user) = (facts.mode(), facts.uid(), rustix::process::geteuid());
    if mode & 0o022 != 0 {
        return refused("others than its owner may write".to_owned(), format!("chmod go-w {}", path.display()));
    }
    if owner != user.as_raw() && owner != 0 {
        return refused(
            format!("the user with the number {owner} owns, and may write"),
            format!("chown {} {}", user.as_raw(), path.display()),
        );
    }
    for folder in path.ancestors().skip(1) {
        let open = |facts: std::fs::Metadata| facts.mode() & 0o002 != 0 && facts.mode() & 0o1000 == 0;
        if std::fs::metadata(folder).is_ok_and(open) {
            return refused(
                format!("everybody may write the folder `{}`, and so replace", folder.display()),
                format!("chmod o-w {}", folder.display()),
            );
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("allow.yaml");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        std::fs::write(&path, "kind: Permissions\nnamespaces: { weather: { targets: [http] } }\n").unwrap();
        mode(&path, 0o644);
        assert!(load(Some(&path)).is_ok());
        mode(&path, 0o664);
        assert!(load(Some(&path)).unwrap_err().to_string().contains("others than its owner"));
        mode(&path, 0o644);
        mode(folder.path(), 0o777);
        assert!(load(Some(&path)).unwrap_err().to_string().contains("everybody may write the folder"));
        mode(folder.path(), 0o1777);
        assert!(load(Some(&path)).is_ok(), "where nobody can take away what is another's");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            let error = load(Some(&path)).unwrap_err();
            assert!(error.to_string().contains("12345") && matches!(error, Error::Refused { .. }), "{error}");
        }
    }
}
