//! Timetables against a store: `schedule validate`, `plan`, `diff`, `apply`, `export` and `namespaces`.

mod export;
mod namespaces;
mod plan;
mod validate;

/// What these commands print as JSON, for their schemas.
pub(crate) mod documents {
    pub(crate) use super::namespaces::Namespace;
    pub(crate) use super::validate::Finding;
}

pub(super) use export::{of_store, print};
pub(super) use namespaces::namespaces;
pub(super) use plan::{apply, diff, plan};
pub(super) use validate::validate;
