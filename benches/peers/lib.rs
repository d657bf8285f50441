//! Nothing but a place for the dependencies of `../triggers.rs`.
