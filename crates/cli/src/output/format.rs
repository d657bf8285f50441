//! The formats that data can be written in.

use clap::ValueEnum;
use clusterkeep_core::sql::Records;
use clusterkeep_core::{Error, Result};
use serde::Serialize;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document per line and item
    Ndjson,
    /// Comma-separated values with a header
    Csv,
    /// One YAML document
    Yaml,
    /// A Markdown table
    Markdown,
    /// A page of HTML, of `retention plan` alone
    Html,
}

impl Format {
    /// The rows of a query.
    ///
    /// # Errors
    ///
    /// A format of pages.
    pub fn records(self, records: &Records) -> Result<String> {
        match self {
            // A value must not steer the terminal that it is shown on.
            Self::Table => Ok(records.to_string().replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")),
            Self::Json => records.json(),
            Self::Ndjson => records.ndjson(),
            Self::Csv => records.csv(),
            Self::Yaml => records.yaml(),
            Self::Markdown => Ok(records.markdown()),
            Self::Html => Err(no_page()),
        }
    }
}

impl Format {
    /// A document that is no list of rows.
    ///
    /// # Errors
    ///
    /// A format of rows, or of pages.
    pub fn document(self, document: &impl Serialize) -> Result<String> {
        match self {
            Self::Json => json(document),
            Self::Ndjson => json_line(document),
            Self::Yaml => yaml(document),
            Self::Html => Err(no_page()),
            Self::Table | Self::Csv | Self::Markdown => {
                Err(Error::input("this answer is no list of rows").with_hint("ask for it as json, ndjson or yaml"))
            }
        }
    }
}

/// The error for an answer that has no page of its own.
pub(crate) fn no_page() -> Error {
    Error::input("only `retention plan` is shown as HTML").with_hint("ask for it as table, json or markdown")
}

pub(super) fn json(document: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(document).map_err(|error| Error::caused("write JSON", error))
}

pub(super) fn json_line(document: &impl Serialize) -> Result<String> {
    let mut line = serde_json::to_string(document).map_err(|error| Error::caused("write JSON", error))?;
    line.push('\n');
    Ok(line)
}

pub(super) fn yaml(document: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(document).map_err(|error| Error::caused("write YAML", error))
}
