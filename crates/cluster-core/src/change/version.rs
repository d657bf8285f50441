//! Versions of CrateDB, compared by their numbers.

/// A finished version: three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) hotfix: u32,
}

impl Version {
    /// Reads `6.4.3`; `None` where it is anything else, such as a build of the night.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut next = || {
            let part = parts.next()?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
        };
        let version = Self { major: next()?, minor: next()?, hotfix: next()? };
        parts.next().is_none().then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_and_nothing_else() {
        assert_eq!(Version::read("6.4.3"), Some(Version { major: 6, minor: 4, hotfix: 3 }));
        assert!(Version::read("6.10.0") > Version::read("6.9.9"));
        for text in ["", "6.4", "6.4.3.1", "6.4.x", "6.4.+3", "nightly-6.0.0-2025-05-01-00-02", "6.4.99999999999"] {
            assert_eq!(Version::read(text), None, "{text}");
        }
    }
}
