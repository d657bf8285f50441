//! What is known of an archive, beside its file.

use chrono::{DateTime, Utc};
use clusterkeep_core::sql::{Engine, TableName};
use clusterkeep_core::{Error, Result, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checksum::{Checksum, Contents};
use super::kind::Kind;
use super::part::Span;

/// The version of the manifest that is written here, and the only one that is read.
pub const VERSION: u32 = 1;

/// What an archive holds, and what its file must be. It is written last: without it there is no archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this document.
    pub version: u32,
    /// The name of the archive in its location.
    pub name: String,
    /// The table that the rows are of.
    pub table: TableName,
    /// The partition that they are of, as people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The span of the column of time that they lie in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// The instant that they begin at, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<DateTime<Utc>>,
    /// The instant that they end before, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateTime<Utc>>,
    /// How many rows there are.
    pub rows: u64,
    /// The columns, in the order of the file.
    pub columns: Vec<ArchivedColumn>,
    /// The checksum over whole rows, in any order.
    pub row_checksum: Checksum,
    /// The file.
    pub file: ArchivedFile,
    /// The server that the rows come from.
    pub source: ArchivedSource,
    /// The hash of the plan that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// The program that made it, and its version.
    pub made_by: String,
    /// The SHA-256 of this document with this field empty.
    pub seal: String,
}

/// A column of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchivedColumn {
    /// Its name.
    pub name: String,
    /// Its type as the engine declares it.
    pub declared: String,
    /// Its type in the archive.
    pub kind: Kind,
    /// Whether the table lets it be NULL.
    pub nullable: bool,
    /// How many of its values are NULL.
    pub nulls: u64,
    /// The checksum of its values, in any order: the sum, modulo 2^128, of the XXH3-128 of each.
    pub checksum: Checksum,
}

/// The file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchivedFile {
    /// Its place in the location.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// Where the rows of an archive come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchivedSource {
    /// The engine.
    pub engine: Engine,
    /// The address, without secrets.
    pub address: String,
    /// The product, such as `MariaDB`.
    pub product: String,
    /// Its version, as the server writes it.
    pub version: String,
}

/// What is read first: a later version may have other fields.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Manifest {
    /// What the rows add up to.
    #[must_use]
    pub fn contents(&self) -> Contents {
        let columns = self.columns.iter().map(|column| (column.nulls, column.checksum)).collect();
        Contents { rows: self.rows, columns, whole: self.row_checksum }
    }

    /// The document, sealed.
    pub(super) fn write(&mut self) -> Result<Vec<u8>> {
        self.seal = self.computed_seal()?;
        serde_json::to_vec_pretty(self).map_err(|e| Error::caused(format!("write the manifest of `{}`", self.name), e))
    }

    /// Reads the document of the archive `name`, and checks that it is whole and of it.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let broken = |e| Error::caused(format!("read the manifest of `{name}`"), e);
        let Versioned { version } = serde_json::from_slice(bytes).map_err(broken)?;
        if version != VERSION {
            let what = format!("the manifest of `{name}` has version {version}; this program reads {VERSION}");
            return Err(Error::failed(what).with_hint("use the version of Clusterkeep that made it, or a later one"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(broken)?;
        if manifest.computed_seal()? != manifest.seal {
            return Err(Error::failed(format!("the manifest of `{name}` has been changed since it was written")));
        }
        if manifest.name != name {
            return Err(Error::failed(format!("the manifest of `{name}` is that of `{}`", manifest.name)));
        }
        Ok(manifest)
    }

    fn computed_seal(&self) -> Result<String> {
        let open = Self { seal: String::new(), ..self.clone() };
        let bytes = serde_json::to_vec(&open).map_err(|e| Error::caused("seal a manifest", e))?;
        Ok(hex::digits(&Sha256::digest(&bytes)))
    }
}
