//! Reads the bounds of a range partition as MariaDB and MySQL write them.
//!
//! A closed grammar: the expressions by which tables are partitioned in time, and the literals of their bounds. What is
//! not in it has no bound, and a partition without a known end stays. Nothing is guessed, not even a year of two digits.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use clusterkeep_core::civil;
use clusterkeep_core::sql::Value;

use crate::sql::TimeKind;

/// What `TO_DAYS('1970-01-01')` is.
const DAYS_TO_1970: i64 = 719_528;
const SECONDS_TO_1970: i64 = DAYS_TO_1970 * 86_400;

/// What rows are put into partitions by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The column itself, a whole number.
    Number,
    /// `to_days(column)`.
    Days,
    /// `to_seconds(column)`.
    Seconds,
    /// `unix_timestamp(column)`.
    Unix,
    /// `year(column)`.
    Year,
    /// `year(column) * 100 + month(column)`, or `extract(year_month from column)`.
    YearMonth,
    /// The column, and further ones after it (`RANGE COLUMNS`).
    Columns,
}

/// Where a partition ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// The first instant that is not in it, and the first that can be in the next one.
    At { end: DateTime<Utc>, next: DateTime<Utc> },
    /// `MAXVALUE`: it has no end.
    Max,
    /// It can't be read.
    Unread,
}

impl Key {
    /// What `expression` makes of the column of time; `None` where it is of another one, or not understood.
    pub(super) fn read(method: &str, expression: &str, column: &str) -> Option<Self> {
        let words = words(expression)?;
        let is_column = |word: &str| word.strip_prefix('`').is_some_and(|name| name.eq_ignore_ascii_case(column));
        let words: Vec<&str> =
            words.iter().map(|word| if is_column(word) { "column" } else { word.as_str() }).collect();
        match (method, words.as_slice()) {
            ("RANGE COLUMNS", ["column"] | ["column", ",", ..]) => Some(Self::Columns),
            ("RANGE", ["column"]) => Some(Self::Number),
            ("RANGE", ["to_days", "(", "column", ")"]) => Some(Self::Days),
            ("RANGE", ["to_seconds", "(", "column", ")"]) => Some(Self::Seconds),
            ("RANGE", ["unix_timestamp", "(", "column", ")"]) => Some(Self::Unix),
            ("RANGE", ["year", "(", "column", ")"]) => Some(Self::Year),
            (
                "RANGE",
                ["year", "(", "column", ")", "*", "100", "+", "month", "(", "column", ")"]
                | ["(", "year", "(", "column", ")", "*", "100", ")", "+", "month", "(", "column", ")"]
                | ["extract", "(", "year_month", "from", "column", ")"],
            ) => Some(Self::YearMonth),
            _ => None,
        }
    }

    /// The bound in `VALUES LESS THAN`.
    pub(super) fn bound(self, description: &str, kind: &TimeKind) -> Bound {
        let at = |end: Option<DateTime<Utc>>| end.map_or(Bound::Unread, |end| Bound::At { end, next: end });
        if self == Self::Columns {
            return columns_bound(description, kind);
        }
        if description == "MAXVALUE" {
            return Bound::Max;
        }
        let Ok(number) = description.parse::<i64>() else { return Bound::Unread };
        at(match (self, kind) {
            (Self::Number, TimeKind::Count(_) | TimeKind::Digits(_)) => kind.instant(&Value::Int(number)),
            (Self::Unix, TimeKind::Instant) => DateTime::from_timestamp(number, 0),
            (Self::Days, _) => date(number).and_then(|date| civil_instant(date.into(), kind)),
            (Self::Seconds, _) => number
                .checked_sub(SECONDS_TO_1970)
                .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
                .and_then(|at| civil_instant(at.naive_utc(), kind)),
            (Self::Year, _) => month(number, 1).and_then(|at| civil_instant(at, kind)),
            // 201300 lies before all months of 2013, and 201313 after them.
            (Self::YearMonth, _) => match (number.div_euclid(100), number.rem_euclid(100)) {
                (year, 0) => month(year, 1),
                (year, number @ 1..=12) => month(year, number),
                (year, _) => month(year + 1, 1),
            }
            .and_then(|at| civil_instant(at, kind)),
            _ => None,
        })
    }
}

/// The bound of the first of several columns.
fn columns_bound(description: &str, kind: &TimeKind) -> Bound {
    let Some((first, rest)) = first_literal(description) else { return Bound::Unread };
    // Beside `MAXVALUE` the other columns say nothing of time.
    let Literal::Value(value) = first else { return Bound::Max };
    let Some((next, first_after)) = column_value(&value, kind) else { return Bound::Unread };
    // With a further column, rows of that very value are on either side of the bound.
    let end = if rest.is_empty() { Some(next) } else { first_after };
    end.map_or(Bound::Unread, |end| Bound::At { end, next })
}

