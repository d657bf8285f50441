//! The statement that made a CrateDB table, under another name.
//!
//! `SHOW CREATE TABLE` quotes every name, so that what follows the table's own name can be taken over as it is. What does
//! not look as it must is refused, and not guessed at.

use crate::error::{Error, Result};
use crate::sql::{Engine, Ident, Statement, TableName};

/// What a CrateDB table is made of: everything after its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    body: String,
}

impl Definition {
    /// Reads what `SHOW CREATE TABLE` says of `table`.
    ///
    /// # Errors
    ///
    /// It does not begin as that of this table must, or holds more than one statement.
    pub fn read(table: &TableName, text: &str) -> Result<Self> {
        let failed = || Error::failed(format!("read how `{table}` was made"));
        let schema = table.schema.as_ref().ok_or_else(failed)?;
        let name = format!("{}.{}", schema.quoted(Engine::Cratedb), table.name.quoted(Engine::Cratedb));
        let text = text.trim();
        let rest = text.strip_prefix("CREATE TABLE IF NOT EXISTS ").or_else(|| text.strip_prefix("CREATE TABLE "));
        let body = rest.and_then(|rest| rest.strip_prefix(name.as_str())).map(str::trim_start);
        let body = body.filter(|body| body.starts_with('(') && is_one_statement(body)).ok_or_else(failed)?;
        Ok(Self { body: body.to_owned() })
    }

    /// The statement that makes the same table as `table`, which must not be there.
    #[must_use]
    pub fn create(&self, table: &TableName) -> Statement {
        let mut text = String::from("CREATE TABLE ");
        if let Some(schema) = &table.schema {
            text.push_str(&schema.quoted(Engine::Cratedb));
            text.push('.');
        }
        text.push_str(&Ident::quoted(&table.name, Engine::Cratedb));
        text.push(' ');
        text.push_str(&self.body);
        // One statement, by the look above; the names in it are quoted by the server that it comes from.
        Statement::assert_safe(text)
    }

    /// Everything after the table's name.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The setting that keeps rows out, where one is set.
    pub(super) fn blocks_writing(&self) -> Option<&'static str> {
        const SETTINGS: [&str; 3] = ["blocks.write", "blocks.read_only", "blocks.read_only_allow_delete"];
        // The settings are at the end, one a line, after every name that somebody chose.
        let settings = self.body.rsplit_once("\nWITH (").map_or("", |(_, settings)| settings);
        SETTINGS.into_iter().find(|setting| {
            settings.lines().any(|line| line.trim().trim_end_matches(',') == format!("\"{setting}\" = true"))
        })
    }
}

/// Whether nothing in it ends a statement or leaves a quote open: marks count outside of strings and names only.
fn is_one_statement(text: &str) -> bool {
    let (mut quote, mut depth) = (None, 0_i32);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            // A doubled quote closes and opens again, which comes to the same.
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                if depth < 0 {
                    return false;
                }
            }
            // Comments and dollar quotes are nothing that the server writes.
            (None, ';' | '$' | '?') => return false,
            (None, '-') if chars.peek() == Some(&'-') => return false,
            (None, '/') if chars.peek() == Some(&'*') => return false,
            (None, _) => {}
        }
    }
    quote.is_none() && depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &str, text: &str) -> Result<Definition> {
        Definition::read(&table.parse().unwrap(), text)
    }

    #[test]
    fn a_table_is_made_again_under_another_name() {
        let definition = read(
            "doc.We'ird",
            "CREATE TABLE IF NOT EXISTS \"doc\".\"We'ird\" (\n  \"a\" TEXT DEFAULT 'x; --?''y'\n)\n",
        );
        let made = definition.unwrap().create(&"other.b__c".parse().unwrap());
        assert_eq!(made.text(), "CREATE TABLE \"other\".\"b__c\" (\n  \"a\" TEXT DEFAULT 'x; --?''y'\n)");
    }

    #[test]
    fn what_does_not_look_right_is_refused() {
        for text in [
            "CREATE TABLE \"doc\".\"other\" (\"a\" INTEGER)",
            "CREATE TABLE \"doc\".\"t\" (\"a\" INTEGER); DROP TABLE x",
            "CREATE TABLE \"doc\".\"t\" (\"a\" INTEGER",
            "CREATE TABLE \"doc\".\"t\" (\"a\" TEXT DEFAULT 'x)",
            "CREATE TABLE \"doc\".\"t\" (\"a\" INTEGER)) WITH (",
            "CREATE TABLE \"doc\".\"t\" AS SELECT 1",
            "CREATE VIEW \"doc\".\"t\" (\"a\")",
            "CREATE TABLE \"doc\".\"t\" (\"a\" INTEGER) -- x",
        ] {
            assert!(read("doc.t", text).is_err(), "{text}");
        }
    }

    #[test]
    fn blocked_tables_are_seen() {
        let with =
            "(\n   \"a\" TEXT DEFAULT '\"blocks.write\" = true'\n)\nWITH (\n   \"blocks.write\" = true,\n   x = 1\n)";
        let definition = read("doc.t", &format!("CREATE TABLE \"doc\".\"t\" {with}")).unwrap();
        assert_eq!(definition.blocks_writing(), Some("blocks.write"));
        let with = with.replace("write\" = true,", "write\" = false,");
        let definition = read("doc.t", &format!("CREATE TABLE \"doc\".\"t\" {with}")).unwrap();
        assert_eq!(definition.blocks_writing(), None);
    }
}
