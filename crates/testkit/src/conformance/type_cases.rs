//! The types of each engine, and what is written and read back in each.

use clusterkeep_core::sql::{Engine, Value};
use serde_json::json;

/// A column of a type, with what is written and what must come back.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The type as a column declares it.
    pub declared: &'static str,
    /// What is written, and what must come back.
    pub pairs: Vec<(Value, Value)>,
}

/// Values that come back as they were written.
fn same(declared: &'static str, values: impl IntoIterator<Item = Value>) -> Case {
    Case { declared, pairs: values.into_iter().map(|value| (value.clone(), value)).collect() }
}

/// Values that come back in another form.
fn other(declared: &'static str, pairs: impl IntoIterator<Item = (Value, Value)>) -> Case {
    Case { declared, pairs: pairs.into_iter().collect() }
}

/// Every type of `engine`.
#[must_use]
pub fn cases(engine: Engine) -> Vec<Case> {
    match engine {
        Engine::Postgres => postgres(),
        Engine::Mysql => mysql(),
        Engine::Cratedb => cratedb(),
        _ => sqlite(),
    }
}

fn ints<const N: usize>(numbers: [i64; N]) -> [Value; N] {
    numbers.map(Value::Int)
}

fn floats<const N: usize>(numbers: [f64; N]) -> [Value; N] {
    numbers.map(Value::Float)
}

/// Text that shows every careless place: quotes of all kinds, placeholders, emoji, text that looks like NULL, 1 MiB.
fn texts(nul: bool) -> Vec<Value> {
    let mut texts: Vec<Value> =
        ["", "NULL", "it's \"quoted\" `so` \\ and \\'", "? $1 :a -- /*", "naïve 🦀 🏳️‍🌈 \u{10ffff}", "a\r\n\tb "]
            .map(Value::from)
            .into();
    texts.push("x€".repeat(1 << 18).into());
    if nul {
        texts.push("a\0b".into());
    }
    texts
}

fn bytes() -> [Value; 3] {
    [Value::Bytes(Vec::new()), Value::Bytes((0..=255).collect()), Value::Bytes(vec![0; 1 << 20])]
}

fn decimals<const N: usize>(numbers: [&str; N]) -> [Value; N] {
    numbers.map(|text| Value::Decimal(text.parse().unwrap()))
}

pub(super) fn at(text: &str) -> Value {
    Value::Timestamp(text.parse().unwrap())
}

fn instants() -> [Value; 4] {
    // An ordinary one with microseconds, the epoch, one before it, and the hour that New York has twice.
    [
        at("2013-07-01T12:34:56.789012Z"),
        at("1970-01-01T00:00:00Z"),
        at("1969-12-31T23:59:59.999999Z"),
        at("2013-11-03T05:30:00Z"),
    ]
}

fn datetime(text: &str) -> Value {
    Value::DateTime(text.parse().unwrap())
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn time(text: &str) -> Value {
    Value::Time(text.parse().unwrap())
}

fn uuid() -> Value {
    Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap())
}

fn documents() -> [Value; 3] {
    [
        Value::Json(json!({"a": [1, null, "x'\"\\", 1.5], "": {"ключ": true}})),
        Value::Json(json!({})),
        Value::Json(json!({"n": 9_007_199_254_740_993_i64})),
    ]
}

fn list(items: impl IntoIterator<Item = impl Into<Value>>) -> Value {
    Value::Array(items.into_iter().map(Into::into).collect())
}

const EXTREMES: [f64; 6] = [0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, -1e-300, 123_456_789.123_456_79];
const NON_FINITE: [f64; 3] = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

