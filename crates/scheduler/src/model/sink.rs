//! Where notifications go, as a file says it: the key that is there says which kind of sink it is.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clusterkeep_core::age::{self, Age};
use clusterkeep_core::error::custom;
use clusterkeep_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::SecretRef;
use super::notify::{OneOrMany, one_or_many};
use super::when::fixed;

/// Sinks by their names.
pub type Sinks = BTreeMap<String, SinkSpec>;

/// A sink: what it is, and how long is tried to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SinkSpec {
    /// What it is.
    #[serde(flatten)]
    pub kind: SinkKind,
    /// How long one attempt to deliver a message may take.
    pub timeout: Age,
    /// How old a message gets before it is given up.
    pub give_up_after: Age,
}

/// The kinds of sinks that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SinkKind {
    /// A POST of JSON, signed.
    Webhook(Webhook),
    /// An e-mail.
    Mail(Mail),
    /// A program that gets the message on its standard input.
    Command(Exec),
}

/// A POST of JSON, signed with HMAC-SHA256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Webhook {
    /// The address, or where it is: `https://...`, `env:NAME`, `file:PATH`.
    #[serde(serialize_with = "as_written")]
    pub webhook: SecretRef,
    /// What it is signed with.
    pub secret: SecretRef,
}

/// An e-mail by way of a server that is spoken to with TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mail {
    /// To whom.
    #[schemars(with = "OneOrMany<String>")]
    pub mail: Vec<String>,
    /// From whom.
    pub from: String,
    /// The server: `smtps://USER@HOST` speaks TLS from the first byte on, `smtp://USER@HOST` turns to it before anything
    /// else is said; only to this machine itself it speaks without.
    pub server: String,
    /// The password of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Certificates (PEM) that are believed beside those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_certificates: Option<PathBuf>,
}

/// A program, started without a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// An address that stands in a file is written into one again: it is no secret there.
fn as_written<S: serde::Serializer>(reference: &SecretRef, serializer: S) -> Result<S::Ok, S::Error> {
    match reference {
        SecretRef::Plain(address, _) => serializer.serialize_str(address.expose()),
        elsewhere => serializer.collect_str(elsewhere),
    }
}

impl SinkSpec {
    /// A sink of this kind, with ten seconds for an attempt and a quarter of an hour for all.
    #[must_use]
    pub const fn new(kind: SinkKind) -> Self {
        Self { kind, timeout: age::seconds(10), give_up_after: age::minutes(15) }
    }

    /// Secrets that stand in the file, by the key that they belong to, with their line (0: not known).
    fn plain(&self) -> Vec<(&'static str, u64)> {
        let found = |key, reference: &SecretRef| reference.plain_in_line().map(|line| (key, line));
        match &self.kind {
            SinkKind::Webhook(webhook) => found("secret", &webhook.secret).into_iter().collect(),
            SinkKind::Mail(mail) => mail.password.iter().filter_map(|password| found("password", password)).collect(),
            SinkKind::Command(_) => Vec::new(),
        }
    }

    fn checked(self) -> Result<Self> {
        fixed(self.timeout)?;
        fixed(self.give_up_after)?;
        #[cfg(feature = "notify")]
        crate::notify::check_sink(&self)?;
        Ok(self)
    }
}

/// What sinks say in plain text that belongs elsewhere: the line, and what to do about it.
pub(super) fn warnings(sinks: &Sinks) -> Vec<(u64, String)> {
    let of = |(name, sink): (&String, &SinkSpec)| {
        let warn = |(key, line)| {
            let text =
                format!("`{key}` of sink `{name}` is in the file in plain text: write `env:NAME` or `file:PATH`");
            (line, text)
        };
        sink.plain().into_iter().map(warn).collect::<Vec<_>>()
    };
    sinks.iter().flat_map(of).collect()
}

