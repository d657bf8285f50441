//! Which of the columns that a table is partitioned by tell of its column of time, and how: pure.

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Engine, Ident, TableName};

use super::Generated;
use super::expression::{Call, Column};
use super::keys::{KeyColumn, KeyTime, Length, is_understood_by_the_server};
use super::width::Width;
use crate::model::TimeColumn;
use crate::sql::catalogue::{CatalogueColumn, Described, time_kind};
use crate::sql::{KeyBase, TimeKind};

/// The columns of a table's key, in its order.
#[derive(Debug)]
pub(super) struct KeyColumns {
    pub(super) columns: Vec<KeyColumn>,
    /// The column that one of them is made from, by which bounds can be read from the data.
    pub(super) base: Option<KeyBase>,
}

/// What is known of a table while its key is settled.
struct Table<'a> {
    name: &'a TableName,
    described: &'a Described,
    columns: &'a [(CatalogueColumn, Generated)],
    time: &'a TimeColumn,
}

/// Settles what each column of the key says of time.
///
/// # Errors
///
/// The column of time is not there, or the policy says of it what can't be.
pub(super) fn settle(
    name: &TableName,
    described: &Described,
    columns: &[(CatalogueColumn, Generated)],
    partitioned_by: &[String],
    time: &TimeColumn,
) -> Result<KeyColumns> {
    let table = Table { name, described, columns, time };
    let mut settled = KeyColumns { columns: Vec::with_capacity(partitioned_by.len()), base: None };
    for key in partitioned_by {
        let made_by =
            columns.iter().find(|(column, _)| column.name.as_str() == key).and_then(|(_, made)| made.as_ref());
        let (time, base) = table.time_of(key, made_by)?;
        settled.columns.push(KeyColumn { name: Ident::new(key)?, time });
        settled.base = settled.base.or(base);
    }
    Ok(settled)
}

impl Table<'_> {
    /// What a column of the key says of time, and the column that it is made from.
    fn time_of(&self, key: &str, made_by: Option<&Option<Call>>) -> Result<(KeyTime, Option<KeyBase>)> {
        let call = made_by.and_then(Option::as_ref);
        let of_time = |column: &&Column| column.within.is_empty() && column.name == self.time.column.as_str();
        if key != self.time.column.as_str() {
            return match call.and_then(Call::column).filter(of_time).and(call) {
                Some(call) => self.made_from_time(call),
                None => Ok((KeyTime::Nothing, None)),
            };
        }
        let Some(kind) = self.kind(&self.time.column)? else { return Ok((KeyTime::NoMeaning, None)) };
        let stated = self.time.width.map_or(Length::Unknown, Length::Stated);
        let Some(made_by) = made_by else { return Ok((KeyTime::Starts(kind, stated), None)) };
        let Some((call, column)) = made_by.as_ref().and_then(|call| Some((call, call.column()?))) else {
            return Ok((KeyTime::Starts(kind, stated), None));
        };
        let base_type = self.type_of(column);
        if !base_type.is_some_and(|name| name.starts_with("timestamp"))
            && matches!(kind, TimeKind::Instant | TimeKind::Civil(_))
        {
            // A point in time that is made of a number is one only if that counts milliseconds, which nobody says.
            return Ok((KeyTime::NoMeaning, None));
        }
        let length = match Width::of(call, base_type == Some("timestamp with time zone")) {
            Some(width) if is_understood_by_the_server(&kind) => Length::Made(width),
            _ => stated,
        };
        let base = match Ident::new(&column.name) {
            Ok(name) if column.within.is_empty() => {
                self.kind(&name).ok().flatten().map(|kind| KeyBase { column: name, kind })
            }
            _ => None,
        };
        Ok((KeyTime::Starts(kind, length), base))
    }

    /// A column that is made from the column of time.
    fn made_from_time(&self, call: &Call) -> Result<(KeyTime, Option<KeyBase>)> {
        let column = &self.time.column;
        let Some(kind) = self.kind(column)? else { return Ok((KeyTime::NoMeaning, None)) };
        let width = Width::of(call, kind == TimeKind::Instant).filter(|_| is_understood_by_the_server(&kind));
        let base = Some(KeyBase { column: column.clone(), kind: kind.clone() });
        Ok((width.map_or(KeyTime::NotUnderstood, |width| KeyTime::Starts(kind, Length::Made(width))), base))
    }

    /// How a column keeps time; `None` where its type does not say so, and the policy neither.
    fn kind(&self, name: &Ident) -> Result<Option<TimeKind>> {
        let column = self.described.column(self.name, name)?;
        match time_kind(Engine::Cratedb, self.name, column, self.time.meaning.as_ref()) {
            Ok((kind, _)) => Ok(Some(kind)),
            Err(_) if self.time.meaning.is_none() => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn type_of(&self, column: &Column) -> Option<&str> {
        let mut name = column.name.clone();
        for within in &column.within {
            name.push_str(&format!("['{within}']"));
        }
        self.columns.iter().find(|(known, _)| known.name.as_str() == name).map(|(known, _)| known.type_name.as_str())
    }
}