fn sqlite() -> Vec<Case> {
    vec![
        same("INTEGER", ints([0, 1, -1, i64::MAX, i64::MIN])),
        same("REAL", floats(EXTREMES)),
        // Whole floats are stored as integers, which have no -0.
        other("REAL", [((-0.0).into(), 0.0.into())]),
        same("REAL", floats([f64::INFINITY, f64::NEG_INFINITY])),
        same("TEXT", texts(true)),
        same("BLOB", bytes()),
        other("BOOLEAN", [(true.into(), 1.into()), (false.into(), 0.into())]),
        other(
            "TEXT",
            [
                (at("2013-07-01T12:34:56.789012Z"), "2013-07-01T12:34:56.789012Z".into()),
                (at("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00.000000Z".into()),
                (datetime("2013-07-01T12:34:56.5"), "2013-07-01T12:34:56.500000".into()),
                (date("2013-07-01"), "2013-07-01".into()),
                (time("12:34:56"), "12:34:56.000000".into()),
                (Value::Decimal("12345678901234567890.10".parse().unwrap()), "12345678901234567890.10".into()),
                (uuid(), "67e55044-10b1-426f-9247-bb680e5fe0c8".into()),
                (Value::Json(json!({"a": 1})), r#"{"a":1}"#.into()),
                (list(["a", "b"]), r#"["a","b"]"#.into()),
            ],
        ),
        // What a column is declared as does not change what a value is.
        same("", [Value::Int(1), "one".into(), 1.5.into(), Value::Bytes(vec![1])]),
    ]
}

fn postgres() -> Vec<Case> {
    vec![
        same("smallint", ints([0, i16::MAX.into(), i16::MIN.into()])),
        same("integer", ints([0, i32::MAX.into(), i32::MIN.into()])),
        same("bigint", ints([0, -1, i64::MAX, i64::MIN])),
        same("oid", ints([0, u32::MAX.into()])),
        same("real", floats([0.5, f32::MAX.into(), f32::MIN_POSITIVE.into()])),
        same("real", floats(NON_FINITE)),
        same("double precision", floats(EXTREMES)),
        same("double precision", floats([-0.0])),
        same("double precision", floats(NON_FINITE)),
        same(
            "numeric",
            decimals([
                "0",
                "0.00",
                "-0.000001",
                "12345678901234567890.1234567890",
                "1e30",
                "-9999.9999",
                "10000",
                "1e-20",
            ]),
        ),
        other(
            "numeric(22,2)",
            [
                (1.into(), decimals(["1.00"])[0].clone()),
                (Value::UInt(u64::MAX), { decimals(["18446744073709551615.00"])[0].clone() }),
            ],
        ),
        same("text", texts(false)),
        same("varchar(10)", ["".into(), "abc".into()]),
        other("char(4)", [("ab".into(), "ab  ".into())]),
        same("name", ["a name".into()]),
        same("bytea", bytes()),
        same("boolean", [true.into(), false.into()]),
        same("timestamptz", instants()),
        same("timestamptz", [at("0001-01-01T00:00:00Z")]),
        same("timestamp", [datetime("2013-07-01T12:34:56.789012"), datetime("1900-01-01T00:00:00")]),
        same("date", [date("2013-07-01"), date("1600-02-29"), date("9999-12-31")]),
        same("time", [time("00:00:00"), time("23:59:59.999999")]),
        same("uuid", [uuid()]),
        same("jsonb", documents()),
        same("jsonb", [Value::Json(json!(null)), Value::Json(json!([1, 2])), Value::Json(json!("text"))]),
        same("json", documents()),
        same("bigint[]", [list([1_i64, i64::MIN]), Value::Array(vec![1.into(), Value::Null])]),
        same("text[]", [list(["a", "NULL", "{\"}", ""]), Value::Array(Vec::new())]),
        same("double precision[]", [list([0.1, f64::INFINITY])]),
        same("boolean[]", [list([true, false])]),
        same("numeric[]", [Value::Array(decimals(["1.5", "-2"]).into())]),
        same("timestamptz[]", [Value::Array(instants().into())]),
        same("jsonb[]", [Value::Array(documents().into())]),
    ]
}

fn mysql() -> Vec<Case> {
    vec![
        same("TINYINT", ints([0, i8::MAX.into(), i8::MIN.into()])),
        same("SMALLINT", ints([i16::MAX.into(), i16::MIN.into()])),
        same("MEDIUMINT", ints([8_388_607, -8_388_608])),
        same("INT", ints([i32::MAX.into(), i32::MIN.into()])),
        same("BIGINT", ints([0, -1, i64::MAX, i64::MIN])),
        same("TINYINT UNSIGNED", ints([0, 255])),
        same("BIGINT UNSIGNED", [0.into(), Value::Int(i64::MAX), Value::UInt(u64::MAX)]),
        same("FLOAT", floats([0.5, -1024.0])),
        same("DOUBLE", floats([0.0, 0.1, f64::MAX, -1e-300, 123_456_789.123_456_79])),
        same("DECIMAL(40,10)", decimals(["0.0000000000", "-0.0000010000", "12345678901234567890.1234567890"])),
        same("LONGTEXT", texts(true)),
        same("VARCHAR(20)", ["".into(), "abc ".into(), "é🦀".into()]),
        same("LONGBLOB", bytes()),
        same("VARBINARY(10)", [Value::Bytes(vec![0, 255]), Value::Bytes(Vec::new())]),
        same("BOOLEAN", [true.into(), false.into()]),
        other("BOOLEAN", [(2.into(), 2.into())]),
        same(
            "TIMESTAMP(6) NULL",
            [at("2013-07-01T12:34:56.789012Z"), at("2013-11-03T05:30:00Z"), at("1970-01-01T00:00:01Z")],
        ),
        same(
            "DATETIME(6)",
            [
                datetime("2013-07-01T12:34:56.789012"),
                datetime("1000-01-01T00:00:00"),
                datetime("9999-12-31T23:59:59.999999"),
            ],
        ),
        same("DATE", [date("2013-07-01"), date("1600-02-29"), date("9999-12-31")]),
        same("TIME(6)", [time("00:00:00"), time("23:59:59.999999")]),
        same("YEAR", ints([1901, 2155])),
        other("BIT(10)", [(Value::Int(0), Value::Int(0)), (Value::Int(1023), Value::Int(1023))]),
        same("ENUM('a', 'b c')", ["a".into(), "b c".into()]),
        same("SET('a', 'b')", ["a,b".into(), "".into()]),
        other("JSON", documents().map(|document| (document.clone(), Value::Text(document.to_string())))),
        other("CHAR(36)", [(uuid(), "67e55044-10b1-426f-9247-bb680e5fe0c8".into())]),
        other("JSON", [(list([1, 2]), "[1,2]".into())]),
    ]
}

fn cratedb() -> Vec<Case> {
    let millis = [at("2013-07-01T12:34:56.789Z"), at("1970-01-01T00:00:00Z"), at("1969-12-31T23:59:59.999Z")];
    vec![
        same("SMALLINT", ints([i16::MAX.into(), i16::MIN.into()])),
        same("INTEGER", ints([i32::MAX.into(), i32::MIN.into()])),
        // The extremes stand for NULL in its columns.
        same("BIGINT", ints([0, -1, i64::MAX - 1, i64::MIN + 1])),
        same("REAL", floats([0.5, -1024.0])),
        same("DOUBLE PRECISION", floats([0.0, 0.1, f64::MAX, -1e-300, 123_456_789.123_456_79])),
        same("DOUBLE PRECISION", floats(NON_FINITE)),
        same("NUMERIC(30,10)", decimals(["12345678901234567890.1234567890", "-0.0000010000"])),
        // A value that is indexed has a length limit, which text that is only stored has not.
        same("TEXT INDEX OFF STORAGE WITH (columnstore = false)", texts(true)),
        same("BOOLEAN", [true.into(), false.into()]),
        same("TIMESTAMP WITH TIME ZONE", millis),
        same("TIMESTAMP WITHOUT TIME ZONE", [datetime("2013-07-01T12:34:56.789"), datetime("1900-01-01T00:00:00")]),
        same("OBJECT(IGNORED)", documents()),
        other("TEXT", [(uuid(), "67e55044-10b1-426f-9247-bb680e5fe0c8".into())]),
        same("UUID", [uuid()]),
        same("IP", ["127.0.0.1".into(), "::1".into()]),
        same(
            "ARRAY(BIGINT)",
            [list([1_i64, i64::MAX - 1]), Value::Array(vec![1.into(), Value::Null]), Value::Array(Vec::new())],
        ),
        same("ARRAY(TEXT)", [list(["a", "NULL", "{\"}", ""])]),
        same("ARRAY(TIMESTAMP WITH TIME ZONE)", [list([chrono::DateTime::UNIX_EPOCH])]),
    ]
}
