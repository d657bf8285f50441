//! Answers that were right, and are made wrong on their way out.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Response, header};
use futures::stream;
use serde_json::{Value, json};

use super::fault::Act;
use super::server::Broken;

/// Does to a response what the fault says.
pub(super) async fn spoil(response: Response<Body>, act: &Act) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let body = match act {
        Act::Truncate => {
            // All of it is announced, and half of it comes.
            parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
            let half = body.slice(..body.len() / 2);
            return Response::from_parts(parts, Body::from_stream(stream::iter([Ok(half), Err(Broken)])));
        }
        Act::NoOperations => changed(&body, |value| {
            if value.get("operations").is_some() {
                *value = json!({"operations": []});
            }
        }),
        Act::NoOffsets => changed(&body, strip_offsets),
        _ => body,
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

/// A body of JSON, changed; any other one as it is.
fn changed(body: &Bytes, change: impl FnOnce(&mut Value)) -> Bytes {
    let Ok(mut value) = serde_json::from_slice(body) else { return body.clone() };
    change(&mut value);
    Bytes::from(value.to_string())
}

fn strip_offsets(value: &mut Value) {
    match value {
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => {
            if let Some(bare) = text.strip_suffix("+00:00").or(text.strip_suffix('Z')) {
                *text = bare.to_owned();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(strip_offsets),
        Value::Object(map) => map.values_mut().for_each(strip_offsets),
        _ => {}
    }
}
