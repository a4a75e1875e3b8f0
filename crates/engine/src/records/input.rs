//! From bytes to plain text: compression is told by the first bytes, the format by name or by the first character.

use std::io::{BufRead, BufReader, Read};

use super::encoding::{Encoding, Utf16};
use super::parquet::PARQUET_MAGIC;

/// The most white space before the first character: a small compressed input can hold no end of it.
const BLANK_BYTES_MAX: usize = 1024 * 1024;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// One JSON array of objects.
    JsonArray,
}

impl Format {
    /// The format for a word of the command line (`csv`, `jsonl`, `json`).
    #[must_use]
    pub fn parse(word: &str) -> Option<Format> {
        match word {
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            "json" => Some(Format::JsonArray),
            _ => None,
        }
    }

    /// The format that a text's first character tells: `[` opens a JSON array, `{` a JSON object.
    fn told_by(first: u8) -> Format {
        match first {
            b'[' => Format::JsonArray,
            b'{' => Format::JsonLines,
            _ => Format::Csv,
        }
    }
}

/// Why an input cannot be read any further. The rows before it are good.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Reading failed; a compressed input that ends early is this too.
    #[error("{place}: cannot be read: {reason}")]
    Read {
        /// Where, as `line 12`.
        place: String,
        /// What the reader says.
        reason: String,
    },
    /// There is nothing in it.
    #[error("the input is empty: a header line or a record is expected")]
    Empty,
    /// The header lacks a required column.
    #[error(
        "the header has no column {column}: it needs conversion_id, affiliate_id, offer_id, status and occurred_at \
         (or conversion_id and status alone, to change the status of known conversions){hint}{read}. A column under another \
         name is named by --map COLUMN=FIELD"
    )]
    MissingColumn {
        /// The field without a column.
        column: &'static str,
        /// The columns that may be meant, as `; perhaps "afiliate_id" is affiliate_id`; else empty.
        hint: String,
        /// How the header was read, as far as there was more than one way to; else empty.
        read: String,
    },
    /// A column appears twice, or two columns are mapped to the same field.
    #[error("the columns {first:?} and {second:?} are both {field}")]
    DoubleColumn {
        /// The field.
        field: &'static str,
        /// One column.
        first: String,
        /// The other.
        second: String,
    },
    /// A column that a field claims cannot be read for it.
    #[error("the column {column:?} {reason}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// The JSON is broken in a way that hides where the next record starts.
    #[error("{place}: {reason}")]
    Syntax {
        /// Where.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The receiver of the rows stopped.
    #[error("{0}")]
    Stopped(String),
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 256 * 1024;
/// The largest window of a zstd input, as a power of two: 128 MiB, the format's own recommendation.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

fn failed(error: std::io::Error) -> InputError {
    InputError::Read { place: "line 1".into(), reason: error.to_string() }
}

/// A reader of the uncompressed bytes of an input.
///
/// # Errors
/// The input cannot be read.
pub fn uncompressed<'a>(input: impl Read + Send + 'a) -> Result<Box<dyn BufRead + Send + 'a>, InputError> {
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, input);
    let start = raw.fill_buf().map_err(failed)?;
    Ok(if start.starts_with(&GZIP) {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(raw)))
    } else if start.starts_with(&ZSTD) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(failed)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(failed)?;
        Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
    } else {
        Box::new(raw)
    })
}

/// A reader of the plain text of an input in UTF-8, and the format it is in.
///
/// # Errors
/// The input is empty or cannot be read.
pub fn open<'a>(
    input: impl Read + Send + 'a,
    format: Option<Format>,
) -> Result<(Box<dyn BufRead + Send + 'a>, Format), InputError> {
    let mut plain = uncompressed(input)?;
    let (encoding, mark) = Encoding::told_by(plain.fill_buf().map_err(failed)?);
    plain.consume(mark);
    if encoding != Encoding::Utf8 {
        plain = Box::new(BufReader::with_capacity(BUFFER_BYTES, Utf16::new(plain, encoding)));
    }
    if format.is_none() && plain.fill_buf().map_err(failed)?.starts_with(&PARQUET_MAGIC) {
        let reason = "this is Parquet, which cannot be read from within a compressed file: decompress it".to_owned();
        return Err(InputError::Syntax { place: "line 1".into(), reason });
    }
    let first = first_character(&mut plain).map_err(failed)?.ok_or(InputError::Empty)?;
    Ok((plain, format.unwrap_or_else(|| Format::told_by(first))))
}

/// The first character that is no white space. Empty lines before it are skipped, and not what its own line begins with: a
/// table with tabs may begin with an empty cell.
fn first_character(plain: &mut dyn BufRead) -> std::io::Result<Option<u8>> {
    let mut blank = 0;
    loop {
        if blank > BLANK_BYTES_MAX {
            return Err(std::io::Error::other(format!("it begins with more than {BLANK_BYTES_MAX} blanks")));
        }
        let buffer = plain.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        match buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(skipped) => {
                let first = buffer[skipped];
                let lines = buffer[..skipped].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                plain.consume(lines);
                return Ok(Some(first));
            }
            None => {
                let skipped = buffer.len();
                blank += skipped;
                plain.consume(skipped);
            }
        }
    }
}
