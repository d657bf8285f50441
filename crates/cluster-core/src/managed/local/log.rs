//! The logs of servers: their ends for errors, their size, and where they go when their directory does.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How much of the end of a log goes into an error.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 20;
/// How much of the end of a log is put aside.
const KEPT_BYTES: u64 = 1 << 20;
/// How many logs that were put aside stay.
const KEPT_FILES: usize = 10;
/// A log larger than this begins anew with the next start, and the one before stays beside it.
const MOST_BYTES: u64 = 16 << 20;

/// What to do where a disk is full.
pub(super) const FULL: &str = "the disk is full: make room, or use another directory";

/// Between prefix and suffix: which server, then something random.
const PREFIX: &str = "clusterkeep-";
const SUFFIX: &str = ".log";

/// The last lines of the log at `path`, for an error.
pub(super) fn tail(path: &Path) -> String {
    match end(path, TAIL_BYTES) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
        }
        Err(error) => format!("(the log can't be read: {error})"),
    }
}

fn end(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut end = Vec::new();
    file.take(most).read_to_end(&mut end)?;
    Ok(end)
}

/// Moves a log aside that has grown too large; nobody may be writing to it.
pub(super) fn rotate(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|facts| facts.len() > MOST_BYTES)
        && let Err(error) = fs::rename(path, path.with_extension("log.1"))
    {
        tracing::warn!(path = %path.display(), %error, "a log can't be moved aside");
    }
}

/// Puts the ends of `logs` aside in one file, since their directory is about to go; returns where, where that worked.
///
/// They go where temporary files go, readable for this user alone; the oldest of them are removed.
pub(super) fn keep(slug: &str, logs: &[PathBuf]) -> Option<PathBuf> {
    let base = std::env::temp_dir();
    let write = || -> std::io::Result<PathBuf> {
        let mut file =
            tempfile::Builder::new().prefix(&format!("{PREFIX}{slug}-")).suffix(SUFFIX).tempfile_in(&base)?;
        for (index, log) in logs.iter().enumerate() {
            if logs.len() > 1 {
                writeln!(file, "==> node {index} <==")?;
            }
            file.write_all(&end(log, KEPT_BYTES).unwrap_or_default())?;
        }
        file.keep().map(|(_, path)| path).map_err(|error| error.error)
    };
    match write() {
        Ok(path) => {
            thin_out(&base, KEPT_FILES);
            Some(path)
        }
        Err(error) => {
            tracing::warn!(%error, "the log of a private server can't be kept");
            None
        }
    }
}

/// Removes all but the `most` newest of this user's kept logs in `base`.
fn thin_out(base: &Path, most: usize) {
    let own = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(base) else { return };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
        })
        .filter_map(|entry| {
            let facts = fs::symlink_metadata(entry.path()).ok()?;
            (facts.is_file() && facts.uid() == own).then_some((facts.modified().ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    for (_, path) in found.into_iter().skip(most) {
        // Somebody else's process may have been faster.
        drop(fs::remove_file(path));
    }
}

/// What to do about what a log complains of, where that is well known.
pub(super) fn advice(tail: &str) -> Option<&'static str> {
    let says = |words: &str| tail.contains(words);
    if says("No space left on device") || says("Errcode: 28") || says("disk usage exceeded flood-stage") {
        return Some(FULL);
    }
    if says("database files are incompatible with server") {
        return Some("its data was made by another version: say with `binaries` where the programs of that one are");
    }
    if says("Permission denied") || says("AccessDeniedException") {
        return Some("the server can't use its directory: give it one that everybody can enter");
    }
    if says("vm.max_map_count") {
        return Some("raise it: `sysctl -w vm.max_map_count=262144`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("server.log");
        let lines: String = (0..1000).map(|line| format!("line {line}\n\n")).collect();
        fs::write(&path, lines).unwrap();
        let tail = tail(&path);
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("line 999"));
    }

    #[test]
    fn only_the_newest_logs_stay_and_nothing_else_goes() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for age in 0..4_u64 {
            let file = File::create(path(&format!("clusterkeep-test-{age}.log"))).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
        fs::write(path("other.log"), "").unwrap();
        fs::create_dir(path("clusterkeep-directory.log")).unwrap();
        thin_out(place.path(), 2);
        let left = |age: u64| path(&format!("clusterkeep-test-{age}.log")).exists();
        assert_eq!([left(0), left(1), left(2), left(3)], [true, true, false, false]);
        assert!(path("other.log").exists() && path("clusterkeep-directory.log").exists());
    }

    #[test]
    fn a_large_log_begins_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("server.log");
        File::create(&path).unwrap().set_len(MOST_BYTES).unwrap();
        rotate(&path);
        assert!(path.exists());
        File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
        rotate(&path);
        assert!(!path.exists() && place.path().join("server.log.1").exists());
    }
}
