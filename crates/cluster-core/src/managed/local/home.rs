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

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use crate::error::{Error, Result};

/// How much of the end of a log goes into an error.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 20;
/// How often a directory is tried to be removed, and the time in between.
const REMOVAL_TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// The directory of one server.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
    account: Option<Account>,
}

impl Home {
    /// A new directory that goes with this value.
    pub(super) fn temporary(engine: &str, account: Option<Account>) -> Result<Self> {
        let base = std::env::temp_dir();
        let directory = tempfile::Builder::new()
            .prefix(&format!("clusterkeep-{engine}-"))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&base)
            .map_err(|error| Error::io("create a directory in", &base, error))?;
        let home = Self { path: directory.path().to_owned(), temporary: Some(directory), account };
        home.own(&home.path)?;
        home.furnish()
    }

    /// The directory at `path`, made if it is not there, that stays.
    pub(super) fn kept(path: &Path, account: Option<Account>) -> Result<Self> {
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
        create(&path).map_err(|error| Error::io("create", &path, error))?;
        let entries = fs::read_dir(&path).map_err(|error| Error::io("read", &path, error))?;
        let is_new = entries.count() == 0;
        let home = Self { path, temporary: None, account };
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
        self.check_way()?;
        let tmp = self.file("tmp");
        fs::create_dir_all(&tmp).map_err(|error| Error::io("create", &tmp, error))?;
        self.own(&tmp)?;
        Ok(self)
    }

    /// Every directory above must let the account pass, or the server fails in a way that nobody understands.
    fn check_way(&self) -> Result<()> {
        let Some(account) = &self.account else { return Ok(()) };
        for above in self.path.ancestors().skip(1) {
            let facts = fs::metadata(above).map_err(|error| Error::io("read", above, error))?;
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
                    "use a directory that everybody can enter (TMPDIR says where temporary ones are made), or run as \
                     another user than root",
                ));
            }
        }
        Ok(())
    }

    /// Gives `path` to the account that the server runs under.
    fn own(&self, path: &Path) -> Result<()> {
        let Some(account) = &self.account else { return Ok(()) };
        chown(path, Some(account.uid), Some(account.gid)).map_err(|error| Error::io("change the owner of", path, error))
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The account that the server runs under, where that is another than this process's.
    pub(super) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Whether it goes with this value.
    pub(super) const fn is_temporary(&self) -> bool {
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
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(content.as_bytes())
        };
        write().map_err(|error| Error::io("write", &path, error))?;
        self.own(&path)?;
        Ok(path)
    }

    /// Reads a file of an earlier start.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// The log, to write to its end.
    pub(super) fn open_log(&self) -> Result<File> {
        let path = self.file("server.log");
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| Error::io("open", &path, error))?;
        self.own(&path)?;
        Ok(file)
    }

    /// The last lines of the log, for an error.
    pub(super) fn log_tail(&self) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.file("server.log"))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut end = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut end)?;
            Ok(end)
        };
        let text = match read() {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => return format!("(the log can't be read: {error})"),
        };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Makes a temporary home stay.
    pub(super) fn keep(&mut self) {
        if let Some(directory) = self.temporary.take() {
            self.path = directory.keep();
        }
    }

    /// Removes a temporary home.
    pub(super) fn remove(&mut self) -> Result<()> {
        let Some(directory) = self.temporary.take() else { return Ok(()) };
        let path = directory.keep();
        let mut left = REMOVAL_TRIES;
        loop {
            left -= 1;
            match fs::remove_dir_all(&path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                // What was killed may finish the call that it was in, and with it make another file.
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && left > 0 => std::thread::sleep(PAUSE),
                Err(error) => return Err(Error::io("remove", path, error)),
            }
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

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let home = Home::temporary("test", None).unwrap();
        let mut log = home.open_log().unwrap();
        for line in 0..1000 {
            writeln!(log, "line {line}\n").unwrap();
        }
        let tail = home.log_tail();
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("line 999"));
    }
}
