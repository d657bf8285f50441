//! What has a name on command lines and in files: written and read by it.

/// `Display` and `FromStr` of a type with `ALL` and `as_str`; what is unknown is refused with the names that there are.
macro_rules! by_name {
    ($type:ty, $unknown:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = clusterkeep_core::Error;

            fn from_str(name: &str) -> clusterkeep_core::Result<Self> {
                Self::ALL.into_iter().find(|one| one.as_str() == name).ok_or_else(|| {
                    let known = Self::ALL.map(Self::as_str).join(", ");
                    clusterkeep_core::Error::input(format!($unknown, name)).with_hint(format!("known are {known}"))
                })
            }
        }
    };
}
pub(crate) use by_name;
