//! PostgreSQL.
//!
//! Sessions are in UTC and call themselves `clusterkeep`. Values are bound with the type that they have: text as `text`,
//! integers as `bigint`, instants as `timestamptz`, JSON as `jsonb`; NULL takes the type that the server finds. A column
//! of another type takes them by PostgreSQL's own assignment casts, or by a cast in the statement (`?::inet`).
//!
//! `NaN` and infinities of `numeric`, `date` and the timestamps are decoding errors. An `interval` is read as ISO 8601
//! text. What has no form here is told by name; select it as text.

mod decode;
mod encode;
mod error;
mod many;
mod types;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::error::DatabaseError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgQueryResult, PgRow, PgSslMode, PgTypeInfo, PgValueFormat};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    Postgres, Row as _, SqlSafeStr as _, SqlStr, Statement as _, TypeInfo as _, ValueRef as _,
};

use self::encode::Param;
use super::super::ident::Ident;
use super::super::records::Column;
use super::super::value::Value;
use super::super::{Capabilities, ConnectOptions, Database, Engine, Server};
use super::pooled::{Batch, Classified, Driver, Failure, Link, Pieces, Pool, Steps};
use crate::address::{DatabaseUrl, Tls};
use crate::error::{BoxError, Result};

/// The protocol's limit.
const MAX_PARAMS: usize = 65_535;
/// The most that stopping a statement of a session that is gone may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the server that `url` names.
pub(super) async fn connect(url: &DatabaseUrl, options: ConnectOptions) -> Result<Arc<dyn Database>> {
    // The variables of libpq give what the address leaves open, apart from the password: one that was meant for another
    // server must not be sent to this one.
    let mut connect = PgConnectOptions::new_without_pgpass()
        .host(url.host())
        .port(url.port())
        .password(url.password().map_or("", |password| password.expose()))
        .ssl_mode(match url.tls() {
            Tls::Off => PgSslMode::Disable,
            Tls::Prefer => PgSslMode::Prefer,
            Tls::Require => PgSslMode::Require,
            Tls::VerifyCa => PgSslMode::VerifyCa,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        })
        .application_name("clusterkeep")
        .disable_statement_logging();
    if let Some(user) = url.username() {
        connect = connect.username(user);
    }
    let user = connect.get_username().to_owned();
    connect = connect.database(url.database().unwrap_or(&user));
    if let Some(certificates) = url.root_certificates() {
        connect = connect.ssl_root_cert(certificates);
    }
    if let Some(directory) = url.socket() {
        connect = connect.socket(directory);
    }
    let driver = PostgresDriver { address: url.to_string(), connect, setup: setup(url, &options)? };
    Ok(Arc::new(Pool::open(driver, options).await?))
}

/// What is sent first in every session; it returns the number of the server's process.
fn setup(url: &DatabaseUrl, options: &ConnectOptions) -> Result<String> {
    let mut text =
        "SET TIME ZONE 'UTC'; SET standard_conforming_strings = on; SET client_min_messages = warning; ".to_owned();
    if let Some(schema) = url.schema() {
        let schema = Ident::new(schema)?.quoted(Engine::Postgres);
        text.push_str(&format!("SET search_path = {schema}; "));
    }
    if options.read_only {
        text.push_str("SET default_transaction_read_only = on; ");
    }
    if let Some(timeout) = options.idle_in_transaction {
        text.push_str(&format!("SET idle_in_transaction_session_timeout = {}; ", timeout.as_millis()));
    }
    text.push_str("SELECT pg_backend_pid()::text");
    Ok(text)
}

struct PostgresDriver {
    address: String,
    connect: PgConnectOptions,
    setup: String,
}

