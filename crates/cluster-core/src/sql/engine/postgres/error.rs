//! What PostgreSQL's error codes mean.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use super::super::pooled::Classified;
use crate::error::ErrorClass;

pub(super) fn classify(error: &dyn DatabaseError) -> Classified {
    let code = error.code().map(|code| code.into_owned());
    let mut text = error.message().to_owned();
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        for more in [error.detail(), error.hint()].into_iter().flatten() {
            text.push_str("; ");
            text.push_str(more);
        }
    }
    let class = code.as_deref().map_or(ErrorClass::Other, class);
    // After any error a transaction takes nothing but a rollback.
    Classified { class, code, text, ends_transaction: true }
}

/// The class of an SQLSTATE.
fn class(code: &str) -> ErrorClass {
    match code {
        "42601" | "42602" | "42622" => ErrorClass::Syntax,
        "42P01" | "3F000" | "3D000" => ErrorClass::MissingRelation,
        "42703" => ErrorClass::MissingColumn,
        "23505" => ErrorClass::DuplicateKey,
        "42501" | "25006" => ErrorClass::Permission,
        "57014" => ErrorClass::Timeout,
        "55P03" => ErrorClass::LockTimeout,
        "42P04" | "42P06" | "42P07" | "42710" => ErrorClass::DuplicateRelation,
        "53100" => ErrorClass::Other,
        "25P03" | "57P01" | "57P02" | "57P03" | "57P05" => ErrorClass::Unavailable,
        "0A000" => ErrorClass::Unsupported,
        _ => match code.get(..2) {
            Some("08") => ErrorClass::Unreachable,
            Some("23") => ErrorClass::Constraint,
            Some("28") => ErrorClass::Authentication,
            Some("40") => ErrorClass::Conflict,
            Some("53") => ErrorClass::Unavailable,
            _ => ErrorClass::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_code() {
        assert_eq!(class("42P01"), ErrorClass::MissingRelation);
        assert_eq!(class("28P01"), ErrorClass::Authentication);
        assert_eq!(class("23514"), ErrorClass::Constraint);
        assert_eq!(class("40P01"), ErrorClass::Conflict);
        assert_eq!(class("53300"), ErrorClass::Unavailable);
        assert_eq!(class("53100"), ErrorClass::Other, "a full disk does not empty itself");
        assert_eq!(class("XX000"), ErrorClass::Other);
        assert_eq!(class(""), ErrorClass::Other);
    }
}
