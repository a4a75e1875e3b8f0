//! Conversion records as they arrive: files and bodies in CSV, JSON Lines or JSON arrays, compressed or not, read row
//! by row with bounded memory.

mod fields;
mod input;
mod parquet;
mod rows;

pub use fields::{Field, FieldError, nearest};
pub use input::{Format, InputError, open, uncompressed};
pub use parquet::{PARQUET_MAGIC, read_parquet};
pub use rows::{Columns, EachRow, Header, Raw, RawRow, RowParser, read_rows};
