//! Reads an answer of `/_sql` while it arrives: row by row, without the whole of it in memory.
//!
//! The server writes the columns and their types first, then the rows, then the count of rows.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::super::records::Column;
use super::super::super::value::Value;
use super::super::report::Report;
use super::value::{Kind, decode};
use crate::error::{BoxError, Error, ErrorClass, Result};

/// What a part of an answer says.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Row(Vec<Value>),
    /// The end, with the number of rows that were changed or found; `None` where the server does not know.
    End(Option<u64>),
}

/// The parts of an answer, as its bytes are fed in.
#[derive(Debug, Default)]
pub(super) struct Answer {
    buffer: Vec<u8>,
    /// Up to here the buffer was looked at.
    seen: usize,
    /// Where the part that is being read begins.
    start: usize,
    phase: Phase,
    depth: u32,
    in_string: bool,
    escaped: bool,
    string_start: usize,
    last_string_is_rows: bool,
    columns: Arc<[Column]>,
    kinds: Vec<Kind>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Header,
    Rows,
    Footer,
}

/// Bytes that were read are dropped when there are so many.
const COMPACT: usize = 64 << 10;

impl Answer {
    /// The columns, once any part was read.
    pub(super) fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.start >= COMPACT {
            self.buffer.drain(..self.start);
            self.seen -= self.start;
            self.string_start = self.string_start.saturating_sub(self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next part, or `None` where more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Part>> {
        while let Some(byte) = self.buffer.get(self.seen).copied() {
            let at = self.seen;
            self.seen += 1;
            if self.in_string {
                self.string_byte(byte, at);
                continue;
            }
            match byte {
                b'"' => (self.in_string, self.string_start) = (true, at + 1),
                b'[' | b'{' => {
                    self.depth += 1;
                    if self.phase == Phase::Header && self.depth == 2 && byte == b'[' && self.last_string_is_rows {
                        self.header(at)?;
                        (self.phase, self.start) = (Phase::Rows, self.seen);
                    } else if self.phase == Phase::Rows && self.depth == 3 {
                        self.start = at;
                    }
                }
                b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    match (self.phase, self.depth) {
                        (Phase::Rows, 2) => {
                            let values = self.row(self.start, self.seen)?;
                            self.start = self.seen;
                            // A statement without a result still has one row, with nothing in it.
                            if !self.columns.is_empty() {
                                return Ok(Some(Part::Row(values)));
                            }
                        }
                        (Phase::Rows, 1) => (self.phase, self.start) = (Phase::Footer, self.seen),
                        (Phase::Header | Phase::Footer, 0) => return self.footer(self.seen).map(Some),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn string_byte(&mut self, byte: u8, at: usize) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                self.last_string_is_rows = self.depth == 1 && &self.buffer[self.string_start..at] == b"rows";
            }
            _ => {}
        }
    }

    /// Everything before the rows, which is an object if the key of the rows is left out.
    fn header(&mut self, rows_at: usize) -> Result<()> {
        #[derive(Deserialize)]
        struct Header {
            cols: Vec<String>,
            #[serde(default)]
            col_types: Vec<serde_json::Value>,
        }
        let before = &self.buffer[..rows_at];
        let key = before.iter().rposition(|byte| *byte == b',').unwrap_or(0);
        let header: Header = serde_json::from_slice(&[&before[..key], b"}"].concat()).map_err(unreadable)?;
        let kinds: Option<Vec<_>> = header.col_types.iter().map(Kind::read).collect();
        let kinds = kinds.filter(|kinds| kinds.len() == header.cols.len());
        self.kinds = kinds.ok_or_else(|| unreadable("its columns have no types"))?;
        let columns = header.cols.into_iter().zip(&self.kinds);
        self.columns = columns.map(|(name, kind)| Column { name, type_name: kind.name() }).collect();
        Ok(())
    }

    fn row(&self, start: usize, end: usize) -> Result<Vec<Value>> {
        let cells: Vec<&RawValue> = serde_json::from_slice(&self.buffer[start..end]).map_err(unreadable)?;
        if cells.len() != self.columns.len() {
            return Err(unreadable(format!("a row has {} values for {} columns", cells.len(), self.columns.len())));
        }
        let cells = cells.into_iter().zip(&self.kinds).zip(self.columns.iter());
        cells
            .map(|((raw, kind), column)| {
                decode(kind, raw).map_err(|source| Error::Decode {
                    column: column.name.clone(),
                    type_name: column.type_name.clone(),
                    source,
                })
            })
            .collect()
    }

    /// Everything after the rows, which is an object if its first comma is left out.
    fn footer(&self, end: usize) -> Result<Part> {
        #[derive(Deserialize)]
        struct Footer {
            #[serde(default = "unknown")]
            rowcount: i64,
        }
        const fn unknown() -> i64 {
            -1
        }
        let after = String::from_utf8_lossy(&self.buffer[self.start..end]);
        let object = format!("{{{}", after.trim_start_matches([',', '{', ' ']));
        let footer: Footer = serde_json::from_str(&object).map_err(unreadable)?;
        Ok(Part::End(u64::try_from(footer.rowcount).ok()))
    }
}

fn unreadable(cause: impl Into<BoxError>) -> Error {
    Report::new(ErrorClass::Other, cause).into_error("read the answer", "CrateDB", 1, std::time::Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = r#"{"cols":["a \"rows\":[","o"],"col_types":[4,12],"rows":[["x]\"[",{"rows":[1,"}"]}],[null,{}],
        ["",null]],"rowcount":3,"duration":1.5}"#;

    /// The parts of `text`, fed in pieces that end at `cuts`.
    fn parts(text: &str, cuts: &[usize]) -> Result<(Vec<Part>, Answer)> {
        let (mut answer, mut parts, mut from) = (Answer::default(), Vec::new(), 0);
        for to in cuts.iter().copied().chain([text.len()]) {
            let to = to.clamp(from, text.len());
            answer.feed(&text.as_bytes()[from..to]);
            from = to;
            while let Some(part) = answer.next()? {
                parts.push(part);
            }
        }
        Ok((parts, answer))
    }

    fn expected() -> Vec<Part> {
        vec![
            Part::Row(vec!["x]\"[".into(), serde_json::json!({"rows": [1, "}"]}).into()]),
            Part::Row(vec![Value::Null, serde_json::json!({}).into()]),
            Part::Row(vec!["".into(), Value::Null]),
            Part::End(Some(3)),
        ]
    }

    #[test]
    fn statements_without_a_result_have_no_rows() {
        let text = r#"{"cols":[],"col_types":[],"rows":[[]],"rowcount":-1,"duration":0.7}"#;
        assert_eq!(parts(text, &[]).unwrap().0, [Part::End(None)]);
    }

    #[test]
    fn what_ends_too_early_has_no_end() {
        assert!(!parts(&ANSWER[..ANSWER.len() - 1], &[]).unwrap().0.iter().any(|part| matches!(part, Part::End(_))));
    }

    #[test]
    fn wrong_answers_are_errors() {
        for text in [
            r#"{"cols":["a"],"rows":[[1]],"rowcount":1}"#,
            r#"{"cols":["a"],"col_types":[10],"rows":[[1,2]],"rowcount":1}"#,
            r#"{"cols":["a"],"col_types":[10],"rows":[["x"]],"rowcount":1}"#,
        ] {
            assert!(parts(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_stays_bounded() {
        let mut answer = Answer::default();
        answer.feed(br#"{"cols":["a"],"col_types":[4],"rows":[["#);
        for i in 0..10_000 {
            let comma = if i == 0 { "" } else { "],[" };
            answer.feed(format!("{comma}\"{}\"", "x".repeat(1000)).as_bytes());
            while answer.next().unwrap().is_some() {}
            assert!(answer.buffer.len() < 2 * COMPACT, "{}", answer.buffer.len());
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_parts(mut cuts in prop::collection::vec(0..ANSWER.len(), 0..12)) {
            cuts.sort_unstable();
            let (parts, answer) = parts(ANSWER, &cuts).unwrap();
            prop_assert_eq!(parts, expected());
            prop_assert_eq!(&answer.columns()[0].name, "a \"rows\":[");
        }
    }
}
