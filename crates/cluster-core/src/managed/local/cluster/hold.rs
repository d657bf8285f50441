//! The hold of a guard on a running cluster.
//!
//! Each holder has the keeper's FIFO open for writing, which the system closes even for one that is killed. An open FIFO
//! alone is no promise: it may have been opened after the last holder had left and before the keeper was gone. So a
//! holder says `hold` and is one only when the keeper has answered with a file, which it made after it read that word,
//! and so with this holder's end of the FIFO open. The holder keeps that file locked, so that others can count.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::super::home::nofollow;
use super::place::Place;
use crate::error::{Error, Result};

/// How long the keeper may take to answer; it has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// Files of `holders` that are not of holders.
const KEPT: &str = "kept";
const ENDED: &str = "ended";

/// A hold; letting go of it ends the cluster if it was the last.
#[derive(Debug)]
pub(super) struct Hold {
    id: String,
    answer: PathBuf,
    /// Locked while there is a holder, who is one only with it.
    confirmed: Option<File>,
    fifo: File,
}

impl Hold {
    /// Asks for a hold; none where nothing runs.
    pub(super) fn ask(place: &Place) -> Result<Option<Self>> {
        match place.open_fifo()?.map(|fifo| Self::with(place, fifo)).transpose() {
            Err(error) if is_gone(&error) => Ok(None),
            result => result,
        }
    }

    /// Asks for a hold by a FIFO that is open.
    pub(super) fn with(place: &Place, mut fifo: File) -> Result<Self> {
        let id = Uuid::new_v4().to_string();
        let answer = place.holders().join(&id);
        // One write, shorter than what the system ever divides.
        match fifo.write_all(format!("hold {id}\n").as_bytes()) {
            Ok(()) => Ok(Self { id, answer, confirmed: None, fifo }),
            Err(error) => Err(Error::io("write", place.fifo(), error)),
        }
    }

    /// Waits until the keeper has answered; returns whether it has, and not ended instead.
    pub(super) async fn confirm(&mut self, place: &Place) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        while self.confirmed.is_none() {
            if let Ok(file) = nofollow().read(true).open(&self.answer)
                && file.try_lock().is_ok()
            {
                self.confirmed = Some(file);
            } else if place.open_fifo()?.is_none() {
                return Ok(false);
            } else if Instant::now() >= deadline {
                return Err(Error::failed(format!("the keeper of `{}` does not answer", place.path().display()))
                    .with_hint("its last words are in `keeper.log` there"));
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(true)
    }

    /// Says `word` to the keeper.
    pub(super) fn say(&mut self, place: &Place, word: &str) -> Result<()> {
        self.fifo.write_all(format!("{word}\n").as_bytes()).map_err(|error| Error::io("write", place.fifo(), error))
    }

    /// How many others hold it.
    pub(super) fn others(&self, place: &Place) -> usize {
        holders(place, Some(&self.id))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Before the FIFO closes: who leaves last is not to take this one for somebody who stays.
        drop(self.confirmed.take());
        drop(fs::remove_file(&self.answer));
    }
}

/// Says `word` to the keeper at `place`; returns whether there is one.
pub(super) fn say(place: &Place, word: &str) -> Result<bool> {
    let Some(mut fifo) = place.open_fifo()? else { return Ok(false) };
    match fifo.write_all(format!("{word}\n").as_bytes()).map_err(|error| Error::io("write", place.fifo(), error)) {
        Err(error) if is_gone(&error) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Whether the keeper went just now.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// How many hold the cluster at `place`, apart from `own`.
pub(super) fn holders(place: &Place, own: Option<&str>) -> usize {
    let Ok(entries) = fs::read_dir(place.holders()) else { return 0 };
    let is_held = |name: &str| {
        let file = nofollow().read(true).open(place.holders().join(name));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| Some(name.as_str()) != own && Uuid::parse_str(name).is_ok() && is_held(name)).count()
}

/// Whether it lives on without a holder.
pub(super) fn is_kept(place: &Place) -> bool {
    place.holders().join(KEPT).exists()
}

/// Whether somebody asked it to end, whoever held it.
pub(super) fn was_ended(place: &Place) -> bool {
    place.holders().join(ENDED).exists()
}

/// Waits until the keeper has taken note of `keep` or `release`; without a runtime.
pub(super) fn until_kept(place: &Place, kept: bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while is_kept(place) != kept {
        if Instant::now() >= deadline || place.open_fifo()?.is_none() {
            return Err(Error::failed(format!("the keeper of `{}` does not answer", place.path().display())));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
