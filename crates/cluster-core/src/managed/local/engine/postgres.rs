//! PostgreSQL.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Installation, Recipe, Wish, environment, program, search_path};
use crate::error::{Error, Result};
use crate::managed::local::home::Home;
use crate::managed::local::ready::Probe;
use crate::managed::local::supervisor::{Commands, Step};
use crate::secret::Secret;

/// Where Debian and its kin keep one directory per major version.
const VERSIONS: &str = "/usr/lib/postgresql";
const USER: &str = "postgres";
const MAINTENANCE: &str = "postgres";

/// The recipe.
#[derive(Debug)]
pub(super) struct Postgres;

impl Recipe for Postgres {
    fn product(&self) -> &'static str {
        "PostgreSQL"
    }

    fn slug(&self) -> &'static str {
        "postgres"
    }

    fn accounts(&self) -> &'static [&'static str] {
        &["postgres"]
    }

    fn ports(&self) -> usize {
        1
    }

    fn maintenance(&self) -> &'static str {
        MAINTENANCE
    }

    fn database(&self) -> &'static str {
        MAINTENANCE
    }

    fn find(&self, directory: Option<&Path>) -> Option<Installation> {
        let directories = match directory {
            Some(directory) => vec![directory.to_owned()],
            None => search_path().into_iter().chain(versions(Path::new(VERSIONS))).collect(),
        };
        directories.iter().find_map(|directory| {
            let (server, setup) = (program(directory, &["postgres"])?, program(directory, &["initdb"])?);
            Some(Installation { server, setup: Some(setup) })
        })
    }

    fn advice(&self) -> &'static str {
        "install PostgreSQL, such as with `apt-get install postgresql`, or have `postgres` and `initdb` on the PATH"
    }

    fn signal(&self) -> &'static str {
        // `TERM` would wait for its clients.
        "INT"
    }

    fn grace(&self, temporary: bool) -> Duration {
        Duration::from_secs(if temporary { 5 } else { 20 })
    }

    fn launch(&self, installation: &Installation, wish: &Wish<'_>) -> Result<Commands> {
        let home = wish.home;
        let port = wish.ports.first().copied().unwrap_or_default();
        let mut server: Vec<OsString> = vec![installation.server.clone().into(), "-D".into(), home.data().into()];
        let mut set = |name: &str, value: &str| server.extend(["-c".into(), format!("{name}={value}").into()]);
        set("listen_addresses", "127.0.0.1");
        set("port", &port.to_string());
        // Sockets in the file system have a limit on their path that a directory of the user's choice may pass.
        set("unix_socket_directories", "");
        set("logging_collector", "off");
        set("timezone", "UTC");
        if !wish.durable {
            for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                set(name, "off");
            }
        }
        for (name, value) in wish.settings {
            set(name, value);
        }
        Ok(Commands {
            setup: setup(installation, wish)?,
            server,
            // A temporary server loses nothing by ending at once; another writes its checkpoint first. Killed outright
            // it would leave shared memory behind.
            signals: if home.is_temporary() { "QUIT KILL" } else { "INT QUIT KILL" },
            environment: environment(home),
        })
    }

    fn tidy(&self, home: &Home) -> Result<()> {
        let name = "data/postmaster.pid";
        let Some(text) = home.read(name)? else { return Ok(()) };
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
        if pid.is_some_and(|pid| is_elsewhere(Path::new("/proc"), pid, &home.data())) {
            home.forget(name)
        } else {
            Ok(())
        }
    }

    fn probe(&self) -> Probe {
        Probe { hello: startup_message(), ready: |answer| answer.first() == Some(&b'R') }
    }

    fn url(&self, port: u16, password: Option<&Secret>) -> Secret {
        let login = password.map_or_else(String::new, |password| format!(":{}", password.expose()));
        Secret::new(format!("postgres://{USER}{login}@127.0.0.1:{port}/"))
    }
}

