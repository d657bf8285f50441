//! PostgreSQL's binary form of `COPY`, put into columns without making values of it.

use bytes::{Buf, Bytes, BytesMut};
use clusterkeep_core::{Error, Result};

use super::column::{Column, unscaled_text};
use super::error::misfit;
use super::kind::Kind;
use super::schema::Field;

/// What a copy begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Microseconds from 1970, where time begins here, to 2000, where it does on PostgreSQL.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAYS: i32 = 10_957;
/// The first and last instant that can be written back, as microseconds since 1970: those of chrono's calendar.
const FIRST_MICROS: i64 = -8_334_601_228_800_000_000;
const LAST_MICROS: i64 = 8_210_266_876_799_999_999;
/// The same as days.
const FIRST_DAY: i32 = -96_465_292;
const LAST_DAY: i32 = 95_026_236;

/// Reads a copy that comes in pieces, which end anywhere.
#[derive(Debug)]
pub(super) struct Copied {
    /// What has come and is no whole row yet.
    rest: Bytes,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Head,
    Rows,
    Ended,
}

impl Copied {
    pub(super) const fn new() -> Self {
        Self { rest: Bytes::new(), state: State::Head }
    }

    /// Takes the next piece; `row` is called for each row that is whole, with the fields to read.
    pub(super) fn take(
        &mut self,
        piece: Bytes,
        fields: &[Field],
        columns: &mut [Column],
        mut after_row: impl FnMut(&mut [Column]) -> Result<()>,
    ) -> Result<()> {
        self.rest = if self.rest.is_empty() {
            piece
        } else {
            let mut joined = BytesMut::with_capacity(self.rest.len() + piece.len());
            joined.extend_from_slice(&self.rest);
            joined.extend_from_slice(&piece);
            joined.freeze()
        };
        if self.state == State::Head && !self.head()? {
            return Ok(());
        }
        while self.state == State::Rows {
            let Some(length) = row_length(&self.rest)? else { break };
            if length == 0 {
                self.state = State::Ended;
                self.rest.advance(2);
                break;
            }
            let mut row = self.rest.split_to(length);
            let count = usize::from(row.get_u16());
            if count != columns.len() {
                return Err(Error::failed(format!("a row of {count} columns came for {}", columns.len())));
            }
            for (field, column) in fields.iter().zip(&mut *columns) {
                let length = row.get_i32();
                let Ok(length) = usize::try_from(length) else {
                    column.push_null();
                    continue;
                };
                let bytes = row.split_to(length);
                push(column, &bytes).map_err(|why| misfit(&field.name, &field.type_name, why))?;
            }
            after_row(columns)?;
        }
        Ok(())
    }

    /// Whether the end has come, and nothing after it; or nothing at all has.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_empty() && self.state != State::Rows
    }

    /// Reads the head; `false` where it is not there yet.
    fn head(&mut self) -> Result<bool> {
        let Some((signature, after)) = self.rest.split_at_checked(SIGNATURE.len()) else { return Ok(false) };
        let Some(mut flags_and_length) = after.get(..8) else { return Ok(false) };
        if signature != SIGNATURE || flags_and_length.get_u32() != 0 {
            return Err(Error::failed("read a binary copy: it does not begin as one"));
        }
        let extension = flags_and_length.get_u32() as usize;
        if after.len() < 8 + extension {
            return Ok(false);
        }
        self.rest.advance(SIGNATURE.len() + 8 + extension);
        self.state = State::Rows;
        Ok(true)
    }
}

/// How many bytes the first row has; 0 where the end has come, nothing where not all of it has.
fn row_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some((mut count, _)) = bytes.split_at_checked(2) else { return Ok(None) };
    let count = count.get_i16();
    if count == -1 {
        return Ok(Some(0));
    }
    let mut at = 2;
    for _ in 0..count {
        let Some(mut length) = bytes.get(at..at + 4) else { return Ok(None) };
        at += 4;
        match length.get_i32() {
            -1 => {}
            length => at += usize::try_from(length).map_err(|e| Error::caused("read a binary copy", e))?,
        }
    }
    Ok((at <= bytes.len()).then_some(at))
}

