//! Civil time: days, months and buckets of a zone, and the instants that they begin at.
