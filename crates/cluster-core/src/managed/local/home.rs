//! The directory of one server: its data, its log, and what it is started with.
//!
//! ```text
//! data/          the engine's own directory; made under another name and renamed when it is complete
//! tmp/           the engine's temporary files
//! server.log     what preparation and server wrote
//! password       of the superuser, for the next start; 0600
//! pid            of the process that runs
//! supervisor.sh  what runs it
//! ```
//!
//! A temporary home is removed with its value; one that the user named stays for ever.
//!
//! The account that the server runs under may own what is here, and this process may be root: nothing here follows a
//! symbolic link in the last place of a path.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::log;
use crate::error::{Error, Result};

/// How often a directory is tried to be removed, and the time in between.
const REMOVAL_TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// The directory of one server.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
    /// Whether nobody will miss what is in it.
    scratch: bool,
    account: Option<Account>,
}

/// Options that never follow a link in the last place.
pub(super) fn nofollow() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

impl Home {
    /// A new directory that goes with this value.
    pub(super) fn temporary(engine: &str, account: Option<Account>) -> Result<Self> {
        let base = std::env::temp_dir();
        let directory = tempfile::Builder::new()
            .prefix(&format!("clusterkeep-{engine}-"))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&base)
            .map_err(|error| failed("create a directory in", &base, error))?;
        let home = Self { path: directory.path().to_owned(), temporary: Some(directory), scratch: true, account };
        home.own(&home.path)?;
        home.furnish()
    }

    /// The directory at `path`, made if it is not there, that stays.
    pub(super) fn kept(path: &Path, account: Option<Account>) -> Result<Self> {
        Self::at(path, account, false)
    }

    /// The directory at `path`, made if it is not there, that somebody else removes where it is for `scratch`.
    pub(super) fn at(path: &Path, account: Option<Account>, scratch: bool) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|error| Error::io("resolve", path, error))?;
        let create = |path: &Path| {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            // The directory alone is private, and not those above that were made for it.
            match fs::DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
                result => result,
            }
        };
        create(&path).map_err(|error| failed("create", &path, error))?;
        let entries = fs::read_dir(&path).map_err(|error| Error::io("read", &path, error))?;
        let is_new = entries.count() == 0;
        let home = Self { path, temporary: None, scratch, account };
        if is_new {
            home.own(&home.path)?;
        } else if let Some(account) = &home.account {
            let owner = fs::metadata(&home.path).map_err(|error| Error::io("read", &home.path, error))?.uid();
            if owner != account.uid {
                return Err(Error::input(format!(
                    "directory `{}` belongs to user {owner}, not to `{}` that the server would run under",
                    home.path.display(),
                    account.name
                ))
                .with_hint("give another directory, or change the owner of this one"));
            }
        }
        home.furnish()
    }

    /// Checks that the server can get here, and makes what it finds here.
    fn furnish(self) -> Result<Self> {
        check_way(&self.path, self.account.as_ref())?;
        let tmp = self.file("tmp");
        fs::create_dir_all(&tmp).map_err(|error| failed("create", &tmp, error))?;
        self.own(&tmp)?;
        Ok(self)
    }

    /// Gives `path` to the account that the server runs under.
    fn own(&self, path: &Path) -> Result<()> {
        let Some(account) = &self.account else { return Ok(()) };
        lchown(path, Some(account.uid), Some(account.gid))
            .map_err(|error| Error::io("change the owner of", path, error))
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The account that the server runs under, where that is another than this process's.
    pub(super) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Whether nobody will miss what is in it, so that the server may end at once.
    pub(super) const fn is_temporary(&self) -> bool {
        self.scratch
    }

    /// Whether it goes with this value.
    pub(super) const fn is_own(&self) -> bool {
        self.temporary.is_some()
    }

    /// The path of `name` in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The engine's own directory.
    pub(super) fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// Where the engine's directory is made.
    pub(super) fn new_data(&self) -> PathBuf {
        self.file("data.new")
    }

    /// Writes a file that only the account can read.
    pub(super) fn write_private(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.file(name);
        let write = || {
            let mut file = nofollow().write(true).create(true).truncate(true).open(&path)?;
            self.give(&file)?;
            file.write_all(content.as_bytes())
        };
        write().map_err(|error| failed("write", &path, error))?;
        Ok(path)
    }

    fn give(&self, file: &File) -> std::io::Result<()> {
        let Some(account) = &self.account else { return Ok(()) };
        fchown(file, Some(account.uid), Some(account.gid))
    }

    /// Reads a file of an earlier start.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.file(name);
        match nofollow().read(true).open(&path).and_then(std::io::read_to_string) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// Removes a file of an earlier start.
    pub(super) fn forget(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, error)),
            _ => Ok(()),
        }
    }

    /// The path of the log.
    pub(super) fn log(&self) -> PathBuf {
        self.file("server.log")
    }

    /// The log, to write to its end.
    pub(super) fn open_log(&self) -> Result<File> {
        let path = self.log();
        let open = || {
            let file = nofollow().append(true).create(true).open(&path)?;
            self.give(&file)?;
            Ok(file)
        };
        open().map_err(|error| failed("open", &path, error))
    }

    /// The last lines of the log, for an error.
    pub(super) fn log_tail(&self) -> String {
        log::tail(&self.log())
    }

    /// Makes a temporary home stay.
    pub(super) fn keep(&mut self) {
        if let Some(directory) = self.temporary.take() {
            self.path = directory.keep();
        }
    }

    /// Removes a temporary home.
    pub(super) fn remove(&mut self) -> Result<()> {
        self.temporary.take().map_or(Ok(()), |directory| remove(&directory.keep()))
    }
}

