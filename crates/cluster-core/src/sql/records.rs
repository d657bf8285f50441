//! What a query gives: columns and rows, to iterate, deserialise or render.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::deserialize;
use super::from_value::FromValue;
use super::value::Value;
use crate::error::{Error, Result};

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the engine names it.
    pub type_name: String,
}

/// A row, with the columns that all rows of its result share.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    columns: Arc<[Column]>,
    values: Vec<Value>,
}

impl Row {
    /// A row of `values`, one per column.
    ///
    /// # Errors
    ///
    /// There are not as many values as columns.
    pub fn new(columns: Arc<[Column]>, values: Vec<Value>) -> Result<Self> {
        if columns.len() == values.len() {
            return Ok(Self::of(columns, values));
        }
        Err(Error::failed(format!("a row has {} values for {} columns", values.len(), columns.len())))
    }

    /// A row whose values an engine made from these very columns.
    pub(super) const fn of(columns: Arc<[Column]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values, in the order of the columns.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values, in the order of the columns.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The value of a column, by its name or its place (from 0).
    ///
    /// Where two columns have the same name, the name means the first.
    ///
    /// # Errors
    ///
    /// The result has no such column.
    pub fn value(&self, column: impl ColumnRef) -> Result<&Value> {
        let index = column.index_in(&self.columns)?;
        self.values.get(index).ok_or_else(|| no_column(&index.to_string(), &self.columns))
    }

    /// The value of a column as `T`; `Option<T>` where it may be NULL.
    ///
    /// Numbers convert where nothing is lost, and text is read as the type that was asked for where an engine keeps that
    /// type as text (SQLite: instants, decimals, UUIDs, JSON).
    ///
    /// ```no_run
    /// # async fn example(db: clusterkeep_core::sql::Db) -> clusterkeep_core::Result<()> {
    /// use clusterkeep_core::sql::sql;
    /// for row in &db.query(sql("SELECT origin, max(temp) AS hottest FROM observations GROUP BY origin")).await? {
    ///     let (origin, hottest): (String, Option<f64>) = (row.get("origin")?, row.get("hottest")?);
    ///     println!("{origin}: {hottest:?}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The result has no such column, or its value is no `T`.
    pub fn get<T: FromValue>(&self, column: impl ColumnRef) -> Result<T> {
        let index = column.index_in(&self.columns)?;
        let value = self.values.get(index).ok_or_else(|| no_column(&index.to_string(), &self.columns))?;
        T::from_value(value).map_err(|cause| {
            let (name, type_name) = self
                .columns
                .get(index)
                .map_or((String::new(), String::new()), |c| (c.name.clone(), c.type_name.clone()));
            Error::Decode { column: name, type_name, source: cause.into() }
        })
    }

    /// The row as a struct (fields by column name), a tuple (by place), or, of one column, as its value.
    ///
    /// # Errors
    ///
    /// A field without a column, or a value that is not of the field's type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        deserialize::row(self)
    }
}

/// The rows of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    columns: Arc<[Column]>,
    rows: Vec<Row>,
}

impl Records {
    /// Rows of `columns`.
    ///
    /// # Errors
    ///
    /// A row has not as many values as there are columns.
    pub fn new(columns: impl Into<Arc<[Column]>>, rows: Vec<Vec<Value>>) -> Result<Self> {
        let columns = columns.into();
        let rows = rows.into_iter().map(|values| Row::new(Arc::clone(&columns), values)).collect::<Result<_>>()?;
        Ok(Self::from_rows(columns, rows))
    }

    /// Rows that share `columns` already.
    pub(super) const fn from_rows(columns: Arc<[Column]>, rows: Vec<Row>) -> Self {
        Self { columns, rows }
    }

    /// The columns, in order, also where there is no row.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows, in order.
    pub fn rows(&self) -> std::slice::Iter<'_, Row> {
        self.rows.iter()
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, in order, as [`rows`](Self::rows).
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.rows.iter()
    }

    /// The first row, where there is one.
    #[must_use]
    pub fn first(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// There is no row, or more than one.
    pub fn one(&self) -> Result<&Row> {
        match self.rows.as_slice() {
            [row] => Ok(row),
            rows => Err(Error::failed(format!("one row was expected and {} came", rows.len()))),
        }
    }

    /// The only value of the only row, as `T`.
    ///
    /// # Errors
    ///
    /// There is not exactly one row of one column, or its value is no `T`.
    pub fn scalar<T: FromValue>(&self) -> Result<T> {
        if self.columns.len() != 1 {
            return Err(Error::failed(format!("one column was expected and {} came", self.columns.len())));
        }
        self.one()?.get(0)
    }

    /// Every row as a struct (fields by column name), a tuple (by place), or, of one column, as its value.
    ///
    /// ```no_run
    /// # async fn example(db: clusterkeep_core::sql::Db) -> clusterkeep_core::Result<()> {
    /// use clusterkeep_core::sql::sql;
    /// #[derive(serde::Deserialize)]
    /// struct Hottest { origin: String, temp: Option<f64> }
    /// let airports: Vec<Hottest> =
    ///     db.query(sql("SELECT origin, max(temp) AS temp FROM observations GROUP BY origin")).await?.deserialize()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// A field without a column, or a value that is not of the field's type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.rows.iter().map(Row::deserialize).collect()
    }
}

impl IntoIterator for Records {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

/// What names a column: its name, or its place from 0.
pub trait ColumnRef {
    /// The place among `columns`.
    ///
    /// # Errors
    ///
    /// There is no such column.
    fn index_in(&self, columns: &[Column]) -> Result<usize>;
}

impl ColumnRef for usize {
    fn index_in(&self, columns: &[Column]) -> Result<usize> {
        if *self < columns.len() { Ok(*self) } else { Err(no_column(&self.to_string(), columns)) }
    }
}

impl ColumnRef for &str {
    fn index_in(&self, columns: &[Column]) -> Result<usize> {
        columns.iter().position(|column| column.name == *self).ok_or_else(|| no_column(self, columns))
    }
}

impl ColumnRef for &String {
    fn index_in(&self, columns: &[Column]) -> Result<usize> {
        self.as_str().index_in(columns)
    }
}

fn no_column(wanted: &str, columns: &[Column]) -> Error {
    let names: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Error::failed(format!("the result has no column `{wanted}`; it has {names}"))
}
