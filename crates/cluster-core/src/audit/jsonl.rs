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

/// How much is read from the end of the file to find its last record; more where a record is longer.
const TAIL: u64 = 64 * 1024;

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
        let (last, whole) = last_record(&mut file, &self.path)?;
        if whole < file.metadata().map_err(failed)?.len() {
            // A crash cut the last append short: what it began is no record, and the next one starts on a line of its own.
            file.set_len(whole).map_err(failed)?;
        }
        let chain = last.as_ref().map_or_else(|| "jsonl".to_owned(), |record| record.chain.clone());
        let records = chain_up(&chain, last.as_ref().map(Record::head), entries)
            .map_err(|e| Error::caused("write the audit", e))?;
        let mut lines = Vec::new();
        for record in &records {
            serde_json::to_writer(&mut lines, record).map_err(|e| Error::caused("write the audit", e))?;
            lines.push(b'\n');
        }
        if let Err(e) = file.write_all(&lines).and_then(|()| file.sync_data()) {
            // All or none, also where the disk is full.
            return Err(failed(file.set_len(whole).err().unwrap_or(e)));
        }
        records
            .last()
            .or(last.as_ref())
            .map(Record::head)
            .ok_or_else(|| Error::failed("append nothing to an empty audit"))
    }
}

/// The last record, and where it ends. What stands behind it has no newline: a crash left it of an append, or another
/// process is writing it.
fn last_record(file: &mut File, path: &Path) -> Result<(Option<Record>, u64)> {
    let failed = |e| Error::io("read the audit in", path, e);
    let length = file.metadata().map_err(failed)?.len();
    let mut window = TAIL;
    loop {
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut tail = Vec::new();
        file.take(length - start).read_to_end(&mut tail).map_err(failed)?;
        let newline_in = |bytes: &[u8]| bytes.iter().rposition(|&b| b == b'\n');
        let end = newline_in(&tail);
        let begin = end.and_then(|end| newline_in(&tail[..end])).map(|newline| newline + 1);
        match (end, begin) {
            (None, _) if start == 0 => return Ok((None, 0)),
            (Some(end), begin) if begin.is_some() || start == 0 => {
                let record = serde_json::from_slice(&tail[begin.unwrap_or(0)..end])
                    .map_err(|e| Error::caused(format!("read the last audit record in `{}`", path.display()), e))?;
                return Ok((Some(record), start + end as u64 + 1));
            }
            _ => window = window.saturating_mul(4),
        }
    }
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
        let mut file = BufReader::new(file);
        let mut records = Vec::new();
        let mut line = Vec::new();
        // A line without its newline is no record yet, or never was one.
        while records.len() < limit
            && file.read_until(b'\n', &mut line).map_err(|e| Error::io("read the audit in", &self.path, e))? > 0
            && line.ends_with(b"\n")
        {
            let record: Record = serde_json::from_slice(&line)
                .map_err(|e| Error::caused(format!("read a record of the audit in `{}`", self.path.display()), e))?;
            if record.number >= from {
                records.push(record);
            }
            line.clear();
        }
        Ok(records)
    }

    async fn head(&self) -> Result<Option<Head>> {
        match File::open(&self.path) {
            Ok(mut file) => Ok(last_record(&mut file, &self.path)?.0.as_ref().map(Record::head)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read the audit in", &self.path, e)),
        }
    }
}
