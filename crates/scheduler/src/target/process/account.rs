//! The account that a process runs under.

use std::path::Path;

use clusterkeep_core::{Error, Result};

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
    pub(super) shell: String,
}

/// The account of this name, where processes have to be given to it; `None` where the scheduler runs under it itself.
pub(super) fn other(name: &str) -> Result<Option<Account>> {
    let path = Path::new("/etc/passwd");
    let table = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let account = lookup(&table, name)
        .ok_or_else(|| Error::failed(format!("there is no account `{name}` in {}", path.display())))?;
    let own = rustix::process::geteuid();
    if own.as_raw() == account.uid {
        return Ok(None);
    }
    if !own.is_root() {
        return Err(Error::failed(format!("run a process as `{name}`: only a scheduler that runs as root can"))
            .with_hint("leave `user` out, or run a scheduler under that account"));
    }
    Ok(Some(account))
}

fn lookup(table: &str, name: &str) -> Option<Account> {
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, _, uid, gid, _, home, shell] = fields[..] else { return None };
        (found == name).then_some(())?;
        let shell = if shell.is_empty() { "/bin/sh" } else { shell };
        Some(Account {
            name: found.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.to_owned(),
            shell: shell.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let table = "root:x:0:0::/root:/bin/sh\nops2:x:7:7::/:\nops:x:101:104:Ops,,,:/home/ops:/bin/bash\nbroken\n";
        let found = lookup(table, "ops").unwrap();
        assert_eq!((found.uid, found.gid, found.home.as_str()), (101, 104, "/home/ops"));
        assert_eq!(lookup(table, "ops2").unwrap().shell, "/bin/sh");
        assert_eq!(lookup(table, "op"), None);
        assert!(other("no such account").is_err());
    }
}
