//! How a database URL is shown and stored: always without its password.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::url::{DatabaseUrl, Location, Server};
use crate::error::{Error, custom};
use crate::sql::Engine;

/// What a user, host or name may show as it is.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// A file's path, and the value of a parameter, may hold a little more.
const PATH: &AsciiSet = &PART.remove(b'/').remove(b':');

/// As a user could type it again, without the password; a reference such as `?password=env:NAME` stays.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Location::Memory => f.write_str("sqlite::memory:"),
            Location::File(path) => write!(f, "sqlite://{}", utf8_percent_encode(&path.to_string_lossy(), PATH)),
            Location::Server(server) => {
                write!(f, "{}://", self.scheme())?;
                authority(server, f)?;
                for part in path(self.engine(), server) {
                    write!(f, "/{}", utf8_percent_encode(part, PART))?;
                }
                parameters(self, server, f)
            }
        }
    }
}

/// CrateDB's path is schema and table, that of the others the database.
fn path(engine: Engine, server: &Server) -> impl Iterator<Item = &str> {
    let parts = if engine == Engine::Cratedb { [&server.schema, &server.table] } else { [&server.database, &None] };
    parts.into_iter().map_while(|part| part.as_deref())
}

fn authority(server: &Server, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(user) = &server.username {
        write!(f, "{}@", utf8_percent_encode(user, PART))?;
    }
    if server.host.contains(':') {
        write!(f, "[{}]", server.host)?;
    } else {
        write!(f, "{}", utf8_percent_encode(&server.host, PART))?;
    }
    server.port.map_or(Ok(()), |port| write!(f, ":{port}"))
}

fn parameters(url: &DatabaseUrl, server: &Server, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let tls = url.tls.filter(|_| url.scheme() != "https" || url.tls != Some(super::Tls::VerifyFull));
    let given = [
        ("sslmode", tls.map(|tls| tls.to_string())),
        ("sslrootcert", url.root_certificates.as_ref().map(|path| path.to_string_lossy().into_owned())),
        ("schema", server.schema.clone().filter(|_| url.engine() != Engine::Cratedb)),
        ("socket", server.socket.as_ref().map(|path| path.to_string_lossy().into_owned())),
        ("password", server.password_from.as_ref().map(ToString::to_string)),
    ];
    let mut sign = '?';
    for (name, value) in given.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        write!(f, "{sign}{name}={}", utf8_percent_encode(value, PATH))?;
        sign = '&';
    }
    Ok(())
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password().is_some() { ", password: ***" } else { "" };
        write!(f, "DatabaseUrl({self}{password})")
    }
}

/// As text without the password: what is stored names a place to fetch it from (`?password=env:NAME`), or has none.
impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text, as a file or store holds it: an address with a password in it is refused.
impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url: Self = String::deserialize(deserializer)?.parse().map_err(custom)?;
        if url.password().is_some() {
            return Err(custom(
                Error::input("an address in a file may not hold a password")
                    .with_hint("say where it is instead: `?password=env:NAME` or `?password=file:PATH`"),
            ));
        }
        Ok(url)
    }
}

impl schemars::JsonSchema for DatabaseUrl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DatabaseUrl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "address of a database without its password; `?password=env:NAME` says where that is",
            "pattern": "^(sqlite|postgres|postgresql|mysql|mariadb|crate|https?):"
        })
    }
}
