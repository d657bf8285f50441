//! The directory of one cluster.
//!
//! ```text
//! cluster.json  what the cluster is: see `stored.rs`; written before anything is started
//! run.json      the run that goes on, or the last one: its ports
//! lock          locked while somebody starts, stops or deletes
//! owner         the FIFO that each holder has open
//! holders/      what the keeper confirms
//! keeper.sh     what runs while somebody holds it, and keeper.log
//! n0/, n1/, ..  the home of each server
//! ```
//!
//! It belongs to the user of this process, one without a name to the account; what is in `holders` and in the homes belongs to the account that the
//! servers run under.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::super::account::Account;
use super::super::home::{self, nofollow};
use crate::error::{Error, Result};

/// The directory of one cluster.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Place {
    /// The directory at `path`, whether it is there or not.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|error| Error::io("resolve", path, error))?;
        Ok(Self { path, temporary: None })
    }

    /// A new directory that goes with this value; it belongs to the account, whose keeper may have to remove it.
    pub(super) fn temporary(slug: &str, account: Option<&Account>) -> Result<Self> {
        let base = std::env::temp_dir();
        let directory = tempfile::Builder::new()
            .prefix(&format!("clusterkeep-{slug}-"))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&base)
            .map_err(|error| home::failed("create a directory in", &base, error))?;
        let path = directory.path().to_owned();
        if let Some(account) = account {
            lchown(&path, Some(account.uid), Some(account.gid))
                .map_err(|error| Error::io("change the owner of", &path, error))?;
        }
        Ok(Self { path, temporary: Some(directory) })
    }

    /// Makes the directory where it is not there, for servers that run under `account`.
    pub(super) fn create(&self, account: Option<&Account>) -> Result<()> {
        let make = || -> io::Result<()> {
            if let Some(folder) = self.path.parent()
                && !folder.exists()
            {
                if let Some(above) = folder.parent() {
                    fs::create_dir_all(above)?;
                }
                make_directory(folder, mode(account))?;
            }
            make_directory(&self.path, mode(account))
        };
        make().map_err(|error| home::failed("create", &self.path, error))?;
        self.check_owner()
    }

    /// What another user made is theirs: this process, which may be root, would do what they arranged.
    pub(super) fn check_owner(&self) -> Result<()> {
        let facts = fs::symlink_metadata(&self.path).map_err(|error| Error::io("read", &self.path, error))?;
        let own = rustix::process::geteuid().as_raw();
        if !facts.is_dir() {
            return Err(Error::input(format!("`{}` is not a directory", self.path.display())));
        }
        if facts.uid() != own {
            return Err(Error::input(format!(
                "directory `{}` belongs to user {}, and this is user {own}",
                self.path.display(),
                facts.uid()
            ))
            .with_hint("run as that user, or keep local clusters in another folder"));
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The home of a server.
    pub(super) fn node(&self, index: usize) -> PathBuf {
        self.file(&format!("n{index}"))
    }

    pub(super) fn fifo(&self) -> PathBuf {
        self.file("owner")
    }

    pub(super) fn holders(&self) -> PathBuf {
        self.file("holders")
    }

    /// Whether it goes with this value.
    pub(super) const fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Makes a directory in it for `account`, anew.
    pub(super) fn make_for(&self, name: &str, account: Option<&Account>, anew: bool) -> Result<PathBuf> {
        let path = self.file(name);
        let make = || {
            if anew && path.exists() {
                fs::remove_dir_all(&path)?;
            }
            make_directory(&path, 0o700)?;
            account.map_or(Ok(()), |account| lchown(&path, Some(account.uid), Some(account.gid)))
        };
        make().map_err(|error: io::Error| home::failed("create", &path, error))?;
        Ok(path)
    }

    /// Writes a file of this user, whole or not at all.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.file(name);
        let write = || {
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.path)?;
            file.write_all(content)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error).map(drop)
        };
        write().map_err(|error| home::failed("write", &path, error))
    }

    /// Writes a file that `account` reads.
    pub(super) fn write_for(&self, name: &str, content: &str, account: Option<&Account>) -> Result<PathBuf> {
        self.write(name, content.as_bytes())?;
        let path = self.file(name);
        if let Some(account) = account {
            lchown(&path, Some(account.uid), Some(account.gid))
                .map_err(|error| Error::io("change the owner of", &path, error))?;
        }
        Ok(path)
    }

    /// Reads a file, where it is there.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.file(name);
        match nofollow().read(true).open(&path).and_then(io::read_to_string) {
            Ok(text) => Ok(Some(text)),
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(None),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// The keeper's own log, emptied.
    pub(super) fn open_log(&self, account: Option<&Account>) -> Result<File> {
        let path = self.file("keeper.log");
        let open = || {
            let file = nofollow().write(true).create(true).truncate(true).open(&path)?;
            account.map_or(Ok(()), |account| fchown(&file, Some(account.uid), Some(account.gid)))?;
            Ok(file)
        };
        open().map_err(|error| home::failed("open", &path, error))
    }

    /// Opens the FIFO for writing; none where nobody reads it, and so nothing runs.
    ///
    /// That alone changes nothing: what runs ends with its last writer, and this may have been opened after the last.
    pub(super) fn open_fifo(&self) -> Result<Option<File>> {
        let path = self.fifo();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match File::options().write(true).custom_flags(flags.bits().cast_signed()).open(&path) {
            Ok(file) => {
                let facts = file.metadata().map_err(|error| Error::io("read", &path, error))?;
                Ok(facts.file_type().is_fifo().then_some(file))
            }
            Err(error) if is_not_running(&error) => Ok(None),
            Err(error) => Err(home::failed("open", path, error)),
        }
    }

    /// Whether a process of one of its servers is there, or of what watches them: each holds its log locked.
    pub(super) fn is_alive(&self, nodes: usize) -> bool {
        (0..nodes).any(|index| self.is_node_alive(index))
    }

    pub(super) fn is_node_alive(&self, index: usize) -> bool {
        let log = File::options()
            .read(true)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(self.node(index).join("server.log"));
        log.is_ok_and(|log| matches!(log.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Makes a temporary one stay.
    pub(super) fn keep(&mut self) {
        if let Some(directory) = self.temporary.take() {
            self.path = directory.keep();
        }
    }

    /// Removes a temporary one.
    pub(super) fn remove(&mut self) -> Result<()> {
        self.temporary.take().map_or(Ok(()), |directory| home::remove(&directory.keep()))
    }
}

/// What only its user can read, and what the servers' account can pass where that is another.
const fn mode(account: Option<&Account>) -> u32 {
    if account.is_some() { 0o711 } else { 0o700 }
}

fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

fn is_not_running(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    // No reader; no such file; a link or something else that is not ours.
    [rustix::io::Errno::NXIO, rustix::io::Errno::NOENT, rustix::io::Errno::NOTDIR, rustix::io::Errno::LOOP]
        .iter()
        .any(|errno| Some(errno.raw_os_error()) == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(&folder.path().join("folder/name")).unwrap();
        place.create(None).unwrap();
        (folder, place)
    }

    #[test]
    fn a_directory_is_private_unless_another_account_has_to_pass() {
        let (folder, place) = place();
        place.create(None).unwrap();
        assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o777, 0o700);
        let account = Account { name: "nobody".into(), uid: 65534, gid: 65534 };
        let other = Place::at(&folder.path().join("folder/other")).unwrap();
        other.create(Some(&account)).unwrap();
        assert_eq!(fs::metadata(other.path()).unwrap().mode() & 0o777, 0o711);
    }

    #[test]
    fn nothing_runs_where_there_is_no_fifo_or_something_else() {
        let (_folder, place) = place();
        assert!(place.open_fifo().unwrap().is_none());
        fs::write(place.fifo(), "").unwrap();
        assert!(place.open_fifo().unwrap().is_none(), "a file");
        fs::remove_file(place.fifo()).unwrap();
        std::os::unix::fs::symlink("/dev/null", place.fifo()).unwrap();
        assert!(place.open_fifo().unwrap().is_none(), "a link");
        assert!(!place.is_alive(3));
    }

    #[test]
    fn a_file_is_written_whole_and_private() {
        let (_folder, place) = place();
        place.write("cluster.json", b"{}").unwrap();
        place.write("cluster.json", b"[]").unwrap();
        assert_eq!(place.read("cluster.json").unwrap().unwrap(), "[]");
        assert_eq!(fs::metadata(place.file("cluster.json")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(place.read("other").unwrap(), None);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
