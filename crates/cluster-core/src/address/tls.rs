//! How a connection is encrypted, and when a password may travel on it.

use std::fmt;
use std::net::IpAddr;

/// How a connection is encrypted, in the steps that PostgreSQL's `sslmode` made common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tls {
    /// Plain text.
    Off,
    /// Encrypted where the server offers it, else plain text.
    Prefer,
    /// Encrypted, without a look at the server's certificate.
    Require,
    /// Encrypted, with a certificate of a known authority.
    VerifyCa,
    /// Encrypted, with a certificate of a known authority for this very host.
    VerifyFull,
}

impl Tls {
    /// Whether the connection is encrypted or not made at all.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }

    /// Whether the server has to show a certificate of a known authority.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }

    /// Reads `sslmode`, in the spellings of PostgreSQL and of MySQL (`ssl-mode=VERIFY_IDENTITY`).
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" | "disabled" => Self::Off,
            "allow" | "prefer" | "preferred" => Self::Prefer,
            "require" | "required" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" | "verify-identity" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// As the value of `sslmode`.
impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        })
    }
}

/// Whether `host` is this machine by its name alone; no name is looked up, since an answer could change the next moment.
pub(super) fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        for host in ["localhost", "LOCALHOST.", "db.localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "localhost.example.org", "mylocalhost", "128.0.0.1", "10.0.0.1", "::2", "0.0.0.0"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn modes_read_in_both_spellings() {
        assert_eq!(Tls::parse("VERIFY_IDENTITY"), Some(Tls::VerifyFull));
        assert_eq!(Tls::parse("prefer"), Some(Tls::Prefer));
        assert_eq!(Tls::parse("on"), None);
    }
}
