//! What the error numbers of MariaDB and MySQL mean.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use super::super::pooled::Classified;
use crate::error::ErrorClass;

/// "This command is not supported in the prepared statement protocol yet".
const UNPREPARABLE: u16 = 1295;

pub(super) fn is_unpreparable(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == UNPREPARABLE)
}

pub(super) fn classify(error: &dyn DatabaseError) -> Classified {
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
    let class = number.map_or(ErrorClass::Other, class);
    Classified {
        class,
        code: number.map(|number| number.to_string()),
        text: error.message().to_owned(),
        // A deadlock and a snapshot that is too old roll all of it back, and so does a lock timeout where the server is
        // set up like that. What follows would commit by itself.
        ends_transaction: matches!(class, ErrorClass::Conflict | ErrorClass::LockTimeout),
    }
}

/// The class of an error number.
const fn class(number: u16) -> ErrorClass {
    match number {
        1064 | 1149 => ErrorClass::Syntax,
        1049 | 1051 | 1109 | 1146 | 4091 | 4092 => ErrorClass::MissingRelation,
        1054 => ErrorClass::MissingColumn,
        1022 | 1062 | 1169 | 1586 | 1859 => ErrorClass::DuplicateKey,
        1048 | 1216 | 1217 | 1364 | 1451 | 1452 | 3819 | 4025 => ErrorClass::Constraint,
        1044 | 1142 | 1143 | 1227 | 1290 | 1370 | 1410 | 1792 | 1836 => ErrorClass::Permission,
        1045 | 1130 | 1131 | 1524 | 1698 | 1820 | 1862 | 3118 | 4151 => ErrorClass::Authentication,
        1205 | 3572 => ErrorClass::LockTimeout,
        1020 | 1213 => ErrorClass::Conflict,
        1317 | 1969 | 3024 => ErrorClass::Timeout,
        1040 | 1053 | 1203 | 1226 => ErrorClass::Unavailable,
        1152 | 1158 | 1159 | 1160 | 1161 | 1927 | 2006 | 2013 => ErrorClass::Unreachable,
        1007 | 1050 => ErrorClass::DuplicateRelation,
        1235 | UNPREPARABLE => ErrorClass::Unsupported,
        _ => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_number() {
        assert_eq!(class(1146), ErrorClass::MissingRelation);
        assert_eq!(class(1062), ErrorClass::DuplicateKey);
        assert_eq!(class(1045), ErrorClass::Authentication);
        assert_eq!(class(1044), ErrorClass::Permission);
        assert_eq!(class(1213), ErrorClass::Conflict);
        assert_eq!(class(0), ErrorClass::Other);
    }
}
