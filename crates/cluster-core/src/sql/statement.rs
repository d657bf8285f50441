//! A statement: text with `?` placeholders, and typed parameters.

use std::borrow::Cow;
use std::time::Duration;

use super::Value;

/// SQL text with the values of its `?` placeholders.
///
/// It comes from the program's own text ([`sql`]), from a [`SqlBuilder`](super::SqlBuilder), or by an assertion that a
/// reviewer can search for.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    text: Cow<'static, str>,
    params: Vec<Value>,
    timeout: Option<Duration>,
}

/// A statement in the program's own text.
///
/// ```
/// use clusterkeep_core::sql::sql;
/// let hot = sql("SELECT count(*) FROM observations WHERE temp > ?").bind(95.0);
/// assert_eq!(hot.params().len(), 1);
/// ```
#[must_use]
pub const fn sql(text: &'static str) -> Statement {
    Statement { text: Cow::Borrowed(text), params: Vec::new(), timeout: None }
}

/// Text that stands in the program: no input can be in it.
impl From<&'static str> for Statement {
    fn from(text: &'static str) -> Self {
        sql(text)
    }
}

impl Statement {
    /// A statement from text that was put together at run time.
    ///
    /// The caller asserts that no part of `text` comes from somebody who may not run it: it is what a user typed to be
    /// run, or it was built from quoted identifiers.
    #[must_use]
    pub fn assert_safe(text: impl Into<String>) -> Self {
        Self { text: Cow::Owned(text.into()), params: Vec::new(), timeout: None }
    }

    pub(super) const fn from_parts(text: String, params: Vec<Value>) -> Self {
        Self { text: Cow::Owned(text), params, timeout: None }
    }

    /// Whether the text is the program's own: such texts are few and come again, so that preparing them pays.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// Binds the value of the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.params.push(value.into());
        self
    }

    /// Binds the values of the next placeholders.
    #[must_use]
    pub fn bind_all<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.params.extend(values.into_iter().map(Into::into));
        self
    }

    /// The most that the whole statement may take, instead of the connection's default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The text, placeholders as `?`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bound values, in order.
    #[must_use]
    pub fn params(&self) -> &[Value] {
        &self.params
    }

    /// The deadline of this statement, where it has one of its own.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        self.timeout
    }
}
