//! Timetables against a store: `schedule validate`, `plan`, `diff`, `apply`, `export` and `namespaces`.

mod export;
mod namespaces;
mod plan;
mod source;
mod validate;

pub(super) use export::{of_store, print};
pub(super) use namespaces::namespaces;
pub(super) use plan::{apply, diff, plan};
pub(super) use validate::validate;
