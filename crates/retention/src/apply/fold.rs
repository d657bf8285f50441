//! Folds rows, as they come, into the states of their buckets, on a thread beside the one that reads them.
//!
//! It knows of no database: rows come in the order of time, and finished buckets are held until the last one came.

use std::sync::Arc;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Row, Value};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::aggregate::{Added, Extras, Series, order};

/// How many rows go to the thread at once at most, and how many bytes, for rows of a rollup carry sketches.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 256 << 10;

/// How many batches wait for it at most.
const WAITING: usize = 2;

/// Rows that go to the thread together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<Row>,
    bytes: usize,
}

impl Batch {
    /// Adds a row; whether it is time to send them.
    pub(super) fn push(&mut self, row: Row) -> bool {
        self.bytes += bytes(row.values());
        self.rows.push(row);
        self.rows.len() == BATCH || self.bytes > BATCH_BYTES
    }
}

/// The buckets that are being made.
pub(super) struct Fold {
    series: Series,
    engine: Engine,
    bounds: Arc<[Value]>,
    /// Where the source is a rollup, what it keeps.
    finer: Option<Extras>,
    /// The bucket that is open, and the first that is none of these.
    bucket: usize,
    until: usize,
    /// The most bytes that open and finished buckets may take, and how many the finished ones do.
    memory: usize,
    held: usize,
    finished: Vec<Vec<Value>>,
}

/// The rows of finished buckets, and which bucket is the first that did not fit.
pub(super) type Folded = Result<(Vec<Vec<Value>>, usize)>;

impl Fold {
    pub(super) fn new(
        series: Series,
        engine: Engine,
        bounds: &Arc<[Value]>,
        (bucket, until): (usize, usize),
        finer: Option<Extras>,
        memory: usize,
    ) -> Self {
        let bounds = Arc::clone(bounds);
        Self { series, engine, bounds, finer, bucket, until, memory, held: 0, finished: Vec::new() }
    }

    /// Begins to fold what is sent; it ends when the sender is dropped, or when it takes no more.
    pub(super) fn beside(mut self) -> (JoinHandle<Folded>, mpsc::Sender<Batch>) {
        let (sender, mut batches) = mpsc::channel::<Batch>(WAITING);
        let folding = spawn_blocking(move || {
            while let Some(batch) = batches.blocking_recv() {
                for row in &batch.rows {
                    if self.add(row.values())? == Added::Full {
                        return Ok((self.finished, self.bucket));
                    }
                }
            }
            self.series.flush(self.engine, &self.bounds[self.bucket], &mut self.finished)?;
            Ok((self.finished, self.until))
        });
        (folding, sender)
    }

    fn add(&mut self, row: &[Value]) -> Result<Added> {
        let at = row.get(self.series.by()).unwrap_or(&Value::Null);
        if order(at, &self.bounds[self.bucket + 1]).is_ge() {
            let made = self.finished.len();
            self.series.flush(self.engine, &self.bounds[self.bucket], &mut self.finished)?;
            self.held += self.finished[made..].iter().map(|row| bytes(row)).sum::<usize>();
            while self.bucket + 1 < self.until && order(at, &self.bounds[self.bucket + 1]).is_ge() {
                self.bucket += 1;
            }
            self.series.leave(self.memory.saturating_sub(self.held));
            if self.held > self.memory {
                return Ok(Added::Full);
            }
        }
        match self.finer {
            Some(finer) => self.series.merge(row, finer),
            None => self.series.add(row),
        }
    }
}

/// About how many bytes a row takes.
fn bytes(row: &[Value]) -> usize {
    let own = |value: &Value| match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        _ => 0,
    };
    row.iter().map(|value| size_of::<Value>() + own(value)).sum()
}
