//! What a word may go on as: tables, columns, keywords, commands of the shell. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::meta;

/// The words of SQL that are long enough to be worth completing.
const KEYWORDS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "BETWEEN",
    "CASE",
    "CAST",
    "COLUMN",
    "COMMIT",
    "CREATE",
    "CURRENT_TIMESTAMP",
    "DATABASE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DROP",
    "ELSE",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FROM",
    "GRANT",
    "GROUP BY",
    "HAVING",
    "INDEX",
    "INNER JOIN",
    "INSERT INTO",
    "INTERVAL",
    "INTO",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NULL",
    "OFFSET",
    "OPTIMIZE",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "PRIMARY KEY",
    "REFRESH TABLE",
    "RETURNING",
    "REVOKE",
    "ROLLBACK",
    "SELECT",
    "SHOW",
    "TABLE",
    "THEN",
    "TRUE",
    "UNION ALL",
    "UPDATE",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
];

/// How many candidates are worth looking at.
const MOST: usize = 200;

/// The names of a database.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Columns by table.
    tables: BTreeMap<String, BTreeSet<String>>,
    schemas: BTreeSet<String>,
}

impl Names {
    pub(super) fn add_table(&mut self, schema: Option<String>, table: String) {
        self.schemas.extend(schema);
        self.tables.entry(table).or_default();
    }

    pub(super) fn add_column(&mut self, table: String, column: String) {
        self.tables.entry(table).or_default().insert(column);
    }

    /// Where the word before `at` begins, and what it may go on as.
    pub(super) fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let before = line.get(..at).unwrap_or(line);
        if let Some(start) = before.find('\\').filter(|start| before[..*start].trim().is_empty())
            && !before[start..].contains(char::is_whitespace)
        {
            let found = meta::COMMANDS.iter().map(|(name, _)| (*name).to_owned());
            return (start, found.filter(|name| name.starts_with(&before[start..])).collect());
        }
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        let qualifier = before[..start].strip_suffix('.').map(|rest| {
            rest.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default().to_owned()
        });
        if word.is_empty() && qualifier.is_none() {
            return (start, Vec::new());
        }
        let mut found = match qualifier {
            Some(qualifier) => self.after(&qualifier, line),
            None => self.bare(word, line),
        };
        found.retain(|candidate| starts_with(candidate, word));
        found.truncate(MOST);
        (start, found)
    }

    /// What may follow a dot: the columns of a table, or, after a schema, tables.
    fn after(&self, qualifier: &str, line: &str) -> Vec<String> {
        if let Some((_, columns)) = self.tables.iter().find(|(table, _)| table.eq_ignore_ascii_case(qualifier)) {
            return columns.iter().cloned().collect();
        }
        if self.schemas.iter().any(|schema| schema.eq_ignore_ascii_case(qualifier)) {
            return self.tables.keys().cloned().collect();
        }
        // An alias: any table of the statement may be behind it.
        self.columns_of(line)
    }

    /// The columns of the tables that the statement names come first.
    fn bare(&self, word: &str, line: &str) -> Vec<String> {
        let lower = word.chars().next().is_some_and(char::is_lowercase);
        let keywords = KEYWORDS.iter().map(|word| if lower { word.to_lowercase() } else { (*word).to_owned() });
        let mut found = self.columns_of(line);
        found.extend(self.tables.keys().cloned());
        found.extend(self.schemas.iter().cloned());
        found.extend(keywords);
        let mut seen = BTreeSet::new();
        found.retain(|candidate| seen.insert(candidate.clone()));
        found
    }

    fn columns_of(&self, line: &str) -> Vec<String> {
        let words: BTreeSet<_> =
            line.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_lowercase).collect();
        let tables = self.tables.iter().filter(|(table, _)| words.contains(&table.to_lowercase()));
        let columns: BTreeSet<_> = tables.flat_map(|(_, columns)| columns).collect();
        columns.into_iter().cloned().collect()
    }
}

/// Case is of no account in keywords and bare names.
fn starts_with(candidate: &str, word: &str) -> bool {
    candidate.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        names.add_table(Some("doc".into()), "observations".into());
        for column in ["origin", "temp", "humid"] {
            names.add_column("observations".into(), column.into());
        }
        names.add_column("airports".into(), "order_no".into());
        names
    }

    fn complete(line: &str) -> Vec<String> {
        names().complete(line, line.len()).1
    }

    #[test]
    fn tables_and_keywords_in_the_case_that_is_typed() {
        assert_eq!(complete("SELECT * FROM obs"), ["observations"]);
        assert_eq!(complete("sel"), ["select"]);
        assert_eq!(complete("SEL"), ["SELECT"]);
        assert!(complete("SELECT ").is_empty(), "nothing is offered for nothing");
    }

    #[test]
    fn columns_of_the_tables_that_are_named() {
        let line = "SELECT o FROM observations";
        assert_eq!(
            names().complete(line, 8),
            (
                7,
                vec![
                    "origin".into(),
                    "observations".into(),
                    "offset".into(),
                    "optimize".into(),
                    "order by".into(),
                    "over".into()
                ]
            )
        );
        assert_eq!(complete("SELECT observations.te"), ["temp"]);
        assert_eq!(complete("SELECT * FROM doc.ob"), ["observations"]);
        assert_eq!(complete("SELECT * FROM observations AS o WHERE o.hu"), ["humid"]);
    }

    #[test]
    fn commands_of_the_shell() {
        assert_eq!(complete("\\f"), ["\\format"]);
        assert_eq!(complete("\\d obs"), ["observations"]);
    }

    #[test]
    fn text_of_any_alphabet_is_no_trouble() {
        for line in ["é", "sélect ü", "SELECT 'ß.ö", "."] {
            for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
                names().complete(line, at);
            }
        }
    }
}
