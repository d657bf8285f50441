//! An e-mail, by way of a server that is spoken to with TLS.

use async_trait::async_trait;
use clusterkeep_core::{Error, Result};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MessageBuilder};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use url::{Host, Url};

use super::smtp::{self, Begins};
use super::{Message, Sink, Undelivered};
use crate::model::{Mail, SecretRef};

#[derive(Debug)]
pub(super) struct MailSink {
    to: Vec<Mailbox>,
    from: Mailbox,
    server: Server,
    password: Option<SecretRef>,
    root_certificates: Option<std::path::PathBuf>,
}

/// Where mail is given to be sent.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
    user: Option<String>,
    speaks: Speaks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// TLS from the first byte on.
    Tls,
    /// Turns to TLS before anything else is said.
    StartTls,
    /// Without: this machine itself.
    Plain,
}

impl MailSink {
    pub(super) fn new(spec: &Mail) -> Result<Self> {
        if spec.mail.is_empty() {
            return Err(Error::input("mail to nobody").with_hint("write `mail: ADDRESS`, or a list of addresses"));
        }
        let server = server(&spec.server)?;
        match (&server.user, &spec.password) {
            (Some(_), None) => {
                return Err(Error::input("the server of `mail` has a user and no `password`")
                    .with_hint("write `password: env:NAME`"));
            }
            (None, Some(_)) => {
                return Err(Error::input("`password` without a user")
                    .with_hint("write the user into the server's address: `smtps://USER@HOST`"));
            }
            _ => {}
        }
        Ok(Self {
            to: spec.mail.iter().map(|address| mailbox(address)).collect::<Result<_>>()?,
            from: mailbox(&spec.from)?,
            server,
            password: spec.password.clone(),
            root_certificates: spec.root_certificates.clone(),
        })
    }

    async fn send(&self, mail: &lettre::Message) -> Result<(), Undelivered> {
        let Server { host, port, user, speaks } = &self.server;
        let tls = match speaks {
            Speaks::Tls => Begins::AtOnce(self.tls().map_err(Undelivered::Again)?),
            Speaks::StartTls => Begins::BeforeAnythingElse(self.tls().map_err(Undelivered::Again)?),
            Speaks::Plain => Begins::Never,
        };
        // How long it may take is said by who calls.
        let mut connection = smtp::connect(host, *port, tls).await?;
        if let (Some(user), Some(password)) = (user, &self.password) {
            let password = password.read().map_err(Undelivered::Again)?.expose().to_owned();
            let credentials = Credentials::new(user.clone(), password);
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(smtp::failed)?;
        }
        connection.send(mail.envelope(), &mail.formatted()).await.map_err(smtp::failed)?;
        // It has been taken: what the server says to the end changes nothing.
        drop(connection.quit().await);
        Ok(())
    }

    fn tls(&self) -> Result<TlsParameters> {
        let failed = |error| Error::caused("prepare TLS for mail", error);
        let mut parameters = TlsParameters::builder(self.server.host.clone());
        if let Some(path) = &self.root_certificates {
            let pem = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
            parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(failed)?);
        }
        parameters.build().map_err(failed)
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message> {
        let mut to = Mailboxes::new();
        to.extend(self.to.iter().cloned());
        let builder = MessageBuilder::new()
            .from(self.from.clone())
            .mailbox(lettre::message::header::To::from(to))
            .subject(message.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        builder.body(message.text.clone()).map_err(|error| Error::caused("write a mail", error))
    }
}

#[async_trait]
impl Sink for MailSink {
    async fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        let mail = self.mail(message).map_err(Undelivered::Never)?;
        self.send(&mail).await
    }
}

fn mailbox(text: &str) -> Result<Mailbox> {
    text.parse().map_err(|error: lettre::address::AddressError| {
        Error::caused(format!("`{text}` is no address of mail"), error)
            .with_hint("write `NAME@HOST`, or `Name <NAME@HOST>`")
    })
}

fn server(text: &str) -> Result<Server> {
    let wrong = |what: String| Err(Error::input(what).with_hint("write `smtps://USER@HOST`, or `smtp://USER@HOST`"));
    let Ok(url) = Url::parse(text) else { return wrong("the server of `mail` is no address".into()) };
    if url.password().is_some() {
        return Err(Error::input("the address of the server of `mail` holds a password")
            .with_hint("leave it out, and write `password: env:NAME`"));
    }
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return wrong("the server of `mail` has no host".into());
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong("the server of `mail` is a host and a port, and nothing behind them".into());
    }
    // In addresses of this scheme a host is text only.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    };
    let (speaks, port) = match url.scheme() {
        "smtps" => (Speaks::Tls, 465),
        "smtp" if local => (Speaks::Plain, 25),
        "smtp" => (Speaks::StartTls, 587),
        other => return wrong(format!("`{other}` is no scheme for a server of mail")),
    };
    let user = percent_decoded(url.username())?;
    Ok(Server { host: bare.to_owned(), port: url.port().unwrap_or(port), user, speaks })
}

/// A user name as it was meant: `name%40example.org` is `name@example.org`.
fn percent_decoded(user: &str) -> Result<Option<String>> {
    if user.is_empty() {
        return Ok(None);
    }
    // A query is decoded in the same way, but for `+`, which stands for itself here.
    let query = format!("u={}", user.replace('+', "%2B"));
    Ok(url::form_urlencoded::parse(query.as_bytes()).next().map(|(_, user)| user.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(server: &str, password: Option<&str>) -> Mail {
        Mail {
            mail: vec!["Ops <ops@example.org>".into()],
            from: "clusterkeep@example.org".into(),
            server: server.into(),
            password: password.map(|password| password.parse().unwrap()),
            root_certificates: None,
        }
    }

    #[test]
    fn servers_are_spoken_to_with_tls() {
        let read = |text: &str| server(text).unwrap();
        let tls = read("smtps://a%40b+c@mail.example.org");
        assert_eq!((tls.port, tls.speaks, tls.user.as_deref()), (465, Speaks::Tls, Some("a@b+c")));
        let start = read("smtp://mail.example.org:2525");
        assert_eq!((start.port, start.speaks, start.user), (2525, Speaks::StartTls, None));
        assert_eq!(read("smtp://127.0.0.1:2525").speaks, Speaks::Plain);
        assert_eq!(read("smtp://[::1]:2525").host, "::1");
        assert_eq!(read("smtp://127.0.0.1.example.org").speaks, Speaks::StartTls);
    }

    #[test]
    fn what_can_not_be_sent_is_refused_when_it_is_read() {
        for (server, password, part) in [
            ("mail.example.org", None, "no address"),
            ("http://mail.example.org", None, "no scheme"),
            ("smtps://u:secret@mail.example.org", None, "holds a password"),
            ("smtps://u@mail.example.org", None, "no `password`"),
            ("smtps://mail.example.org", Some("env:P"), "without a user"),
            ("smtps://mail.example.org/inbox", None, "nothing behind"),
        ] {
            let error = MailSink::new(&spec(server, password)).unwrap_err();
            assert!(error.to_string().contains(part) && error.hint().is_some(), "{server}: {error}");
            assert!(!error.to_string().contains("secret"));
        }
        let nobody = Mail { mail: vec!["ops at example.org".into()], ..spec("smtps://mail.example.org", None) };
        assert!(MailSink::new(&nobody).unwrap_err().to_string().contains("no address of mail"));
    }
}
