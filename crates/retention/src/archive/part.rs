//! Which rows of a table are meant: all, those of a partition, or those of a span of time.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use clusterkeep_core::sql::{Engine, Ident, SqlBuilder, Statement, TableName, Value};
use clusterkeep_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::schema::Field;
use crate::observe::PartitionId;

/// A value that rows are compared with, of the type that the column of time has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Bound {
    /// An instant.
    Timestamp(DateTime<Utc>),
    /// A date and time in a zone that the column does not name.
    Datetime(NaiveDateTime),
    /// A date.
    Date(NaiveDate),
    /// A number of units, or the digits of a date.
    Integer(i64),
    /// Text that orders as time does.
    Text(String),
}

impl TryFrom<Value> for Bound {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self> {
        match value {
            Value::Timestamp(at) => Ok(Self::Timestamp(at)),
            Value::DateTime(at) => Ok(Self::Datetime(at)),
            Value::Date(date) => Ok(Self::Date(date)),
            Value::Int(number) => Ok(Self::Integer(number)),
            Value::Text(text) => Ok(Self::Text(text)),
            other => Err(Error::input(format!("`{other}` bounds no span of time"))),
        }
    }
}

impl From<&Bound> for Value {
    fn from(bound: &Bound) -> Self {
        match bound {
            Bound::Timestamp(at) => Self::Timestamp(*at),
            Bound::Datetime(at) => Self::DateTime(*at),
            Bound::Date(date) => Self::Date(*date),
            Bound::Integer(number) => Self::Int(*number),
            Bound::Text(text) => Self::Text(text.clone()),
        }
    }
}

/// A half-open span of a column: its values from `from` on, and before `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The column of time.
    pub column: Ident,
    /// The first value that is meant.
    pub from: Bound,
    /// The first value that is not.
    pub until: Bound,
}

impl Span {
    /// A span of a column.
    ///
    /// # Errors
    ///
    /// A value that is none of time.
    pub fn new(column: Ident, from: Value, until: Value) -> Result<Self> {
        Ok(Self { column, from: from.try_into()?, until: until.try_into()? })
    }
}

/// The rows that are archived.
///
/// ```
/// use clusterkeep_core::sql::Ident;
/// use clusterkeep_retention::archive::{Part, Span};
/// # fn main() -> clusterkeep_core::Result<()> {
/// let span = Span::new(Ident::new("day")?, 20_261_001.into(), 20_261_101.into())?;
/// let october = Part::slice("public.observations".parse()?, span);
/// assert_eq!(october.table().to_string(), "public.observations");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    table: TableName,
    partition: Option<PartitionId>,
    span: Option<Span>,
    bounds: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Part {
    /// All rows of a table.
    #[must_use]
    pub const fn whole(table: TableName) -> Self {
        Self { table, partition: None, span: None, bounds: None }
    }

    /// The rows of a table in a span.
    #[must_use]
    pub const fn slice(table: TableName, span: Span) -> Self {
        Self { table, partition: None, span: Some(span), bounds: None }
    }

    /// The rows of one of the engine's own partitions of a table.
    ///
    /// `span` is what the partition covers: by it restoring finds these rows in their table again. It may be left open,
    /// and then they are restored into an empty table only.
    #[must_use]
    pub const fn partition(table: TableName, partition: PartitionId, span: Option<Span>) -> Self {
        Self { table, partition: Some(partition), span, bounds: None }
    }

    /// The same with the instants that it lies between, for the manifest.
    #[must_use]
    pub const fn between(mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        self.bounds = Some((start, end));
        self
    }

    /// The table that the rows are of.
    #[must_use]
    pub const fn table(&self) -> &TableName {
        &self.table
    }

    /// The partition, as people read it.
    #[must_use]
    pub fn partition_name(&self) -> Option<String> {
        self.partition.as_ref().map(ToString::to_string)
    }

    /// The span of the column of time.
    #[must_use]
    pub const fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// The instants that it lies between.
    #[must_use]
    pub const fn bounds(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        self.bounds
    }

    /// The relation whose catalogue entry describes the rows.
    pub(super) fn relation(&self) -> &TableName {
        match &self.partition {
            Some(PartitionId::Table(name)) => name,
            _ => &self.table,
        }
    }

    /// Appends ` FROM .. WHERE ..`.
    ///
    /// # Errors
    ///
    /// A partition that goes by its key (CrateDB), whose archives are snapshots.
    pub(super) fn from(&self, sql: &mut SqlBuilder) -> Result<()> {
        sql.push(" FROM ").table(self.relation());
        match &self.partition {
            Some(PartitionId::Name(name)) => {
                sql.push(" PARTITION (").ident(name).push(")");
            }
            Some(PartitionId::Key(_)) => {
                return Err(Error::input(format!("partitions of `{}` are archived as snapshots", self.table)));
            }
            Some(PartitionId::Table(_)) => {}
            None => {
                if let Some(span) = &self.span {
                    sql.push(" WHERE ").ident(&span.column).push(" >= ");
                    bound(sql, &span.from);
                    sql.push(" AND ").ident(&span.column).push(" < ");
                    bound(sql, &span.until);
                }
            }
        }
        Ok(())
    }

    /// The query of all its rows.
    pub(super) fn select(&self, engine: Engine, fields: &[Field]) -> Result<Statement> {
        let mut sql = SqlBuilder::new(engine);
        sql.push("SELECT ").join(", ", fields, |sql, field| field.read(sql));
        self.from(&mut sql)?;
        Ok(sql.build())
    }

    /// The query of how many rows it has.
    pub(super) fn count(&self, engine: Engine) -> Result<Statement> {
        let mut sql = SqlBuilder::new(engine);
        sql.push("SELECT count(*) AS n");
        self.from(&mut sql)?;
        Ok(sql.build())
    }
}

