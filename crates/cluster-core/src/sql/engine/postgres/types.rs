//! PostgreSQL's numbers for its types, which are the same on every server.

use super::super::super::value::Value;

/// Lets the server find out the type.
pub(super) const UNKNOWN: u32 = 0;
pub(super) const BOOL: u32 = 16;
pub(super) const BYTEA: u32 = 17;
/// `"char"`, of one byte, as the catalogue has it.
pub(super) const CHAR: u32 = 18;
pub(super) const NAME: u32 = 19;
pub(super) const INT8: u32 = 20;
pub(super) const INT2: u32 = 21;
pub(super) const INT4: u32 = 23;
pub(super) const TEXT: u32 = 25;
pub(super) const OID: u32 = 26;
pub(super) const XID: u32 = 28;
pub(super) const JSON: u32 = 114;
pub(super) const FLOAT4: u32 = 700;
pub(super) const FLOAT8: u32 = 701;
/// A literal whose type nothing decides.
pub(super) const LITERAL: u32 = 705;
pub(super) const BPCHAR: u32 = 1042;
pub(super) const VARCHAR: u32 = 1043;
pub(super) const DATE: u32 = 1082;
pub(super) const TIME: u32 = 1083;
pub(super) const TIMESTAMP: u32 = 1114;
pub(super) const TIMESTAMPTZ: u32 = 1184;
pub(super) const INTERVAL: u32 = 1186;
pub(super) const NUMERIC: u32 = 1700;
pub(super) const VOID: u32 = 2278;
pub(super) const UUID: u32 = 2950;
pub(super) const JSONB: u32 = 3802;
pub(super) const TEXT_ARRAY: u32 = 1009;

/// Types that have a binary form here, and the arrays of them.
const ARRAYS: &[(u32, u32)] = &[
    (BOOL, 1000),
    (BYTEA, 1001),
    (NAME, 1003),
    (INT2, 1005),
    (INT4, 1007),
    (TEXT, TEXT_ARRAY),
    (BPCHAR, 1014),
    (VARCHAR, 1015),
    (INT8, 1016),
    (FLOAT4, 1021),
    (FLOAT8, 1022),
    (OID, 1028),
    (TIMESTAMP, 1115),
    (DATE, 1182),
    (TIME, 1183),
    (TIMESTAMPTZ, 1185),
    (NUMERIC, 1231),
    (UUID, 2951),
    (JSON, 199),
    (JSONB, 3807),
];

/// The array type of an element type.
pub(super) fn array_of(element: u32) -> Option<u32> {
    ARRAYS.iter().find(|(candidate, _)| *candidate == element).map(|(_, array)| *array)
}

/// The element type of an array type.
pub(super) fn element_of(array: u32) -> Option<u32> {
    ARRAYS.iter().find(|(_, candidate)| *candidate == array).map(|(element, _)| *element)
}

/// The type that a value is bound as.
///
/// An array takes the type of its first element that is not NULL; one without such an element is an array of text.
pub(super) fn natural(value: &Value) -> u32 {
    match value {
        Value::Null => UNKNOWN,
        Value::Bool(_) => BOOL,
        Value::Int(_) => INT8,
        Value::UInt(_) | Value::Decimal(_) => NUMERIC,
        Value::Float(_) => FLOAT8,
        Value::Text(_) => TEXT,
        Value::Bytes(_) => BYTEA,
        Value::Timestamp(_) => TIMESTAMPTZ,
        Value::DateTime(_) => TIMESTAMP,
        Value::Date(_) => DATE,
        Value::Time(_) => TIME,
        Value::Uuid(_) => UUID,
        Value::Json(_) => JSONB,
        Value::Array(items) => {
            items.iter().find(|item| !item.is_null()).and_then(|item| array_of(natural(item))).unwrap_or(TEXT_ARRAY)
        }
    }
}