/// Whether the process `pid` is certainly not a server in `data`, as the list of processes at `proc` tells.
///
/// PostgreSQL itself asks no more than whether there is a process of that number. After a power failure that may be any,
/// and in a container, where numbers repeat and nobody may collect the dead, it often is.
fn is_elsewhere(proc: &Path, pid: u32, data: &Path) -> bool {
    let process = proc.join(pid.to_string());
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:")).map(str::trim_start);
    let is_dead = state.is_some_and(|state| state.starts_with('Z'));
    // A server works in its data. Where that can't be seen, PostgreSQL is left to judge.
    is_dead || fs::read_link(process.join("cwd")).is_ok_and(|directory| directory != data)
}

/// Makes the data, and in it the database where it is another than the one that is always there.
fn setup(installation: &Installation, wish: &Wish<'_>) -> Result<Vec<Step>> {
    let home = wish.home;
    let initdb = installation.setup.as_ref().ok_or_else(|| Error::failed("find `initdb` beside `postgres`"))?;
    let mut command: Vec<OsString> = vec![initdb.into(), "-D".into(), home.new_data().into()];
    command.extend(["-U", USER, "--encoding=UTF8", "--locale=C"].map(OsString::from));
    match wish.password {
        Some(_) => {
            let mut file = OsString::from("--pwfile=");
            file.push(home.file("password"));
            command.extend(["--auth=scram-sha-256".into(), file]);
        }
        None => command.push("--auth=trust".into()),
    }
    if home.is_temporary() {
        command.push("--no-sync".into());
    }
    let mut steps = vec![Step { command, input: None }];
    if wish.database != MAINTENANCE {
        // The name was checked to be a plain identifier; quotes keep reserved words apart.
        let script = home.write_private("create.sql", &format!("CREATE DATABASE \"{}\"\n", wish.database))?;
        let single = ["--single", "-F", "-D"].map(OsString::from);
        let command = std::iter::once(installation.server.clone().into())
            .chain(single)
            .chain([home.new_data().into(), MAINTENANCE.into()])
            .collect();
        steps.push(Step { command, input: Some(script.into()) });
    }
    Ok(steps)
}

/// The first packet of a client, protocol 3.0. A server that is still starting answers it with an error, one that is
/// ready with a request for authentication.
fn startup_message() -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for word in ["user", USER, "database", MAINTENANCE, ""] {
        body.extend_from_slice(word.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), &body].concat()
}

/// The `bin` directories below `root`, newest version first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    found.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, directory)| directory).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "common"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let found = versions(root.path());
        assert_eq!(found, ["17", "15", "9"].map(|version| root.path().join(version).join("bin")));
    }

    #[test]
    fn only_a_process_that_is_certainly_another_is_taken_for_one() {
        let root = tempfile::tempdir().unwrap();
        let (data, other) = (Path::new("/somewhere/data"), Path::new("/elsewhere"));
        for (pid, state, cwd, expected) in [
            (1, "S (sleeping)", Some(data), false),
            (2, "S (sleeping)", Some(other), true),
            (3, "Z (zombie)", None, true),
            (4, "S (sleeping)", None, false),
        ] {
            let process = root.path().join(pid.to_string());
            fs::create_dir(&process).unwrap();
            fs::write(process.join("status"), format!("Name:\tpostgres\nState:\t{state}\n")).unwrap();
            if let Some(cwd) = cwd {
                std::os::unix::fs::symlink(cwd, process.join("cwd")).unwrap();
            }
            assert_eq!(is_elsewhere(root.path(), pid, data), expected, "{pid}");
        }
        assert!(!is_elsewhere(root.path(), 5, data), "one that is not there is PostgreSQL's own matter");
    }

    #[test]
    fn the_startup_message_says_its_length() {
        let message = startup_message();
        assert_eq!(message[..4], u32::try_from(message.len()).unwrap().to_be_bytes());
        assert!(message.ends_with(b"database\0postgres\0\0"));
    }
}
