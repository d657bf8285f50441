//! Reads the other tool's table; what is in it is data and nothing else.

use std::collections::BTreeMap;

use clusterkeep_core::sql::{Db, Engine, Row, SqlBuilder, TableName, Value};
use clusterkeep_core::{Error, ErrorClass, Result};
use schemars::JsonSchema;
use serde::Serialize;

/// A row of the other tool's table, as it stands, with what the catalogue says of its column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Foreign {
    /// Its id.
    pub id: String,
    /// What it does: `delete`, `reallocate` or `snapshot`.
    pub strategy: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The schema of its table.
    pub schema: Option<String>,
    /// The name of its table.
    pub table: Option<String>,
    /// The column that the table is partitioned by.
    pub column: String,
    /// The period in days.
    pub days: Option<i64>,
    /// The type of that column by the catalogue; missing where there is no such column.
    pub column_type: Option<String>,
}

const COLUMNS: [&str; 7] =
    ["id", "strategy", "tags", "table_schema", "table_name", "partition_column", "retention_period"];

/// Reads all rows of `source`, in the order of their tables.
///
/// # Errors
///
/// There is no such table, or it is another one than the other tool's; a database that does not answer.
pub async fn read(db: &Db, source: &TableName) -> Result<Vec<Foreign>> {
    if db.engine() != Engine::Cratedb {
        return Err(Error::input(format!(
            "the policies of CrateDB Toolkit are in CrateDB, and not in {}",
            db.engine()
        ))
        .with_hint("name a CrateDB cluster with --cluster"));
    }
    let mut query = SqlBuilder::new(db.engine());
    query.push("SELECT ").join(", ", COLUMNS, |sql, column| {
        sql.name(column);
    });
    query.push(" FROM ").table(source).push(" ORDER BY ").name("table_schema").push(", ").name("table_name");
    query.push(", ").name("id");
    let records = db.query(query.build()).await.map_err(|error| match error.class() {
        Some(ErrorClass::MissingRelation | ErrorClass::MissingColumn) => Error::Input {
            what: format!("`{source}` holds no policies of CrateDB Toolkit"),
            place: None,
            hint: Some("name its table with --source; by default it is ext.retention_policy".into()),
            source: Some(error.into()),
        },
        _ => error,
    })?;
    let mut rows = records.rows().map(row).collect::<Result<Vec<_>>>()?;
    let mut types: BTreeMap<(String, String, String), Option<String>> = BTreeMap::new();
    for row in &mut rows {
        let (Some(schema), Some(table)) = (&row.schema, &row.table) else { continue };
        let key = (schema.clone(), table.clone(), row.column.clone());
        if !types.contains_key(&key) {
            let found = column_type(db, &key).await?;
            types.insert(key.clone(), found);
        }
        row.column_type = types.get(&key).cloned().flatten();
    }
    Ok(rows)
}

fn row(row: &Row) -> Result<Foreign> {
    let tags: Value = row.get("tags")?;
    let tags = match tags {
        Value::Json(serde_json::Value::Object(tags)) => tags.keys().cloned().collect(),
        _ => Vec::new(),
    };
    Ok(Foreign {
        id: row.get("id")?,
        strategy: row.get("strategy")?,
        tags,
        schema: row.get("table_schema")?,
        table: row.get("table_name")?,
        column: row.get("partition_column")?,
        days: row.get("retention_period")?,
        column_type: None,
    })
}

async fn column_type(db: &Db, (schema, table, column): &(String, String, String)) -> Result<Option<String>> {
    let mut query = SqlBuilder::new(db.engine());
    query.push("SELECT data_type FROM information_schema.columns WHERE table_schema = ").bind(schema.as_str());
    query.push(" AND table_name = ").bind(table.as_str()).push(" AND column_name = ").bind(column.as_str());
    let records = db.query(query.build()).await?;
    records.first().map(|row| row.get("data_type")).transpose()
}
