//! Who is asking: a key with its secret, or a session's cookie.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::answer::Answer;
use super::fault::login;
use super::world::World;
use super::world::people::random;

/// The user that the headers speak for. A session that is not known, since it has expired, is sent to log in; the rest
/// is refused.
pub(super) fn user(world: &mut World, headers: &HeaderMap, path: &str, now: DateTime<Utc>) -> Result<Uuid, Answer> {
    if let Some(token) = session(headers) {
        let known = world.sessions.iter().find(|(known, _)| *known == token);
        return known.map(|(_, user)| *user).ok_or_else(|| login(path));
    }
    let (key, secret) = basic(headers).ok_or_else(Answer::unauthorized)?;
    let known = world.keys.iter_mut().find(|known| known.active && known.key == key && known.secret == secret);
    let known = known.ok_or_else(Answer::unauthorized)?;
    known.last_used = Some(now);
    Ok(known.user)
}

/// Replaces all sessions by one of the same user, and says so in the response.
pub(super) fn rotate(world: &mut World, mut response: Response<Body>) -> Response<Body> {
    let Some((_, user)) = world.sessions.first() else { return response };
    let (token, user) = (random(48), *user);
    world.sessions = vec![(token.clone(), user)];
    if let Ok(cookie) = HeaderValue::from_str(&format!("session={token}; Path=/; HttpOnly")) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Name and password of basic authentication.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "session").map(|(_, value)| value.to_owned())
}
