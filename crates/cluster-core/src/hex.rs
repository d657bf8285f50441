//! Bytes as hexadecimal digits.

use std::fmt::Write as _;

/// Bytes as hexadecimal digits, in lower case.
///
/// ```
/// assert_eq!(clusterkeep_core::hex::digits(&[0, 0xab]), "00ab");
/// assert_eq!(clusterkeep_core::hex::digits([1, 2, 3].iter().take(2)), "0102");
/// ```
pub fn digits<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
