//! MariaDB and MySQL.
//!
//! Sessions are in UTC, in `utf8mb4`, and strict: what does not fit a column is an error, and no setting of the server
//! changes what quotes and `||` mean. `BOOLEAN` is `TINYINT(1)` on these servers: 0 and 1 are read as booleans, other
//! numbers as they are. UUIDs, JSON and arrays are bound as text. A count of changed rows is of those that a condition
//! found; `ON DUPLICATE KEY UPDATE` counts two for a row that it changed.
//!
//! Dates of zeros, and a `TIME` that is not within one day, are decoding errors.

mod error;
mod value;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlArguments, MySqlColumn, MySqlConnectOptions, MySqlQueryResult, MySqlRow, MySqlSslMode};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, MySql,
    MySqlConnection, Row as _, SqlSafeStr as _, SqlStr, Statement as _,
};

use super::super::records::Column;
use super::super::value::Value;
use super::super::{Capabilities, ConnectOptions, Database, Engine, Server};
use super::pooled::{Batch, Classified, Driver, Failure, Link, Pool, Steps, insert_rows};
use crate::address::{DatabaseUrl, Tls};
use crate::error::{BoxError, Result};

/// The protocol's limit.
const MAX_PARAMS: usize = 65_535;
/// The most that stopping a statement of a session that is gone may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What every session is set to: strict for every table, 0 is 0, and nothing that changes what a statement means.
const SETUP: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
    ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO'";

/// Connects to the server that `url` names.
pub(super) async fn connect(url: &DatabaseUrl, options: ConnectOptions) -> Result<Arc<dyn Database>> {
    let mut connect = MySqlConnectOptions::new()
        .host(url.host())
        .port(url.port())
        .ssl_mode(match url.tls() {
            Tls::Off => MySqlSslMode::Disabled,
            Tls::Prefer => MySqlSslMode::Preferred,
            Tls::Require => MySqlSslMode::Required,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging();
    if let Some(user) = url.username() {
        connect = connect.username(user);
    }
    if let Some(password) = url.password() {
        connect = connect.password(password.expose());
    }
    if let Some(database) = url.database() {
        connect = connect.database(database);
    }
    if let Some(certificates) = url.root_certificates() {
        connect = connect.ssl_ca(certificates);
    }
    if let Some(socket) = url.socket() {
        connect = connect.socket(socket);
    }
    let driver = MysqlDriver { address: url.to_string(), connect, read_only: options.read_only };
    Ok(Arc::new(Pool::open(driver, options).await?))
}

struct MysqlDriver {
    address: String,
    connect: MySqlConnectOptions,
    read_only: bool,
}

/// The driver's own options print the password.
impl std::fmt::Debug for MysqlDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MysqlDriver").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Driver for MysqlDriver {
    type Db = MySql;
    /// The number of the connection.
    type Stop = u64;

    const ENGINE: Engine = Engine::Mysql;
    const BEGIN: &'static str = "START TRANSACTION";
    const VERSION: &'static str = "SELECT VERSION()";

    fn address(&self) -> &str {
        &self.address
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactions: true,
            transactional_ddl: false,
            schemas: false,
            nul_in_text: true,
            non_finite_floats: false,
            max_params: MAX_PARAMS,
            max_identifier: 64,
        }
    }

    fn server(version: String) -> Server {
        let product = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
        Server { product: product.into(), version }
    }

    async fn open(&self) -> Result<Link<Self>, sqlx::Error> {
        let mut connection = self.connect.connect().await?;
        connection.execute(SETUP).await?;
        if self.read_only {
            connection.execute("SET SESSION TRANSACTION READ ONLY").await?;
        }
        let number = connection.fetch_one(sqlx::query("SELECT CONNECTION_ID()")).await?.try_get_unchecked(0)?;
        Ok(Link { connection, stop: number })
    }

    fn stop(&self, connection: u64) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connect, address) = (self.connect.clone(), self.address.clone());
        runtime.spawn(async move {
            let stopping = async {
                let mut own = connect.connect().await?;
                // KILL takes no parameter; the number is one.
                own.execute(AssertSqlSafe(format!("KILL {connection}")).into_sql_str()).await?;
                own.close().await
            };
            // Without it the server goes on to the end of the statement, and then notices that nobody listens.
            if !matches!(tokio::time::timeout(STOP_TIMEOUT, stopping).await, Ok(Ok(()))) {
                tracing::debug!(address, connection, "could not stop the statement of a session that is gone");
            }
        });
    }

    fn run(
        connection: &mut MySqlConnection,
        text: SqlStr,
        arguments: Option<MySqlArguments>,
        _keep_prepared: bool,
    ) -> Steps<'_, Self> {
        match arguments {
            // Each is kept, up to the 100 that the driver remembers. What is not kept is closed after its use, by a
            // message that has no answer; the driver leaves Nagle's algorithm on, which then holds the next statement
            // back until the server has acknowledged that one, some 40 ms later.
            Some(arguments) => connection.fetch_many(sqlx::query_with(text, arguments).persistent(true)),
            None => connection.fetch_many(text),
        }
    }

    fn changed(result: &MySqlQueryResult) -> u64 {
        result.rows_affected()
    }

    fn bind(values: &[Value]) -> Result<MySqlArguments, BoxError> {
        let mut arguments = MySqlArguments::default();
        arguments.reserve(values.len(), 16 * values.len());
        values.iter().try_for_each(|value| value::bind(&mut arguments, value))?;
        Ok(arguments)
    }

    fn describe<'a>(
        connection: &'a mut MySqlConnection,
        text: SqlStr,
        _: &'a [Value],
    ) -> BoxFuture<'a, Result<Arc<[Column]>, sqlx::Error>> {
        Box::pin(async move { Ok(columns(connection.prepare(text).await?.columns())) })
    }

    fn columns(row: &MySqlRow) -> Arc<[Column]> {
        columns(row.columns())
    }

    fn decode(row: &MySqlRow, index: usize) -> Result<Value, BoxError> {
        value::decode(row.try_get_raw(index)?)
    }

    fn run_many<'a>(connection: &'a mut MySqlConnection, batch: Batch<'a>) -> BoxFuture<'a, Result<u64, Failure>> {
        insert_rows::<Self>(connection, batch, MAX_PARAMS)
    }

    fn refuses_to_prepare(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(error::is_unpreparable)
    }

    fn classify(error: &dyn DatabaseError) -> Classified {
        error::classify(error)
    }
}

fn columns(columns: &[MySqlColumn]) -> Arc<[Column]> {
    columns
        .iter()
        .map(|column| Column { name: column.name().to_owned(), type_name: value::type_name(column.type_info()) })
        .collect()
}
