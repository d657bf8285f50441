//! Reading of database URLs.
//!
//! No message here quotes what was given beyond its scheme and the names of parameters: where an address is malformed,
//! any part of it may be the password.

use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::tls::Tls;
use super::url::{DatabaseUrl, Location, Scheme, Server};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sql::Engine;

const SCHEMES: &str = "sqlite, postgres, mariadb, mysql, crate, https and http";

impl FromStr for DatabaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let (scheme, rest) = text
            .split_once(':')
            .filter(|(scheme, _)| {
                !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            })
            .ok_or_else(|| {
                Error::input("the address is no database URL")
                    .with_hint(format!("it begins with its engine and `://`: {SCHEMES}"))
            })?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => return sqlite(rest),
            "postgres" | "postgresql" => Scheme::Postgres,
            "mysql" => Scheme::Mysql,
            "mariadb" => Scheme::Mariadb,
            "crate" => Scheme::Crate,
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => {
                return Err(Error::input(format!("`{other}` is no supported engine"))
                    .with_hint(format!("supported are {SCHEMES}")));
            }
        };
        server(scheme, rest)
    }
}

/// `sqlite:` has no host: everything up to `?` is the path.
fn sqlite(rest: &str) -> Result<DatabaseUrl> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if let Some((name, _)) = parameters(Scheme::Sqlite, query)?.first() {
        return Err(unknown_parameter(Scheme::Sqlite, name));
    }
    let path = decode(Scheme::Sqlite, path.strip_prefix("//").unwrap_or(path))?;
    match path.as_str() {
        "" => Err(Error::input("the sqlite: address names no file")
            .with_hint("write `sqlite://weather.db`, `sqlite:///var/lib/weather.db` or `sqlite::memory:`")),
        ":memory:" => Ok(DatabaseUrl::sqlite_in_memory()),
        _ => Ok(DatabaseUrl::sqlite(path)),
    }
}

fn server(scheme: Scheme, rest: &str) -> Result<DatabaseUrl> {
    if !rest.starts_with("//") {
        return Err(malformed(scheme, "`//` is missing after the colon"));
    }
    if rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(malformed(scheme, "it contains a blank or control character"));
    }
    // A password with a bare `/`, `?` or `#` ends the authority early, and its tail would be shown as a database name.
    let end = rest[2..].find(['/', '?', '#']).map_or(rest.len(), |end| end + 2);
    let (authority, tail) = rest.split_at(end);
    if tail.contains(['#', '@']) {
        return Err(malformed(scheme, "a special character is not percent-encoded"));
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    // Whatever the scheme is, `crate` makes the parser keep a port that happens to be the usual one for HTTPS. The path
    // stays away from it: it would resolve `.` and `..`, which are names like any other here.
    let url = Url::parse(&format!("crate:{authority}")).map_err(|error| malformed(scheme, &error.to_string()))?;
    let host = decode(scheme, url.host_str().unwrap_or_default().trim_matches(['[', ']']))?;
    if host.contains(',') {
        return Err(malformed(scheme, "it names more than one host"));
    }
    let mut server = Server { host: host.to_ascii_lowercase(), port: url.port(), ..Server::default() };
    if server.port == Some(0) {
        return Err(malformed(scheme, "port 0 is none to connect to"));
    }
    if host.starts_with('/') {
        // PostgreSQL's own tools write the directory of a socket as a percent-encoded host.
        server.socket = Some(PathBuf::from(host));
        server.host.clear();
    }
    if server.host.is_empty() {
        server.host = "localhost".into();
    }
    server.username = some(decode(scheme, url.username())?);
    server.password = some(decode(scheme, url.password().unwrap_or_default())?).map(Secret::new);
    names(scheme, path, &mut server)?;

    let mut address = DatabaseUrl::new(scheme, Location::Memory);
    if scheme == Scheme::Https {
        address.tls = Some(Tls::VerifyFull);
    }
    for (name, value) in parameters(scheme, query)? {
        parameter(scheme, &name, value, &mut server, &mut address)?;
    }
    address.place = Location::Server(Box::new(server));
    Ok(address)
}

/// What follows the host: a database, on CrateDB a schema and a table.
fn names(scheme: Scheme, path: &str, server: &mut Server) -> Result<()> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
    let first = some(decode(scheme, parts.next().unwrap_or_default())?);
    let second = parts.next().map(|part| decode(scheme, part)).transpose()?;
    match (scheme.engine(), &first, second) {
        (_, None, Some(_)) => return Err(malformed(scheme, "its path begins with an empty name")),
        (Engine::Cratedb, _, second) => (server.schema, server.table) = (first, second.and_then(some)),
        (_, _, None) => server.database = first,
        (_, _, Some(_)) => return Err(malformed(scheme, "its path is more than the name of a database")),
    }
    if parts.next().is_some() {
        return Err(malformed(scheme, "its path is more than a schema and a table"));
    }
    Ok(())
}

