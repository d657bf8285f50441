//! A hash that is the same on every machine and in every version, which the standard library's does not promise.

/// Where a hash begins that nothing else goes into.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of `text`, from a start on. Source: draft-eastlake-fnv.
pub(crate) fn of(start: u64, text: &str) -> u64 {
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The hash of text that is written bit by bit.
pub(crate) struct Text(u64);

impl Text {
    pub(crate) const fn hash(&self) -> u64 {
        self.0
    }
}

impl Default for Text {
    fn default() -> Self {
        Self(START)
    }
}

impl std::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 = of(self.0, text);
        Ok(())
    }
}