enum Literal {
    Max,
    Value(Value),
}

/// The first literal of a list, and what follows its comma.
fn first_literal(list: &str) -> Option<(Literal, &str)> {
    if let Some(rest) = list.strip_prefix("MAXVALUE") {
        return Some((Literal::Max, rest));
    }
    let Some(quoted) = list.strip_prefix('\'') else {
        let (number, rest) = list.split_once(',').unwrap_or((list, ""));
        return Some((Literal::Value(Value::Int(number.parse().ok()?)), rest));
    };
    let (text, rest) = quoted.split_once('\'')?;
    // A quote or an escape within it is no time.
    let plain = !text.contains('\\') && (rest.is_empty() || rest.starts_with(','));
    plain.then(|| (Literal::Value(Value::Text(text.to_owned())), rest))
}

/// The instant that a literal stands for in the column, and the first one that no row of that value is at.
fn column_value(literal: &Value, kind: &TimeKind) -> Option<(DateTime<Utc>, Option<DateTime<Utc>>)> {
    let microsecond_after = |at: DateTime<Utc>| at.checked_add_signed(TimeDelta::microseconds(1));
    match (kind, literal) {
        (TimeKind::Civil(_), Value::Text(text)) => {
            let at = civil_instant(date_time(text)?, kind)?;
            Some((at, microsecond_after(at)))
        }
        (TimeKind::Date(_), Value::Text(text)) => {
            let at = date_time(text).filter(|at| at.time() == NaiveTime::MIN)?;
            Some((
                civil_instant(at, kind)?,
                at.checked_add_days(Days::new(1)).and_then(|next| civil_instant(next, kind)),
            ))
        }
        (TimeKind::Count(count), Value::Int(number)) => {
            Some((count.instant(*number)?, number.checked_add(1).and_then(|next| count.instant(next))))
        }
        // How long what is written lasts is not known: with a further column such a partition stays.
        (TimeKind::Digits(_), Value::Int(_)) | (TimeKind::Text(_), Value::Text(_)) => {
            Some((kind.instant(literal)?, None))
        }
        _ => None,
    }
}

/// A date and time without a zone as an instant of the column; `None` where the column keeps time otherwise.
fn civil_instant(at: NaiveDateTime, kind: &TimeKind) -> Option<DateTime<Utc>> {
    match kind {
        TimeKind::Civil(zone) | TimeKind::Date(zone) => Some(civil::first_instant(*zone, at)),
        _ => None,
    }
}

fn date(days: i64) -> Option<NaiveDate> {
    let since = days.checked_sub(DAYS_TO_1970)?;
    let (epoch, days) = (NaiveDate::default(), Days::new(since.unsigned_abs()));
    if since < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) }
}

fn month(year: i64, month: i64) -> Option<NaiveDateTime> {
    Some(NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, 1)?.into())
}

