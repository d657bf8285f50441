//! Items with the columns that people see of them, in every format.

use std::fmt;

use clusterkeep_core::Result;
use clusterkeep_core::sql::{Column, Records, Value};
use serde::Serialize;

use super::format::{Format, json, json_line, yaml};

/// What a column shows of an item.
pub type Cell<T> = fn(&T) -> Value;

/// Items, and the columns that tables, CSV and Markdown show of them; JSON and YAML hold the items themselves.
pub struct Listing<'a, T> {
    items: &'a [T],
    columns: Vec<(&'static str, Cell<T>)>,
    empty: &'static str,
}

impl Format {
    /// Records as columns without lines around them, for a part of a longer text.
    #[must_use]
    pub fn aligned(records: &Records) -> String {
        aligned(records)
    }
}

impl<T> fmt::Debug for Listing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

impl<'a, T: Serialize> Listing<'a, T> {
    /// A listing of items; `empty` is what a table of none says.
    #[must_use]
    pub const fn of(items: &'a [T], empty: &'static str) -> Self {
        Self { items, columns: Vec::new(), empty }
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, name: &'static str, cell: Cell<T>) -> Self {
        self.columns.push((name, cell));
        self
    }

    /// The listing as text; `document` is what JSON and YAML write, where that is more than the items.
    ///
    /// # Errors
    ///
    /// An item that can't be written as JSON or YAML.
    pub fn render(&self, format: Format, document: &impl Serialize) -> Result<String> {
        match format {
            Format::Table if self.items.is_empty() => Ok(self.empty.to_owned()),
            Format::Table => Ok(aligned(&self.records()?)),
            Format::Json => json(document),
            Format::Ndjson => self.items.iter().map(json_line).collect(),
            Format::Yaml => yaml(document),
            Format::Csv | Format::Markdown | Format::Html => format.records(&self.records()?),
        }
    }

    fn records(&self) -> Result<Records> {
        let columns: Vec<Column> =
            self.columns.iter().map(|(name, _)| Column { name: (*name).into(), type_name: String::new() }).collect();
        let rows = self.items.iter().map(|item| self.columns.iter().map(|(_, cell)| cell(item)).collect()).collect();
        Records::new(columns, rows)
    }
}

/// Columns that are as wide as they need to be, two blanks apart, numbers to the right.
fn aligned(records: &Records) -> String {
    let header: Vec<String> = records.columns().iter().map(|column| column.name.clone()).collect();
    let rows: Vec<Vec<String>> =
        records.iter().map(|row| row.values().iter().map(|value| single_line(&value.to_string())).collect()).collect();
    let right: Vec<bool> =
        (0..header.len()).map(|i| records.iter().filter_map(|row| row.values().get(i)).any(Value::is_number)).collect();
    let mut text = String::new();
    let width = |i: usize| {
        let cells = std::iter::once(&header).chain(&rows).filter_map(|row| row.get(i));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(&right) {
            let padded = if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            line.push_str("  ");
            line.push_str(&padded);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What an item says must not break its row, or steer the terminal.
fn single_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Item {
        name: &'static str,
        count: i64,
    }

    fn listing(items: &[Item]) -> Listing<'_, Item> {
        Listing::of(items, "there is nothing")
            .column("name", |item| item.name.into())
            .column("count", |item| item.count.into())
    }

    #[test]
    fn numbers_go_to_the_right_and_rows_stay_on_one_line() {
        let items = [Item { name: "a\u{1b}[31m\nb", count: 7 }, Item { name: "c", count: 1234 }];
        let text = listing(&items).render(Format::Table, &items).unwrap();
        assert_eq!(text, "  name      count\n  a [31m b      7\n  c          1234\n");
    }

    #[test]
    fn each_format_has_all_items() {
        let items = [Item { name: "a", count: 7 }];
        let render = |format| listing(&items).render(format, &items).unwrap();
        assert_eq!(render(Format::Csv), "name,count\na,7\n");
        assert_eq!(render(Format::Ndjson), "{\"name\":\"a\",\"count\":7}\n");
        assert!(render(Format::Json).contains("\"count\": 7"));
        assert!(render(Format::Yaml).contains("name: a"));
        assert!(render(Format::Markdown).contains("| a | 7 |"));
        assert_eq!(listing(&[]).render(Format::Table, &items).unwrap(), "there is nothing");
    }
}
