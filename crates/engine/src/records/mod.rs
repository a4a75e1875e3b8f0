//! Conversion records as they arrive: files and bodies in CSV, JSON Lines or JSON arrays, compressed or not, read row
//! by row with bounded memory. How a table of text is encoded and laid out is found out here for every import.

pub(crate) mod encoding;
mod fields;
mod guard;
mod ids;
mod input;
pub(crate) mod layout;
mod parquet;
mod rows;
mod source;

pub use fields::{Field, FieldError, Manner, nearest};
pub use guard::{GUARDED, Guard, REFUSED, guarded, guarded_bytes};
pub use ids::{is_macro, refused_id};
pub use input::{Format, InputError, open, uncompressed};
pub use parquet::{PARQUET_MAGIC, read_parquet};
pub use rows::{Columns, EachRow, Header, Raw, RawRow, Reading, RowParser, read_rows};
pub use source::{Decimal, Meaning, Source, Sources};
