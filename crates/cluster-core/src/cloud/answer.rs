//! What the server answered: an object, a refusal with its reasons, or nothing that makes sense.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::transport::{Failed, unanswered};
use super::{CloudError, CloudErrorKind};
use crate::error::{Error, Result};

/// The most that is read of an answer of success, in bytes.
const LONGEST: usize = 64 << 20;
/// The most that is read and kept of any other answer, in bytes.
const KEPT: usize = 64 << 10;

/// An answer of success.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// Whether the server had nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.status == StatusCode::NO_CONTENT || self.body.trim_ascii().is_empty()
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, operation: &str, secret: bool) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|cause| self.nonsense(operation, secret, cause))
    }

    pub(super) fn parse_list<T: DeserializeOwned>(&self, operation: &str, secret: bool) -> Result<Vec<T>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        match self.body.trim_ascii_start().first() {
            Some(b'{') => self.parse(operation, secret).map(|only| vec![only]),
            _ => self.parse::<Option<Vec<T>>>(operation, secret).map(Option::unwrap_or_default),
        }
    }

    fn nonsense(&self, operation: &str, secret: bool, cause: serde_json::Error) -> Error {
        let mut error = CloudError::new(operation, CloudErrorKind::Nonsense);
        error.status = Some(self.status.as_u16());
        if secret {
            // What does not parse may still hold the secret, and the cause may repeat a part of it.
            error.message = Some("it is not shown, since it may hold a secret".into());
        } else {
            error.body = text(&self.body[..self.body.len().min(KEPT)]);
            error.source = Some(cause.into());
        }
        error.into()
    }
}

