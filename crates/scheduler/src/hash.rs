//! A hash that is the same on every machine and in every version, which the standard library's does not promise.

/// Where a hash begins that nothing else goes into.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of `text`, from a start on. Source: draft-eastlake-fnv.
pub(crate) fn of(start: u64, text: &str) -> u64 {
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
