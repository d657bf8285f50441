//! Folds rows, as they come, into the states of their buckets, on a thread beside the one that reads them.
//!
//! It knows of no database: rows come in the order of time, and finished buckets are held until the last one came.

use std::sync::Arc;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Row, Value};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::aggregate::{Added, Extras, Series, order};

/// How many rows go to the thread at once at most, and how many bytes, for rows of a rollup carry sketches. The thread is the
/// faster one, so that each batch wakes it: many small ones cost more than the folding.
const BATCH: usize = 2048;
const BATCH_BYTES: usize = 512 << 10;

/// How many batches wait for it at most: enough that neither waits where the other was held up for a moment.
const WAITING: usize = 4;

/// Rows that go to the thread together.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<Row>,
    bytes: usize,
}

/// What the reader hands its rows to.
///
/// They come back when they are folded, to be freed where they were made: memory that one thread frees while another takes
/// some of the same has both wait.
pub(super) struct Hand {
    batch: Batch,
    batches: mpsc::Sender<Batch>,
    spent: mpsc::Receiver<Batch>,
}

impl Hand {
    /// Whether the thread takes no more.
    pub(super) fn is_closed(&self) -> bool {
        self.batches.is_closed()
    }

    /// Hands over a row, with those before it where they are enough.
    pub(super) async fn push(&mut self, row: Row) {
        self.batch.bytes += bytes(row.values());
        self.batch.rows.push(row);
        if self.batch.rows.len() >= BATCH || self.batch.bytes > BATCH_BYTES {
            self.send().await;
        }
    }

    /// Hands over the last rows.
    pub(super) async fn finish(mut self) {
        self.send().await;
    }

    async fn send(&mut self) {
        let mut next = self.spent.try_recv().unwrap_or_default();
        next.rows.clear();
        next.bytes = 0;
        // Why the thread takes no more, it says itself when it is waited for.
        self.batches.send(std::mem::replace(&mut self.batch, next)).await.ok();
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

    /// Begins to fold what is handed over; it ends with the last of it, or when it takes no more.
    pub(super) fn beside(mut self) -> (JoinHandle<Folded>, Hand) {
        let (sender, mut batches) = mpsc::channel::<Batch>(WAITING);
        let (back, spent) = mpsc::channel::<Batch>(WAITING + 2);
        let folding = spawn_blocking(move || {
            while let Some(batch) = batches.blocking_recv() {
                for row in &batch.rows {
                    if self.add(row.values())? == Added::Full {
                        return Ok((self.finished, self.bucket));
                    }
                }
                back.try_send(batch).ok();
            }
            self.series.flush(self.engine, &self.bounds[self.bucket], &mut self.finished)?;
            Ok((self.finished, self.until))
        });
        (folding, Hand { batch: Batch::default(), batches: sender, spent })
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
