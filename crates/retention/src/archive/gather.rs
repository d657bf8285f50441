//! Rows from a database to the writer.

use bytes::Bytes;
use clusterkeep_core::sql::{Engine, Session, Statement, TableName, Value};
use clusterkeep_core::{Error, Result};
use futures::TryStreamExt as _;
use tokio::sync::mpsc;

use super::checksum::Contents;
use super::error::lost;
use super::manifest::{ArchivedColumn, Manifest};
use super::part::Part;
use super::schema::{self, Field};
use super::store::Upload;
use super::writer::{Chunk, Writer, Written};

/// How many chunks may wait for the writer, and how many pieces of a file to be stored.
const WAITING: usize = 8;
/// The most rows, and about the most bytes, of a chunk.
const ROWS: usize = 1_024;
const BYTES: usize = 1 << 20;

/// Sums up the rows of a part.
pub(super) async fn sum_up(session: &mut dyn Session, part: &Part, fields: Vec<Field>) -> Result<Contents> {
    let query = part.select(session.engine(), &fields)?;
    let writer = Writer::new(fields, None)?;
    let (chunks, taken) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || writer.run(taken));
    let fed = feed(session, &query, chunks).await;
    let written = writing.await.map_err(|e| lost("sum rows up", e))?;
    // Where the database failed, the writer says no more than that rows are missing.
    fed?;
    Ok(written?.contents)
}

/// Writes the rows of a part to `upload`, and ends or gives it up.
pub(super) async fn write(
    session: &mut dyn Session,
    part: &Part,
    fields: Vec<Field>,
    mut upload: Upload,
) -> Result<Written> {
    let query = part.select(session.engine(), &fields)?;
    let (pieces, mut stored) = mpsc::channel::<Bytes>(WAITING);
    let writer = Writer::new(fields, Some(pieces))?;
    let (chunks, taken) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || writer.run(taken));
    let store = async {
        // Moved in, so that the writer stops where storing fails.
        let stored = &mut stored;
        while let Some(piece) = stored.recv().await {
            if let Err(error) = upload.write(piece).await {
                stored.close();
                // What waits is dropped, so that the writer is not held up.
                while stored.recv().await.is_some() {}
                return Err(error);
            }
        }
        Ok(())
    };
    let (fed, stored) = tokio::join!(feed(session, &query, chunks), store);
    let written = writing.await.map_err(|e| lost("write rows", e))?;
    // The first of these has made the others fail.
    match fed.and(stored).and(written) {
        Ok(written) => upload.finish().await.map(|()| written),
        Err(error) => {
            upload.abort().await;
            Err(error)
        }
    }
}

/// Reads all rows; where the writer has gone, its own error says why.
async fn feed(session: &mut dyn Session, query: &Statement, chunks: mpsc::Sender<Chunk>) -> Result<()> {
    if session.engine() == Engine::Postgres {
        let mut pieces = session.copy_out(query).await?;
        while let Some(piece) = pieces.try_next().await? {
            if chunks.send(Chunk::Copied(piece)).await.is_err() {
                return Ok(());
            }
        }
    } else {
        let mut rows = session.stream(query).await?;
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            let row = row.into_values();
            bytes += row.iter().map(size).sum::<usize>();
            chunk.push(row);
            if chunk.len() >= ROWS || bytes >= BYTES {
                bytes = 0;
                if chunks.send(Chunk::Rows(std::mem::take(&mut chunk))).await.is_err() {
                    return Ok(());
                }
            }
        }
        if chunks.send(Chunk::Rows(chunk)).await.is_err() {
            return Ok(());
        }
    }
    // Where nobody takes it, the writer says why.
    drop(chunks.send(Chunk::End).await);
    Ok(())
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() + 32,
        Value::Bytes(bytes) => bytes.len() + 32,
        _ => 32,
    }
}

/// The columns of `table` that an archive has, in the archive's order.
///
/// # Errors
///
/// A table whose columns are not those of the archive.
pub(super) async fn fields_of(
    session: &mut dyn Session,
    table: &TableName,
    columns: &[ArchivedColumn],
) -> Result<Vec<Field>> {
    let mut found = schema::describe(session, table).await?;
    let misfit = |why: String| Error::refused(format!("`{table}` is not as it was when it was archived: {why}"));
    let mut fields = Vec::with_capacity(columns.len());
    for column in columns {
        let at = found.iter().position(|field| field.name == column.name);
        let mut field = found.swap_remove(at.ok_or_else(|| misfit(format!("it has no column `{}`", column.name)))?);
        if field.type_name != column.declared {
            let (name, was, is) = (&column.name, &column.declared, &field.type_name);
            return Err(misfit(format!("column `{name}` was {was} and is {is}")));
        }
        if session.engine() == Engine::Sqlite {
            field.kind = column.kind;
        } else if field.kind != column.kind {
            return Err(misfit(format!("column `{}` is kept as {:?} by now", column.name, field.kind)));
        }
        fields.push(field);
    }
    match found.first() {
        Some(field) => Err(misfit(format!("column `{}` has come", field.name))),
        None => Ok(fields),
    }
}

/// Sees that a part of a table holds exactly the rows that an archive has.
///
/// What removes rows asks this in the transaction that removes them, so that nothing can slip in between. On PostgreSQL it
/// must be one: how values look as text is set for it. It does not look at the archive itself: see
/// [`verify`](super::verify).
///
/// # Errors
///
/// [`Error::Drifted`] where rows came, went or changed, or the columns are others; what the database says.
pub async fn still_holds(session: &mut dyn Session, part: &Part, manifest: &Manifest) -> Result<()> {
    let drifted = |what: String| Error::Drifted { what, hint: Some("archive it again".to_owned()) };
    schema::prepare(session).await?;
    let fields = match fields_of(session, part.relation(), &manifest.columns).await {
        Err(Error::Refused { what, .. }) => return Err(drifted(what)),
        fields => fields?,
    };
    let contents = match sum_up(session, part, fields).await {
        // A value of another storage class than all that were archived (SQLite).
        Err(Error::Decode { column, .. }) if session.engine() == Engine::Sqlite => {
            return Err(drifted(format!("column `{column}` of `{}` has values of another type by now", part.table())));
        }
        contents => contents?,
    };
    match manifest.difference(&contents) {
        Some(difference) => {
            Err(drifted(format!("`{}` is not what `{}` holds: {difference}", part.table(), manifest.name)))
        }
        None => Ok(()),
    }
}
