//! MariaDB.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::{Installation, Recipe, Wish, environment, program, search_path};
use crate::error::{Error, Result};
use crate::managed::local::ready::Probe;
use crate::managed::local::supervisor::{Commands, Step};
use crate::secret::Secret;

/// The recipe.
#[derive(Debug)]
pub(super) struct MariaDb;

impl Recipe for MariaDb {
    fn product(&self) -> &'static str {
        "MariaDB"
    }

    fn slug(&self) -> &'static str {
        "mariadb"
    }

    fn accounts(&self) -> &'static [&'static str] {
        &["mysql"]
    }

    fn ports(&self) -> usize {
        1
    }

    fn maintenance(&self) -> &'static str {
        "mysql"
    }

    fn database(&self) -> &'static str {
        "clusterkeep"
    }

    fn find(&self, directory: Option<&Path>) -> Option<Installation> {
        let directories = directory.map_or_else(search_path, |directory| vec![directory.to_owned()]);
        // Server and tools may sit in `sbin` and `bin`.
        let first = |names: &[&str]| directories.iter().find_map(|directory| program(directory, names));
        Some(Installation {
            server: first(&["mariadbd"])?,
            setup: Some(first(&["mariadb-install-db", "mysql_install_db"])?),
        })
    }

    fn advice(&self) -> &'static str {
        "install MariaDB, such as with `apt-get install mariadb-server-core mariadb-client-core`, or have `mariadbd` \
         and `mariadb-install-db` on the PATH"
    }

    fn grace(&self, temporary: bool) -> Duration {
        Duration::from_secs(if temporary { 5 } else { 30 })
    }

    fn launch(&self, installation: &Installation, wish: &Wish<'_>) -> Result<Commands> {
        let home = wish.home;
        let port = wish.ports.first().copied().unwrap_or_default();
        let accounts = home.write_private("accounts.sql", &accounts(wish))?;
        let mut server: Vec<OsString> = vec![installation.server.clone().into(), "--no-defaults".into()];
        let mut set = |name: &str, value: OsString| {
            let mut option = OsString::from(format!("--{name}="));
            option.push(value);
            server.push(option);
        };
        set("datadir", home.data().into());
        set("port", port.to_string().into());
        set("bind-address", "127.0.0.1".into());
        // No socket in the file system: its path has a limit that a directory of the user's choice may pass.
        set("socket", OsString::new());
        set("pid-file", home.file("mariadbd.pid").into());
        set("tmpdir", home.file("tmp").into());
        set("init-file", accounts.into());
        set("skip-name-resolve", "1".into());
        set("character-set-server", "utf8mb4".into());
        set("default-time-zone", "+00:00".into());
        if !wish.durable {
            set("innodb-flush-log-at-trx-commit", "0".into());
            set("debug-no-sync", "1".into());
        }
        for (name, value) in wish.settings {
            set(name, value.into());
        }
        Ok(Commands {
            setup: vec![setup(installation, wish)?],
            server,
            signals: if home.is_temporary() { "KILL" } else { "TERM KILL" },
            environment: environment(home),
        })
    }

    fn probe(&self) -> Probe {
        // It speaks first: four bytes of packet header, then the version of the protocol, or 0xff for an error.
        Probe { hello: Vec::new(), ready: |answer| answer.get(4) == Some(&10) }
    }

    fn url(&self, port: u16, password: Option<&Secret>) -> Secret {
        let login = password.map_or_else(String::new, |password| format!(":{}", password.expose()));
        Secret::new(format!("mariadb://root{login}@127.0.0.1:{port}/"))
    }
}

/// Makes the system tables.
fn setup(installation: &Installation, wish: &Wish<'_>) -> Result<Step> {
    let installer =
        installation.setup.as_ref().ok_or_else(|| Error::failed("find `mariadb-install-db` beside `mariadbd`"))?;
    let mut data = OsString::from("--datadir=");
    data.push(wish.home.new_data());
    let mut command: Vec<OsString> = vec![installer.into(), "--no-defaults".into(), data];
    let mut add = |option: &str| command.push(option.into());
    add("--auth-root-authentication-method=normal");
    add("--skip-test-db");
    add("--skip-name-resolve");
    if wish.home.is_temporary() {
        add("--debug-no-sync");
    }
    Ok(Step { command, input: None })
}

/// What the server executes at each start before it listens: the superuser as seen over TCP, and the database.
///
/// The superuser may have been made with the data, without a password: it gets the one that the home holds each time.
fn accounts(wish: &Wish<'_>) -> String {
    let password = wish.password.map_or("", Secret::expose);
    // Passwords are of letters and digits alone, and the name was checked to be a plain identifier.
    format!(
        "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n\
         ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n\
         DROP USER IF EXISTS 'root'@'localhost', 'root'@'::1', 'root'@'%';\n\
         CREATE DATABASE IF NOT EXISTS `{}`;\n",
        wish.database
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_and_tools_may_be_apart() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str| std::fs::write(root.path().join(name), "").unwrap();
        make("mariadbd");
        assert_eq!(MariaDb.find(Some(root.path())), None, "without the installer no data can be made");
        make("mysql_install_db");
        let found = MariaDb.find(Some(root.path())).unwrap();
        assert_eq!(found.setup.as_deref().and_then(Path::file_name), Some("mysql_install_db".as_ref()));
    }
}