/// The error of an operation on `path`, with a hint where the disk is full.
pub(super) fn failed(operation: &'static str, path: impl Into<PathBuf>, error: std::io::Error) -> Error {
    let path = path.into();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::caused(format!("{operation} `{}`", path.display()), error).with_hint(log::FULL)
        }
        _ => Error::io(operation, path, error),
    }
}

/// Every directory above `path` must let the account pass, or the server fails in a way that nobody understands.
///
/// Those that are not there yet will be made so that it can.
pub(super) fn check_way(path: &Path, account: Option<&Account>) -> Result<()> {
    let Some(account) = account else { return Ok(()) };
    for above in path.ancestors().skip(1) {
        let facts = match fs::metadata(above) {
            Ok(facts) => facts,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("read", above, error)),
        };
        let bit = match () {
            () if facts.uid() == account.uid => 0o100,
            () if facts.gid() == account.gid => 0o010,
            () => 0o001,
        };
        if facts.mode() & bit == 0 {
            return Err(Error::input(format!(
                "directory `{}` can't be entered by `{}`, which the server would run under",
                above.display(),
                account.name
            ))
            .with_hint(
                "use a directory that everybody can enter (TMPDIR says where temporary ones are made, XDG_STATE_HOME \
                 where those of named clusters are), or run as another user than root",
            ));
        }
    }
    Ok(())
}

/// Removes the directory at `path`, whose last writers may be about to end.
pub(super) fn remove(path: &Path) -> Result<()> {
    let mut left = REMOVAL_TRIES;
    loop {
        left -= 1;
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            // What was killed may finish the call that it was in, and with it make another file.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && left > 0 => std::thread::sleep(PAUSE),
            Err(error) => return Err(Error::io("remove", path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_home_goes_with_its_value_or_before() {
        for early in [false, true] {
            let mut home = Home::temporary("test", None).unwrap();
            let path = home.path().to_owned();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
            if early {
                home.remove().unwrap();
                assert!(!path.exists());
            }
            drop(home);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_kept_home_is_private_and_what_is_above_is_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("above/home");
        for _ in 0..2 {
            drop(Home::kept(&path, None).unwrap());
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
            assert_ne!(fs::metadata(root.path().join("above")).unwrap().mode() & 0o077, 0);
        }
        fs::write(root.path().join("file"), "").unwrap();
        assert!(Home::kept(&root.path().join("file"), None).is_err());
    }
}
