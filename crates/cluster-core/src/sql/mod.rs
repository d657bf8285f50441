//! The seam to databases.
//!
//! A [`Db`] gives [`Session`]s; a session runs [`Statement`]s and returns [`Records`]. There is one implementation per
//! engine on its own driver. Placeholders are `?` everywhere, values are bound and never pasted, and identifiers go in
//! through [`Ident`] alone: a `String` can't become a statement without [`Statement::assert_safe`].

mod builder;
mod database;
mod engine;
mod ident;
mod placeholder;
mod records;
mod statement;
mod value;

pub use builder::SqlBuilder;
pub use database::{Capabilities, ConnectOptions, Database, Db, RowStream, Server, Session};
pub use engine::Engine;
pub use ident::{Ident, TableName};
pub use records::{Column, Records, Row};
pub use statement::{Statement, sql};
pub use value::Value;
