//! The next values of a column as text.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::Result;

use super::kind::Kind;

/// A value's text; `None` where there is no value.
pub(super) type Cell = Option<Vec<u8>>;

/// The next values of a column, as many as are wanted, or all that are left.
pub(super) fn cells(reader: &mut ColumnReader, kind: Kind, optional: bool, wanted: usize) -> Result<Vec<Cell>> {
    let bytes = |data: &[u8]| match kind {
        Kind::Decimal { .. } => {
            let text = Kind::big_endian(data).map(|units| kind.number(units));
            text.unwrap_or_else(|| format!("a decimal of {} bytes", data.len())).into_bytes()
        }
        _ => data.to_vec(),
    };
    let whole = |value: i64, unsigned: i128| match kind {
        Kind::Whole { unsigned: true } => unsigned.to_string(),
        _ => kind.number(value.into()),
    };
    match reader {
        ColumnReader::BoolColumnReader(reader) => read(reader, optional, wanted, |value| value.to_string().into()),
        ColumnReader::Int32ColumnReader(reader) => {
            read(reader, optional, wanted, |value| whole(i64::from(*value), i128::from(*value as u32)).into())
        }
        ColumnReader::Int64ColumnReader(reader) => {
            read(reader, optional, wanted, |value| whole(*value, i128::from(*value as u64)).into())
        }
        ColumnReader::Int96ColumnReader(reader) => read(reader, optional, wanted, |value| match value.data() {
            [first, second, third] => Kind::old_instant([*first, *second, *third]).into(),
            _ => Vec::new(),
        }),
        ColumnReader::FloatColumnReader(reader) => read(reader, optional, wanted, |value| value.to_string().into()),
        ColumnReader::DoubleColumnReader(reader) => read(reader, optional, wanted, |value| value.to_string().into()),
        ColumnReader::ByteArrayColumnReader(reader) => read(reader, optional, wanted, |value| bytes(value.data())),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            read(reader, optional, wanted, |value| bytes(value.data()))
        }
    }
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    optional: bool,
    wanted: usize,
    text: impl Fn(&T::T) -> Vec<u8>,
) -> Result<Vec<Cell>> {
    let mut cells = Vec::with_capacity(wanted);
    while cells.len() < wanted {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (records, _, _) = reader.read_records(wanted - cells.len(), Some(&mut levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        let mut present = values.iter();
        if optional {
            // A flat column has one level: a value, or none.
            cells.extend(levels.iter().map(|level| if *level > 0 { present.next().map(&text) } else { None }));
        } else {
            cells.extend(present.map(|value| Some(text(value))));
        }
    }
    Ok(cells)
}