/// Appends a value: bound, or on PostgreSQL, whose `COPY` takes no parameters, computed from whole numbers.
fn bound(sql: &mut SqlBuilder, bound: &Bound) {
    if sql.engine() != Engine::Postgres {
        sql.bind(Value::from(bound));
        return;
    }
    match bound {
        Bound::Timestamp(at) => micros(sql, "TIMESTAMPTZ '1970-01-01 00:00:00Z'", *at),
        Bound::Datetime(at) => micros(sql, "TIMESTAMP '1970-01-01 00:00:00'", at.and_utc()),
        Bound::Date(date) => {
            let days = date.signed_duration_since(DateTime::UNIX_EPOCH.date_naive()).num_days();
            sql.push("(DATE '1970-01-01' + (").number(days).push("))");
        }
        Bound::Integer(number) => {
            sql.push("(").number(*number).push(")");
        }
        Bound::Text(text) => {
            sql.push("(''").join("", text.chars(), |sql, c| {
                sql.push(" || chr(").number(u32::from(c).into()).push(")");
            });
            sql.push(")");
        }
    }
}

/// So many whole seconds and microseconds after the epoch, for an interval of microseconds alone ends in the year 294247.
fn micros(sql: &mut SqlBuilder, epoch: &'static str, at: DateTime<Utc>) {
    let seconds = at.timestamp();
    sql.push("(").push(epoch).push(" + (").number(seconds).push(") * INTERVAL '1 second' + (");
    sql.number(at.timestamp_subsec_micros().into()).push(") * INTERVAL '1 microsecond')");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_copies_are_numbers_alone() {
        let span = |bound: Bound| Span { column: Ident::literal("at"), from: bound.clone(), until: bound };
        let text =
            |bound| Part::slice(TableName::bare(Ident::literal("t")), span(bound)).count(Engine::Postgres).unwrap();
        let statement = text(Bound::Text("'; DROP".into()));
        assert!(statement.params().is_empty());
        assert!(!statement.text().contains("DROP"), "{}", statement.text());
        let statement = text(Bound::Timestamp("2026-10-01T00:00:00.5Z".parse().unwrap()));
        assert!(statement.text().contains("(1790812800) * INTERVAL '1 second' + (500000) *"), "{}", statement.text());
    }
}
