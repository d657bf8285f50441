//! What CrateDB's error codes and HTTP statuses mean.

use serde::Deserialize;

use super::super::report::{Report, Said};
use crate::error::ErrorClass;

/// An update or a delete of many rows met one that is not there, which changes nothing.
pub(super) const DOCUMENT_MISSING: u32 = 40_411;
/// Why a row was not changed by a statement that named it with its version: it is gone, or another one was faster.
pub(super) const LOST: &[u32] = &[DOCUMENT_MISSING, 4091, 4092];
/// The statement can't run for many rows at once.
pub(super) const UNSUPPORTED: u32 = 4004;

/// An error as the server writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ServerError {
    pub(super) code: u32,
    #[serde(default)]
    pub(super) message: String,
}

impl ServerError {
    pub(super) fn report(self) -> Report {
        let class = class(self.code);
        Report { class, code: Some(self.code.to_string()), source: Box::new(Said(self.message)) }
    }
}

/// An answer that is no success; its body is not always JSON.
pub(super) fn refusal(status: u16, body: &str) -> Report {
    #[derive(Deserialize)]
    struct Body {
        error: ServerError,
    }
    if let Ok(Body { error }) = serde_json::from_str(body) {
        return error.report();
    }
    let class = match status {
        401 => ErrorClass::Authentication,
        403 => ErrorClass::Permission,
        404 => ErrorClass::Unreachable,
        429 | 502..=504 => ErrorClass::Unavailable,
        _ => ErrorClass::Other,
    };
    let text: String = body.trim().chars().take(500).collect();
    let said = if text.is_empty() { format!("HTTP status {status}") } else { format!("HTTP status {status}: {text}") };
    Report { class, code: None, source: Box::new(Said(said)) }
}

/// The class of an error code.
const fn class(code: u32) -> ErrorClass {
    match code {
        4000 => ErrorClass::Syntax,
        4004 => ErrorClass::Unsupported,
        4010 => ErrorClass::Authentication,
        4007 | 4011 | 4031..=4037 => ErrorClass::Permission,
        4041 | 4042 | 4045..=4048 => ErrorClass::MissingRelation,
        4043 => ErrorClass::MissingColumn,
        4091 => ErrorClass::DuplicateKey,
        4092 => ErrorClass::Conflict,
        4093..=4096 => ErrorClass::DuplicateRelation,
        4290 | 5002 | 5030..=5035 => ErrorClass::Unavailable,
        _ => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_code() {
        let body = r#"{"error":{"message":"RelationUnknown[Relation 'nix' unknown]","code":4041}}"#;
        let report = refusal(404, body);
        assert_eq!((report.class, report.code.as_deref()), (ErrorClass::MissingRelation, Some("4041")));
        assert_eq!(report.source.to_string(), "RelationUnknown[Relation 'nix' unknown]");
    }

    #[test]
    fn bodies_need_not_be_json() {
        let report = refusal(401, "password authentication failed for user \"crate\"\n");
        assert_eq!(report.class, ErrorClass::Authentication);
        assert_eq!(refusal(429, "").class, ErrorClass::Unavailable);
        assert_eq!(refusal(429, "").source.to_string(), "HTTP status 429");
        assert_eq!(refusal(502, "<html>").class, ErrorClass::Unavailable);
    }
}