fn parameter(scheme: Scheme, name: &str, value: String, server: &mut Server, address: &mut DatabaseUrl) -> Result<()> {
    let engine = scheme.engine();
    match (name, engine) {
        ("sslmode" | "ssl-mode", _) => {
            let tls = Tls::parse(&value).ok_or_else(|| {
                Error::input(format!("parameter `{name}` of the {}:// address has an unknown value", scheme.as_str()))
                    .with_hint("one of disable, prefer, require, verify-ca and verify-full")
            })?;
            // CrateDB's client has no fallback to plain text: what merely prefers TLS gets it.
            let tls = if engine == Engine::Cratedb && tls == Tls::Prefer { Tls::VerifyFull } else { tls };
            encrypt(scheme, address, tls)
        }
        ("ssl", Engine::Cratedb) => match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" if address.tls.is_some_and(Tls::is_certain) => Ok(()),
            "true" | "1" | "yes" | "on" => encrypt(scheme, address, Tls::VerifyFull),
            "false" | "0" | "no" | "off" => encrypt(scheme, address, Tls::Off),
            _ => Err(Error::input(format!(
                "parameter `ssl` of the {}:// address is neither true nor false",
                scheme.as_str()
            ))),
        },
        ("sslrootcert", _) => {
            address.root_certificates = Some(PathBuf::from(value));
            Ok(())
        }
        ("schema", Engine::Postgres | Engine::Cratedb) => {
            if server.schema.is_some() {
                return Err(Error::input(format!("the {}:// address names its schema twice", scheme.as_str()))
                    .with_hint("keep the one in the path or the one after `?schema=`"));
            }
            server.schema = some(value);
            Ok(())
        }
        ("socket", Engine::Postgres | Engine::Mysql) => {
            server.socket = Some(PathBuf::from(value));
            Ok(())
        }
        ("password", _) => {
            if server.password.is_some() {
                return Err(Error::input(format!("the {}:// address has two passwords", scheme.as_str()))
                    .with_hint("keep the one before `@` or the reference after `?password=`"));
            }
            server.password_from = Some(value.parse()?);
            Ok(())
        }
        _ => Err(unknown_parameter(scheme, name)),
    }
}

/// Sets the TLS mode, and refuses what contradicts what the address said before.
fn encrypt(scheme: Scheme, address: &mut DatabaseUrl, tls: Tls) -> Result<()> {
    if address.tls.is_some_and(|before| before.is_certain() != tls.is_certain()) {
        return Err(Error::input(format!("the {}:// address asks for TLS and for plain text", scheme.as_str()))
            .with_hint("keep one of scheme, `ssl` and `sslmode` that says what is meant"));
    }
    address.tls = Some(tls);
    Ok(())
}

fn parameters(scheme: Scheme, query: &str) -> Result<Vec<(String, String)>> {
    let mut seen: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(scheme, name)?, decode(scheme, value)?);
        if seen.iter().any(|(known, _)| *known == name) {
            return Err(Error::input(format!("the {}:// address gives one parameter twice", scheme.as_str())));
        }
        seen.push((name, value));
    }
    Ok(seen)
}

/// The name is shown only where it looks like one: a password with a bare `?` in it ends up here, too.
fn unknown_parameter(scheme: Scheme, name: &str) -> Error {
    let known = match scheme.engine() {
        Engine::Sqlite => return Error::input("a sqlite: address takes no parameters"),
        Engine::Postgres => "sslmode, sslrootcert, schema, socket and password",
        Engine::Mysql => "sslmode, sslrootcert, socket and password",
        Engine::Cratedb => "ssl, sslmode, sslrootcert, schema and password",
    };
    let close = ["sslmode", "sslrootcert", "schema", "socket", "password", "ssl"]
        .iter()
        .any(|known| name.len() >= 3 && (known.starts_with(name) || name.starts_with(known)));
    let shown = if close { format!(" `{name}`") } else { String::new() };
    Error::input(format!("the {}:// address has an unknown parameter{shown}", scheme.as_str()))
        .with_hint(format!("it takes {known}; a `?` within a password is written `%3F`"))
}

fn malformed(scheme: Scheme, why: &str) -> Error {
    Error::input(format!("the {}:// address is malformed: {why}", scheme.as_str())).with_hint(
        "write `scheme://user:password@host:port/name`, with special characters percent-encoded: `@` %40, `/` %2F, `#` %23, `?` %3F",
    )
}

fn decode(scheme: Scheme, text: &str) -> Result<String> {
    let text =
        percent_decode_str(text).decode_utf8().map_err(|_| malformed(scheme, "a part of it is no UTF-8 text"))?;
    if text.contains('\0') {
        return Err(malformed(scheme, "a part of it contains a NUL character"));
    }
    Ok(text.into_owned())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
