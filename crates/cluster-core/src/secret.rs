//! Text that must never be shown.

use std::fmt;

/// A secret: neither `Display` nor `Debug` nor serialisation gives it away.
///
/// ```
/// let password = clusterkeep_core::secret::Secret::new("hunter2");
/// assert_eq!(format!("{password:?}"), "Secret(***)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; every call site is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
