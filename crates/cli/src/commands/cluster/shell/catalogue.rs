//! What a database says of its tables and columns, engine by engine.

use clusterkeep_core::sql::{Engine, Statement, TableName, sql};

/// Tables and views that are no system's: `schema` (where there are schemas), `name`, `kind`.
pub(super) fn tables(engine: Engine) -> Statement {
    sql(match engine {
        Engine::Sqlite => {
            "SELECT name, type AS kind FROM sqlite_master \
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        }
        Engine::Cratedb => {
            "SELECT table_schema AS \"schema\", table_name AS name, table_type AS kind FROM information_schema.tables \
             WHERE table_schema NOT IN ('information_schema', 'pg_catalog', 'sys') ORDER BY 1, 2"
        }
        Engine::Mysql => {
            "SELECT table_schema AS `schema`, table_name AS name, table_type AS kind FROM information_schema.tables \
             WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2"
        }
        _ => {
            "SELECT table_schema::text AS schema, table_name::text AS name, table_type::text AS kind \
             FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', 'pg_catalog') \
             ORDER BY 1, 2"
        }
    })
}

/// The columns of a table: `column`, `type`, `nullable`.
pub(super) fn columns(engine: Engine, table: &TableName) -> Statement {
    let name = table.name.as_str();
    let schema = table.schema.as_ref().map(|schema| schema.as_str());
    match (engine, schema) {
        (Engine::Sqlite, _) => {
            sql("SELECT name AS \"column\", type, CASE \"notnull\" WHEN 0 THEN 'yes' ELSE 'no' END \
                                    AS nullable FROM pragma_table_info(?, ?) ORDER BY cid")
            .bind(name)
            .bind(schema.unwrap_or("main"))
        }
        (Engine::Cratedb, _) => {
            let text = "SELECT column_name AS \"column\", data_type AS type, \
                        CASE WHEN is_nullable THEN 'yes' ELSE 'no' END AS nullable FROM information_schema.columns \
                        WHERE table_name = ? AND table_schema = coalesce(?, current_schema) ORDER BY ordinal_position";
            sql(text).bind(name).bind(schema.map(str::to_owned))
        }
        (Engine::Mysql, _) => {
            let text = "SELECT column_name AS `column`, column_type AS type, lower(is_nullable) AS nullable \
                        FROM information_schema.columns WHERE table_name = ? \
                        AND table_schema = coalesce(?, database()) ORDER BY ordinal_position";
            sql(text).bind(name).bind(schema.map(str::to_owned))
        }
        (_, _) => {
            let text = "SELECT column_name::text AS column, data_type::text AS type, lower(is_nullable::text) AS \
                        nullable FROM information_schema.columns WHERE table_name = ? \
                        AND table_schema = coalesce(?, current_schema()::text) ORDER BY ordinal_position";
            sql(text).bind(name).bind(schema.map(str::to_owned))
        }
    }
}

/// All columns for completion: `name` of the table, `column`; at most so many that a line editor stays quick.
pub(super) fn all_columns(engine: Engine) -> Statement {
    sql(match engine {
        Engine::Sqlite => {
            "SELECT m.name AS name, c.name AS \"column\" FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
             WHERE m.type IN ('table', 'view') LIMIT 20000"
        }
        Engine::Mysql => {
            "SELECT table_name AS name, column_name AS `column` FROM information_schema.columns \
             WHERE table_schema NOT IN ('mysql', 'performance_schema', 'sys') LIMIT 20000"
        }
        Engine::Cratedb => {
            "SELECT table_name AS name, column_name AS \"column\" FROM information_schema.columns LIMIT 20000"
        }
        _ => {
            "SELECT table_name::text AS name, column_name::text AS column FROM information_schema.columns \
             WHERE table_schema <> 'pg_catalog' LIMIT 20000"
        }
    })
}
