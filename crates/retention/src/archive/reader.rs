//! Rows out of a Parquet file.

use std::fs::File;

use clusterkeep_core::{Error, Result};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::checksum::Contents;
use super::column::{Cells, Column};
use super::error::parquet_error;
use super::kind::parquet_schema;
use super::manifest::ArchivedColumn;

/// The most rows of a batch. How many bytes that can be is bounded by the writer, which ends a row group early.
const BATCH: usize = 8_192;

/// Reads a file batch by batch; it blocks.
pub(super) struct Reader {
    file: SerializedFileReader<File>,
    next_group: usize,
    readers: Vec<ColumnReader>,
    /// How many rows of the open row group are still to come.
    left: usize,
    columns: Vec<Column>,
}

impl Reader {
    /// Opens a file that must have these columns.
    pub(super) fn open(file: File, columns: &[ArchivedColumn]) -> Result<Self> {
        let file = SerializedFileReader::new(file).map_err(|e| parquet_error("open a file", e))?;
        let expected = parquet_schema(columns.iter().map(|column| (column.name.as_str(), column.kind)))?;
        let found = file.metadata().file_metadata().schema();
        if found.get_fields() != expected.get_fields() {
            return Err(Error::failed("the columns of the file are not those of its manifest"));
        }
        let columns = columns.iter().map(|column| Column::new(column.kind)).collect();
        Ok(Self { file, next_group: 0, readers: Vec::new(), left: 0, columns })
    }

    /// The next rows, column by column; nothing where there are no more.
    pub(super) fn next(&mut self) -> Result<Option<&[Column]>> {
        while self.left == 0 {
            if self.next_group == self.file.num_row_groups() {
                return Ok(None);
            }
            self.open_group()?;
        }
        let batch = self.left.min(BATCH);
        for (reader, column) in self.readers.iter_mut().zip(&mut self.columns) {
            column.clear();
            read(reader, column, batch)?;
        }
        self.left -= batch;
        Ok(Some(&self.columns))
    }

    /// What all rows that are left add up to.
    pub(super) fn sum_up(mut self) -> Result<Contents> {
        let mut contents = Contents::none(self.columns.len());
        while let Some(columns) = self.next()? {
            contents.add(columns);
        }
        Ok(contents)
    }

    fn open_group(&mut self) -> Result<()> {
        let failed = |e| parquet_error("read rows", e);
        let group = self.file.get_row_group(self.next_group).map_err(failed)?;
        self.readers = (0..self.columns.len())
            .map(|nth| group.get_column_reader(nth))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let rows = self.file.metadata().row_group(self.next_group).num_rows();
        self.left = usize::try_from(rows).map_err(|e| Error::caused("read rows", e))?;
        self.next_group += 1;
        Ok(())
    }
}

fn read(reader: &mut ColumnReader, column: &mut Column, rows: usize) -> Result<()> {
    let (levels, cells) = column.parts();
    match (reader, cells) {
        (ColumnReader::BoolColumnReader(reader), Cells::Bool(cells)) => read_cells(reader, levels, cells, rows),
        (ColumnReader::Int32ColumnReader(reader), Cells::Int32(cells)) => read_cells(reader, levels, cells, rows),
        (ColumnReader::Int64ColumnReader(reader), Cells::Int64(cells)) => read_cells(reader, levels, cells, rows),
        (ColumnReader::DoubleColumnReader(reader), Cells::Double(cells)) => read_cells(reader, levels, cells, rows),
        (ColumnReader::ByteArrayColumnReader(reader), Cells::Bytes(cells)) => read_cells(reader, levels, cells, rows),
        (ColumnReader::FixedLenByteArrayColumnReader(reader), Cells::Fixed(cells)) => {
            read_cells(reader, levels, cells, rows)
        }
        _ => Err(Error::failed("a column of the file is not of the type of its manifest")),
    }
}

fn read_cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    levels: &mut Vec<i16>,
    cells: &mut Vec<T::T>,
    rows: usize,
) -> Result<()> {
    while levels.len() < rows {
        let more = rows - levels.len();
        let (read, ..) =
            reader.read_records(more, Some(levels), None, cells).map_err(|e| parquet_error("read rows", e))?;
        if read == 0 {
            return Err(Error::failed("a column of the file has fewer values than there are rows"));
        }
    }
    let values = levels.iter().filter(|level| **level == 1).count();
    if levels.len() == rows && cells.len() == values {
        return Ok(());
    }
    Err(Error::failed("a column of the file has more values than there are rows"))
}
