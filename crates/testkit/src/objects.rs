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
//! It is looked for on the path and where Go puts what it installs. It ends with its owner, even one that is killed: it is
//! the child of a shell that waits for the end of a pipe.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::skip::skip_without;

/// The program.
const PROGRAM: &str = "versitygw";
/// How long it may take to answer.
const START: Duration = Duration::from_secs(20);
/// Keeps the server for as long as its own input is open.
const KEEPER: &str = r#""$@" >/dev/null 2>&1 </dev/null & server=$!; read -r _; kill "$server""#;

/// An S3 server of a test's own.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct ObjectServer {
    port: u16,
    directory: TempDir,
    keeper: Child,
}

/// An S3 server; nothing, and a word about it, where none is installed.
///
/// # Panics
///
/// It is there and does not start, or it is required and not there.
pub async fn s3() -> Option<ObjectServer> {
    let Some(program) = program() else {
        skip_without(PROGRAM, "no S3 server is installed");
        return None;
    };
    match start(&program).await {
        Ok(server) => Some(server),
        #[expect(clippy::panic, reason = "it is how a test fails")]
        Err(error) => panic!("{} does not start: {error}", program.display()),
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join("go/bin"));
    std::env::split_paths(&path).chain(home).map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

async fn start(program: &Path) -> io::Result<ObjectServer> {
    let directory = tempfile::tempdir()?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
    let keeper = Command::new("sh")
        .args(["-c", KEEPER, "sh"])
        .arg(program)
        .args(["--port", &format!("127.0.0.1:{port}"), "--quiet", "posix"])
        .arg(directory.path())
        // Not as arguments, which everybody on the machine can read.
        .env("ROOT_ACCESS_KEY", ACCESS_KEY)
        .env("ROOT_SECRET_KEY", SECRET_KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let server = ObjectServer { port, directory, keeper };
    let answers = async {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(START, answers).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
    Ok(server)
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
    pub const fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret of that key.
    #[must_use]
    pub const fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The folder of a bucket, which is made where it is not there: its objects are the files in it.
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

impl Drop for ObjectServer {
    fn drop(&mut self) {
        // Closes the pipe, and waits until the server was told to end.
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}
