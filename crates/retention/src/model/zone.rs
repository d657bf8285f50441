//! Zones in documents: the text of their IANA names.

/// A zone as the text of its name.
pub(crate) mod zone_name {
    use chrono_tz::Tz;
    use clusterkeep_core::civil;
    use clusterkeep_core::error::custom;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        civil::zone(&String::deserialize(deserializer)?).map_err(custom)
    }
}

/// The same, where there may be none.
pub(crate) mod zone_text {
    use chrono_tz::Tz;
    use serde::{Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(zone: &Option<Tz>, serializer: S) -> Result<S::Ok, S::Error> {
        zone.map(|zone| zone.name()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tz>, D::Error> {
        super::zone_name::deserialize(deserializer).map(Some)
    }
}
