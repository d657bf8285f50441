//! A program that ends with its owner, even one that is killed: it is the child of a shell that waits for the end of a pipe.

use std::ffi::OsStr;
use std::io;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// Keeps the program for as long as its own input is open.
const KEEPER: &str = r#""$@" >/dev/null 2>&1 </dev/null & server=$!; read -r _; kill "$server""#;
/// How long a server may take to answer.
const START: Duration = Duration::from_secs(30);

/// What keeps a program; dropping it ends the program.
#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// The command that keeps the program that its further arguments name.
    pub(crate) fn command() -> Command {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        keeper
    }

    /// Starts it, and waits until the program answers at `port` of this machine.
    pub(crate) async fn start(mut command: Command, port: u16) -> io::Result<Self> {
        let keeper = Self(command.spawn()?);
        let answers = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(START, answers).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        Ok(keeper)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Closes the pipe, and waits until the program was told to end.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// A port of this machine that nobody has.
pub(crate) async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

/// The program of this name: on the path, or in one of these further folders.
pub(crate) fn find(
    name: impl AsRef<OsStr>,
    further: impl IntoIterator<Item = std::path::PathBuf>,
) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(further);
    folders.map(|folder| folder.join(name.as_ref())).find(|program| program.is_file())
}
