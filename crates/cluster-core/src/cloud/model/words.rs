//! The words that the API uses; a new one is kept as `Other`.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $word:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$word_meta])* $word,)*
            /// A word that is new to this library.
            Other(String),
        }

        impl $name {
            /// The word as the API writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$word,)*
                    other => Self::Other(other.into()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
                output.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                String::deserialize(input).map(|text| Self::from(text.as_str()))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "examples": [$($text),*] })
            }
        }
    };
}

words! {
    /// How a cluster is.
    HealthStatus {
        /// All is well.
        Green = "GREEN",
        /// Replicas are missing.
        Yellow = "YELLOW",
        /// Data is missing.
        Red = "RED",
        /// Nobody knows.
        Unknown = "UNKNOWN",
        /// It does not answer, as while it is being created.
        Unreachable = "UNREACHABLE",
        /// It is suspended.
        Suspended = "SUSPENDED",
    }
}

words! {
    /// What an operation does to a cluster.
    OperationKind {
        /// Creates it.
        Create = "CREATE",
        /// Changes the number of its nodes.
        Scale = "SCALE",
        /// Changes its version.
        Upgrade = "UPGRADE",
        /// Replaces the list of addresses that may reach it.
        AllowedCidrUpdate = "ALLOWED_CIDR_UPDATE",
        /// Changes the password of its administrator.
        PasswordUpdate = "PASSWORD_UPDATE",
        /// Gives it larger disks.
        ExpandStorage = "EXPAND_STORAGE",
        /// Suspends it, or resumes it: the API has one word for both.
        Suspend = "SUSPEND",
        /// Moves it to another product.
        ChangeCompute = "CHANGE_COMPUTE",
        /// Changes the hours of its backups.
        BackupScheduleUpdate = "BACKUP_SCHEDULE_UPDATE",
        /// Restores a snapshot into it.
        RestoreSnapshot = "RESTORE_SNAPSHOT",
    }
}

words! {
    /// How far an operation is.
    OperationStatus {
        /// It was accepted.
        Registered = "REGISTERED",
        /// It was sent to the cluster's region.
        Sent = "SENT",
        /// It is being done.
        InProgress = "IN_PROGRESS",
        /// It is done.
        Succeeded = "SUCCEEDED",
        /// It has failed.
        Failed = "FAILED",
    }
}

words! {
    /// How far an import or export job is.
    JobStatus {
        /// It was accepted.
        Registered = "REGISTERED",
        /// It was sent to the cluster's region.
        Sent = "SENT",
        /// It is being done.
        InProgress = "IN_PROGRESS",
        /// It is done.
        Succeeded = "SUCCEEDED",
        /// It has failed.
        Failed = "FAILED",
    }
}

words! {
    /// Whether a file has its content.
    FileStatus {
        /// Nothing was uploaded yet.
        Pending = "PENDING",
        /// It is complete.
        Uploaded = "UPLOADED",
    }
}

words! {
    /// How a region is.
    RegionStatus {
        /// It works.
        Up = "UP",
        /// It does not answer.
        Down = "DOWN",
        /// Nobody knows.
        Unknown = "UNKNOWN",
    }
}

words! {
    /// Which releases of CrateDB a cluster follows.
    Channel {
        /// Finished releases.
        Stable = "stable",
        /// Releases that are about to be finished.
        Testing = "testing",
        /// Builds of the night.
        Nightly = "nightly",
    }
}

impl OperationStatus {
    /// Whether the operation has come to its end, one way or the other.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// As words for people: `in progress`.
    #[must_use]
    pub fn words(&self) -> String {
        self.as_str().to_lowercase().replace('_', " ")
    }
}

impl JobStatus {
    /// Whether the job has come to its end, one way or the other.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// As words for people: `in progress`.
    #[must_use]
    pub fn words(&self) -> String {
        self.as_str().to_lowercase().replace('_', " ")
    }
}
