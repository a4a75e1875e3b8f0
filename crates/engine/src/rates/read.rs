//! From the bytes of a file to quotes. Its form is told by its first bytes and its header.

use std::io::{Cursor, Read};

use quittance_domain::currency::Currency;
use quittance_domain::rates::{Quote, Quoted};
use quittance_domain::time::Day;
use quittance_store::rates::DayQuote;

use super::{RateRejection, ecb};
use crate::error::{Error, Result};
use crate::records::layout::{Fit, Layout};
use crate::records::{Decimal, encoding};

/// The largest file, and the largest content of a zipped one: 27 years of the European Central Bank are 1.3 MB.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const ZIP: [u8; 4] = *b"PK\x03\x04";

/// A quote with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileQuote {
    pub(super) line: u64,
    pub(super) quote: DayQuote,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct FileRates {
    pub(super) quotes: Vec<FileQuote>,
    pub(super) warnings: Vec<String>,
    pub(super) rejections: Vec<RateRejection>,
}

impl FileRates {
    pub(super) fn reject(&mut self, line: u64, detail: impl Into<String>) {
        self.rejections.push(RateRejection { line, detail: detail.into() });
    }
}

pub(super) fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::invalid("file", format!("the file cannot be read: {why}"))
}

/// The columns of rows of our own.
const COLUMNS: [&str; 4] = ["date", "base", "quote", "rate"];

/// A table of a file, read from its header on.
pub(super) struct Table<'a> {
    reader: csv::Reader<&'a [u8]>,
    pub(super) header: csv::StringRecord,
    layout: Layout,
    decimal: Decimal,
}

impl<'a> Table<'a> {
    fn of(text: &'a str, decimal: Decimal) -> Result<Table<'a>> {
        let layout = Layout::of(text.as_bytes(), &fit);
        let mut builder = csv::ReaderBuilder::new();
        builder.trim(csv::Trim::All).flexible(true).delimiter(layout.separator);
        let mut reader = builder.from_reader(&text.as_bytes()[layout.start..]);
        let header = reader.headers().map_err(unreadable)?.clone();
        Ok(Table { reader, header, layout, decimal })
    }

    /// The next row, with its line in the file.
    pub(super) fn next(&mut self) -> Result<Option<(u64, csv::StringRecord)>> {
        let mut record = csv::StringRecord::new();
        if !self.reader.read_record(&mut record).map_err(unreadable)? {
            return Ok(None);
        }
        let line = record.position().map_or(0, csv::Position::line) + self.layout.lines_above;
        Ok(Some((line, record)))
    }

    /// A rate of a cell.
    pub(super) fn quote(&self, text: &str) -> std::result::Result<Quote, String> {
        let plain = self.decimal.plain(text)?;
        Quote::parse(&plain).map_err(|error| error.to_string())
    }
}

/// How well some cells are the header of a table of rates.
fn fit(cells: &csv::ByteRecord) -> Fit {
    let is = |cell: &[u8], name: &str| cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
    let known = COLUMNS.iter().filter(|name| cells.iter().any(|cell| is(cell, name))).count();
    let currency = |cell: &[u8]| std::str::from_utf8(cell.trim_ascii()).is_ok_and(|code| Currency::parse(code).is_ok());
    let currencies = cells.iter().skip(1).filter(|cell| currency(cell)).count();
    let of_bank = cells.get(0).is_some_and(|cell| is(cell, "date")) && currencies > 0;
    Fit { complete: known == COLUMNS.len() || of_bank, known: known + currencies }
}

/// Reads a file of any form.
pub(super) fn file(input: impl Read, name: &str, decimal: Decimal) -> Result<FileRates> {
    let bytes = bounded(input)?;
    let bytes = if bytes.starts_with(&ZIP) { unzipped(bytes)? } else { unpacked(bytes)? };
    let text = encoding::text(bytes).map_err(unreadable)?;
    if text.trim_start().starts_with('<') {
        return ecb::xml(&text);
    }
    let mut table = Table::of(&text, decimal)?;
    let names = |wanted: &str| table.header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    if names("base").is_some() {
        plain(&mut table, name)
    } else if names("date") == Some(0) {
        ecb::csv(&mut table)
    } else {
        let header = "its header is neither date,base,quote,rate nor that of a file of the European Central Bank";
        Err(unreadable(format!("{header}; {}", table.layout.told(table.header.as_byte_record()))))
    }
}

fn bounded(input: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The content of a file that gzip or zstd may have compressed.
fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>> {
    match bytes.as_slice() {
        [0x1f, 0x8b, ..] => bounded(flate2::read::MultiGzDecoder::new(bytes.as_slice())),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            bounded(zstd::stream::read::Decoder::new(bytes.as_slice()).map_err(unreadable)?)
        }
        _ => Ok(bytes),
    }
}

/// The only file of an archive.
fn unzipped(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if archive.len() != 1 {
        return Err(unreadable(format!("the archive holds {} files, one is expected", archive.len())));
    }
    bounded(archive.by_index(0).map_err(unreadable)?)
}

/// Rows of `date,base,quote,rate`, in any order of columns.
fn plain(table: &mut Table<'_>, name: &str) -> Result<FileRates> {
    let missing = |wanted: &str| {
        let told = table.layout.told(table.header.as_byte_record());
        unreadable(format!("its header has no column {wanted}: it needs date,base,quote,rate; {told}"))
    };
    let column = |wanted: &str| {
        let found = table.header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| missing(wanted))
    };
    let columns = [column("date")?, column("base")?, column("quote")?, column("rate")?];
    let mut rates = FileRates::default();
    while let Some((line, record)) = table.next()? {
        if record.iter().all(str::is_empty) {
            continue;
        }
        let row = columns.map(|column| record.get(column).unwrap_or(""));
        match plain_row(table, row, name) {
            Ok(quote) => rates.quotes.push(FileQuote { line, quote }),
            Err(detail) => rates.reject(line, detail),
        }
    }
    Ok(rates)
}

fn plain_row(
    table: &Table<'_>,
    [date, base, quoted, rate]: [&str; 4],
    source: &str,
) -> std::result::Result<DayQuote, String> {
    let currency = |field: &str, code: &str| Currency::parse(code).map_err(|error| format!("{field}: {error}"));
    let day = Day::parse(date).map_err(|error| format!("date: {error}"))?;
    let (base, quoted) = (currency("base", base)?, currency("quote", quoted)?);
    if base == quoted {
        return Err(format!("quote: {quoted} is the base itself"));
    }
    let quote = table.quote(rate).map_err(|detail| format!("rate: {detail}"))?;
    Ok(DayQuote { day, base, quoted, quote: Quoted { quote, source: source.to_owned() } })
}
