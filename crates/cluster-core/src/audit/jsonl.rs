//! An audit in a file, one JSON record per line: where a plan is made by somebody who may only read the database.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::record::chain_up;
use super::{Entry, Head, Record, Sink};
use crate::error::{Error, Result};
use crate::sql::Session;

/// An audit in a file.
///
/// Writers of one machine take turns by a lock on the file; it is created with access for its owner alone.
#[derive(Debug, Clone)]
pub struct JsonlAudit {
    path: PathBuf,
}

/// More than any record has: the last line lies within it.
const TAIL: u64 = 1024 * 1024;

impl JsonlAudit {
    /// The audit in `path`, which is created when the first record is written.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn open(&self) -> std::io::Result<File> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)
    }

    fn append_now(&self, entries: &[Entry]) -> Result<Head> {
        let failed = |e| Error::io("write the audit to", &self.path, e);
        let mut file = self.open().map_err(failed)?;
        file.lock().map_err(failed)?;
        let last = last_record(&mut file, &self.path)?;
        let chain = last.as_ref().map_or_else(|| "jsonl".to_owned(), |record| record.chain.clone());
        let records = chain_up(&chain, last.as_ref().map(Record::head), entries)
            .map_err(|e| Error::caused("write the audit", e))?;
        let mut lines = Vec::new();
        for record in &records {
            serde_json::to_writer(&mut lines, record).map_err(|e| Error::caused("write the audit", e))?;
            lines.push(b'\n');
        }
        file.write_all(&lines).and_then(|()| file.sync_data()).map_err(failed)?;
        records
            .last()
            .or(last.as_ref())
            .map(Record::head)
            .ok_or_else(|| Error::failed("append nothing to an empty audit"))
    }
}

/// The last record; a last line without its newline is what a crash left of an append, and is an error to look at.
fn last_record(file: &mut File, path: &Path) -> Result<Option<Record>> {
    let failed = |e| Error::io("read the audit in", path, e);
    let length = file.metadata().map_err(failed)?.len();
    if length == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).map_err(failed)?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(failed)?;
    if tail.last() != Some(&b'\n') {
        // A crash cut the last append short: what it began is no record, and the next one starts on a line of its own.
        let keep = tail.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let cut = (tail.len() - keep) as u64;
        file.set_len(length - cut).map_err(failed)?;
        tail.truncate(keep);
    }
    let Some(body) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let line = body.rsplit(|&b| b == b'\n').next().unwrap_or(body);
    let record = serde_json::from_slice(line)
        .map_err(|e| Error::caused(format!("read the last audit record in `{}`", path.display()), e))?;
    Ok(Some(record))
}

#[async_trait]
impl Sink for JsonlAudit {
    async fn append(&self, entries: Vec<Entry>) -> Result<Head> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.append_now(&entries))
            .await
            .map_err(|e| Error::caused("write the audit", e))?
    }

    async fn append_within(&self, _: &mut dyn Session, _: &[Entry]) -> Result<bool> {
        Ok(false)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read the audit in", &self.path, e)),
        };
        let mut records = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|e| Error::io("read the audit in", &self.path, e))?;
            let record: Record = serde_json::from_str(&line)
                .map_err(|e| Error::caused(format!("read a record of the audit in `{}`", self.path.display()), e))?;
            if record.number >= from {
                records.push(record);
                if records.len() == limit {
                    break;
                }
            }
        }
        Ok(records)
    }

    async fn head(&self) -> Result<Option<Head>> {
        match File::open(&self.path) {
            Ok(mut file) => Ok(last_record(&mut file, &self.path)?.map(|record| record.head())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read the audit in", &self.path, e)),
        }
    }
}
