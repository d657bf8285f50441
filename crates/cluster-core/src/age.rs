//! Ages and durations with units.
