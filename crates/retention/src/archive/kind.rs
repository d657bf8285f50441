//! The types of an archive, and how Parquet holds each.

use std::sync::Arc;

use clusterkeep_core::Result;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::{Type, TypePtr};
use serde::{Deserialize, Serialize};

use super::error::parquet_error;

/// The most digits that Parquet's own decimals have here; others are kept as text.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const MOST_DIGITS: u8 = 38;

/// How many bytes hold a decimal of 38 digits, and a UUID.
pub(super) const WIDE: i32 = 16;

/// The type of a column in an archive: each value of it comes back as it was, to the last bit and digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A signed integer of 64 bits.
    Integer,
    /// An unsigned integer of 64 bits.
    Unsigned,
    /// A binary floating-point number of 64 bits; one of 32 bits is exactly such a number, too.
    Float,
    /// A decimal with a fixed number of digits after the point.
    Decimal {
        /// The most digits, all together: 38 at most.
        precision: u8,
        /// How many of them come after the point.
        scale: u8,
    },
    /// A decimal of any precision, as text; PostgreSQL's `NaN` and `Infinity` are among them.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A date.
    Date,
    /// A time of day, to the microsecond.
    Time,
    /// A date and time in a zone that the column does not name, to the microsecond.
    Datetime,
    /// An instant, to the microsecond.
    Timestamp,
    /// A UUID.
    Uuid,
    /// A JSON document, as the server writes it.
    Json,
    /// Something that the server writes as text and reads back as the same: arrays, ranges, addresses, enumerations.
    Literal,
    /// A value of any storage class of SQLite: a letter for the class, and the value.
    Any,
}

impl Kind {
    /// How Parquet stores it.
    pub(super) const fn physical(self) -> Physical {
        match self {
            Self::Boolean => Physical::BOOLEAN,
            Self::Date => Physical::INT32,
            Self::Integer | Self::Unsigned | Self::Time | Self::Datetime | Self::Timestamp => Physical::INT64,
            Self::Float => Physical::DOUBLE,
            Self::Decimal { .. } | Self::Uuid => Physical::FIXED_LEN_BYTE_ARRAY,
            Self::Number | Self::Text | Self::Bytes | Self::Json | Self::Literal | Self::Any => Physical::BYTE_ARRAY,
        }
    }

    fn logical(self) -> Option<LogicalType> {
        match self {
            Self::Boolean | Self::Float | Self::Bytes | Self::Any => None,
            Self::Integer => Some(LogicalType::integer(64, true)),
            Self::Unsigned => Some(LogicalType::integer(64, false)),
            Self::Decimal { precision, scale } => Some(LogicalType::decimal(scale.into(), precision.into())),
            Self::Number | Self::Text | Self::Literal => Some(LogicalType::String),
            Self::Date => Some(LogicalType::Date),
            Self::Time => Some(LogicalType::time(false, TimeUnit::MICROS)),
            Self::Datetime => Some(LogicalType::timestamp(false, TimeUnit::MICROS)),
            Self::Timestamp => Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            Self::Uuid => Some(LogicalType::Uuid),
            Self::Json => Some(LogicalType::Json),
        }
    }

    /// A column of this type in a Parquet schema; each may be NULL.
    fn column(self, name: &str) -> Result<TypePtr> {
        let mut column = Type::primitive_type_builder(name, self.physical())
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(self.logical());
        match self {
            Self::Decimal { precision, scale } => {
                column = column.with_length(WIDE).with_precision(precision.into()).with_scale(scale.into());
            }
            Self::Uuid => column = column.with_length(WIDE),
            _ => {}
        }
        column.build().map(Arc::new).map_err(|e| parquet_error("describe a column", e))
    }
}

/// The Parquet schema of columns.
pub(super) fn parquet_schema<'a>(columns: impl Iterator<Item = (&'a str, Kind)>) -> Result<TypePtr> {
    let columns = columns.map(|(name, kind)| kind.column(name)).collect::<Result<_>>()?;
    let schema = Type::group_type_builder("rows").with_fields(columns).build();
    schema.map(Arc::new).map_err(|e| parquet_error("describe the columns", e))
}
