//! The errors of files as the workspace's own.

use clusterkeep_core::Error;
use parquet::errors::ParquetError;

/// A failure within Parquet; what the writer below it said is the cause, where that was it.
pub(super) fn parquet_error(what: &str, error: ParquetError) -> Error {
    Error::caused(what, error)
}

/// A value that the archive's type of its column can't hold.
pub(super) fn misfit(column: &str, type_name: &str, why: impl Into<String>) -> Error {
    Error::Decode { column: column.to_owned(), type_name: type_name.to_owned(), source: why.into().into() }
}

/// The task of a blocking thread ended before it had a result.
pub(super) fn lost(what: &str, error: tokio::task::JoinError) -> Error {
    Error::caused(what, error)
}
