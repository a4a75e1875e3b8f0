//! Parquet: rows of a file, batch by batch, as cells of text, so that everything behind it is as with CSV.
//!
//! It is read column by column, page by page: memory is bounded by a page of each column and a batch of rows, whatever the
//! file's size. Floating-point columns are refused where a field claims them: an amount must not pass through one.

mod cells;
mod kind;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;

use self::cells::{Cell, cells};
use self::kind::Kind;
use super::fields::Field;
use super::input::InputError;
use super::rows::{EachRow, Header, ROW_BYTES_MAX, Raw, RawRow, claimed};

/// How such a file begins, and ends.
pub const PARQUET_MAGIC: [u8; 4] = *b"PAR1";
/// How many rows are in memory at a time.
const BATCH_ROWS: usize = 2_048;
/// The largest group of rows, in bytes before compression: several times what writers make.
const GROUP_BYTES_MAX: i64 = 1 << 30;
/// The most columns.
const COLUMNS_MAX: usize = 1_000;

/// A column as it is read.
struct Column {
    /// Its place among the leaves of the schema.
    leaf: usize,
    name: String,
    kind: Kind,
    /// A value can be missing.
    optional: bool,
}

/// Reads a file row by row. `header` gets the names of its columns before the first row; columns of lists and structures
/// are left out. A row's line is its number, from 1.
///
/// # Errors
/// The file is broken, has groups of rows that are too large, or a column that a field claims cannot be read as text
/// without loss; or `header` or `each` stops it.
pub fn read_parquet(
    file: File,
    renamed: &[(String, Field)],
    header: &mut Header<'_>,
    each: &mut EachRow<'_>,
) -> Result<(), InputError> {
    // The library is no place to be sure of: a file made to break it must not end the program.
    let read = catch_unwind(AssertUnwindSafe(|| read(file, renamed, header, each)));
    read.unwrap_or_else(|_| Err(broken("the file", "it cannot be read")))
}

fn read(
    file: File,
    renamed: &[(String, Field)],
    header: &mut Header<'_>,
    each: &mut EachRow<'_>,
) -> Result<(), InputError> {
    let reader = SerializedFileReader::new(file).map_err(|error| failed("the file", &error))?;
    let columns = columns(&reader, renamed)?;
    header(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().into())?;
    let mut line = 0;
    for group in 0..reader.num_row_groups() {
        let place = format!("group {} of rows", group + 1);
        let bytes = reader.metadata().row_group(group).total_byte_size();
        if bytes > GROUP_BYTES_MAX {
            let reason = format!("it has {bytes} bytes, {GROUP_BYTES_MAX} are allowed; write smaller groups of rows");
            return Err(broken(&place, &reason));
        }
        let rows = reader.get_row_group(group).map_err(|error| failed(&place, &error))?;
        read_group(&*rows, &columns, &place, &mut line, each)?;
    }
    Ok(())
}

fn columns(reader: &SerializedFileReader<File>, renamed: &[(String, Field)]) -> Result<Vec<Column>, InputError> {
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut columns = Vec::new();
    for leaf in 0..schema.num_columns() {
        let descr = schema.column(leaf);
        let name = descr.path().parts().first().cloned().unwrap_or_default();
        let flat = descr.path().parts().len() == 1 && descr.max_rep_level() == 0;
        let kind = if flat { Kind::of(&descr) } else { Kind::Nested };
        if claimed(&name, renamed).is_some()
            && let Err(reason) = kind.usable()
        {
            return Err(InputError::Column { column: name, reason });
        }
        if flat {
            columns.push(Column { leaf, name, kind, optional: descr.max_def_level() > 0 });
        }
    }
    if columns.len() > COLUMNS_MAX {
        return Err(broken("the file", &format!("it has {} columns, {COLUMNS_MAX} are allowed", columns.len())));
    }
    Ok(columns)
}

fn read_group(
    rows: &dyn RowGroupReader,
    columns: &[Column],
    place: &str,
    line: &mut u64,
    each: &mut EachRow<'_>,
) -> Result<(), InputError> {
    let reader = |column: &Column| rows.get_column_reader(column.leaf).map_err(|error| failed(place, &error));
    let mut readers: Vec<ColumnReader> = columns.iter().map(reader).collect::<Result<_, _>>()?;
    let mut left = usize::try_from(rows.metadata().num_rows()).unwrap_or(0);
    while left > 0 {
        let wanted = left.min(BATCH_ROWS);
        let mut batch: Vec<std::vec::IntoIter<Cell>> = Vec::with_capacity(columns.len());
        for (column, reader) in columns.iter().zip(&mut readers) {
            let read = cells(reader, column.kind, column.optional, wanted).map_err(|error| failed(place, &error))?;
            if read.len() != wanted {
                let reason = format!("the column {:?} has fewer rows than the group", column.name);
                return Err(broken(place, &reason));
            }
            batch.push(read.into_iter());
        }
        for _ in 0..wanted {
            *line += 1;
            each(RawRow { line: *line, raw: Raw::Csv(row(&mut batch, *line)?) })?;
        }
        left -= wanted;
    }
    Ok(())
}

/// The next row of a batch.
fn row(batch: &mut [std::vec::IntoIter<Cell>], line: u64) -> Result<csv::ByteRecord, InputError> {
    let mut cells = csv::ByteRecord::with_capacity(160, batch.len());
    for column in batch {
        cells.push_field(&column.next().flatten().unwrap_or_default());
        if cells.as_slice().len() as u64 > ROW_BYTES_MAX {
            return Err(broken(&format!("row {line}"), &format!("it is longer than {ROW_BYTES_MAX} bytes")));
        }
    }
    Ok(cells)
}

fn failed(place: &str, error: &ParquetError) -> InputError {
    broken(place, &error.to_string())
}

fn broken(place: &str, reason: &str) -> InputError {
    InputError::Read { place: place.to_owned(), reason: reason.to_owned() }
}
