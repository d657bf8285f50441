//! Mean and squared distances from it, in one pass and mergeable, also far from zero.

use super::sum::Precise;

/// The variance of `count` values whose squared distances from their mean add up to `m2`; `None` where there are none.
#[must_use]
pub fn variance(count: u64, m2: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 values")]
    (count > 0).then(|| m2 / count as f64)
}

/// The variance of a population of which these are `count` samples; `None` where there are less than two.
#[must_use]
pub fn sample_variance(count: u64, m2: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 values")]
    (count > 1).then(|| m2 / (count - 1) as f64)
}

/// Welford's recurrence, on distances from the first value: what is far from zero and close together loses no digits.
///
/// The mean is the sum of both its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    count: f64,
    shift: f64,
    mean: f64,
    m2: f64,
}

impl Moments {
    pub(super) fn add(&mut self, x: f64) {
        if self.count == 0.0 {
            self.shift = x;
        }
        self.count += 1.0;
        let distance = x - self.shift;
        let delta = distance - self.mean;
        self.mean += delta / self.count;
        self.m2 += delta * (distance - self.mean);
    }

    /// What was stored of `count` values with this sum.
    pub(super) fn stored(count: u64, sum: Precise, m2: f64) -> Self {
        let mean = sum.mean(count);
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 values")]
        Self { count: count as f64, shift: mean.high, mean: mean.low, m2 }
    }

    /// Merges the moments of other values (Chan, Golub and LeVeque).
    pub(super) fn merge(&mut self, other: &Self) {
        if self.count == 0.0 || other.count == 0.0 {
            if self.count == 0.0 {
                *self = *other;
            }
            return;
        }
        let count = self.count + other.count;
        let delta = (other.shift - self.shift) + (other.mean - self.mean);
        self.m2 += other.m2 + delta * delta * (self.count / count) * other.count;
        self.mean += delta * (other.count / count);
        self.count = count;
    }

    /// The sum of the squared distances from the mean.
    pub(super) const fn m2(&self) -> f64 {
        self.m2
    }
}
