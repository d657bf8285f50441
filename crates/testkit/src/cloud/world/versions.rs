//! Versions of CrateDB: which there are, and which a cluster may go to.

use serde_json::{Value, json};

/// A released version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cloud) struct Version {
    pub(in crate::cloud) major: u32,
    pub(in crate::cloud) minor: u32,
    pub(in crate::cloud) hotfix: u32,
}

const fn version(major: u32, minor: u32, hotfix: u32) -> Version {
    Version { major, minor, hotfix }
}

/// What is offered as stable, oldest first.
pub(in crate::cloud) const STABLE: [Version; 9] = [
    version(5, 9, 13),
    version(5, 10, 4),
    version(5, 10, 16),
    version(6, 0, 4),
    version(6, 1, 2),
    version(6, 2, 1),
    version(6, 3, 2),
    version(6, 4, 2),
    version(6, 4, 3),
];
pub(in crate::cloud) const TESTING: Version = version(6, 5, 0);
pub(in crate::cloud) const NIGHTLY: Version = version(6, 6, 0);
const NIGHTLY_DATE: &str = "2026-07-10-00-02";

impl Version {
    /// `6.4.3`, and nothing else.
    pub(in crate::cloud) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok().filter(|_| !part.starts_with('+')));
        let (Some(major), Some(minor), Some(hotfix), None) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        Some(Self { major, minor, hotfix })
    }

    fn view(self) -> Value {
        json!({"major": self.major, "minor": self.minor, "hotfix": self.hotfix, "version": self.to_string()})
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.hotfix)
    }
}

/// The newest nightly's full name.
pub(in crate::cloud) fn nightly() -> String {
    format!("nightly-{NIGHTLY}-{NIGHTLY_DATE}")
}

/// The newest of each channel, by name.
pub(in crate::cloud) fn latest() -> Value {
    json!({"stable": newest().to_string(), "testing": TESTING.to_string(), "nightly": nightly()})
}

/// The newest of each channel, in parts.
pub(in crate::cloud) fn channels() -> Value {
    let mut nightly = NIGHTLY.view();
    nightly["date"] = NIGHTLY_DATE.into();
    json!({"crate_versions": {"stable": newest().view(), "testing": TESTING.view(), "nightly": nightly}})
}

fn newest() -> Version {
    STABLE[STABLE.len() - 1]
}

/// Whether a version can be deployed from a channel. Which ones the Cloud still has is not known: the form is judged.
pub(in crate::cloud) fn is_of_channel(text: &str, channel: &str) -> bool {
    match channel {
        "nightly" => text.strip_prefix("nightly-").is_some_and(|rest| {
            let (number, date) = rest.split_once('-').unwrap_or((rest, ""));
            Version::parse(number).is_some() && !date.is_empty()
        }),
        _ => Version::parse(text).is_some(),
    }
}

/// Whether one may go from `current` to `target`: within the major version, up to the next minor, down to earlier
/// hotfixes of the same minor.
pub(in crate::cloud) fn may_change(current: &str, target: &str) -> bool {
    let (Some(current), Some(target)) = (Version::parse(current), Version::parse(target)) else { return false };
    let minors = current.minor..=current.minor + 1;
    current != target && current.major == target.major && minors.contains(&target.minor)
}

/// What the Cloud offers a cluster to go to: the newest stable version within reach.
pub(in crate::cloud) fn upgrade(current: &str) -> Value {
    let target = STABLE.iter().rev().find(|target| {
        Version::parse(current).is_some_and(|current| **target > current) && may_change(current, &target.to_string())
    });
    target.map_or_else(|| json!({"crate_versions": {}}), |target| json!({"crate_versions": {"stable": target.view()}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_minor_and_other_hotfixes_are_within_reach() {
        assert!(may_change("6.3.2", "6.4.3"));
        assert!(may_change("6.4.3", "6.4.2"));
        assert!(!may_change("6.4.3", "6.4.3"));
        assert!(!may_change("6.2.1", "6.4.3"));
        assert!(!may_change("6.4.3", "6.3.2"));
        assert!(!may_change("5.10.16", "6.0.4"));
        assert_eq!(upgrade("6.3.2")["crate_versions"]["stable"]["version"], "6.4.3");
        assert_eq!(upgrade("6.4.3"), json!({"crate_versions": {}}));
    }
}
