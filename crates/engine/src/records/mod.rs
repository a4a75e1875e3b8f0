//! Conversion records as they arrive: files and bodies in CSV, JSON Lines or JSON arrays, compressed or not, read row
//! by row with bounded memory.

mod fields;
mod input;
mod rows;

pub use fields::{Field, FieldError, nearest};
pub use input::{Format, InputError, open};
pub use rows::{Columns, Raw, RawRow, RowParser, read_rows};
