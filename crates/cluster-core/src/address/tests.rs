//! Database URLs, read, shown and refused.

use proptest::prelude::*;

use super::*;
use crate::error::{Error, Result};
use crate::sql::Engine;

fn url(text: &str) -> DatabaseUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> Error {
    text.parse::<DatabaseUrl>().expect_err(text)
}

/// No variable is set.
fn nothing(_: &str) -> Option<String> {
    None
}

#[test]
fn each_engine_has_its_forms_and_ports() {
    for (text, engine, host, port) in [
        ("postgres://h", Engine::Postgres, "h", 5432),
        ("postgresql://h:6000/db", Engine::Postgres, "h", 6000),
        ("mysql://H.Example.ORG/db", Engine::Mysql, "h.example.org", 3306),
        ("mariadb://127.0.0.1/", Engine::Mysql, "127.0.0.1", 3306),
        ("crate://", Engine::Cratedb, "localhost", 4200),
        ("http://h", Engine::Cratedb, "h", 4200),
        ("https://h:443", Engine::Cratedb, "h", 443),
        ("https://[2001:db8::1]:4201/", Engine::Cratedb, "2001:db8::1", 4201),
        ("sqlite::memory:", Engine::Sqlite, "", 0),
    ] {
        let url = url(text);
        assert_eq!((url.engine(), url.host(), url.port()), (engine, host, port), "{text}");
    }
}

#[test]
fn sqlite_paths_are_relative_or_absolute() {
    for (text, path) in [
        ("sqlite://clusterkeep-demo/weather.db", Some("clusterkeep-demo/weather.db")),
        ("sqlite:///var/lib/w.db", Some("/var/lib/w.db")),
        ("sqlite:weather.db", Some("weather.db")),
        ("sqlite://a%20b%3f.db", Some("a b?.db")),
        ("sqlite::memory:", None),
        ("sqlite://:memory:", None),
    ] {
        assert_eq!(url(text).path(), path.map(std::path::Path::new), "{text}");
    }
    assert_eq!(url("sqlite://a%20b.db").to_string(), "sqlite://a%20b.db");
}

#[test]
fn parts_are_percent_decoded() {
    let url = url("postgres://us%40er:p%2F%23%3f%3A@h/my%20db?sslrootcert=/etc/ca.pem&schema=a%26b");
    assert_eq!(url.username(), Some("us@er"));
    assert_eq!(url.password().map(crate::secret::Secret::expose), Some("p/#?:"));
    assert_eq!(url.database(), Some("my db"));
    assert_eq!(url.schema(), Some("a&b"));
    assert_eq!(url.root_certificates(), Some(std::path::Path::new("/etc/ca.pem")));
}

/// These readings are what users of the older tool have in their shells.
#[test]
fn cratedb_urls_read_as_they_always_did() {
    let plain = url("crate://u:p@example.org/schema/table");
    assert_eq!((plain.host(), plain.port(), plain.tls()), ("example.org", 4200, Tls::Off));
    assert_eq!((plain.schema(), plain.table()), (Some("schema"), Some("table")));
    for (text, tls) in [
        ("crate://example.org/?ssl=true", Tls::VerifyFull),
        ("crate://example.org:3333/?sslmode=require", Tls::Require),
        ("crate://example.org/?sslmode=verify-ca", Tls::VerifyCa),
        ("crate://example.org/?sslmode=prefer", Tls::VerifyFull),
        ("crate://example.org/?sslmode=disable", Tls::Off),
        ("crate://example.org/?ssl=true&sslmode=require", Tls::Require),
        ("crate://example.org/?sslmode=require&ssl=true", Tls::Require),
        ("https://example.org", Tls::VerifyFull),
        ("https://example.org?sslmode=require", Tls::Require),
        ("http://example.org", Tls::Off),
    ] {
        assert_eq!(url(text).tls(), tls, "{text}");
    }
    assert_eq!(url("crate://h?schema=doc").schema(), Some("doc"));
}

#[test]
fn sockets_are_local() {
    for text in [
        "postgres://u:p@%2Frun%2Fpg/db",
        "postgres://u:p@localhost/db?socket=/run/pg",
        "mysql://u:p@h/db?socket=/run/my",
    ] {
        let url = url(text);
        assert!(url.socket().is_some() && url.is_local(), "{text}");
        assert_eq!(url.tls(), Tls::Prefer);
    }
}

#[test]
fn a_password_leaves_this_machine_encrypted_only() {
    for text in [
        "crate://u:p@example.org",
        "http://u:p@10.0.0.1",
        "postgres://u:p@example.org?sslmode=prefer",
        "mysql://u:p@example.org?ssl-mode=DISABLED",
    ] {
        let error = url(text).prepare(&nothing).expect_err(text);
        assert!(matches!(error, Error::Refused { .. }), "{text}: {error}");
        assert!(url(text).allow_plaintext().prepare(&nothing).is_ok(), "{text}");
    }
    for text in [
        "crate://u:p@localhost",
        "crate://u@example.org",
        "https://u:p@example.org",
        "postgres://u:p@example.org",
        "mysql://u:p@127.0.0.1?sslmode=disable",
        "sqlite://w.db",
    ] {
        assert!(url(text).prepare(&nothing).is_ok(), "{text}");
    }
}

