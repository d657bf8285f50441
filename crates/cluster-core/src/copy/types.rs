//! Which types can travel from one engine to another, and how.
//!
//! What a driver reads and binds itself goes as it is. What PostgreSQL alone reads as text goes as text and is cast back
//! by it. The rest is refused before anything is changed.

use super::inventory::Column;
use crate::sql::Engine;

/// How a column is read at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// As it is.
    Plain,
    /// As text, by a cast.
    AsText,
    /// From the document as it was written, for CrateDB rounds points where it reads whole columns.
    Document,
    /// As `B'0101'`, which CrateDB writes and does not read: the digits alone go.
    Bits,
}

/// How a column is written at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// As it is.
    Plain,
    /// As text that is cast to this type; many rows at once cast by themselves, unless an array is among them.
    Cast(&'static str),
    /// By a cast to this type of arrays, for an empty one would be of text.
    CastArray(&'static str),
}

/// PostgreSQL's types that the driver carries, as `format_type` writes them without a length.
const POSTGRES: &[&str] = &[
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "text",
    "character varying",
    "character",
    "name",
    "bytea",
    "timestamp with time zone",
    "timestamp without time zone",
    "date",
    "time without time zone",
    "uuid",
    "json",
    "jsonb",
];

/// PostgreSQL's types that go as text.
const POSTGRES_TEXT: &[&str] = &[
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "interval",
    "time with time zone",
    "xml",
    "bit",
    "bit varying",
    "tsvector",
    "tsquery",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
];

/// The arrays of PostgreSQL that the driver carries; an empty one is of text, unless it is cast.
const POSTGRES_ARRAYS: &[(&str, &str)] = &[
    ("boolean[]", "boolean[]"),
    ("smallint[]", "smallint[]"),
    ("integer[]", "integer[]"),
    ("bigint[]", "bigint[]"),
    ("real[]", "real[]"),
    ("double precision[]", "double precision[]"),
    ("numeric[]", "numeric[]"),
    ("text[]", "text[]"),
    ("character varying[]", "character varying[]"),
    ("bytea[]", "bytea[]"),
    ("timestamp with time zone[]", "timestamp with time zone[]"),
    ("timestamp without time zone[]", "timestamp without time zone[]"),
    ("date[]", "date[]"),
    ("time without time zone[]", "time without time zone[]"),
    ("uuid[]", "uuid[]"),
    ("jsonb[]", "jsonb[]"),
];

/// Types that CrateDB keeps and the driver carries.
const CRATEDB: &[&str] = &[
    "boolean",
    "byte",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "text",
    "character",
    "character varying",
    "ip",
    "timestamp with time zone",
    "timestamp without time zone",
    "object",
    "geo_point",
    "geo_shape",
    "float_vector",
    "uuid",
];

/// Types of MariaDB and MySQL that no driver here carries.
const MYSQL_REFUSED: &[&str] = &[
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "vector",
];

/// How `column` is read; `None` where it can't be.
pub(super) fn read(engine: Engine, column: &Column) -> Option<Read> {
    let name = column.type_name.as_str();
    match engine {
        Engine::Sqlite => Some(Read::Plain),
        Engine::Mysql => (!MYSQL_REFUSED.contains(&name)).then_some(Read::Plain),
        Engine::Cratedb if name == "bit" => Some(Read::Bits),
        Engine::Cratedb if name == "geo_point" => Some(Read::Document),
        Engine::Cratedb => CRATEDB.contains(&element(name)).then_some(Read::Plain),
        Engine::Postgres if POSTGRES.contains(&name) || array(name).is_some() => Some(Read::Plain),
        Engine::Postgres => (POSTGRES_TEXT.contains(&name)).then_some(Read::AsText),
    }
}

/// How `column` is written; `None` where it can't be.
pub(super) fn write(engine: Engine, column: &Column) -> Option<Write> {
    let name = column.type_name.as_str();
    match engine {
        Engine::Sqlite => Some(Write::Plain),
        Engine::Mysql => (!MYSQL_REFUSED.contains(&name)).then_some(Write::Plain),
        Engine::Cratedb => (name == "bit" || CRATEDB.contains(&element(name))).then_some(Write::Plain),
        Engine::Postgres if POSTGRES.contains(&name) => Some(Write::Plain),
        Engine::Postgres => {
            let text = POSTGRES_TEXT.iter().find(|known| **known == name);
            // Without its length `bit` is a single one.
            let text = text.map(|known| if *known == "bit" { "bit varying" } else { *known });
            text.map(Write::Cast).or_else(|| array(name).map(Write::CastArray))
        }
    }
}

/// Whether values read from `source` have no form at `target`.
pub(super) fn is_lost(source: (Engine, &Column), target: (Engine, &Column)) -> bool {
    let bytes = match source.0 {
        Engine::Postgres => source.1.type_name.starts_with("bytea"),
        Engine::Mysql => source.1.type_name.ends_with("blob") || source.1.type_name.ends_with("binary"),
        Engine::Sqlite | Engine::Cratedb => false,
    };
    bytes && target.0 == Engine::Cratedb
}

fn array(name: &str) -> Option<&'static str> {
    POSTGRES_ARRAYS.iter().find(|(known, _)| *known == name).map(|(_, cast)| *cast)
}

/// What an array of CrateDB is of, whatever its depth.
fn element(name: &str) -> &str {
    let mut name = name;
    while let Some(inner) = name.strip_suffix("_array") {
        name = inner;
    }
    name
}

/// The word in a CrateDB expression by which it gives another value each time; `None` where it gives the same.
pub(super) fn volatile(expression: &str) -> Option<&'static str> {
    const WORDS: &[&str] = &[
        "current_timestamp",
        "current_date",
        "current_time",
        "curdate",
        "now",
        "random",
        "gen_random_text_uuid",
        "gen_random_uuid",
        "current_user",
        "session_user",
        "current_schema",
        "localtimestamp",
        "localtime",
    ];
    let lower = expression.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.find_map(|word| WORDS.iter().find(|volatile| **volatile == word).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Ident;

    fn column(type_name: &str) -> Column {
        Column { name: Ident::literal("c"), type_name: type_name.to_owned(), generated: None }
    }

    #[test]
    fn what_travels_is_known_by_its_type() {
        assert_eq!(read(Engine::Postgres, &column("inet")), Some(Read::AsText));
        assert_eq!(write(Engine::Postgres, &column("integer[]")), Some(Write::CastArray("integer[]")));
        assert_eq!(read(Engine::Postgres, &column("hstore")), None);
        assert_eq!(read(Engine::Cratedb, &column("object_array_array")), Some(Read::Plain));
        assert_eq!(read(Engine::Cratedb, &column("regclass")), None);
        assert!(is_lost((Engine::Mysql, &column("longblob")), (Engine::Cratedb, &column("text"))));
    }

    #[test]
    fn expressions_that_change_are_seen() {
        assert_eq!(volatile("date_trunc('day', NOW())"), Some("now"));
        assert_eq!(volatile("date_trunc('day', known)"), None);
    }
}
