//! Database URLs.

use crate::error::{Error, Result};
use crate::sql::Engine;

/// The URL of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    engine: Engine,
}

impl DatabaseUrl {
    /// Which engine the scheme names.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Err(Error::input(format!("`{text}` is no database URL")))
    }
}
