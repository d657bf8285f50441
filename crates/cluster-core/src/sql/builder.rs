//! A closed way to put generated SQL together: fixed text, quoted identifiers, bound values, and nothing else.

use super::{Engine, Ident, Statement, TableName, Value};

/// Builds a [`Statement`] for one engine.
///
/// Only text of the program itself can be pushed as text, so that a name or value out of a file, a table or a catalogue
/// can't become SQL.
///
/// ```
/// use clusterkeep_core::sql::{Engine, Ident, SqlBuilder};
/// let mut delete = SqlBuilder::new(Engine::Sqlite);
/// delete.push("DELETE FROM ").ident(&Ident::new("t; DROP").unwrap()).push(" WHERE at < ").bind(5);
/// assert_eq!(delete.build().text(), r#"DELETE FROM "t; DROP" WHERE at < ?"#);
/// ```
#[derive(Debug, Clone)]
pub struct SqlBuilder {
    engine: Engine,
    text: String,
    params: Vec<Value>,
}

impl SqlBuilder {
    /// An empty statement for `engine`.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine, text: String::new(), params: Vec::new() }
    }

    /// The engine that the statement is for.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Appends text of the program itself.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a quoted name.
    pub fn ident(&mut self, ident: &Ident) -> &mut Self {
        self.text.push_str(&ident.quoted(self.engine));
        self
    }

    /// Appends a quoted name out of the program's own text.
    pub fn name(&mut self, name: &'static str) -> &mut Self {
        self.ident(&Ident::literal(name))
    }

    /// Appends a quoted table name, with its schema where it has one.
    pub fn table(&mut self, table: &TableName) -> &mut Self {
        if let Some(schema) = &table.schema {
            self.ident(schema).push(".");
        }
        self.ident(&table.name)
    }

    /// Appends a placeholder with its value.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.push('?');
        self.params.push(value.into());
        self
    }

    /// Appends a whole number as text, for the places where engines take no parameter.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.text.push_str(&number.to_string());
        self
    }

    /// Appends one item after another, `separator` between them.
    pub fn join<T>(
        &mut self,
        separator: &'static str,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (i, next) in items.into_iter().enumerate() {
            if i > 0 {
                self.push(separator);
            }
            item(self, next);
        }
        self
    }

    /// Appends another built part.
    pub fn append(&mut self, part: Self) -> &mut Self {
        self.text.push_str(&part.text);
        self.params.extend(part.params);
        self
    }

    /// The finished statement.
    #[must_use]
    pub fn build(self) -> Statement {
        Statement::from_parts(self.text, self.params)
    }
}
