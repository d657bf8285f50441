//! A POST of JSON that its receiver can tell from anybody else's: it is signed.
//!
//! The header `Clusterkeep-Signature: t=SECONDS,v1=HEX` has the HMAC-SHA256 of `SECONDS.BODY` with the sink's secret. Who
//! checks it compares in constant time, and refuses a time that lies far back: the same body is signed anew with each
//! attempt. `Clusterkeep-Message` is the same for all attempts of one message.

use async_trait::async_trait;
use aws_lc_rs::hmac;
use clusterkeep_core::clock::{Clock, SystemClock};
use clusterkeep_core::{Error, Result, hex};
use reqwest::{Client, StatusCode, redirect};
use serde::Serialize;
use url::{Host, Url};

use super::{Facts, Message, Sink, Undelivered};
use crate::model::{SecretRef, Webhook};

/// What is posted.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    subject: &'a str,
    text: &'a str,
    #[serde(flatten)]
    facts: &'a Facts,
}

#[derive(Debug)]
pub(super) struct WebhookSink {
    spec: Webhook,
    client: Client,
    /// For this machine itself: no proxy gets what is not encrypted.
    direct: Client,
}

impl WebhookSink {
    pub(super) fn new(spec: &Webhook) -> Result<Self> {
        if let SecretRef::Plain(url, _) = &spec.webhook {
            address(url.expose())?;
        }
        // Where a redirect leads nobody has said, and what is signed is for the address that was written.
        let builder = || {
            let agent = concat!("clusterkeep/", env!("CARGO_PKG_VERSION"));
            Client::builder().redirect(redirect::Policy::none()).user_agent(agent)
        };
        let failed = |error| Error::caused("prepare a webhook", error);
        let client = builder().build().map_err(failed)?;
        let direct = builder().no_proxy().build().map_err(failed)?;
        Ok(Self { spec: spec.clone(), client, direct })
    }

    fn signed(&self, message: &Message) -> Result<(Url, String, String)> {
        let url = address(self.spec.webhook.read()?.expose())?;
        let Message { id, subject, text, facts, .. } = message;
        let body = serde_json::to_string(&Body { id, subject, text, facts })
            .map_err(|error| Error::caused("write a message as JSON", error))?;
        let secret = self.spec.secret.read()?;
        Ok((url, signature(secret.expose(), SystemClock.now().timestamp(), &body), body))
    }
}

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        // A secret that is not there now may be there later: it is read each time.
        let (url, signature, body) = self.signed(message).map_err(Undelivered::Again)?;
        // The address may be a secret itself, so no error names it.
        let failed =
            |error: reqwest::Error| Undelivered::Again(Error::caused("post to the webhook", error.without_url()));
        let client = if url.scheme() == "http" { &self.direct } else { &self.client };
        let request = client
            .post(url)
            .header("Content-Type", "application/json")
            .header("Clusterkeep-Signature", signature)
            .header("Clusterkeep-Message", header(&message.id))
            .body(body);
        let status = request.send().await.map_err(failed)?.status();
        let error = || Error::failed(format!("the webhook answered with {status}"));
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Err(Undelivered::Again(error()))
            }
            status if status.is_server_error() => Err(Undelivered::Again(error())),
            _ => Err(Undelivered::Never(error())),
        }
    }
}

/// What the header says of a body at a time.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body.as_bytes());
    format!("t={seconds},v1={}", hex::digits(context.sign().as_ref()))
}

/// Text that a header may hold.
fn header(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// An address that what happens to jobs may be sent to: with TLS, but for this machine itself.
fn address(text: &str) -> Result<Url> {
    // The text may be a secret, and is not said.
    let url = Url::parse(text).map_err(|error| {
        Error::caused("read the address of a webhook", error)
            .with_hint("write `https://HOST/PATH`, or where it is: `env:NAME`")
    })?;
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if local => Ok(url),
        "http" => Err(Error::input("a webhook of another host than this one is not sent to in plain text")
            .with_hint("write `https://`")),
        other => Err(Error::input(format!("`{other}` is no scheme for a webhook")).with_hint("write `https://`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_as_others_make_it() {
        // printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 's3cret'
        let expected = "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940";
        assert_eq!(signature("s3cret", 1_700_000_000, r#"{"a":1}"#), expected);
        assert_ne!(signature("s3cret", 1_700_000_001, r#"{"a":1}"#), expected);
    }

    #[test]
    fn addresses_in_plain_text_are_for_this_machine_alone() {
        for good in ["https://hooks.example.org/x?y=1", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/x"]
        {
            address(good).unwrap();
        }
        for bad in
            ["http://hooks.example.org/x", "ftp://x.example.org", "hooks.example.org", "http://127.0.0.1.example.org/"]
        {
            let error = address(bad).unwrap_err();
            assert!(error.hint().is_some(), "{bad}");
            assert!(!error.to_string().contains("example.org"), "{error}");
        }
    }
}
