//! What is kept of values, as states that can be merged: of the parts of a bucket, of a finer rollup, of late rows.
//!
//! Pure: accumulators, their merging, and the bytes that sketches are stored as. It never does I/O, and never stores what
//! can't be merged: an average is computed from sum and count where it is read.

mod accumulator;
mod distinct;
mod moments;
mod quantiles;
mod series;
mod state;
mod sum;

pub use distinct::Distinct;
pub use moments::{sample_variance, variance};
pub use quantiles::Quantiles;

pub(crate) use accumulator::{Accumulator, Extras, order};
pub(crate) use series::{Added, Series};

#[cfg(test)]
mod tests;
