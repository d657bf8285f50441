//! The account that a server runs under when this process is root.
//!
//! PostgreSQL and CrateDB refuse to run as root, and no server needs it.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The first of `names` that exists, else `nobody`; none where this process is not root and has no choice.
pub(super) fn unprivileged(names: &[&str]) -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let path = Path::new("/etc/passwd");
    let table = fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let found = names.iter().chain(&["nobody"]).find_map(|name| lookup(&table, name));
    found.map(Some).ok_or_else(|| {
        Error::failed("no unprivileged account to run a database server under")
            .with_hint("create the account `nobody`, or run as another user than root")
    })
}

/// The account `name` in the text of a passwd file.
fn lookup(table: &str, name: &str) -> Option<Account> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then(|| Account { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let table = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104:Admin,,,:/var/lib:/bin/bash\n";
        let found = lookup(table, "postgres").unwrap();
        assert_eq!((found.uid, found.gid), (101, 104));
        assert_eq!(lookup(table, "mysql"), None);
        assert_eq!(lookup(table, "root"), None, "root is not unprivileged");
    }
}
