//! A real server of Azure's blob storage for tests: Azurite, Microsoft's own emulator.
//!
//! ```no_run
//! # async fn a_test() {
//! use clusterkeep_testkit::blobs;
//!
//! let Some(server) = blobs::azurite().await else { return };
//! server.container("cold");
//! println!("{} {} {}", server.endpoint(), blobs::ACCOUNT, server.key());
//! # }
//! ```
//!
//! It is looked for on the path and where `scripts/setup` puts it, and needs Node. It ends with its owner.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::keeper::{Keeper, find, free_port};
use crate::skip::skip_without;

/// The program.
const PROGRAM: &str = "azurite-blob";
/// The account that each server has.
pub const ACCOUNT: &str = "testkit";

/// Makes a container, with a request that is signed as Azure wants it ("Authorize with Shared Key" in its documentation).
const MAKE: &str = r"
const [port, account, container] = process.argv.slice(1);
const date = new Date().toUTCString(), version = '2021-08-06';
const text = `PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:${date}\nx-ms-version:${version}\n` +
  `/${account}/${account}/${container}\nrestype:container`;
const signature = require('crypto').createHmac('sha256', Buffer.from(process.env.KEY, 'base64')).update(text).digest('base64');
require('http').request({
  host: '127.0.0.1', port, method: 'PUT', path: `/${account}/${container}?restype=container`,
  headers: { 'x-ms-date': date, 'x-ms-version': version, 'content-length': 0, authorization: `SharedKey ${account}:${signature}` },
}, answer => { answer.resume(); process.exitCode = answer.statusCode === 201 ? 0 : 1; }).end();
";

/// A server of a test's own.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct BlobServer {
    port: u16,
    key: String,
    _directory: TempDir,
    _keeper: Keeper,
}

/// A server; nothing, and a word about it, where none is installed.
///
/// # Panics
///
/// It is there and does not start, or it is required and not there.
pub async fn azurite() -> Option<BlobServer> {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/azurite/node_modules/.bin");
    let Some(program) = find(PROGRAM, [setup]) else {
        skip_without("azurite", "no server of Azure's blob storage is installed");
        return None;
    };
    match start(&program).await {
        Ok(server) => Some(server),
        #[expect(clippy::panic, reason = "it is how a test fails")]
        Err(error) => panic!("{} does not start: {error}", program.display()),
    }
}

async fn start(program: &PathBuf) -> io::Result<BlobServer> {
    let directory = tempfile::tempdir()?;
    let port = free_port().await?;
    let key = STANDARD.encode("a key of the test kit");
    let mut keeper = Keeper::command();
    keeper.arg(program).args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"]);
    keeper.args(["--blobPort", &port.to_string(), "--location"]).arg(directory.path());
    // Not as an argument, which everybody on the machine can read.
    keeper.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{key}"));
    let keeper = Keeper::start(keeper, port).await?;
    Ok(BlobServer { port, key, _directory: directory, _keeper: keeper })
}

impl BlobServer {
    /// Its address, with the account that it serves.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// The key of its account.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Makes a container.
    ///
    /// # Panics
    ///
    /// It can't be made.
    #[expect(clippy::panic, reason = "it is how a test fails")]
    pub fn container(&self, name: &str) {
        let mut node = Command::new("node");
        node.args(["-e", MAKE, &self.port.to_string(), ACCOUNT, name]).env("KEY", &self.key);
        match node.status() {
            Ok(status) if status.success() => {}
            ended => panic!("a container can't be made: {ended:?}"),
        }
    }
}
