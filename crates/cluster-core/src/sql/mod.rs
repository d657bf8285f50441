//! The seam to databases.
//!
//! A [`Db`] gives [`Session`]s; a session runs [`Statement`]s and returns [`Records`]. There is one implementation per
//! engine on its own driver. Placeholders are `?` everywhere, values are bound and never pasted, and identifiers go in
//! through [`Ident`] alone: a `String` can't become a statement without [`Statement::assert_safe`].

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
mod statement;
mod value;

pub use builder::SqlBuilder;
pub use database::{Capabilities, ConnectOptions, Database, Db, RowStream, Server, Session};
pub use engine::Engine;
pub use from_value::FromValue;
pub use ident::{Ident, TableName};
pub use records::{Column, ColumnRef, Records, Row};
pub use statement::{Statement, sql};
pub use value::Value;
