//! Rows on their way: read in batches on one side while the batch before is written on the other.

use futures::TryStreamExt;
use tokio::sync::mpsc;

use super::inventory::{Column, Inventory, Source};
use super::types::{self, Read, Write};
use crate::error::{Error, ErrorClass, Result};
use crate::sql::{Engine, Records, Row, Session, SqlBuilder, Statement, TableName, Value};

/// The most bytes of a batch, about.
const MOST_BYTES: usize = 8 << 20;

/// How many batches wait to be written at most.
const AHEAD: usize = 1;

/// How rows of one table get from here to there.
#[derive(Debug)]
pub(super) struct Route {
    engine: Engine,
    /// The query, and the same as a cursor for CrateDB.
    select: Statement,
    cursor: Statement,
    fetch: Statement,
    insert: Statement,
    /// The columns of which the digits alone go.
    bits: Vec<usize>,
    batch: usize,
}

impl Route {
    /// The route of `table` into `into`; none where the table has no column that could be written to.
    pub(super) fn of(inventory: &Inventory, table: &Source, into: &TableName, batch: usize) -> Result<Option<Self>> {
        let (from, to) = (inventory.source.engine, inventory.target.engine);
        let columns = table.target.as_ref().map_or(&table.columns, |target| &target.columns);
        let mut pairs: Vec<(&Column, Read, Write)> = Vec::with_capacity(columns.len());
        for column in columns.iter().filter(|column| column.generated.is_none()) {
            let lost = || Error::failed(format!("column `{}` of `{}` can't travel", column.name, table.table));
            let source = table.columns.iter().find(|source| source.name == column.name).ok_or_else(lost)?;
            let (read, write) = types::read(from, source).zip(types::write(to, column)).ok_or_else(lost)?;
            pairs.push((column, read, write));
        }
        if pairs.is_empty() {
            return Ok(None);
        }
        let mut insert = SqlBuilder::new(to);
        insert.push("INSERT INTO ").table(into).push(" (");
        insert.join(", ", &pairs, |sql, (column, ..)| {
            sql.ident(&column.name);
        });
        insert.push(") ");
        if to == Engine::Postgres {
            insert.push("OVERRIDING SYSTEM VALUE ");
        }
        let row_by_row = pairs.iter().any(|(.., write)| matches!(write, Write::CastArray(_)));
        insert.push("VALUES (");
        insert.join(", ", &pairs, |sql, (.., write)| match write {
            Write::CastArray(to) => {
                sql.push("CAST(? AS ").push(to).push(")");
            }
            Write::Cast(to) if row_by_row => {
                sql.push("CAST(? AS ").push(to).push(")");
            }
            Write::Plain | Write::Cast(_) => {
                sql.push("?");
            }
        });
        insert.push(")");
        let is_bits = |(_, pair): &(usize, &(&Column, Read, Write))| pair.1 == Read::Bits;
        let bits = pairs.iter().enumerate().filter(is_bits).map(|(at, _)| at).collect();
        let select = select(from, &table.table, &pairs);
        let cursor = format!("DECLARE clusterkeep_copy NO SCROLL CURSOR WITH HOLD FOR {}", select.text());
        let cursor = Statement::assert_safe(cursor);
        let mut fetch = SqlBuilder::new(from);
        fetch.push("FETCH FORWARD ").number(i64::try_from(batch).unwrap_or(1)).push(" FROM clusterkeep_copy");
        Ok(Some(Self { engine: from, select, cursor, fetch: fetch.build(), insert: insert.build(), bits, batch }))
    }

    /// Carries all rows; returns how many. `progress` is told how many were written.
    pub(super) async fn carry(
        &self,
        source: &mut dyn Session,
        target: &mut dyn Session,
        progress: impl Fn(u64),
    ) -> Result<u64> {
        let (send, mut receive) = mpsc::channel::<Vec<Vec<Value>>>(AHEAD);
        let read = async {
            if self.engine == Engine::Cratedb {
                self.fetch_all(source, send).await
            } else {
                self.read_all(source, send).await
            }
        };
        let write = async {
            // Moved in, so that a failure here ends the reading, too.
            let receive = &mut receive;
            let mut written = 0;
            while let Some(rows) = receive.recv().await {
                if let Err(error) = target.execute_many(&self.insert, &rows).await {
                    receive.close();
                    return Err(error);
                }
                written += rows.len() as u64;
                progress(written);
            }
            Ok(written)
        };
        let (read, written) = tokio::join!(read, write);
        // What the writer says comes first: the reader only stopped because of it.
        let written = written?;
        read?;
        Ok(written)
    }

    /// The values as they are written.
    fn row(&self, row: Row) -> Vec<Value> {
        let mut values = row.into_values();
        for at in &self.bits {
            if let Some(Value::Text(text)) = values.get_mut(*at) {
                text.retain(|c| c.is_ascii_digit());
            }
        }
        values
    }

    async fn read_all(&self, source: &mut dyn Session, send: mpsc::Sender<Vec<Vec<Value>>>) -> Result<()> {
        let mut rows = source.stream(&self.select).await?;
        let (mut batch, mut bytes) = (Vec::with_capacity(self.batch), 0);
        while let Some(row) = rows.try_next().await? {
            let row = self.row(row);
            bytes += row.iter().map(size).sum::<usize>();
            batch.push(row);
            if batch.len() >= self.batch || bytes >= MOST_BYTES {
                bytes = 0;
                let full = std::mem::replace(&mut batch, Vec::with_capacity(self.batch));
                if send.send(full).await.is_err() {
                    return Ok(());
                }
            }
        }
        if !batch.is_empty() {
            drop(send.send(batch).await);
        }
        Ok(())
    }

    /// CrateDB makes a result as a whole before it sends it: a cursor keeps that small.
    async fn fetch_all(&self, source: &mut dyn Session, send: mpsc::Sender<Vec<Vec<Value>>>) -> Result<()> {
        match source.execute(&self.cursor).await {
            Ok(_) => {}
            // A server that knows no cursors yet.
            Err(error) if matches!(error.class(), Some(ErrorClass::Syntax | ErrorClass::Unsupported)) => {
                return self.read_all(source, send).await;
            }
            Err(error) => return Err(error),
        }
        loop {
            let records: Records = source.query(&self.fetch).await?;
            if records.is_empty() {
                return Ok(());
            }
            let rows = records.into_iter().map(|row| self.row(row)).collect();
            if send.send(rows).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The query of all rows.
fn select(engine: Engine, table: &TableName, columns: &[(&Column, Read, Write)]) -> Statement {
    let expression = |(column, read, _): &(&Column, Read, Write)| {
        let name = column.name.quoted(engine);
        match read {
            Read::Plain | Read::Bits => name,
            Read::AsText => format!("CAST({name} AS text)"),
            Read::Document => format!("_doc['{}']", column.name.as_str().replace('\'', "''")),
        }
    };
    let columns: Vec<String> = columns.iter().map(expression).collect();
    let mut from = SqlBuilder::new(engine);
    from.table(table);
    // Names in quotes, and nothing else that is not written here.
    Statement::assert_safe(format!("SELECT {} FROM {}", columns.join(", "), from.build().text()))
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() + 24,
        Value::Bytes(bytes) => bytes.len() + 24,
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 24,
        Value::Json(json) => json.to_string().len() + 24,
        _ => 24,
    }
}
