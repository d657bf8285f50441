//! Who asks.

use std::fmt;

use crate::secret::Secret;

/// Who asks: an API key, or the session of somebody who has logged in with a browser.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An API key with its secret.
    Key {
        /// The key.
        key: String,
        /// Its secret.
        secret: Secret,
    },
    /// The token of a browser's session, as the vendor's own client keeps it.
    Session(Secret),
}

impl Credentials {
    /// An API key with its secret.
    pub fn key(key: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::Key { key: key.into(), secret: Secret::new(secret) }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key(***)",
            Self::Session(_) => "Session(***)",
        })
    }
}
