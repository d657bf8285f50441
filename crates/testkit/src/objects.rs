//! A real S3 server for tests: versitygw, which keeps its buckets as folders.
//!
//! ```no_run
//! # async fn a_test() {
//! use clusterkeep_testkit::objects;
//!
//! let Some(server) = objects::s3().await else { return };
//! server.bucket("cold");
//! println!("{} {} {}", server.endpoint(), server.access_key(), server.secret_key());
//! # }
//! ```
//!
//! The folder for temporary files has to be on a file system with extended attributes, where it keeps what it knows of an
//! object: so a file that is removed is an object that is gone.
//!
//! It is looked for on the path and where Go puts what it installs, and ends with its owner.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::keeper::{Keeper, find, free_port};
use crate::skip::skip_without;

/// The program.
const PROGRAM: &str = "versitygw";

/// Runs the rest of its arguments where a small file system of so many bytes lies over the folder that the server has, with
/// a bucket in it; the file system is seen by no other process, and ends with the server.
const SMALL: &str = r#"mount -t tmpfs -o "size=$1" none "$2" && mkdir "$2/$3" && shift 3 && exec "$@""#;

/// What a server lets be done, beside what every one does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limits<'a> {
    /// All that there is room for.
    #[default]
    None,
    /// Nothing may be written.
    ReadOnly,
    /// It has room for so many bytes, and this one bucket.
    Room {
        /// How many.
        bytes: u64,
        /// Its name.
        bucket: &'a str,
    },
}

/// The key of a server, and its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The key.
    pub access: String,
    /// Its secret.
    pub secret: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self { access: ACCESS_KEY.to_owned(), secret: SECRET_KEY.to_owned() }
    }
}

/// An S3 server of a test's own.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct ObjectServer {
    port: u16,
    directory: TempDir,
    keys: Keys,
    _keeper: Keeper,
}

/// An S3 server; nothing, and a word about it, where none is installed.
///
/// # Panics
///
/// It is there and does not start, or it is required and not there.
pub async fn s3() -> Option<ObjectServer> {
    s3_with(Limits::None, Keys::default()).await
}

/// The same with limits, and with these keys. One with little room needs the right to mount a file system; without it
/// there is none, and a word about that.
///
/// # Panics
///
/// It is there and does not start, or it is required and not there.
pub async fn s3_with(limits: Limits<'_>, keys: Keys) -> Option<ObjectServer> {
    let Some(program) = program() else {
        skip_without(PROGRAM, "no S3 server is installed");
        return None;
    };
    if matches!(limits, Limits::Room { .. }) && !may_mount() {
        skip_without("a small file system", "file systems can't be mounted here");
        return None;
    }
    match start(&program, limits, keys).await {
        Ok(server) => Some(server),
        #[expect(clippy::panic, reason = "it is how a test fails")]
        Err(error) => panic!("{} does not start: {error}", program.display()),
    }
}

fn program() -> Option<PathBuf> {
    find(PROGRAM, std::env::var_os("HOME").map(|home| Path::new(&home).join("go/bin")))
}

/// Whether this process may mount a file system that it alone sees.
fn may_mount() -> bool {
    let Ok(place) = tempfile::tempdir() else { return false };
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "none"]).arg(place.path());
    mount.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

async fn start(program: &Path, limits: Limits<'_>, keys: Keys) -> io::Result<ObjectServer> {
    let directory = tempfile::tempdir()?;
    let port = free_port().await?;
    let mut keeper = Keeper::command();
    if let Limits::Room { bytes, bucket } = limits {
        keeper.args(["unshare", "--mount", "sh", "-c", SMALL, "sh", &bytes.to_string()]);
        keeper.arg(directory.path()).arg(bucket);
    }
    keeper.arg(program).args(["--port", &format!("127.0.0.1:{port}"), "--quiet"]);
    if limits == Limits::ReadOnly {
        keeper.arg("--readonly");
    }
    keeper.arg("posix").arg(directory.path());
    // Not as arguments, which everybody on the machine can read.
    keeper.env("ROOT_ACCESS_KEY", &keys.access).env("ROOT_SECRET_KEY", &keys.secret);
    let keeper = Keeper::start(keeper, port).await?;
    Ok(ObjectServer { port, directory, keys, _keeper: keeper })
}

const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key-of-the-test-kit";

impl ObjectServer {
    /// Its port of 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The key that it lets in.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.keys.access
    }

    /// The secret of that key.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.keys.secret
    }

    /// The folder of a bucket, which is made where it is not there: its objects are the files in it. Where the server has
    /// little room, nobody but the server sees them.
    ///
    /// # Panics
    ///
    /// It can't be made.
    #[must_use]
    #[expect(clippy::panic, reason = "it is how a test fails")]
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.directory.path().join(name);
        match std::fs::create_dir_all(&folder) {
            Ok(()) => folder,
            Err(error) => panic!("a bucket can't be made: {error}"),
        }
    }
}
