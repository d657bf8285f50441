//! What a fluent builder was given and could not take.
//!
//! A builder reads as a sentence and returns no errors on the way; it remembers them, and the first use reports all of
//! them at once.

use clusterkeep_core::sql::{Ident, TableName};

/// What stands in for a name that could not be taken.
pub(super) const UNNAMED: &str = "?";

/// The problems of one builder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn push(&mut self, problem: String) {
        self.0.push(problem);
    }

    pub(super) fn table(&mut self, text: &str) -> TableName {
        text.parse().unwrap_or_else(|e: clusterkeep_core::Error| {
            self.push(e.to_string());
            TableName::bare(Ident::literal(UNNAMED))
        })
    }

    pub(super) fn ident(&mut self, text: &str) -> Ident {
        Ident::new(text).unwrap_or_else(|e| {
            self.push(e.to_string());
            Ident::literal(UNNAMED)
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
