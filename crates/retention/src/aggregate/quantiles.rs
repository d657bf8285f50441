//! How values are distributed, so that quantiles can be estimated: a DDSketch.
//!
//! The library's own reader gives every sketch its default width, which would fold small values together, and trusts
//! what it reads. So its bytes are read here: strictly, and into the width that they were written with.

use std::fmt;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Value};
use sketches_ddsketch::{Config, DDSketch};

use super::state;

/// The relative error of a quantile.
const ALPHA: f64 = 0.01;
/// What is closer to zero counts as zero.
const SMALLEST: f64 = 1e-300;
/// More than there are bins between the smallest and the largest number: none is ever folded into another.
const BINS: u32 = 1 << 17;
/// Beyond the key of every number.
const MOST: i64 = 1 << 16;
const WHAT: &str = "quantiles";

/// A sketch of how values are distributed. A quantile is the value of its rank, give or take 1 % of that value.
///
/// NULL is no value. NaN is the largest, as databases order it, and the infinities are the values that they are.
pub struct Quantiles {
    sketch: DDSketch,
    below: u64,
    above: u64,
    nan: u64,
}

impl fmt::Debug for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quantiles").field("count", &self.count()).field("median", &self.quantile(0.5)).finish()
    }
}

impl Default for Quantiles {
    fn default() -> Self {
        Self { sketch: DDSketch::new(config()), below: 0, above: 0, nan: 0 }
    }
}

fn config() -> Config {
    Config::new(ALPHA, BINS, SMALLEST)
}

impl Quantiles {
    /// Adds a value.
    pub fn add(&mut self, x: f64) {
        if x.is_finite() {
            self.sketch.add(x);
        } else if x.is_nan() {
            self.nan += 1;
        } else if x > 0.0 {
            self.above += 1;
        } else {
            self.below += 1;
        }
    }

    /// Takes in what another sketch has seen.
    ///
    /// # Errors
    ///
    /// The library finds that the two were made in different ways, which they can't be.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.sketch.merge(&other.sketch).map_err(|e| state::broken(WHAT, &e.to_string()))?;
        self.below += other.below;
        self.above += other.above;
        self.nan += other.nan;
        Ok(())
    }

    fn finite(&self) -> u64 {
        self.sketch.count() as u64
    }

    /// How many values were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.below + self.finite() + self.above + self.nan
    }

    /// The value below which a share of `q` of all values lies; `None` where there are none, or `q` is not in [0, 1].
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks below 2^53"
    )]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = (q * (count - 1) as f64) as u64;
        let finite = self.finite();
        if rank < self.below {
            return Some(f64::NEG_INFINITY);
        }
        let rank = rank - self.below;
        if rank >= finite {
            return Some(if rank - finite < self.above { f64::INFINITY } else { f64::NAN });
        }
        // Half a rank more, so that the library rounds down to this very one.
        let within = if finite == 1 { 0.5 } else { ((rank as f64 + 0.5) / (finite - 1) as f64).min(1.0) };
        let value = self.sketch.quantile(within).ok()??;
        Some(value.clamp(-f64::MAX, f64::MAX))
    }

    /// The value that stores it.
    #[must_use]
    pub fn encode(&self, engine: Engine) -> Value {
        let mut bytes = Vec::new();
        for count in [self.below, self.above, self.nan] {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        bytes.extend_from_slice(&self.sketch.to_java_bytes());
        state::value(engine, state::pack(self.count(), &bytes))
    }

    /// Reads a stored one; `None` where it is NULL.
    ///
    /// # Errors
    ///
    /// It is no such sketch, or one of another version.
    pub fn decode(value: &Value) -> Result<Option<Self>> {
        let Some(bytes) = state::bytes(WHAT, value)? else { return Ok(None) };
        let (count, rest) = state::unpack(WHAT, &bytes)?;
        let mut reader = Reader(rest);
        let read = (|| {
            let (below, above, nan) = (reader.fixed()?, reader.fixed()?, reader.fixed()?);
            let sketch = reader.sketch()?;
            let (below, above, nan) = (u64::from_le_bytes(below), u64::from_le_bytes(above), u64::from_le_bytes(nan));
            Some(Self { sketch, below, above, nan })
        })();
        let read = read.ok_or_else(|| state::broken(WHAT, "it is not of the form that it was written in"))?;
        let others = read.below.checked_add(read.above).and_then(|sum| sum.checked_add(read.nan));
        if others.and_then(|sum| sum.checked_add(read.finite())) != Some(count) {
            return Err(state::broken(WHAT, "its count is not that of its sketch"));
        }
        Ok(Some(read))
    }

    pub(super) fn bytes(&self) -> usize {
        self.sketch.length() * 8 + 200
    }
}

/// What the library writes, read strictly: `None` where anything else comes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let [next] = self.fixed()?;
            if next < 0x80 || shift == 56 {
                return Some(value | (u64::from(next) << shift));
            }
            value |= u64::from(next & 0x7f) << shift;
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let zigzag = self.unsigned()?;
        let magnitude = i64::try_from(zigzag >> 1).ok()?;
        Some(if zigzag & 1 == 0 { magnitude } else { -magnitude - 1 })
    }

    /// A number of values, which the library writes as a floating-point number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seen to be whole and within 2^53")]
    fn count(&mut self) -> Option<u64> {
        let mut bits: u64 = 0;
        let mut shift = 57;
        loop {
            let [next] = self.fixed()?;
            if shift == 1 {
                bits |= u64::from(next);
                break;
            }
            if next < 0x80 {
                bits |= u64::from(next) << shift;
                break;
            }
            bits |= u64::from(next & 0x7f) << shift;
            shift -= 7;
        }
        let count = f64::from_bits(bits.rotate_right(6).wrapping_add(1.0_f64.to_bits())) - 1.0;
        (count.fract() == 0.0 && (1.0..9_007_199_254_740_992.0).contains(&count)).then_some(count as u64)
    }

    fn bins(&mut self, config: &Config, sign: f64, sketch: &mut DDSketch) -> Option<()> {
        let mut key: i64 = 0;
        for _ in 0..self.unsigned()? {
            key = key.checked_add(self.signed()?).filter(|key| key.abs() < MOST)?;
            let value = config.value(i32::try_from(key).ok()?).clamp(SMALLEST * (1.0 + 1e-9), f64::MAX);
            sketch.add_with_count(sign * value, self.count()?);
        }
        Some(())
    }

    fn sketch(&mut self) -> Option<DDSketch> {
        let config = config();
        let mut sketch = DDSketch::new(config);
        while !self.0.is_empty() {
            match self.fixed()? {
                // Count, minimum, maximum and sum: the columns beside the sketch have them exactly.
                [0xa0] => drop(self.count()?),
                [0x84 | 0x88 | 0x8c] => drop(self.fixed::<8>()?),
                [0x02] => {
                    let (gamma, _): ([u8; 8], [u8; 8]) = (self.fixed()?, self.fixed()?);
                    if f64::from_le_bytes(gamma) != config.gamma {
                        return None;
                    }
                }
                [0x04] => sketch.add_with_count(0.0, self.count()?),
                [0x05] => self.bins(&config, 1.0, &mut sketch)?,
                [0x07] => self.bins(&config, -1.0, &mut sketch)?,
                _ => return None,
            }
        }
        Some(sketch)
    }
}
