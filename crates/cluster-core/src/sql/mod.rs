//! The seam to databases.
//!
//! A [`Db`] gives [`Session`]s; a session runs [`Statement`]s and returns [`Records`]. There is one implementation per
//! engine on its own driver. Placeholders are `?` everywhere, values are bound and never pasted, and identifiers go in
//! through [`Ident`] alone: a `String` can't become a statement without [`Statement::assert_safe`].
//!
//! `?` in strings, comments and quoted names is no placeholder; `??` is the operator `?` (PostgreSQL's `jsonb ?? 'key'`).
//!
//! # What the engines do with values
//!
//! A value that an engine can't hold exactly is refused, and one that has no [`Value`] is an error that names its column.
//!
//! | engine | what to know |
//! |---|---|
//! | SQLite | No booleans, instants, decimals, UUIDs or JSON: 0 and 1, and text (instants as RFC 3339 with six digits, so that text order is time order). [`Row::get`] reads them back as what is asked for. NaN is refused. |
//! | PostgreSQL | Parameters have the types of their values: text is `text`, integers are `bigint`, instants `timestamptz`, JSON `jsonb`; write `?::inet` for others. An empty array is one of text. Infinite dates and `numeric` NaN are errors; an interval is read as ISO 8601 text. |
//! | MariaDB, MySQL | Sessions are strict and in UTC. `BOOLEAN` is a number there, read as a boolean where it is 0 or 1. JSON, arrays and UUIDs are text. Infinities, NaN, dates of zeros and times beyond a day are errors. |
//! | CrateDB | Milliseconds: an instant with more digits is refused. No bytes. No transactions, so that [`Session::execute_many`] keeps the rows that did not fail. Queries find what was written after the next refresh. |

mod builder;
mod database;
mod deserialize;
mod engine;
mod from_value;
mod ident;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod insert;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
mod lexer;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
mod placeholder;
mod records;
mod render;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
mod script;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
mod shown;
mod statement;
mod value;

pub use builder::SqlBuilder;
pub use database::{ByteStream, Capabilities, ConnectOptions, Database, Db, RowStream, Server, Session, TokenSource};
pub use engine::Engine;
pub use from_value::FromValue;
pub use ident::{Ident, TableName};
pub use records::{Column, ColumnRef, Records, Row};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "cratedb"))]
pub use script::{Part, statements};
pub use statement::{Statement, sql};
pub use value::Value;