/// A literal of a time, in its full form alone: the server also takes `13-1-1`, and means another year than it says.
fn date_time(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.split_at_checked(10)?;
    let parsed: NaiveDate = date.parse().ok()?;
    if parsed.to_string() != date {
        return None;
    }
    if time.is_empty() {
        return Some(parsed.into());
    }
    let time = time.strip_prefix([' ', 'T'])?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let well_formed = fraction.len() <= 6 && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let format = if clock.len() == 5 { "%H:%M" } else { "%H:%M:%S" };
    let parsed_time = NaiveTime::parse_from_str(clock, format).ok().filter(|_| well_formed)?;
    if parsed_time.format(format).to_string() != clock {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    parsed.and_time(parsed_time).checked_add_signed(TimeDelta::microseconds(micros))
}

/// The words, names and marks of an expression, in lower case but for names, which begin with a backtick.
fn words(expression: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '`' {
            let mut name = String::from('`');
            let mut chars = rest.char_indices().skip(1).peekable();
            let end = loop {
                match chars.next()? {
                    (_, '`') if chars.next_if(|(_, c)| *c == '`').is_some() => name.push('`'),
                    (at, '`') => break at + 1,
                    (_, c) => name.push(c),
                }
            };
            words.push(name);
            end
        } else {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
            words.push(rest[..end].to_ascii_lowercase());
            end
        };
        rest = rest[length..].trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Format, Meaning};
    use chrono_tz::Europe::Berlin;
    use chrono_tz::UTC;

    fn end(key: Key, text: &str, kind: &TimeKind) -> Option<String> {
        match key.bound(text, kind) {
            Bound::At { end, .. } => Some(end.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Bound::Max => Some("max".to_owned()),
            Bound::Unread => None,
        }
    }

    #[test]
    fn only_expressions_of_the_column_of_time_are_read() {
        let read = |method, expression| Key::read(method, expression, "ts");
        assert_eq!(read("RANGE", "to_days(`ts`)"), Some(Key::Days));
        assert_eq!(read("RANGE", "TO_SECONDS ( `TS` )"), Some(Key::Seconds));
        assert_eq!(read("RANGE", "year(`ts`) * 100 + month(`ts`)"), Some(Key::YearMonth));
        assert_eq!(read("RANGE", "(year(`ts`)*100)+month(`ts`)"), Some(Key::YearMonth));
        assert_eq!(read("RANGE", "extract(year_month from `ts`)"), Some(Key::YearMonth));
        assert_eq!(read("RANGE COLUMNS", "`ts`,`tenant`"), Some(Key::Columns));
        let others = [
            "to_days(`other`)",
            "to_days(`ts`) DIV 7",
            "`ts` DIV 86400",
            "-`ts`",
            "year(`ts`) * 100 + month(`other`)",
            "year(`ts`) * 12 + month(`ts`)",
            "to_days(`ts",
            "`t``s`",
            "ts",
        ];
        for other in others {
            assert_eq!(read("RANGE", other), None, "{other}");
        }
        assert_eq!(read("RANGE COLUMNS", "`tenant`,`ts`"), None, "rows of any time lie in every partition");
        assert_eq!(read("LIST COLUMNS", "`ts`"), None);
        assert_eq!(read("HASH", "to_days(`ts`)"), None);
        assert_eq!(Key::read("RANGE", "to_days(`a``b`)", "a`b"), Some(Key::Days));
    }

    #[test]
    fn case_03_bounds_are_read_by_type_and_never_guessed() {
        let (utc, berlin) = (TimeKind::Civil(UTC), TimeKind::Civil(Berlin));
        let seconds = TimeKind::Count(Meaning::EpochSeconds.count().unwrap());
        let new_year = Some("2013-01-01T00:00:00Z".to_owned());
        assert_eq!(end(Key::Days, "735234", &utc), new_year);
        assert_eq!(end(Key::Days, "735234", &berlin).as_deref(), Some("2012-12-31T23:00:00Z"));
        assert_eq!(end(Key::Seconds, "63524217600", &utc), new_year);
        assert_eq!(end(Key::Unix, "1356998400", &TimeKind::Instant), new_year);
        assert_eq!(end(Key::Number, "1356998400", &seconds), new_year);
        assert_eq!(end(Key::Year, "2013", &TimeKind::Date(UTC)), new_year);
        for number in ["201300", "201301", "201213"] {
            assert_eq!(end(Key::YearMonth, number, &utc), new_year, "{number}");
        }
        for text in ["'2013-01-01'", "'2013-01-01 00:00'", "'2013-01-01T00:00:00.000'"] {
            assert_eq!(end(Key::Columns, text, &utc), new_year, "{text}");
        }
        assert_eq!(end(Key::Columns, "MAXVALUE,5", &utc).as_deref(), Some("max"));
        assert_eq!(end(Key::Unix, "MAXVALUE", &TimeKind::Instant).as_deref(), Some("max"));
        // A year of two digits, digits left out, offsets, what is no literal of a time, and bounds of another type.
        for text in [
            "'13-01-01'",
            "'2013-1-1'",
            "'20130101'",
            "'2013-01-01 00:00:00+01:00'",
            "'2013-02-30'",
            "'2013-01-01 1:00'",
            "'it''s'",
            "_utf8mb4'2013-01-01'",
            "2013",
            "",
        ] {
            assert_eq!(end(Key::Columns, text, &utc), None, "{text}");
        }
        assert_eq!(end(Key::Unix, "1356998400", &utc), None);
        assert_eq!(end(Key::Number, "735234", &utc), None);
        assert_eq!(end(Key::Days, "735234", &TimeKind::Instant), None);
        assert_eq!(end(Key::Days, "9223372036854775807", &utc), None);
    }

    #[test]
    fn case_05_a_further_column_shares_the_last_value() {
        let second = |text: &str, kind: &TimeKind| end(Key::Columns, text, kind);
        assert_eq!(second("'2013-01-01',5", &TimeKind::Civil(UTC)).as_deref(), Some("2013-01-01T00:00:00.000001Z"));
        assert_eq!(second("'2013-01-01',MAXVALUE", &TimeKind::Date(UTC)).as_deref(), Some("2013-01-02T00:00:00Z"));
        let text = TimeKind::Text(Format { format: "%Y-%m".into(), zone: UTC });
        assert_eq!(second("'2013-01'", &text).as_deref(), Some("2013-01-01T00:00:00Z"));
        assert_eq!(second("'2013-01',5", &text), None, "how long a text lasts is not known");
        let Bound::At { next, .. } = Key::Columns.bound("'2013-01-01',5", &TimeKind::Date(UTC)) else { panic!() };
        assert_eq!(next.to_rfc3339(), "2013-01-01T00:00:00+00:00", "where the next one can begin");
    }
}
