//! A statement with its parameters in place, for people to read; what is sent has them apart.

use super::lexer::{Kind, tokens};
use super::{Engine, Statement, Value};

impl Statement {
    /// The statement as a person would write it: each value where its placeholder stands.
    ///
    /// It is for plans and logs, and never executed.
    ///
    /// ```
    /// use clusterkeep_core::sql::{Engine, sql};
    /// let delete = sql("DELETE FROM t WHERE name = ? AND n < ?").bind("it's").bind(5);
    /// assert_eq!(delete.shown(Engine::Sqlite), "DELETE FROM t WHERE name = 'it''s' AND n < 5");
    /// ```
    #[must_use]
    pub fn shown(&self, engine: Engine) -> String {
        let mut values = self.params().iter();
        let mut shown = String::with_capacity(self.text().len() + 16 * self.params().len());
        for token in tokens(engine, self.text()) {
            match token.kind {
                Kind::Placeholder => match values.next() {
                    Some(value) => push(&mut shown, value),
                    None => shown.push('?'),
                },
                Kind::Question => shown.push('?'),
                _ => shown.push_str(token.text),
            }
        }
        shown
    }
}

fn push(shown: &mut String, value: &Value) {
    match value {
        Value::Null => shown.push_str("NULL"),
        Value::Bool(_) => shown.push_str(&value.to_string()),
        number if number.is_number() => shown.push_str(&number.to_string()),
        other => {
            shown.push('\'');
            shown.push_str(&other.to_string().replace('\'', "''"));
            shown.push('\'');
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::sql;
    use super::*;

    #[test]
    fn values_stand_where_their_placeholders_do_and_nowhere_else() {
        let at: DateTime<chrono::Utc> = "2026-11-28T00:00:00Z".parse().unwrap();
        let statement = sql("SELECT '?', \"?\" /* ? */ FROM t WHERE a = ? AND b < ? AND c IS NOT ? AND d")
            .bind("'; DROP TABLE t; --")
            .bind(at)
            .bind(Value::Null);
        assert_eq!(
            statement.shown(Engine::Postgres),
            "SELECT '?', \"?\" /* ? */ FROM t WHERE a = '''; DROP TABLE t; --' AND b < '2026-11-28T00:00:00Z' \
             AND c IS NOT NULL AND d"
        );
        assert_eq!(sql("SELECT ?, j ?? 'k'").bind(true).shown(Engine::Postgres), "SELECT true, j ? 'k'");
    }
}