/// Reads an answer, and tells success from failure.
pub(super) async fn receive(operation: &str, response: Response, secret: bool) -> Result<Answer, Failed> {
    let status = response.status();
    if status.is_success() {
        let (body, whole) = read(response, LONGEST).await.map_err(|cause| unanswered(operation, cause))?;
        if whole {
            return Ok(Answer { status, body });
        }
        let mut error = CloudError::new(operation, CloudErrorKind::Nonsense)
            .with_message(format!("it is longer than {} MiB", LONGEST >> 20));
        error.status = Some(status.as_u16());
        return Err(error.into());
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let location = response.headers().get(LOCATION).and_then(|value| Some(value.to_str().ok()?.to_owned()));
    // Where the body breaks off the status still says enough.
    let body = read(response, KEPT).await.map(|(body, _)| text(&body)).unwrap_or_default();
    let mut error = refusal(operation, status, location.as_deref(), &body);
    error.body = if secret { String::new() } else { body };
    Err(Failed { error: Box::new(error), unsent: false, after: after.map(Duration::from_secs) })
}

/// Up to `limit` bytes of the body, and whether that is all of it.
pub(super) async fn read(mut response: Response, limit: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let left = limit - body.len();
        if chunk.len() > left {
            body.extend_from_slice(&chunk[..left]);
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a status other than one of success means.
pub(super) fn refusal(operation: &str, status: StatusCode, location: Option<&str>, body: &str) -> CloudError {
    let (mut message, fields) = said(body);
    let kind = match status.as_u16() {
        // The session's cookie has expired: the server sends a browser to its login page, and back here afterwards.
        300..=399 if location.is_some_and(|to| to.contains("/?rd=")) => {
            message = Some("the session has expired".into());
            CloudErrorKind::Unauthorized
        }
        300..=399 => {
            // What follows the path may be a secret.
            let place = location.and_then(|to| to.split(['?', '#']).next());
            message = place.map(|place| format!("it sends elsewhere, to {place}"));
            CloudErrorKind::Nonsense
        }
        401 => CloudErrorKind::Unauthorized,
        403 => CloudErrorKind::Forbidden,
        404 => CloudErrorKind::NotFound,
        408 | 425 | 429 | 502..=504 => CloudErrorKind::Busy,
        409 if message.is_none() => CloudErrorKind::Conflict,
        400..=499 if message.as_deref().is_some_and(is_conflict) => CloudErrorKind::Conflict,
        400..=499 => CloudErrorKind::Invalid,
        // The status of a conflict is documented nowhere.
        _ if message.as_deref().is_some_and(is_conflict) => CloudErrorKind::Conflict,
        _ => CloudErrorKind::Server,
    };
    let mut error = CloudError::new(operation, kind);
    (error.status, error.message, error.fields) = (Some(status.as_u16()), message, fields);
    error
}

/// Whether the message says that another operation on the cluster is in progress.
fn is_conflict(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("operation") && message.contains("in progress")
}

/// The message of an error, and what it has against each field; the body is not always JSON.
fn said(body: &str) -> (Option<String>, BTreeMap<String, Vec<String>>) {
    let mut fields = BTreeMap::new();
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        let line = body.trim().lines().next().unwrap_or_default().trim();
        let plain = !line.is_empty() && !line.starts_with('<');
        return (plain.then(|| line.chars().take(500).collect()), fields);
    };
    if let Some(Value::Object(errors)) = value.get("errors") {
        for (field, against) in errors {
            fields.insert(field.clone(), texts(against));
        }
    } else if let Some(errors) = value.get("errors").filter(|errors| !errors.is_null()) {
        fields.insert("errors".into(), texts(errors));
    }
    let message = ["message", "detail", "error"].into_iter().find_map(|key| value.get(key)).unwrap_or(&value);
    let message = match message {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Array(_) => Some(texts(message).join(", ")).filter(|text| !text.is_empty()),
        _ => None,
    };
    (message, fields)
}

/// One text, a list of texts, or something else as JSON.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refused(status: u16, body: &str) -> CloudError {
        refusal("x", StatusCode::from_u16(status).unwrap(), None, body)
    }

    #[test]
    fn reasons_come_as_text_or_as_lists() {
        let body = r#"{"success": false, "message": "Bad request", "errors":
            {"name": "too short", "password": ["too short", "too plain"], "cluster": {"x": ["y"]}}}"#;
        let error = refused(400, body);
        assert_eq!((error.kind, error.message.as_deref()), (CloudErrorKind::Invalid, Some("Bad request")));
        assert_eq!(error.fields["name"], ["too short"]);
        assert_eq!(error.fields["password"], ["too short", "too plain"]);
        assert_eq!(error.fields["cluster"], [r#"{"x":["y"]}"#]);
    }

    #[test]
    fn bodies_need_not_be_json() {
        assert_eq!(refused(401, "401 - Unauthorized\n").message.as_deref(), Some("401 - Unauthorized"));
        assert_eq!(refused(401, "401 - Unauthorized").kind, CloudErrorKind::Unauthorized);
        let page = refused(502, "<html><body>Bad gateway</body></html>");
        assert_eq!((page.kind, page.message), (CloudErrorKind::Busy, None));
        assert_eq!(refused(500, "[1, 2").kind, CloudErrorKind::Server);
    }

    #[test]
    fn a_conflict_is_one_whatever_its_status() {
        let body = r#"{"message": "Another cluster operation is currently in progress, please try again later."}"#;
        for status in [400, 409, 423, 500] {
            assert_eq!(refused(status, body).kind, CloudErrorKind::Conflict, "{status}");
        }
        assert_eq!(refused(409, r#"{"message": "Name is taken"}"#).kind, CloudErrorKind::Invalid);
    }

    #[test]
    fn an_expired_session_is_told_from_other_redirects() {
        let moved = |to| refusal("x", StatusCode::FOUND, Some(to), "").kind;
        assert_eq!(moved("/?rd=%2Fapi%2Fv2%2Fclusters%2F"), CloudErrorKind::Unauthorized);
        assert_eq!(moved("https://elsewhere.example.org/"), CloudErrorKind::Nonsense);
    }

    proptest! {
        #[test]
        fn whatever_is_said_becomes_one_line(status in 300_u16..600, text in ".{0,200}", key in "[a-z]{1,8}") {
            let bodies = [
                text.clone(),
                json!({ "message": text, "errors": { key.clone(): [text, { key.clone(): text }] } }).to_string(),
                json!({ "message": [text, 1, null], "errors": [key] }).to_string(),
                json!([[text], { key: null }]).to_string(),
            ];
            for body in bodies {
                let error = refusal("look", StatusCode::from_u16(status).unwrap(), Some(&text), &body);
                let line = error.to_string();
                prop_assert!(line.starts_with("look: HTTP status "));
                prop_assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
