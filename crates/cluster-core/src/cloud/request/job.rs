//! Jobs that import and export data.

use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::error::{Error, Result};

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataFormat {
    /// Lines of values, with a header.
    Csv,
    /// A JSON object per line.
    Json,
    /// Apache Parquet.
    Parquet,
}

impl DataFormat {
    /// The word as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
        }
    }

    /// What the name of a file says, with its compression.
    ///
    /// ```
    /// use clusterkeep_core::cloud::{Compression, DataFormat};
    /// assert_eq!(DataFormat::of_name("pems-1.csv.gz"), Some((DataFormat::Csv, Compression::Gzip)));
    /// assert_eq!(DataFormat::of_name("notes.txt"), None);
    /// ```
    #[must_use]
    pub fn of_name(name: &str) -> Option<(Self, Compression)> {
        let name = name.to_ascii_lowercase();
        let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".gzip"));
        let compression = if plain.is_some() { Compression::Gzip } else { Compression::None };
        let format = match plain.unwrap_or(&name).rsplit_once('.')?.1 {
            "csv" | "tsv" => Self::Csv,
            "json" | "jsonl" | "ndjson" => Self::Json,
            "parquet" | "pq" => Self::Parquet,
            _ => return None,
        };
        Some((format, compression))
    }
}

/// How data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

impl Compression {
    /// The word as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
        }
    }
}

/// Where data comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportSource {
    /// A URL that the service can reach.
    Url(String),
    /// A file that was uploaded.
    File(Uuid),
    /// A bucket of S3, or of a store that speaks it.
    S3 {
        /// The bucket.
        bucket: String,
        /// The file in it; `*` stands for many.
        path: String,
        /// The credentials, which the organization keeps.
        secret: Uuid,
        /// The store, where it is not Amazon's.
        endpoint: Option<String>,
    },
    /// Azure's Blob Storage.
    AzureBlob {
        /// The container.
        container: String,
        /// The blob in it.
        blob: String,
        /// The credentials, which the organization keeps.
        secret: Uuid,
    },
}

/// The table that data goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The table: its name, or schema and name with a dot in between, quoted as SQL wants it.
    pub table: String,
    /// Whether it is created where it is not there, and columns are added; types are never changed.
    pub create: bool,
}

/// Data that is to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportRequest {
    /// Where it comes from.
    pub source: ImportSource,
    /// How it is written.
    pub format: DataFormat,
    /// How it is compressed.
    pub compression: Compression,
    /// The table that it goes to.
    pub target: Target,
}

impl ImportRequest {
    /// Data that goes to `table`, which is created where it is not there.
    #[must_use]
    pub fn new(source: ImportSource, format: DataFormat, table: impl Into<String>) -> Self {
        let target = Target { table: table.into(), create: true };
        Self { source, format, compression: Compression::None, target }
    }

    /// Sets how it is compressed.
    #[must_use]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets whether the table is created and columns are added.
    #[must_use]
    pub const fn create_table(mut self, create: bool) -> Self {
        self.target.create = create;
        self
    }

    /// As the API takes it.
    pub(in crate::cloud) fn to_json(&self) -> Result<Value> {
        check_table(&self.target.table)?;
        let mut body = json!({
            "format": self.format.as_str(),
            "compression": self.compression.as_str(),
            "destination": { "table": self.target.table, "create_table": self.target.create },
        });
        let (kind, source) = match &self.source {
            ImportSource::Url(url) => {
                // A URL may hold a password: it is not repeated.
                let known = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
                if !known {
                    return Err(Error::input("the source of an import is no https:// or http:// URL"));
                }
                ("url", json!({ "url": url }))
            }
            ImportSource::File(id) => ("file", json!({ "id": id })),
            ImportSource::S3 { bucket, path, secret, endpoint } => {
                check_present(&[("bucket", bucket), ("file in the bucket", path)])?;
                let mut s3 = json!({ "bucket": bucket, "file_path": path, "secret_id": secret });
                if let Some(endpoint) = endpoint {
                    s3["endpoint"] = json!(endpoint);
                }
                ("s3", s3)
            }
            ImportSource::AzureBlob { container, blob, secret } => {
                check_present(&[("container", container), ("blob", blob)])?;
                ("azureblob", json!({ "container_name": container, "blob_name": blob, "secret_id": secret }))
            }
        };
        body["type"] = json!(kind);
        body[kind] = source;
        Ok(body)
    }
}

/// A table that is to be exported into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportRequest {
    /// The table: its name, or schema and name with a dot in between, quoted as SQL wants it.
    pub table: String,
    /// How the file is written.
    pub format: DataFormat,
    /// How the file is compressed.
    pub compression: Compression,
}

impl ExportRequest {
    /// `table` into a file that is not compressed.
    #[must_use]
    pub fn new(table: impl Into<String>, format: DataFormat) -> Self {
        Self { table: table.into(), format, compression: Compression::None }
    }

    /// Sets how the file is compressed.
    #[must_use]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// As the API takes it.
    pub(in crate::cloud) fn to_json(&self) -> Result<Value> {
        check_table(&self.table)?;
        Ok(json!({
            "source": { "table": self.table },
            "destination": { "format": self.format.as_str() },
            "compression": self.compression.as_str(),
        }))
    }
}

fn check_table(table: &str) -> Result<()> {
    if table.trim().is_empty() || table.chars().count() > 512 || table.contains(char::is_control) {
        return Err(Error::input("a table needs a name of up to 512 characters"));
    }
    Ok(())
}

fn check_present(texts: &[(&str, &String)]) -> Result<()> {
    match texts.iter().find(|(_, text)| text.is_empty() || text.chars().count() > 512) {
        Some((what, _)) => Err(Error::input(format!("the {what} to import from is empty or too long"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_source_by_its_kind() {
        let url = ImportRequest::new(ImportSource::Url("https://example.org/a.csv".into()), DataFormat::Csv, "doc.a");
        let body = url.create_table(false).to_json().unwrap();
        assert_eq!((&body["type"], &body["url"]["url"]), (&json!("url"), &json!("https://example.org/a.csv")));
        assert_eq!(body["destination"], json!({"table": "doc.a", "create_table": false}));
        let file = ImportRequest::new(ImportSource::File(Uuid::nil()), DataFormat::Parquet, "a").to_json().unwrap();
        assert!(file.get("url").is_none() && file["file"]["id"].is_string());
    }

    #[test]
    fn what_would_be_refused_is_never_sent() {
        let import = |url: &str, table: &str| {
            ImportRequest::new(ImportSource::Url(url.into()), DataFormat::Csv, table).to_json().is_err()
        };
        assert!(import("/tmp/a.csv", "a") && import("ftp://example.org/a.csv", "a"));
        assert!(import("https://example.org/a.csv", " "));
        assert!(ExportRequest::new("", DataFormat::Csv).to_json().is_err());
    }
}
