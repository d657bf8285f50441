//! Waiting, on a clock that tests move.
