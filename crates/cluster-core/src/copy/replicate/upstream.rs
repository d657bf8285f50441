//! Where the target finds the source.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::address::DatabaseUrl;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::Engine;

/// The way in which the target connects to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Over the PostgreSQL wire protocol.
    #[default]
    PgTunnel,
    /// Over the transport protocol, to every node.
    Sniff,
}

/// The source's address as the target sees it, with the credentials for it.
#[derive(Clone)]
pub struct Upstream {
    host: String,
    port: Option<u16>,
    user: String,
    password: Option<Secret>,
    mode: Mode,
    sslmode: &'static str,
}

impl Upstream {
    /// The source at `host`, reached as `user`.
    #[must_use]
    pub fn new(host: impl Into<String>, user: impl Into<String>) -> Self {
        let (host, user) = (host.into(), user.into());
        Self { host, port: None, user, password: None, mode: Mode::PgTunnel, sslmode: "prefer" }
    }

    /// The source that `url` leads to, at the port of the PostgreSQL wire protocol; the password may be a reference.
    ///
    /// # Errors
    ///
    /// It is no address of CrateDB, or what it refers to is not there.
    pub fn of(url: &DatabaseUrl) -> Result<Self> {
        if url.engine() != Engine::Cratedb {
            return Err(Error::input(format!("{url} is no address of CrateDB")));
        }
        let url = url.prepare(&|name| std::env::var(name).ok())?;
        let mut upstream = Self::new(url.host(), url.username().unwrap_or("crate"));
        upstream.password = url.password().cloned();
        // Where HTTP is encrypted the other protocol must be, too.
        if url.tls().is_certain() {
            upstream.sslmode = "require";
        }
        Ok(upstream)
    }

    /// The host, where the target sees it under another name.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// The port, where it is another one than 5432, or 4300 for [`Mode::Sniff`].
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The password.
    #[must_use]
    pub fn password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// The way in which the target connects.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The connection string, with the password in it.
    pub(super) fn connection(&self) -> Secret {
        let part = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (mode, default) = match self.mode {
            Mode::PgTunnel => ("pg_tunnel", 5432),
            Mode::Sniff => ("sniff", 4300),
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut text = format!("crate://{host}:{}?user={}", self.port.unwrap_or(default), part(&self.user));
        if let Some(password) = &self.password {
            text.push_str(&format!("&password={}", part(password.expose())));
        }
        text.push_str(&format!("&mode={mode}"));
        if self.mode == Mode::PgTunnel {
            text.push_str(&format!("&sslmode={}", self.sslmode));
        }
        Secret::new(text)
    }

    /// `error`, unless it tells the password.
    pub(super) fn scrubbed(&self, error: Error) -> Error {
        let Some(password) = self.password.as_ref().map(Secret::expose).filter(|text| !text.is_empty()) else {
            return error;
        };
        let encoded = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
        let mut told = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            told.push_str(&source.to_string());
            cause = source.source();
        }
        if told.contains(password) || told.contains(&encoded) {
            return Error::failed("subscribe: the target's answer holds the password, and is not shown");
        }
        error
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("host", &self.host).field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_encoded_and_never_shown() {
        let upstream = Upstream::new("::1", "re&pl").password(Secret::new("p&w'd=ü%")).port(5433);
        assert_eq!(
            upstream.connection().expose(),
            "crate://[::1]:5433?user=re%26pl&password=p%26w%27d%3D%C3%BC%25&mode=pg_tunnel&sslmode=prefer"
        );
        assert!(!format!("{upstream:?}").contains("p&w"));
        assert!(!upstream.scrubbed(Error::failed("it said p%26w%27d%3D%C3%BC%25")).to_string().contains("p%26"));
        assert_eq!(upstream.scrubbed(Error::failed("nothing")).to_string(), "nothing");
    }

    #[test]
    fn an_address_gives_all_of_it() {
        let url: DatabaseUrl = "crate://me:pass@db.example.org:4200/?ssl=true".parse().unwrap();
        let text = Upstream::of(&url).unwrap().connection();
        assert_eq!(text.expose(), "crate://db.example.org:5432?user=me&password=pass&mode=pg_tunnel&sslmode=require");
        assert!(Upstream::of(&"postgres://localhost/x".parse().unwrap()).is_err());
    }
}
