//! Records as text: a table for people, and the formats that other programs read.
//!
//! Nothing here knows about terminals: no colour, no width, no paging.

use std::fmt::{self, Write as _};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{Records, Row, Value};
use crate::error::{Error, Result};

/// As a table; numbers are aligned to the right, and NULL is an empty cell.
impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(self.columns().iter().map(|column| Cell::new(&column.name)));
        for row in self {
            table.add_row(row.values().iter().map(cell));
        }
        write!(f, "{table}")
    }
}

fn cell(value: &Value) -> Cell {
    let alignment = if value.is_number() { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(value).set_alignment(alignment)
}

/// As an object, in the order of the columns.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns().len()))?;
        for (column, value) in self.columns().iter().zip(self.values()) {
            map.serialize_entry(&column.name, value)?;
        }
        map.end()
    }
}

/// As an array of objects.
impl Serialize for Records {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.len()))?;
        self.iter().try_for_each(|row| rows.serialize_element(row))?;
        rows.end()
    }
}

impl Records {
    /// As CSV with a header (RFC 4180, lines end with LF); NULL is an empty field.
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns().iter().map(|column| column.name.as_str())).map_err(unrendered)?;
        for row in self {
            writer.write_record(row.values().iter().map(Value::to_string)).map_err(unrendered)?;
        }
        let bytes = writer.into_inner().map_err(|cause| unrendered(cause.into_error()))?;
        String::from_utf8(bytes).map_err(unrendered)
    }

    /// As a JSON array of objects, one row per line.
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn json(&self) -> Result<String> {
        let rows = self.iter().map(|row| serde_json::to_string(row).map_err(unrendered)).collect::<Result<Vec<_>>>()?;
        Ok(if rows.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", rows.join(",\n")) })
    }

    /// As newline-delimited JSON: one object per line.
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn ndjson(&self) -> Result<String> {
        let mut text = String::new();
        for row in self {
            text.push_str(&serde_json::to_string(row).map_err(unrendered)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// As YAML: a list of mappings.
    ///
    /// # Errors
    ///
    /// None is known.
    pub fn yaml(&self) -> Result<String> {
        serde_saphyr::to_string(self).map_err(unrendered)
    }

    /// As a Markdown table, columns of numbers aligned to the right.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            text.push('|');
            for cell in cells {
                // Writing to a String can't fail.
                write!(text, " {} |", cell.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "<br>")).ok();
            }
            text.push('\n');
        };
        line(&mut self.columns().iter().map(|column| column.name.clone()));
        line(&mut (0..self.columns().len()).map(|i| if self.holds_numbers(i) { "---:".into() } else { "---".into() }));
        for row in self {
            line(&mut row.values().iter().map(Value::to_string));
        }
        text
    }

    fn holds_numbers(&self, column: usize) -> bool {
        let mut values = self.iter().filter_map(|row| row.values().get(column)).filter(|value| !value.is_null());
        values.next().is_some_and(Value::is_number) && values.all(Value::is_number)
    }
}

fn unrendered(cause: impl Into<crate::error::BoxError>) -> Error {
    Error::caused("render records", cause)
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;

    fn weather() -> Records {
        let columns = [("origin", "TEXT"), ("temp", "REAL"), ("note", "TEXT")]
            .map(|(name, type_name)| Column { name: name.into(), type_name: type_name.into() });
        let rows = vec![
            vec!["EWR".into(), 39.02.into(), "a \"b\", c | d".into()],
            vec!["JFK".into(), Value::Float(f64::NAN), Value::Null],
            vec!["LGA".into(), 100.5.into(), "two\nlines".into()],
        ];
        Records::new(columns.to_vec(), rows).unwrap()
    }

    #[test]
    fn table_aligns_numbers_to_the_right() {
        let text = weather().to_string();
        assert!(text.contains("│ EWR    ┆ 39.02 ┆ a \"b\", c | d │"), "{text}");
        assert!(text.contains("│ LGA    ┆ 100.5 ┆ two "), "{text}");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(
            weather().csv().unwrap(),
            "origin,temp,note\nEWR,39.02,\"a \"\"b\"\", c | d\"\nJFK,NaN,\nLGA,100.5,\"two\nlines\"\n"
        );
    }

    #[test]
    fn json_keeps_the_order_of_columns_and_has_no_number_for_nan() {
        let json = weather().json().unwrap();
        assert!(json.starts_with("[\n{\"origin\":\"EWR\",\"temp\":39.02,\"note\":"), "{json}");
        assert!(json.contains(r#"{"origin":"JFK","temp":"NaN","note":null}"#), "{json}");
        assert_eq!(weather().ndjson().unwrap().lines().count(), 3);
        assert_eq!(Records::new(Vec::new(), Vec::new()).unwrap().json().unwrap(), "[]\n");
    }

    #[test]
    fn markdown_escapes_its_own_marks() {
        let text = weather().markdown();
        assert_eq!(text.lines().nth(1), Some("| --- | ---: | --- |"));
        assert!(text.contains(r#"| a "b", c \| d |"#), "{text}");
        assert!(text.contains("| two<br>lines |"), "{text}");
    }

    #[test]
    fn yaml_reads_back() {
        let yaml = weather().yaml().unwrap();
        let rows: Vec<serde_json::Value> = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(rows[2]["note"], "two\nlines");
        assert_eq!(rows[1]["note"], serde_json::Value::Null);
    }
}
