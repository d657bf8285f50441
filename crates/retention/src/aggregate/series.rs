//! The states of one bucket, series by series, within a bound of memory.
//!
//! What does not fit goes in several passes: each takes the series whose hash falls to it, and leaves the others.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Value};

use super::accumulator::{Accumulator, Extras};
use crate::model::{Extra, Stat};

/// How often the memory is measured anew.
const ROWS_PER_LOOK: u32 = 1 << 14;

/// Up to so many series are looked through one by one: that is faster than to hash a key.
const FEW: usize = 8;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the states, or falls to another pass.
    Done,
    /// There is no room for its series.
    Full,
}

/// The states of one bucket.
#[derive(Debug)]
pub(crate) struct Series {
    by: usize,
    columns: usize,
    extras: Extras,
    /// How many passes there are, and which one this is.
    pass: (u64, u64),
    /// The most bytes that states may take.
    most: usize,
    bytes: usize,
    until_look: u32,
    key: Vec<u8>,
    index: HashMap<Box<[u8]>, usize>,
    states: Vec<State>,
}

#[derive(Debug)]
struct State {
    by: Vec<Value>,
    columns: Vec<Accumulator>,
}

impl Series {
    pub(crate) fn new(by: usize, columns: usize, extras: Extras, most: usize) -> Self {
        Self {
            by,
            columns,
            extras,
            pass: (1, 0),
            most,
            bytes: 0,
            until_look: ROWS_PER_LOOK,
            key: Vec::new(),
            index: HashMap::new(),
            states: Vec::new(),
        }
    }

    /// Takes only the series that fall to the `nth` of `of` passes.
    pub(crate) fn pass(&mut self, of: u64, nth: u64) {
        self.pass = (of, nth);
    }

    /// Leaves so many bytes to the states from now on.
    pub(crate) const fn leave(&mut self, most: usize) {
        self.most = most;
    }

    /// How many columns tell one series from another.
    pub(crate) const fn by(&self) -> usize {
        self.by
    }

    /// How many values of a row belong to one column of a rollup.
    pub(crate) fn width(extras: Extras) -> usize {
        Stat::ALL.len() + extras.iter().map(|extra| extra.suffixes().len()).sum::<usize>()
    }

    /// Adds a row of the raw table: series, instant, values.
    pub(crate) fn add(&mut self, row: &[Value]) -> Result<Added> {
        let (by, rest) = row.split_at(self.by);
        let Some((at, values)) = rest.split_first() else { return Ok(Added::Done) };
        let Some(state) = self.state(by) else { return Ok(Added::Done) };
        let Some(state) = state else { return Ok(Added::Full) };
        for (column, value) in state.columns.iter_mut().zip(values) {
            column.add(at, value)?;
        }
        Ok(Added::Done)
    }

    /// Adds a row of a finer rollup: series, bucket, states; its extras may be more than are kept here.
    pub(crate) fn merge(&mut self, row: &[Value], finer: Extras) -> Result<Added> {
        let (by, rest) = row.split_at(self.by);
        let Some((_, values)) = rest.split_first() else { return Ok(Added::Done) };
        let Some(state) = self.state(by) else { return Ok(Added::Done) };
        let Some(state) = state else { return Ok(Added::Full) };
        for (column, values) in state.columns.iter_mut().zip(values.chunks(Self::width(finer))) {
            column.merge(&Accumulator::read(finer, values)?)?;
        }
        Ok(Added::Done)
    }

    /// The state of a series: `None` where it falls to another pass, `Some(None)` where there is no room for it.
    #[expect(clippy::option_option, reason = "two ways of not having it, told apart by both callers at once")]
    fn state(&mut self, by: &[Value]) -> Option<Option<&mut State>> {
        self.until_look -= 1;
        if self.until_look == 0 {
            self.until_look = ROWS_PER_LOOK;
            self.bytes = self.states.iter().flat_map(|state| &state.columns).map(Accumulator::bytes).sum::<usize>()
                + self.states.len() * 256;
            // The first series always has room: one alone can't be divided.
            if self.bytes > self.most && self.states.len() > 1 {
                return Some(None);
            }
        }
        if self.states.len() <= FEW
            && let Some(at) = self.states.iter().position(|state| same(&state.by, by))
        {
            return Some(self.states.get_mut(at));
        }
        self.key.clear();
        by.iter().for_each(|value| encode(value, &mut self.key));
        if let Some(at) = self.index.get(self.key.as_slice()) {
            return Some(self.states.get_mut(*at));
        }
        let (of, nth) = self.pass;
        if of > 1 && hash(&self.key) % of != nth {
            return None;
        }
        if self.bytes > self.most && !self.states.is_empty() {
            return Some(None);
        }
        self.index.insert(self.key.as_slice().into(), self.states.len());
        let columns = (0..self.columns).map(|_| Accumulator::new(self.extras)).collect();
        self.states.push(State { by: by.to_vec(), columns });
        self.bytes += 256 + self.columns * expected(self.extras);
        Some(self.states.last_mut())
    }

    /// Moves the states out as rows of the rollup: series, bucket, states.
    pub(crate) fn flush(&mut self, engine: Engine, bucket: &Value, rows: &mut Vec<Vec<Value>>) -> Result<()> {
        for state in self.states.drain(..) {
            let mut row = state.by;
            row.push(bucket.clone());
            for column in &state.columns {
                column.write(engine, &mut row)?;
            }
            rows.push(row);
        }
        self.clear();
        Ok(())
    }

    /// Forgets the states.
    pub(crate) fn clear(&mut self) {
        self.states.clear();
        self.index.clear();
        self.bytes = 0;
        self.until_look = ROWS_PER_LOOK;
    }
}

/// What a state of one column takes, until it is measured.
fn expected(extras: Extras) -> usize {
    let sketches = |extra| if extras.has(extra) { 4_200 } else { 0 };
    size_of::<Accumulator>() + sketches(Extra::Distinct) + sketches(Extra::Quantiles)
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

/// Whether these are surely of one series; of values of other kinds the key decides.
fn same(known: &[Value], by: &[Value]) -> bool {
    known.iter().zip(by).all(|values| match values {
        (Value::Null, Value::Null) => true,
        (Value::Int(known), Value::Int(n)) => known == n,
        (Value::Text(known), Value::Text(text)) => known == text,
        _ => false,
    })
}

/// Appends a value so that two series have the same key only where all their values are the same.
fn encode(value: &Value, key: &mut Vec<u8>) {
    match value {
        Value::Null => key.push(0),
        Value::Int(n) => {
            key.push(1);
            key.extend_from_slice(&n.to_le_bytes());
        }
        Value::Text(text) => {
            key.push(2);
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
        other => {
            let text = format!("{other:?}");
            key.push(3);
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
    }
}
