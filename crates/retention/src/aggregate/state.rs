//! How the state of a sketch is stored: a version, the number of values, and the sketch's own bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clusterkeep_core::sql::{Engine, Value};
use clusterkeep_core::{Error, Result};

/// The version of what follows.
const VERSION: u8 = 1;

/// Puts version and count in front.
pub(super) fn pack(count: u64, sketch: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + sketch.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(sketch);
    bytes
}

/// Takes version and count off.
pub(super) fn unpack<'a>(what: &str, bytes: &'a [u8]) -> Result<(u64, &'a [u8])> {
    let Some((version, rest)) = bytes.split_first() else { return Err(broken(what, "it is empty")) };
    if *version != VERSION {
        return Err(broken(what, &format!("it is of version {version}, this program reads version {VERSION}")));
    }
    let (count, rest) = rest.split_first_chunk().ok_or_else(|| broken(what, "it ends too early"))?;
    Ok((u64::from_le_bytes(*count), rest))
}

/// The error for a state that can't be read.
pub(super) fn broken(what: &str, why: &str) -> Error {
    Error::failed(format!("the stored state of {what} can't be read: {why}"))
        .with_hint("was the column changed by something else? the bucket can be made anew while its source is there")
}

/// Bytes as a value: text in base64 where the engine has no column of bytes.
pub(super) fn value(engine: Engine, bytes: Vec<u8>) -> Value {
    if engine == Engine::Cratedb { Value::Text(STANDARD.encode(bytes)) } else { Value::Bytes(bytes) }
}

/// The bytes of a value; `None` where it is NULL.
pub(super) fn bytes(what: &str, value: &Value) -> Result<Option<Vec<u8>>> {
    match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        Value::Text(text) => {
            STANDARD.decode(text).map(Some).map_err(|e| Error::caused(format!("read the stored state of {what}"), e))
        }
        other => Err(broken(what, &format!("`{other}` is neither bytes nor text"))),
    }
}
