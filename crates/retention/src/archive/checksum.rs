//! Checksums of values: what says that rows that were read back are those that were written.
//!
//! Of each column the sum, modulo 2^128, of the XXH3-128 of its values: it does not depend on the order of rows, which
//! no table keeps. The sum over whole rows is kept beside it, so that values which changed places show, too. They find
//! what storage, networks and programs do wrong; that nobody has forged a file is for its SHA-256 to say.
//!
//! All NaN count as one value, since an engine may keep any of them.

use std::fmt;

use parquet::data_type::AsBytes as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twox_hash::XxHash3_128;

use super::column::{Cells, Column};

/// What stands for NULL: the hash of bytes that no value of any kind has.
const NULL: &[u8] = b"clusterkeep: this is no value, it is NULL";

/// A sum of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum(u128);

/// As 32 hexadecimal digits.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let sum = hex.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        sum.map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no checksum of 32 hexadecimal digits")))
    }
}

impl schemars::JsonSchema for Checksum {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Checksum".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}

/// What rows add up to: how many there are, and the sums of their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// How many rows there are.
    pub rows: u64,
    /// Of each column, how many values are NULL, and the sum of all.
    pub columns: Vec<(u64, Checksum)>,
    /// The sum over whole rows.
    pub whole: Checksum,
}

impl Contents {
    /// Those of no rows of so many columns.
    pub(super) fn none(columns: usize) -> Self {
        Self { rows: 0, columns: vec![(0, Checksum::default()); columns], whole: Checksum::default() }
    }

    /// Adds rows; all columns have as many values.
    pub(super) fn add(&mut self, columns: &[Column]) {
        let rows = columns.first().map_or(0, Column::rows);
        let mut lanes = vec![0_u64; rows];
        for (column, (nulls, sum)) in columns.iter().zip(&mut self.columns) {
            let (nulls_here, sum_here) = add_column(column, &mut lanes);
            *nulls += nulls_here;
            sum.0 = sum.0.wrapping_add(sum_here);
        }
        for lane in lanes {
            self.whole.0 = self.whole.0.wrapping_add(u128::from(spread(lane)));
        }
        self.rows += rows as u64;
    }
}

/// The NULLs and the sum of one column; each value goes into the lane of its row, too.
fn add_column(column: &Column, lanes: &mut [u64]) -> (u64, u128) {
    match column.cells() {
        Cells::Bool(cells) => add_cells(column, cells, lanes, |cell| hash(&[u8::from(*cell)])),
        Cells::Int32(cells) => add_cells(column, cells, lanes, |cell| hash(&cell.to_le_bytes())),
        Cells::Int64(cells) => add_cells(column, cells, lanes, |cell| hash(&cell.to_le_bytes())),
        Cells::Double(cells) => add_cells(column, cells, lanes, |cell| {
            let one = if cell.is_nan() { f64::NAN } else { *cell };
            hash(&one.to_bits().to_le_bytes())
        }),
        Cells::Bytes(cells) => add_cells(column, cells, lanes, |cell| hash(cell.as_bytes())),
        Cells::Fixed(cells) => add_cells(column, cells, lanes, |cell| hash(cell.as_bytes())),
    }
}

fn add_cells<T>(column: &Column, cells: &[T], lanes: &mut [u64], hash_of: impl Fn(&T) -> u128) -> (u64, u128) {
    let null = hash(NULL);
    let (mut nulls, mut sum) = (0, 0_u128);
    let mut cells = cells.iter();
    for (level, lane) in column.levels().iter().zip(lanes) {
        let hashed = if *level == 0 {
            nulls += 1;
            null
        } else {
            cells.next().map_or(null, &hash_of)
        };
        sum = sum.wrapping_add(hashed);
        // Rotated, so that the same value in another column is something else.
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is a hash of its own")]
        let low = hashed as u64;
        *lane = (lane.rotate_left(23) ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (nulls, sum)
}

fn hash(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// Lets each bit have a say in each (the finalizer of `MurmurHash3`).
const fn spread(mut lane: u64) -> u64 {
    lane = (lane ^ (lane >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    lane = (lane ^ (lane >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    lane ^ (lane >> 33)
}

#[cfg(test)]
mod tests {
    use clusterkeep_core::sql::Value;

    use super::super::kind::Kind;
    use super::*;

    fn of(rows: &[[Value; 2]]) -> Contents {
        let mut columns = [Column::new(Kind::Text), Column::new(Kind::Float)];
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value).unwrap();
            }
        }
        let mut contents = Contents::none(2);
        contents.add(&columns);
        contents
    }

    #[test]
    fn order_of_rows_does_not_count_and_all_else_does() {
        let (a, b) = (["a".into(), 1.0.into()], ["b".into(), Value::Null]);
        let both = of(&[a.clone(), b.clone()]);
        assert_eq!(both, of(&[b.clone(), a.clone()]));
        let swapped = of(&[["b".into(), 1.0.into()], ["a".into(), Value::Null]]);
        assert_eq!(both.columns, swapped.columns);
        assert_ne!(both.whole, swapped.whole, "values that changed places");
        assert_ne!(both.columns, of(&[a.clone(), b, a]).columns);
        assert_ne!(of(&[["".into(), 0.0.into()]]), of(&[[Value::Null, 0.0.into()]]), "empty is not NULL");
        assert_ne!(of(&[["".into(), 0.0.into()]]), of(&[["".into(), (-0.0).into()]]), "the sign of zero");
        let other = f64::from_bits(0x7ff8_dead_beef_0001);
        assert_eq!(of(&[["".into(), f64::NAN.into()]]), of(&[["".into(), other.into()]]));
    }
}
