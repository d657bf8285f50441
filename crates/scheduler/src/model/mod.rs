//! What is wanted: schedules, jobs and timetables, as plain data from a file or a fluent builder.
//!
//! Everything is validated before anything starts; nothing here does I/O.

mod schedule;

pub use schedule::Schedule;