/// What a map may hold, before it is known what it is: each mistake has its own message and place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    webhook: Option<SecretRef>,
    secret: Option<SecretRef>,
    #[serde(default, deserialize_with = "some_of_them")]
    mail: Option<Vec<String>>,
    from: Option<String>,
    server: Option<String>,
    password: Option<SecretRef>,
    root_certificates: Option<PathBuf>,
    command: Option<Vec<String>>,
    timeout: Option<Age>,
    give_up_after: Option<Age>,
}

fn some_of_them<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    one_or_many(deserializer).map(Some)
}

impl Keys {
    fn sink(self) -> Result<SinkSpec> {
        let of_mail =
            self.from.is_some() || self.server.is_some() || self.password.is_some() || self.root_certificates.is_some();
        let kind = match (self.webhook, self.mail, self.command) {
            (Some(webhook), None, None) if !of_mail => {
                let secret = self.secret.ok_or_else(|| {
                    Error::input("a webhook needs `secret`, which its messages are signed with")
                        .with_hint("write `secret: env:NAME`; who gets them can tell by it that they come from here")
                })?;
                SinkKind::Webhook(Webhook { webhook, secret })
            }
            (None, Some(mail), None) if self.secret.is_none() => {
                let (Some(from), Some(server)) = (self.from, self.server) else {
                    return Err(Error::input("mail needs `from` and `server`").with_hint(
                        "write `{ mail: TO, from: FROM, server: \"smtps://USER@HOST\", password: env:NAME }`",
                    ));
                };
                let (password, root_certificates) = (self.password, self.root_certificates);
                SinkKind::Mail(Mail { mail, from, server, password, root_certificates })
            }
            (None, None, Some(command)) if !of_mail && self.secret.is_none() => SinkKind::Command(Exec { command }),
            _ => {
                return Err(Error::input("a sink is one of `webhook`, `mail` and `command`, with what belongs to it")
                    .with_hint(
                        "write `{ webhook: URL, secret: env:NAME }`, `{ mail: TO, from: FROM, server: URL }` or \
                     `{ command: [PROGRAM, ARGUMENT] }`",
                    ));
            }
        };
        let mut sink = SinkSpec::new(kind);
        sink.timeout = self.timeout.unwrap_or(sink.timeout);
        sink.give_up_after = self.give_up_after.unwrap_or(sink.give_up_after);
        sink.checked()
    }
}

impl<'de> Deserialize<'de> for SinkSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> serde::de::Visitor<'de> for Read {
            type Value = SinkSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with `webhook`, `mail` or `command`")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<SinkSpec, A::Error> {
                Keys::deserialize(serde::de::value::MapAccessDeserializer::new(map))?.sink().map_err(custom)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_what_belongs_to_it_alone() {
        let read = |text: &str| serde_json::from_str::<SinkSpec>(text).map_err(|error| error.to_string());
        for text in [
            r#"{"webhook": "https://hooks.example.org/x", "secret": "env:S", "timeout": "2 s"}"#,
            r#"{"mail": "a@example.org", "from": "b@example.org", "server": "smtps://u@mail.example.org", "password": "env:P"}"#,
            r#"{"command": ["logger", "-t", "clusterkeep"]}"#,
        ] {
            let sink = read(text).unwrap();
            assert_eq!(read(&serde_json::to_string(&sink).unwrap()).unwrap(), sink, "{text}");
        }
        for (text, part) in [
            (r#"{"webhook": "https://x.example.org"}"#, "needs `secret`"),
            (r#"{"webhook": "https://x.example.org", "secret": "env:S", "from": "x"}"#, "one of"),
            (r#"{"mail": "a@example.org"}"#, "needs `from` and `server`"),
            (r#"{"command": ["x"], "mail": "a@example.org"}"#, "one of"),
            (r#"{"pager": "x"}"#, "unknown field `pager`"),
            (r#"{"command": ["x"], "timeout": "5"}"#, "no unit"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
