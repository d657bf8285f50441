//! Data into a table and out of it, by the jobs of CrateDB Cloud.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

#[cfg(feature = "cloud")]
use crate::cloud::{Compression, DataFormat, ImportSource};
use crate::error::{Error, Result};
use crate::sql::{Ident, TableName};

/// Data that is to be brought into a table.
///
/// ```
/// use clusterkeep_core::managed::Load;
/// let pems = Load::from("https://cdn.crate.io/downloads/datasets/pems-1.csv.gz").into_table("testdrive.pems");
/// assert_eq!(pems.table().unwrap().to_string(), "testdrive.pems");
/// let weather = Load::from("data/weather.parquet");
/// assert_eq!(weather.table().unwrap().to_string(), "weather", "the name of the file");
/// ```
#[derive(Debug, Clone)]
#[must_use = "hand it to `Cluster::load`"]
pub struct Load {
    pub(super) source: Source,
    pub(super) table: Option<String>,
    pub(super) create: bool,
    #[cfg(feature = "cloud")]
    pub(super) format: Option<DataFormat>,
    #[cfg(feature = "cloud")]
    pub(super) compression: Option<Compression>,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Something that the Cloud fetches itself.
    #[cfg(feature = "cloud")]
    Remote(ImportSource),
    /// Text with `://` in it.
    Url(String),
    /// A file of this machine.
    File(PathBuf),
}

impl<T: AsRef<str>> From<T> for Load {
    /// From a URL, or else from a file of this machine.
    fn from(text: T) -> Self {
        let text = text.as_ref();
        Self::new(if text.contains("://") { Source::Url(text.into()) } else { Source::File(text.into()) })
    }
}

impl Load {
    const fn new(source: Source) -> Self {
        Self {
            source,
            table: None,
            create: true,
            #[cfg(feature = "cloud")]
            format: None,
            #[cfg(feature = "cloud")]
            compression: None,
        }
    }

    /// From a file of this machine, which is uploaded first and removed from there afterwards; at most 10 GiB.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::File(path.into()))
    }

    /// From a store that the Cloud reads itself, such as a bucket.
    #[cfg(feature = "cloud")]
    pub const fn remote(source: ImportSource) -> Self {
        Self::new(Source::Remote(source))
    }

    /// Sets the table, as `table` or `schema.table`; the name of the file, without its endings, otherwise.
    pub fn into_table(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    /// With `false`, the table must be there with all its columns; otherwise it is created, and columns are added.
    pub const fn create_table(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets how the data is written; told by the name of the file otherwise.
    #[cfg(feature = "cloud")]
    pub const fn format(mut self, format: DataFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets how the data is compressed; told by the name of the file otherwise.
    #[cfg(feature = "cloud")]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Where the data comes from, without what may be secret in it.
    #[must_use]
    pub fn source(&self) -> String {
        match &self.source {
            #[cfg(feature = "cloud")]
            Source::Remote(ImportSource::S3 { bucket, path, .. }) => format!("s3://{bucket}/{path}"),
            #[cfg(feature = "cloud")]
            Source::Remote(ImportSource::AzureBlob { container, blob, .. }) => format!("azure://{container}/{blob}"),
            #[cfg(feature = "cloud")]
            Source::Remote(ImportSource::File(id)) => format!("uploaded file {id}"),
            #[cfg(feature = "cloud")]
            Source::Remote(ImportSource::Url(url)) => without_secrets(url),
            Source::Url(url) => without_secrets(url),
            Source::File(path) => path.display().to_string(),
        }
    }

    /// The table that the data goes to.
    ///
    /// # Errors
    ///
    /// None was said, and the source has no name that could be one; or it is no name of a table.
    pub fn table(&self) -> Result<TableName> {
        if let Some(table) = &self.table {
            return table.parse();
        }
        let source = self.source();
        let stem = source.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
        if stem.is_empty() || stem.contains('*') {
            return Err(
                Error::input(format!("`{source}` gives no name for a table")).with_hint("say which table it goes to")
            );
        }
        Ident::new(stem).map(TableName::bare)
    }
}

/// `url` without user, password and query, each of which may hold a secret.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return "the URL".into() };
    url.set_query(None);
    url.set_fragment(None);
    // Either fails where the URL can't have such a thing.
    if url.set_password(None).is_err() || url.set_username("").is_err() {
        return "the URL".into();
    }
    url.to_string()
}

/// What came of a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Loaded {
    /// The table.
    pub table: String,
    /// The job that did it.
    pub job: Uuid,
    /// How many records were written, where the job says so.
    pub records: Option<u64>,
    /// How many records were refused.
    pub failed_records: u64,
    /// How many files could not be read.
    pub failed_files: u64,
}

impl Loaded {
    /// Whether everything that was there is in the table now.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failed_records == 0 && self.failed_files == 0
    }
}

/// A table that is to be written to a file of this machine.
///
/// ```
/// use clusterkeep_core::managed::Save;
/// let save = Save::table_to("doc.weather", "weather.csv.gz");
/// assert_eq!(save.table(), "doc.weather");
/// ```
#[derive(Debug, Clone)]
#[must_use = "hand it to `Cluster::save`"]
pub struct Save {
    pub(super) table: String,
    pub(super) path: PathBuf,
    #[cfg(feature = "cloud")]
    pub(super) format: Option<DataFormat>,
    #[cfg(feature = "cloud")]
    pub(super) compression: Option<Compression>,
}

impl Save {
    /// `table`, as `table` or `schema.table`, to the file at `path`, which must not be there yet; at most 1 GiB.
    pub fn table_to(table: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            table: table.into(),
            path: path.into(),
            #[cfg(feature = "cloud")]
            format: None,
            #[cfg(feature = "cloud")]
            compression: None,
        }
    }

    /// Sets how the data is written; told by the name of the file otherwise.
    #[cfg(feature = "cloud")]
    pub const fn format(mut self, format: DataFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets how the data is compressed; told by the name of the file otherwise.
    #[cfg(feature = "cloud")]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What came of a save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Saved {
    /// The table.
    pub table: String,
    /// The file.
    pub path: PathBuf,
    /// The job that did it.
    pub job: Uuid,
    /// How many records were written, where the job says so.
    pub records: Option<u64>,
    /// The size of the file in bytes.
    pub bytes: u64,
}