/// The driver's own options print the password.
impl std::fmt::Debug for PostgresDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresDriver").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Driver for PostgresDriver {
    type Db = Postgres;
    /// The number of the server's process.
    type Stop = String;

    const ENGINE: Engine = Engine::Postgres;
    const BEGIN: &'static str = "BEGIN";
    const VERSION: &'static str = "SHOW server_version";

    fn address(&self) -> &str {
        &self.address
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactions: true,
            transactional_ddl: true,
            schemas: true,
            nul_in_text: false,
            non_finite_floats: true,
            max_params: MAX_PARAMS,
            max_identifier: 63,
        }
    }

    fn server(version: String) -> Server {
        Server { product: "PostgreSQL".into(), version }
    }

    async fn open(&self) -> Result<Link<Self>, sqlx::Error> {
        let mut connection = self.connect.connect().await?;
        let row = connection.fetch_one(AssertSqlSafe(self.setup.as_str()).into_sql_str()).await?;
        let process = row.try_get_unchecked(0)?;
        // Has the server notice within this time that its client is gone; servers before 14, and those on systems that
        // can't tell, do without.
        if connection.server_version_num().is_some_and(|version| version >= 140_000) {
            connection.execute("SET client_connection_check_interval = '5s'").await.ok();
        }
        Ok(Link { connection, stop: process })
    }

    fn stop(&self, process: String) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connect, address) = (self.connect.clone(), self.address.clone());
        runtime.spawn(async move {
            let stopping = async {
                let mut connection = connect.connect().await?;
                sqlx::query("SELECT pg_terminate_backend($1::text::int)")
                    .bind(process)
                    .execute(&mut connection)
                    .await?;
                connection.close().await
            };
            // Without it the server finds out by itself, only later.
            if !matches!(tokio::time::timeout(STOP_TIMEOUT, stopping).await, Ok(Ok(()))) {
                tracing::debug!(address, "could not stop the statement of a session that is gone");
            }
        });
    }

    fn run(
        connection: &mut PgConnection,
        text: SqlStr,
        arguments: Option<PgArguments>,
        keep_prepared: bool,
    ) -> Steps<'_, Self> {
        match arguments {
            Some(arguments) => connection.fetch_many(sqlx::query_with(text, arguments).persistent(keep_prepared)),
            None => connection.fetch_many(text),
        }
    }

    fn changed(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }

    /// The driver finds a prepared statement by its text alone. With the types in it, no value is ever sent to a
    /// statement that was prepared for another type, which would read its bytes as something else.
    fn key<'a>(text: &'a str, values: &[Value]) -> Cow<'a, str> {
        with_types(text, values.iter().map(types::natural))
    }

    fn bind(values: &[Value]) -> Result<PgArguments, BoxError> {
        let mut arguments = PgArguments::default();
        arguments.reserve(values.len(), 16 * values.len());
        for value in values {
            arguments.add(Param { value, oid: types::natural(value) })?;
        }
        Ok(arguments)
    }

    fn describe<'a>(
        connection: &'a mut PgConnection,
        text: SqlStr,
        values: &'a [Value],
    ) -> BoxFuture<'a, Result<Arc<[Column]>, sqlx::Error>> {
        Box::pin(async move {
            let types: Vec<_> = values.iter().map(|value| PgTypeInfo::with_oid(Oid(types::natural(value)))).collect();
            Ok(columns(connection.prepare_with(text, &types).await?.columns()))
        })
    }

    fn columns(row: &PgRow) -> Arc<[Column]> {
        columns(row.columns())
    }

    fn decode(row: &PgRow, index: usize) -> Result<Value, BoxError> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        if raw.format() != PgValueFormat::Binary {
            return Err("it came as text".into());
        }
        decode::decode(&raw.type_info(), raw.as_bytes()?)
    }

    fn run_many<'a>(connection: &'a mut PgConnection, batch: Batch<'a>) -> BoxFuture<'a, Result<u64, Failure>> {
        Box::pin(many::run_many(connection, batch))
    }

    fn copy_out(
        connection: &mut PgConnection,
        query: String,
    ) -> Option<BoxFuture<'_, Result<Pieces<'_>, sqlx::Error>>> {
        Some(Box::pin(async move {
            let text = format!("COPY ({query}\n) TO STDOUT (FORMAT binary)");
            connection.copy_out_raw(&text).await
        }))
    }

    fn classify(error: &dyn DatabaseError) -> Classified {
        error::classify(error)
    }
}

/// The text with the numbers of its parameters' types in a comment.
fn with_types(text: &str, types: impl ExactSizeIterator<Item = u32>) -> Cow<'_, str> {
    if types.len() == 0 {
        return Cow::Borrowed(text);
    }
    let mut typed = String::with_capacity(text.len() + 6 * types.len());
    typed.push_str(text);
    typed.push_str("\n/*");
    for oid in types {
        typed.push_str(&oid.to_string());
        typed.push(' ');
    }
    typed.push_str("*/");
    Cow::Owned(typed)
}

fn columns(columns: &[sqlx::postgres::PgColumn]) -> Arc<[Column]> {
    columns
        .iter()
        .map(|column| Column { name: column.name().to_owned(), type_name: column.type_info().name().to_owned() })
        .collect()
}
