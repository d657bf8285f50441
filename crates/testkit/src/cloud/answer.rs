//! What the server says, and in which form it refuses.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// An answer, before it is HTTP.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What a handler gives: an answer, or one that refuses.
pub(super) type Answered = Result<Answer, Answer>;

impl Answer {
    /// JSON with a status of success.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        // What is serialised here are plain structures with text keys, which can't fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, content_type: "application/json", headers: Vec::new(), body }
    }

    pub(super) fn ok(body: &impl Serialize) -> Answered {
        Ok(Self::json(200, body))
    }

    pub(super) fn created(body: &impl Serialize) -> Answered {
        Ok(Self::json(201, body))
    }

    /// 204, with nothing in it.
    pub(super) const fn nothing() -> Answered {
        Ok(Self::bytes(204, "application/json", Vec::new()))
    }

    pub(super) const fn bytes(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, headers: Vec::new(), body }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A refusal in the API's form.
    pub(super) fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"success": false, "message": message}))
    }

    pub(super) fn unauthorized() -> Self {
        Self::refusal(401, "Authentication required.")
    }

    pub(super) fn forbidden() -> Self {
        Self::refusal(403, "Permission denied for user.")
    }

    pub(super) fn not_found() -> Self {
        Self::refusal(404, "Resource not found.")
    }

    /// 400 with a text of its own and no field to blame.
    pub(super) fn bad(message: &str) -> Self {
        Self::json(400, &json!({"success": false, "message": message, "errors": {}}))
    }

    /// 400 with what is wrong with one field.
    pub(super) fn field(field: &str, what: &str) -> Self {
        let mut errors = Errors::default();
        errors.add(field, what);
        errors.answer()
    }
}

/// What is wrong with the fields of a request.
#[derive(Debug, Default)]
pub(super) struct Errors(Map<String, Value>);

impl Errors {
    pub(super) fn add(&mut self, field: &str, what: &str) {
        let list = self.0.entry(field).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(what.into());
        }
    }

    /// Nothing is wrong, or the refusal.
    pub(super) fn none(self) -> Result<(), Answer> {
        if self.0.is_empty() { Ok(()) } else { Err(self.answer()) }
    }

    fn answer(self) -> Answer {
        Answer::json(400, &json!({"success": false, "message": "Bad request", "errors": self.0}))
    }
}
