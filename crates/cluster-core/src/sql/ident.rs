//! Names of tables, columns and schemas, quoted by each engine's own rules.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Engine;
use crate::error::{Error, Result};

/// One name, exactly as the catalogue spells it: case counts, and no character is special.
///
/// ```
/// use clusterkeep_core::sql::{Engine, Ident};
/// let odd = Ident::new(r#"a "b" c"#).unwrap();
/// assert_eq!(odd.quoted(Engine::Postgres), r#""a ""b"" c""#);
/// assert_eq!(odd.quoted(Engine::Mysql), "`a \"b\" c`");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(Arc<str>);

impl Ident {
    /// A name.
    ///
    /// # Errors
    ///
    /// An empty name and one with a NUL character, which no engine can quote.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::input("a name is empty"));
        }
        if name.contains('\0') {
            return Err(Error::input(format!("name {name:?} contains a NUL character")));
        }
        Ok(Self(name.into()))
    }

    /// A name from this program's own text.
    #[must_use]
    pub fn literal(name: &'static str) -> Self {
        debug_assert!(!name.is_empty() && !name.contains('\0'), "names in the program are well-formed");
        Self(name.into())
    }

    /// The name without quotes, for messages and for comparing with what a catalogue says.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it stands in a statement of `engine`.
    #[must_use]
    pub fn quoted(&self, engine: Engine) -> String {
        let quote = engine.quote();
        let mut text = String::with_capacity(self.0.len() + 2);
        text.push(quote);
        for c in self.0.chars() {
            if c == quote {
                text.push(quote);
            }
            text.push(c);
        }
        text.push(quote);
        text
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// As a user would write it: bare where that is unambiguous, else in double quotes; control characters are escaped, for a
/// name in a catalogue must not steer the terminal that it is shown on.
impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.0.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '$');
        if plain {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\"\"")?,
                c if c.is_control() => write!(f, "{}", c.escape_unicode())?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

impl Serialize for Ident {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ident {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(name).map_err(crate::error::custom)
    }
}

impl schemars::JsonSchema for Ident {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ident".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A table, with its schema where one was named.
///
/// Read from text as `table`, `schema.table`, or with parts in double quotes where they hold dots.
///
/// ```
/// use clusterkeep_core::sql::TableName;
/// let table: TableName = r#"doc."my.table""#.parse().unwrap();
/// assert_eq!(table.name.as_str(), "my.table");
/// assert_eq!(table.to_string(), r#"doc."my.table""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema; `None` means the one that the session looks in first.
    pub schema: Option<Ident>,
    /// The table.
    pub name: Ident,
}

impl TableName {
    /// A table in the schema that the session looks in first.
    #[must_use]
    pub const fn bare(name: Ident) -> Self {
        Self { schema: None, name }
    }

    /// A table in `schema`.
    #[must_use]
    pub const fn within(schema: Ident, name: Ident) -> Self {
        Self { schema: Some(schema), name }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        write!(f, "{}", self.name)
    }
}

impl std::str::FromStr for TableName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = split_quoted(text)?;
        match (parts.len(), parts.pop(), parts.pop()) {
            (1, Some(name), None) => Ok(Self::bare(Ident::new(name)?)),
            (2, Some(name), Some(schema)) => Ok(Self::within(Ident::new(schema)?, Ident::new(name)?)),
            _ => Err(Error::input(format!("`{text}` is no table name"))
                .with_hint("write `table` or `schema.table`; put a part that holds a dot in double quotes")),
        }
    }
}

/// Splits at dots outside double quotes, and takes the quotes off.
fn split_quoted(text: &str) -> Result<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                push(&mut parts, '"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c => push(&mut parts, c),
        }
    }
    if quoted {
        return Err(Error::input(format!("`{text}` has an open double quote")));
    }
    Ok(parts)
}

fn push(parts: &mut [String], c: char) {
    if let Some(last) = parts.last_mut() {
        last.push(c);
    }
}

impl Serialize for TableName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(crate::error::custom)
    }
}

impl schemars::JsonSchema for TableName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TableName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "description": "`table` or `schema.table`" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_engine_can_quote_are_refused() {
        assert!(Ident::new("").is_err());
        assert!(Ident::new("a\0b").is_err());
    }

    #[test]
    fn no_name_steers_a_terminal() -> Result<()> {
        assert_eq!(Ident::new("x\u{1b}[2Jy")?.to_string(), r#""x\u{1b}[2Jy""#);
        Ok(())
    }

    #[test]
    fn tables_read_and_print_the_same() -> Result<()> {
        for text in ["t", "s.t", r#""a b"."c""d""#, "my-schema.my_table"] {
            assert_eq!(text.parse::<TableName>()?.to_string(), text);
        }
        for text in ["", "a.b.c", ".t", "t.", r#""open"#] {
            assert!(text.parse::<TableName>().is_err(), "{text}");
        }
        Ok(())
    }
}
