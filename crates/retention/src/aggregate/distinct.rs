//! How many distinct values there are, estimated: a HyperLogLog sketch.

use std::fmt;

use clusterkeep_core::sql::{Engine, Value};
use clusterkeep_core::{Error, Result};
use datasketches::hll::{HllSketch, HllType, HllUnion};

use super::state;
use crate::observe::Number;

/// Two to this power registers: the standard error is 1.04 / 64, about 1.6 %.
const LG_K: u8 = 12;
const WHAT: &str = "distinct values";

/// A sketch of which values there are: their number is estimated with a standard error of about 1.6 %, small numbers
/// exactly. NULL is no value; NaN is one; 1 and 1.0 are the same.
pub struct Distinct {
    count: u64,
    union: HllUnion,
}

impl fmt::Debug for Distinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distinct").field("count", &self.count).field("estimate", &self.estimate()).finish()
    }
}

impl Distinct {
    /// A sketch of no values.
    ///
    /// # Errors
    ///
    /// The library refuses the size, which it does not.
    pub fn new() -> Result<Self> {
        let union = HllUnion::new(LG_K).map_err(|e| Error::caused("make a sketch of distinct values", e))?;
        Ok(Self { count: 0, union })
    }

    /// Adds a value.
    pub fn add(&mut self, number: &Number) {
        match number {
            Number::Null => return,
            Number::Int(n) => self.union.update_value(*n),
            Number::Float(x) => self.add_float(*x),
            Number::Decimal(d) => self.union.update_value(d.normalized().to_string()),
        }
        self.count += 1;
    }

    fn add_float(&mut self, x: f64) {
        /// Below it every whole number is one that a 64-bit integer holds.
        const WHOLE: f64 = 9_007_199_254_740_992.0;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough")]
        if x.abs() < WHOLE && x.fract() == 0.0 {
            self.union.update_value(x as i64);
        } else if x.is_nan() {
            self.union.update_value("NaN");
        } else {
            self.union.update_value((x.to_bits(), 0_u8));
        }
    }

    /// Takes in what another sketch has seen.
    pub fn merge(&mut self, other: &Self) {
        self.union.update(&other.union.to_sketch(HllType::Hll8));
        self.count += other.count;
    }

    /// How many values were added, with those that came again.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many distinct values were added, about; the same for any order of adding and merging.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        self.union.composite_estimate()
    }

    /// The value that stores it.
    #[must_use]
    pub fn encode(&self, engine: Engine) -> Value {
        state::value(engine, state::pack(self.count, &self.union.to_sketch(HllType::Hll8).serialize()))
    }

    /// Reads a stored one; `None` where it is NULL.
    ///
    /// # Errors
    ///
    /// It is no such sketch, or one of another version or size.
    pub fn decode(value: &Value) -> Result<Option<Self>> {
        let Some(bytes) = state::bytes(WHAT, value)? else { return Ok(None) };
        let (count, sketch) = state::unpack(WHAT, &bytes)?;
        let sketch = HllSketch::deserialize(sketch).map_err(|e| state::broken(WHAT, &e.to_string()))?;
        if sketch.lg_config_k() != LG_K || sketch.is_empty() != (count == 0) {
            return Err(state::broken(WHAT, "its size or its count is not that of its sketch"));
        }
        let mut read = Self::new()?;
        read.union.update(&sketch);
        read.count = count;
        Ok(Some(read))
    }

    pub(super) fn bytes(&self) -> usize {
        self.union.estimated_size()
    }
}
