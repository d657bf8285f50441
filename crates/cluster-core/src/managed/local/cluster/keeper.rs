//! The process that keeps the servers of a cluster while somebody holds it.

use std::fs::File;
use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::account::Account;
use super::super::home::failed;
use super::super::supervisor::Supervisor;
use super::place::Place;
use crate::error::Result;

const SCRIPT: &str = include_str!("keeper.sh");

/// Makes the FIFO of a new keeper, readable for `account`; returns its end for the keeper, and one for a holder.
pub(super) fn make_fifo(place: &Place, account: Option<&Account>) -> Result<(OwnedFd, File)> {
    let path = place.fifo();
    let make = || -> std::io::Result<(OwnedFd, File)> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        make_node(&path)?;
        if let Some(account) = account {
            std::os::unix::fs::lchown(&path, Some(account.uid), Some(account.gid))?;
        }
        let reader = rustix::fs::open(
            &path,
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?;
        let writer = File::options().write(true).open(&path)?;
        // Nobody had to wait for the other; from here on the keeper is to wait for words.
        rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::empty())?;
        Ok((reader, writer))
    };
    make().map_err(|error| failed("create", &path, error))
}

#[cfg(not(target_vendor = "apple"))]
fn make_node(path: &std::path::Path) -> std::io::Result<()> {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    Ok(rustix::fs::mkfifoat(rustix::fs::CWD, path, mode)?)
}

#[cfg(target_vendor = "apple")]
fn make_node(path: &std::path::Path) -> std::io::Result<()> {
    let status = Command::new("/usr/bin/mkfifo").args(["-m", "600"]).arg(path).status()?;
    status.success().then_some(()).ok_or_else(|| std::io::Error::other("mkfifo failed"))
}

/// Starts the keeper of `nodes` servers, which hear of its end through `servers`.
pub(super) fn spawn(
    place: &Place,
    account: Option<&Account>,
    owner: OwnedFd,
    servers: PipeWriter,
    nodes: usize,
    patience: Duration,
) -> Result<Supervisor> {
    let script = place.write_for("keeper.sh", SCRIPT, account)?;
    let mut command = Command::new("/bin/sh");
    command.arg(script);
    if place.is_temporary() {
        command.arg(place.path());
    } else {
        command.arg("");
    }
    command.arg(nodes.to_string()).arg(patience.as_secs().to_string());
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/bin:/bin");
    command.current_dir(place.path()).env_clear().env("PATH", path);
    command.stdin(owner).stdout(Stdio::from(servers)).stderr(place.open_log(account)?);
    Supervisor::run(command, account, patience)
}

/// Children that this process started and left to others: without a look at them they would stay as zombies.
static LEFT: Mutex<Vec<Supervisor>> = Mutex::new(Vec::new());

/// Looks after `children` when their guard is gone, and after those of before.
pub(super) fn look_after(children: Vec<Supervisor>) {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.extend(children);
    left.retain_mut(|child| child.exited().is_none());
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Instant;

    use super::super::hold::{self, Hold};
    use super::*;

    /// A keeper of `nodes` servers that are not there, and the pipe that they would watch.
    fn keeper(nodes: usize) -> (tempfile::TempDir, Place, Supervisor, File, std::io::PipeReader) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(&folder.path().join("it's $HOME")).unwrap();
        place.create(None).unwrap();
        place.make_for("holders", None, true).unwrap();
        let (owner, writer) = make_fifo(&place, None).unwrap();
        let (reader, servers) = std::io::pipe().unwrap();
        let keeper = spawn(&place, None, owner, servers, nodes, Duration::from_secs(1)).unwrap();
        (folder, place, keeper, writer, reader)
    }

    fn eventually(mut is_true: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_true() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[tokio::test]
    async fn it_ends_with_the_last_holder() {
        let (_folder, place, mut keeper, writer, mut servers) = keeper(1);
        let mut first = Hold::with(&place, writer).unwrap();
        assert!(first.confirm(&place).await.unwrap());
        let mut second = Hold::ask(&place).unwrap().unwrap();
        assert!(second.confirm(&place).await.unwrap());
        assert_eq!((first.others(&place), hold::holders(&place, None)), (1, 2));
        drop(first);
        std::thread::sleep(Duration::from_millis(100));
        assert!(keeper.exited().is_none());
        assert_eq!(second.others(&place), 0);
        drop(second);
        eventually(|| keeper.exited().is_some());
        assert!(Hold::ask(&place).unwrap().is_none());
        assert_eq!(std::io::Read::read(&mut servers, &mut [0]).unwrap(), 0, "the servers hear of it");
        assert_eq!(std::fs::read_to_string(place.file("keeper.log")).unwrap(), "");
    }

    #[tokio::test]
    async fn it_lives_on_when_it_is_kept_until_it_is_told() {
        let (_folder, place, mut keeper, writer, _servers) = keeper(1);
        let mut hold = Hold::with(&place, writer).unwrap();
        hold.say(&place, "keep").unwrap();
        hold::until_kept(&place, true).unwrap();
        drop(hold);
        std::thread::sleep(Duration::from_millis(100));
        assert!(keeper.exited().is_none());
        let mut hold = Hold::ask(&place).unwrap().unwrap();
        assert!(hold.confirm(&place).await.unwrap());
        hold.say(&place, "release").unwrap();
        hold::until_kept(&place, false).unwrap();
        assert!(keeper.exited().is_none(), "somebody holds it");
        assert!(hold::say(&place, "end").unwrap());
        eventually(|| keeper.exited().is_some());
        assert!(hold::was_ended(&place));
        assert!(!hold::say(&place, "end").unwrap());
    }

    #[test]
    fn it_ends_with_the_last_server_and_heeds_no_other_word() {
        let (_folder, place, mut keeper, mut writer, _servers) = keeper(2);
        writer.write_all(b"hold ../../x\nhold\nhold a b\n\nsomething else\n`reboot`\ngone\n").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(keeper.exited().is_none());
        assert_eq!(std::fs::read_dir(place.holders()).unwrap().count(), 0);
        writer.write_all(b"gone\n").unwrap();
        eventually(|| keeper.exited().is_some());
    }

    #[tokio::test]
    async fn who_comes_too_late_is_told() {
        let (_folder, place, mut keeper, writer, _servers) = keeper(1);
        // A keeper that has stopped reading and is about to end, as after the last holder.
        let status = Command::new("kill").args(["-STOP", &keeper.id().to_string()]).status().unwrap();
        assert!(status.success());
        let mut late = Hold::ask(&place).unwrap().unwrap();
        keeper.kill();
        drop(writer);
        assert!(!late.confirm(&place).await.unwrap());
    }
}