#[test]
fn a_referenced_password_is_fetched_last_and_never_shown() -> Result<()> {
    let url = url("postgres://me@h/db?password=env:PW");
    assert!(url.password().is_none());
    assert!(url.prepare(&nothing).is_err());
    let ready = url.prepare(&|name| (name == "PW").then(|| "hunter2".into()))?;
    assert_eq!(ready.password().map(crate::secret::Secret::expose), Some("hunter2"));
    assert_eq!(ready.to_string(), "postgres://me@h/db?password=env:PW");
    assert!(!format!("{ready:?}").contains("hunter2"));
    Ok(())
}

#[test]
fn what_is_malformed_is_refused() {
    for text in [
        "",
        "weather.db",
        "://h",
        "oracle://h/db",
        "postgres:h/db",
        "postgres://h:99999/db",
        "postgres://h:0/db",
        "postgres://h/a/b",
        "crate://h/a/b/c",
        "crate://h//t",
        "postgres://h1,h2/db",
        "postgres://h/db#x",
        "postgres://h/d b",
        "postgres://h/db?sslmode=on",
        "postgres://h/db?sslmod=require",
        "postgres://h/db?sslmode=require&sslmode=disable",
        "postgres://u:p@h/db?password=env:X",
        "postgres://u@h/db?password=hunter2",
        "https://h?ssl=false",
        "https://h?sslmode=disable",
        "crate://h?ssl=true&sslmode=disable",
        "crate://h?ssl=maybe",
        "crate://h/a?schema=b",
        "sqlite://",
        "sqlite:",
        "sqlite://w.db?mode=ro",
        "postgres://h/%00",
        "postgres://h/%ff",
        "mysql://h/db?schema=x",
    ] {
        let error = refusal(text);
        assert!(matches!(error, Error::Input { .. }), "{text}: {error:?}");
        assert!(!error.to_string().contains('\n'), "{text}");
    }
}

/// A password with a bare special character ends the authority early; its parts must not turn up in the message.
#[test]
fn no_refusal_shows_a_password() {
    for text in [
        "postgres://u:hun#ter2@h/db",
        "postgres://u:12#ter2@h/db",
        "postgres://u:12/ter2@h/db",
        "postgres://u:12?ter2@h/db",
        "postgres://u:hun ter2@h/db",
        "postgres://u:hunter2@h:x/db",
        "postgres://u:hunter2@h/db?hunter2=1",
        "postgres://u@h/db?password=hunter2",
        "oracle://u:hunter2@h/db",
        "crate://u:hunter2@h?sslmode=hunter2",
    ] {
        let error = refusal(text);
        let shown = format!("{error} {:?} {error:?}", error.hint());
        assert!(!shown.contains("ter2"), "{text}: {shown}");
    }
}

#[test]
fn stored_addresses_hold_no_password() {
    let shown = serde_json::to_string(&url("mysql://u:hunter2@h/db")).unwrap();
    assert_eq!(shown, r#""mysql://u@h/db""#);
    assert!(serde_json::from_str::<DatabaseUrl>(&shown).is_ok());
    let error = serde_json::from_str::<DatabaseUrl>(r#""mysql://u:hunter2@h/db""#).unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

proptest! {
    /// What is shown reads back as the same address, whatever characters its parts are made of.
    #[test]
    fn shown_addresses_read_back(
        user in "[^\0\n]{1,8}", database in "[^\0\n]{1,8}", password in "[^\0\n]{1,8}", port in 1u16.., schema in "[^\0\n]{1,8}",
    ) {
        for base in [DatabaseUrl::postgres("::1", port), DatabaseUrl::mysql("db", port), DatabaseUrl::cratedb("db", port)] {
            let mut plain = base.with_user(&*user).with_database(&*database);
            if plain.engine() == Engine::Postgres {
                plain = plain.with_schema(&*schema).with_tls(Tls::VerifyCa).with_socket("/run/a b&c");
            }
            let secret = plain.clone().with_password(&*password);
            prop_assert_eq!(secret.to_string().parse::<DatabaseUrl>().unwrap(), plain);
        }
        let file = DatabaseUrl::sqlite(format!("dir/{database}"));
        prop_assert_eq!(file.to_string().parse::<DatabaseUrl>().unwrap(), file);
    }

    /// Nothing that is typed makes the parser panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(postgres|crate|sqlite|mysql)?:?/?/?.{0,40}") {
        if let Err(error) = text.parse::<DatabaseUrl>() {
            prop_assert!(matches!(error, Error::Input { .. }), "{}", error);
        }
    }
}
