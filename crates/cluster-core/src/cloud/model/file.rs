//! Files to import or that were exported, and secrets to reach other stores with.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DublinCore, FileStatus, model};

model! {
    /// A file in the keeping of an organization.
    CloudFile {
        needs {
            /// Its id.
            id: Uuid,
        }
        may {
            /// Its name.
            name: String,
            /// The organization that keeps it.
            organization_id: Uuid,
            /// Whether it has its content.
            status: FileStatus,
            /// Its size in bytes.
            file_size: u64,
            /// Where its content goes; whoever has this URL may write.
            upload_url: SignedUrl,
            /// Where its content is; whoever has this URL may read.
            download_url: SignedUrl,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

model! {
    /// Credentials of another store in the keeping of an organization; what is in it is never shown again.
    CloudSecret {
        needs {
            /// Its id.
            id: Uuid,
        }
        may {
            /// Its name.
            name: String,
            /// What it is for: `AWS`, `AZURE`, `MONGODB`.
            r#type: String,
            /// What it is, for people.
            description: String,
            /// When it was created and changed.
            dc: DublinCore,
        }
    }
}

/// A URL that lets whoever has it read or write for a while; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// The URL itself; every call site is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedUrl(***)")
    }
}
