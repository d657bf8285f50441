//! Rows and bytes of the raw table and of each rollup, before and after.

use clusterkeep_core::Result;
use clusterkeep_core::error::ErrorClass;
use clusterkeep_core::sql::{Db, SqlBuilder, TableName, sql};
use clusterkeep_retention::text::{grouped, size};

use super::prepare::Weather;
use crate::report::TableSize;

/// How large the tables of the policy are now; one that is not there has no size.
pub(super) async fn of(weather: &Weather) -> Result<Vec<TableSize>> {
    let policies = &weather.manifest.tables;
    let rollups = policies.iter().flat_map(|policy| policy.rollups().map(|rollup| &rollup.target));
    let mut sizes = Vec::new();
    for table in policies.iter().filter_map(|policy| policy.table.as_ref()).chain(rollups) {
        let (rows_before, bytes_before) = measure(&weather.db, table).await?.unzip();
        let bytes_before = bytes_before.flatten();
        sizes.push(TableSize { table: table.clone(), rows_before, rows_after: None, bytes_before, bytes_after: None });
    }
    Ok(sizes)
}

/// The same tables, with what they are now.
pub(super) async fn after(before: Vec<TableSize>, weather: &Weather) -> Result<Vec<TableSize>> {
    let mut sizes = Vec::with_capacity(before.len());
    for mut table in before {
        let (rows, bytes) = measure(&weather.db, &table.table).await?.unzip();
        (table.rows_after, table.bytes_after) = (rows, bytes.flatten());
        sizes.push(table);
    }
    Ok(sizes)
}

async fn measure(db: &Db, table: &TableName) -> Result<Option<(u64, Option<u64>)>> {
    let mut count = SqlBuilder::new(db.engine());
    count.push("SELECT count(*) AS n FROM ").table(table);
    let rows = match db.query(count.build()).await {
        Ok(records) => records.scalar()?,
        Err(e) if e.class() == Some(ErrorClass::MissingRelation) => return Ok(None),
        Err(e) => return Err(e),
    };
    let pages = sql("SELECT sum(pgsize) AS bytes FROM dbstat WHERE aggregate = TRUE AND name = ?");
    let bytes = db.query(pages.bind(table.name.as_str())).await?.scalar::<Option<u64>>()?;
    Ok(Some((rows, bytes)))
}

/// As a table for people.
pub(super) fn table(sizes: &[TableSize]) -> String {
    let count = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), grouped);
    let bytes = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), size);
    let width = sizes.iter().map(|table| table.table.to_string().chars().count()).max().unwrap_or(0);
    let mut text = format!("  {:width$}  {:>23}  {:>25}\n", "table", "rows before -> after", "size before -> after");
    for table in sizes {
        let name = table.table.to_string();
        let (rows, then) = (count(table.rows_before), count(table.rows_after));
        let (large, small) = (bytes(table.bytes_before), bytes(table.bytes_after));
        text.push_str(&format!("  {name:width$}  {rows:>10} -> {then:>9}  {large:>11} -> {small:>10}\n"));
    }
    text
}
