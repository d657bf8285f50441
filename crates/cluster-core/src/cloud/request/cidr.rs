//! A network that may reach a cluster.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::cloud::AllowedCidr;
use crate::error::{Error, Result};

/// A network in CIDR notation, with a word on what it is.
///
/// ```
/// use clusterkeep_core::cloud::Cidr;
/// let office: Cidr = "192.0.2.0/24".parse().unwrap();
/// assert_eq!(office.described("office").to_string(), "192.0.2.0/24");
/// assert_eq!("192.0.2.7".parse::<Cidr>().unwrap().to_string(), "192.0.2.7/32");
/// assert!("192.0.2.7/24".parse::<Cidr>().is_err(), "not the address of a network");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
    description: Option<String>,
}

impl Cidr {
    /// The same network with a word on what it is.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into()).filter(|text| !text.is_empty());
        self
    }

    /// What it is.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether it holds every address there is.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(one)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() == one.to_bits() & mask
            }
            (IpAddr::V6(net), IpAddr::V6(one)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() == one.to_bits() & mask
            }
            _ => false,
        }
    }

    /// As the API writes it.
    pub(in crate::cloud) fn to_json(&self) -> Value {
        match &self.description {
            Some(description) => json!({ "cidr": self.to_string(), "description": description }),
            None => json!({ "cidr": self.to_string() }),
        }
    }

    /// Whether both are the same network, whatever it is called.
    fn same_network(&self, other: &Self) -> bool {
        (self.address, self.prefix) == (other.address, other.prefix)
    }

    /// Whether the list that a cluster has is the one that is wanted, in any order.
    pub(in crate::cloud) fn same_list(wanted: &[Self], there: &[AllowedCidr]) -> bool {
        let there: Vec<Self> = there.iter().filter_map(|entry| entry.cidr.parse().ok()).collect();
        let within = |these: &[Self], those: &[Self]| these.iter().all(|one| those.iter().any(|o| o.same_network(one)));
        within(wanted, &there) && within(&there, wanted)
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let shown = text.escape_debug();
        let malformed = |what: &str| Error::input(format!("`{shown}` {what}")).with_hint("it reads like 192.0.2.0/24");
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(net, p)| (net, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| malformed("is no network"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                prefix.parse().ok().filter(|prefix| *prefix <= longest)
            }
            Some(_) => None,
            None => Some(longest),
        };
        let prefix = prefix.ok_or_else(|| malformed("has no length of a network behind its slash"))?;
        let network = Self { address, prefix, description: None };
        if network.contains(address) {
            Ok(network)
        } else {
            Err(malformed("is an address in a network, not the network"))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_networks() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::/0", " 10.0.0.0/8 "] {
            text.parse::<Cidr>().unwrap();
        }
        for text in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "2001:db8::1/32", "any"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().is_everything());
        assert!("10.0.0.0/8".parse::<Cidr>().unwrap().contains("10.9.8.7".parse().unwrap()));
    }

    #[test]
    fn lists_are_compared_by_their_networks() {
        let wanted: Vec<Cidr> = ["10.0.0.0/8", "192.0.2.1"].iter().map(|text| text.parse().unwrap()).collect();
        let there = |cidrs: &[&str]| -> Vec<AllowedCidr> {
            cidrs
                .iter()
                .map(|cidr| serde_json::from_value(json!({ "cidr": cidr, "description": "x" })).unwrap())
                .collect()
        };
        assert!(Cidr::same_list(&wanted, &there(&["192.0.2.1/32", "10.0.0.0/8"])));
        assert!(!Cidr::same_list(&wanted, &there(&["10.0.0.0/8"])));
        assert!(!Cidr::same_list(&[], &there(&["10.0.0.0/8"])));
        assert!(Cidr::same_list(&[], &[]));
    }
}
