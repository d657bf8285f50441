//! What the service says of itself.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::model;

model! {
    /// When something was created and changed.
    DublinCore {
        times {
            /// When it was created.
            created,
            /// When it was changed last.
            modified
        }
    }
}

model! {
    /// What the service says of itself.
    Meta {
        may {
            /// The newest version of CrateDB in each channel.
            crate_versions: LatestVersions,
            /// The version of the service.
            version: Release,
        }
    }
}

model! {
    /// The newest version in each channel.
    LatestVersions {
        may {
            /// The newest finished release.
            stable: String,
            /// The newest release that is about to be finished.
            testing: String,
            /// The newest build of the night.
            nightly: String,
        }
    }
}

model! {
    /// A version of the service.
    Release {
        may {
            /// Whether it is not finished.
            prerelease: bool,
            /// Its number.
            release: String,
        }
    }
}

model! {
    /// A version of CrateDB in each channel: the newest, or the one that a cluster can be upgraded to.
    Channels {
        may {
            /// The finished release.
            stable: CrateVersion,
            /// The release that is about to be finished.
            testing: CrateVersion,
            /// The build of the night.
            nightly: CrateVersion,
        }
    }
}

model! {
    /// A version of CrateDB.
    CrateVersion {
        may {
            /// The first number.
            major: u32,
            /// The second number.
            minor: u32,
            /// The third number.
            hotfix: u32,
            /// As text.
            version: String,
            /// The day of a build of the night.
            date: String,
        }
    }
}

model! {
    /// The address that the service sees the caller at.
    IpAddress {
        needs {
            /// The address.
            ip: String,
        }
    }
}

model! {
    /// The public keys that tokens are signed with (a JSON Web Key Set).
    Jwks {
        lists {
            /// The keys.
            keys: Value,
        }
    }
}

impl DublinCore {
    /// The later of the two times, where there is one.
    #[must_use]
    pub fn latest(&self) -> Option<DateTime<Utc>> {
        self.modified.max(self.created)
    }
}