/// Adds a value of the form that the query gives this kind of column.
fn push(column: &mut Column, bytes: &Bytes) -> Result<(), String> {
    let pushed = match column.kind() {
        Kind::Boolean => fixed(bytes).and_then(|[b]| column.push_bool(b != 0)),
        Kind::Integer => match bytes.len() {
            8 => fixed(bytes).and_then(|b| column.push_i64(i64::from_be_bytes(b))),
            4 => fixed(bytes).and_then(|b| column.push_i64(i32::from_be_bytes(b).into())),
            _ => fixed(bytes).and_then(|b| column.push_i64(i16::from_be_bytes(b).into())),
        },
        Kind::Float => match bytes.len() {
            8 => fixed(bytes).and_then(|b| column.push_f64(f64::from_be_bytes(b))),
            _ => fixed(bytes).and_then(|b| column.push_f64(f32::from_be_bytes(b).into())),
        },
        Kind::Date => fixed(bytes).and_then(|b| {
            let days = i32::from_be_bytes(b).checked_add(EPOCH_DAYS)?;
            (FIRST_DAY..=LAST_DAY).contains(&days).then_some(())?;
            column.push_i32(days)
        }),
        Kind::Time => fixed(bytes).and_then(|b| {
            let micros = i64::from_be_bytes(b);
            (0..86_400_000_000).contains(&micros).then_some(())?;
            column.push_i64(micros)
        }),
        Kind::Datetime | Kind::Timestamp => fixed(bytes).and_then(|b| {
            let micros = i64::from_be_bytes(b).checked_add(EPOCH_MICROS)?;
            (FIRST_MICROS..=LAST_MICROS).contains(&micros).then_some(())?;
            column.push_i64(micros)
        }),
        Kind::Uuid => fixed(bytes).and_then(|b| column.push_fixed(b)),
        Kind::Decimal { precision, scale } => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| unscaled_text(text, precision, scale))
            .and_then(|cell| column.push_fixed(cell)),
        Kind::Bytes => column.push_bytes(bytes.clone()),
        Kind::Number | Kind::Text | Kind::Json | Kind::Literal => {
            if std::str::from_utf8(bytes).is_err() {
                return Err("its text is no UTF-8".to_owned());
            }
            column.push_bytes(bytes.clone())
        }
        Kind::Unsigned | Kind::Any => None,
    };
    pushed.ok_or_else(|| format!("a value of it has no exact form as {:?} in an archive", column.kind()))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use clusterkeep_core::sql::Value;

    use super::*;

    #[test]
    fn limits_are_those_of_the_calendar() {
        assert_eq!(DateTime::<chrono::Utc>::MIN_UTC.timestamp_micros(), FIRST_MICROS);
        assert_eq!(DateTime::<chrono::Utc>::MAX_UTC.timestamp_micros(), LAST_MICROS);
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        assert_eq!(NaiveDate::MIN.signed_duration_since(epoch).num_days(), i64::from(FIRST_DAY));
        assert_eq!(NaiveDate::MAX.signed_duration_since(epoch).num_days(), i64::from(LAST_DAY));
    }

    fn stream() -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0; 8]].concat();
        for (number, text) in [(7_i32, Some("seven")), (8, None), (-9, Some(""))] {
            bytes.extend(2_i16.to_be_bytes());
            bytes.extend(4_i32.to_be_bytes());
            bytes.extend(number.to_be_bytes());
            bytes.extend(text.map_or(-1, |text| i32::try_from(text.len()).unwrap()).to_be_bytes());
            bytes.extend(text.unwrap_or_default().bytes());
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let (stream, fields) = (stream(), [Field::of("n", Kind::Integer), Field::of("t", Kind::Text)]);
        for size in 1..=stream.len() {
            let mut columns = [Column::new(Kind::Integer), Column::new(Kind::Text)];
            let (mut copied, mut rows) = (Copied::new(), 0);
            for piece in stream.chunks(size) {
                let piece = Bytes::copy_from_slice(piece);
                copied
                    .take(piece, &fields, &mut columns, |_| {
                        rows += 1;
                        Ok(())
                    })
                    .unwrap();
            }
            assert!(copied.is_whole());
            assert_eq!(rows, 3);
            assert_eq!(columns[0].values().unwrap(), [Value::Int(7), Value::Int(8), Value::Int(-9)]);
            assert_eq!(columns[1].values().unwrap(), ["seven".into(), Value::Null, "".into()]);
        }
    }

    #[test]
    fn what_is_cut_off_has_not_ended() {
        let stream = stream();
        let fields = [Field::of("n", Kind::Integer), Field::of("t", Kind::Text)];
        let mut copied = Copied::new();
        let mut columns = [Column::new(Kind::Integer), Column::new(Kind::Text)];
        let cut = Bytes::copy_from_slice(&stream[..stream.len() - 2]);
        copied.take(cut, &fields, &mut columns, |_| Ok(())).unwrap();
        assert!(!copied.is_whole());
    }
}
