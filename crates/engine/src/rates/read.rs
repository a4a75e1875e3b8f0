//! From the bytes of a file to quotes. Its form is told by its first bytes and its header.

use std::io::{Cursor, Read};

use quittance_domain::currency::Currency;
use quittance_domain::rates::{Quote, Quoted};
use quittance_domain::time::Day;
use quittance_store::rates::DayQuote;

use super::{RateRejection, ecb};
use crate::error::{Error, Result};

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

/// Reads a file of any form.
pub(super) fn file(input: impl Read, name: &str) -> Result<FileRates> {
    let bytes = bounded(input)?;
    let bytes = if bytes.starts_with(&ZIP) { unzipped(bytes)? } else { unpacked(bytes)? };
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is no text in UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') {
        return ecb::xml(text);
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(unreadable)?.clone();
    if header.iter().any(|name| name.eq_ignore_ascii_case("base")) {
        plain(&mut reader, &header, name)
    } else if header.get(0).is_some_and(|name| name.eq_ignore_ascii_case("date")) {
        ecb::csv(&mut reader, &header)
    } else {
        let detail = "its header is neither date,base,quote,rate nor that of a file of the European Central Bank";
        Err(unreadable(detail))
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
fn plain(reader: &mut csv::Reader<&[u8]>, header: &csv::StringRecord, name: &str) -> Result<FileRates> {
    let column = |wanted: &str| {
        let found = header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| unreadable(format!("its header has no column {wanted}: it needs date,base,quote,rate")))
    };
    let columns = [column("date")?, column("base")?, column("quote")?, column("rate")?];
    let mut rates = FileRates::default();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let [date, base, quoted, rate] = columns.map(|column| record.get(column).unwrap_or(""));
        match plain_row(date, base, quoted, rate, name) {
            Ok(quote) => rates.quotes.push(FileQuote { line, quote }),
            Err(detail) => rates.reject(line, detail),
        }
    }
    Ok(rates)
}

fn plain_row(date: &str, base: &str, quoted: &str, rate: &str, source: &str) -> std::result::Result<DayQuote, String> {
    let currency = |field: &str, code: &str| Currency::parse(code).map_err(|error| format!("{field}: {error}"));
    let day = Day::parse(date).map_err(|error| format!("date: {error}"))?;
    let (base, quoted) = (currency("base", base)?, currency("quote", quoted)?);
    if base == quoted {
        return Err(format!("quote: {quoted} is the base itself"));
    }
    let quote = Quote::parse(rate).map_err(|error| format!("rate: {error}"))?;
    Ok(DayQuote { day, base, quoted, quote: Quoted { quote, source: source.to_owned() } })
}
