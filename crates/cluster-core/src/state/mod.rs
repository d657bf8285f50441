//! State of its own.
