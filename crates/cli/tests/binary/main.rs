//! The binary as a binary: what it prints where, and how it ends.

mod approval;
mod audit;
mod bad_input;
mod help;
mod query;
mod retention;
mod schedule;
mod schemas;
mod servers;
mod signals;
mod support;
