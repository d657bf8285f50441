//! Rows into a Parquet file and its checksums, on a thread that may block.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use clusterkeep_core::sql::Value;
use clusterkeep_core::{Error, Result, hex};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{BoolType, ByteArrayType, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::checksum::Contents;
use super::column::{Cells, Column};
use super::copied::Copied;
use super::error::{misfit, parquet_error};
use super::kind::{Kind, parquet_schema};
use super::schema::Field;

/// The most bytes of a row group before it is encoded: memory is bounded by a few times this, whatever the size of all.
const GROUP: usize = 16 << 20;
/// How many bytes of the file are handed on at once.
const PIECE: usize = 1 << 20;

/// Rows on their way to the writer.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Rows of values.
    Rows(Vec<Vec<Value>>),
    /// A piece of PostgreSQL's binary copy.
    Copied(Bytes),
    /// All rows have come. Without it they have not, and nothing is finished.
    End,
}

/// A file that was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) contents: Contents,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Takes rows in, and either writes them or only sums them up.
pub(super) struct Writer {
    fields: Vec<Field>,
    columns: Vec<Column>,
    contents: Contents,
    copied: Copied,
    file: Option<SerializedFileWriter<Sink>>,
}

impl Writer {
    /// A writer whose file goes, piece by piece, to `out`; without one it only sums up.
    pub(super) fn new(fields: Vec<Field>, out: Option<mpsc::Sender<Bytes>>) -> Result<Self> {
        let columns = fields.iter().map(|field| Column::new(field.kind)).collect();
        let contents = Contents::none(fields.len());
        let file = match out {
            Some(out) => {
                let schema = parquet_schema(fields.iter().map(|field| (field.name.as_str(), field.kind)))?;
                let file = SerializedFileWriter::new(Sink::new(out), schema, properties(&fields)?);
                Some(file.map_err(|e| parquet_error("begin a file", e))?)
            }
            None => None,
        };
        Ok(Self { fields, columns, contents, copied: Copied::new(), file })
    }

    /// Takes all chunks; it blocks.
    pub(super) fn run(mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<Written> {
        loop {
            match chunks.blocking_recv() {
                Some(Chunk::Rows(rows)) => self.take_rows(rows)?,
                Some(Chunk::Copied(piece)) => self.take_copied(piece)?,
                Some(Chunk::End) if self.copied.is_whole() => return self.finish(),
                Some(Chunk::End) => return Err(Error::failed("a copy ended before its end")),
                None => return Err(Error::failed("the rows ended before their end")),
            }
        }
    }

    fn take_rows(&mut self, rows: Vec<Vec<Value>>) -> Result<()> {
        for row in rows {
            if row.len() != self.columns.len() {
                return Err(Error::failed(format!("a row of {} values came for {}", row.len(), self.columns.len())));
            }
            for ((field, column), value) in self.fields.iter().zip(&mut self.columns).zip(&row) {
                column.push(value).map_err(|why| misfit(&field.name, &field.type_name, why))?;
            }
            if is_full(&self.columns) {
                flush(&mut self.columns, &mut self.contents, self.file.as_mut())?;
            }
        }
        Ok(())
    }

    fn take_copied(&mut self, piece: Bytes) -> Result<()> {
        let Self { fields, columns, contents, copied, file } = self;
        copied.take(piece, fields, columns, |columns| {
            if is_full(columns) { flush(columns, contents, file.as_mut()) } else { Ok(()) }
        })
    }

    fn finish(mut self) -> Result<Written> {
        flush(&mut self.columns, &mut self.contents, self.file.as_mut())?;
        let Some(file) = self.file else {
            return Ok(Written { contents: self.contents, bytes: 0, sha256: String::new() });
        };
        let sink = file.into_inner().map_err(|e| parquet_error("end a file", e))?;
        let (bytes, sha256) = sink.end().map_err(|e| Error::caused("end a file", e))?;
        Ok(Written { contents: self.contents, bytes, sha256 })
    }
}

fn is_full(columns: &[Column]) -> bool {
    columns.iter().map(Column::bytes).sum::<usize>() >= GROUP
}

/// Sums up the rows that are there, writes them as a row group, and forgets them.
fn flush(columns: &mut [Column], contents: &mut Contents, file: Option<&mut SerializedFileWriter<Sink>>) -> Result<()> {
    if columns.first().is_none_or(|column| column.rows() == 0) {
        return Ok(());
    }
    contents.add(columns);
    if let Some(file) = file {
        let failed = |e| parquet_error("write rows", e);
        let mut group = file.next_row_group().map_err(failed)?;
        for column in &*columns {
            let writer = group.next_column().map_err(failed)?;
            let mut writer = writer.ok_or_else(|| Error::failed("a file has fewer columns than its rows"))?;
            write(&mut writer, column).map_err(failed)?;
            writer.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
    }
    columns.iter_mut().for_each(Column::clear);
    Ok(())
}

fn write(writer: &mut SerializedColumnWriter<'_>, column: &Column) -> parquet::errors::Result<usize> {
    let levels = Some(column.levels());
    match column.cells() {
        Cells::Bool(cells) => writer.typed::<BoolType>().write_batch(cells, levels, None),
        Cells::Int32(cells) => writer.typed::<Int32Type>().write_batch(cells, levels, None),
        Cells::Int64(cells) => writer.typed::<Int64Type>().write_batch(cells, levels, None),
        Cells::Double(cells) => writer.typed::<DoubleType>().write_batch(cells, levels, None),
        Cells::Bytes(cells) => writer.typed::<ByteArrayType>().write_batch(cells, levels, None),
        Cells::Fixed(cells) => writer.typed::<FixedLenByteArrayType>().write_batch(cells, levels, None),
    }
}

/// Numbers are packed by what they differ by, floating-point numbers byte by byte; a dictionary of either would cost more
/// than it saves. Text has one for as long as it repeats.
fn properties(fields: &[Field]) -> Result<WriterPropertiesPtr> {
    let level = ZstdLevel::try_new(1).map_err(|e| parquet_error("choose a compression", e))?;
    let mut properties = WriterProperties::builder()
        .set_created_by(super::made_by())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(None);
    for field in fields {
        let path = ColumnPath::new(vec![field.name.clone()]);
        let encoding = match field.kind {
            Kind::Integer | Kind::Unsigned | Kind::Time | Kind::Datetime | Kind::Timestamp | Kind::Date => {
                Encoding::DELTA_BINARY_PACKED
            }
            Kind::Float => Encoding::BYTE_STREAM_SPLIT,
            Kind::Boolean => Encoding::PLAIN,
            Kind::Decimal { .. } | Kind::Uuid => Encoding::PLAIN,
            _ => continue,
        };
        properties = properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    Ok(Arc::new(properties.build()))
}

/// Where the bytes of a file go: hashed, and on to whoever stores them.
struct Sink {
    out: mpsc::Sender<Bytes>,
    piece: BytesMut,
    hash: Sha256,
    bytes: u64,
}

impl Sink {
    fn new(out: mpsc::Sender<Bytes>) -> Self {
        Self { out, piece: BytesMut::new(), hash: Sha256::new(), bytes: 0 }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let piece = self.piece.split().freeze();
        self.hash.update(&piece);
        self.bytes += piece.len() as u64;
        // Whoever stores them says better why it has stopped.
        self.out.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn end(mut self) -> io::Result<(u64, String)> {
        if !self.piece.is_empty() {
            self.hand_on()?;
        }
        Ok((self.bytes, hex::digits(&self.hash.finalize())))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
