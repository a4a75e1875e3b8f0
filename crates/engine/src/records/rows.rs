//! Rows: read one by one from a text, and parsed into conversion records.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{BufRead, Read};
use std::rc::Rc;
use std::sync::Arc;

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::conversion_key::joined;
use quittance_domain::time::Zone;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Field, FieldError, Manner, nearest, shown};
use super::guard::Guard;
use super::ids::refused_number;
use super::input::{Format, InputError};
use super::layout::{Fit, Layout};
use super::source::{Decimal, Source};

/// The longest row, in bytes: a longer one is a quote that was not closed, not a conversion.
pub(super) const ROW_BYTES_MAX: u64 = 1024 * 1024;
/// A JSON array of fewer bytes is read whole, which takes a third of the time that reading it byte by byte does.
const WHOLE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How many unknown columns are remembered for the warning.
const UNKNOWN_MAX: usize = 20;
/// A name of fewer letters is near to some field's by chance.
const NEAR_CHARS_MIN: usize = 6;
/// How many columns that may be meant are named where a required one is missing.
const NEAR_SHOWN: usize = 5;

/// A row as it stands in the input.
#[derive(Debug, Clone)]
pub struct RawRow {
    /// Where it starts: the line of a text, counted from 1; in a JSON array the place in it, counted from 1.
    pub line: u64,
    /// The row.
    pub raw: Raw,
}

/// What is told of an input's header: the names of its columns.
pub type Header<'a> = dyn FnMut(csv::ByteRecord) -> Result<(), InputError> + 'a;
/// What each row is handed to.
pub type EachRow<'a> = dyn FnMut(RawRow) -> Result<(), InputError> + 'a;

/// The field that a column is, by its name or by what it is mapped to.
pub(super) fn claimed(name: &str, renamed: &[(String, Field)]) -> Option<Field> {
    let mapped = renamed.iter().find(|(column, _)| column == name).map(|(_, field)| *field);
    mapped.or_else(|| Field::named(name))
}

/// A row's own text.
#[derive(Debug, Clone)]
pub enum Raw {
    /// The cells of a CSV row.
    Csv(csv::ByteRecord),
    /// A JSON object.
    Json(String),
}

/// Which cell of a CSV row is which field.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The header's cells.
    pub header: csv::ByteRecord,
    fields: Vec<Option<Field>>,
    /// The cells that make the id, where it is made of several columns.
    id: Vec<usize>,
    /// Which cells have an apostrophe of ours.
    guard: Guard,
    /// Columns that no field claims, each with the field that may be meant.
    pub unknown: Vec<(String, Option<&'static str>)>,
}

impl Columns {
    /// Reads a header. Columns that are renamed are mapped to fields before their names are looked at.
    ///
    /// # Errors
    /// A required column is missing, or a field has two.
    pub fn from_header(header: csv::ByteRecord, reading: &Reading) -> Result<Columns, InputError> {
        let (guard, renamed) = (Guard::of(&header), reading.columns());
        let name = |cell| String::from_utf8_lossy(guard.name(cell)).trim().to_owned();
        let names: Vec<String> = header.iter().map(name).collect();
        let fields: Vec<Option<Field>> = names.iter().map(|name| claimed(name, &renamed)).collect();
        for (i, field) in fields.iter().enumerate() {
            if let (Some(field), Some(j)) = (field, fields[..i].iter().position(|f| f == field && f.is_some())) {
                let (first, second) = (names[j].clone(), names[i].clone());
                return Err(InputError::DoubleColumn { field: field.name(), first, second });
            }
        }
        let missing = |name: &&str| !fields.iter().flatten().any(|field| field.name() == *name);
        let id = id_cells(&names, &fields, &reading.id)?;
        let unclaimed = |place: usize| {
            let name = &names[place];
            fields[place].is_none() && !name.is_empty() && !id.contains(&place) && !guard.explains(name)
        };
        let unknown = (0..names.len()).filter(|place| unclaimed(*place)).map(|place| &names[place]);
        let unknown: Vec<_> =
            unknown.map(|name| (name.clone(), nearest(name, Field::names().filter(|f| missing(f))))).collect();
        let status_only = ["conversion_id", "status", "updated_at"];
        let only_status = fields.iter().flatten().all(|field| status_only.contains(&field.name()));
        let required = ["conversion_id", "status", "affiliate_id", "offer_id", "occurred_at"];
        let required = if only_status { &required[..2] } else { &required[..] };
        let required = if id.is_empty() { required } else { &required[1..] };
        if let Some(column) = required.iter().copied().find(missing) {
            let meant = unknown.iter().filter_map(|(name, near)| Some(format!("{name:?} is {}", (*near)?)));
            let meant: Vec<String> = meant.take(NEAR_SHOWN).collect();
            let hint = if meant.is_empty() { String::new() } else { format!("; perhaps {}", meant.join(", ")) };
            return Err(InputError::MissingColumn { column, hint, read: String::new() });
        }
        Ok(Columns { header, fields, id, guard, unknown })
    }

    /// How well some cells are a header.
    fn fit(cells: &csv::ByteRecord, reading: &Reading) -> Fit {
        let (guard, renamed) = (Guard::of(cells), reading.columns());
        let known = |cell: &[u8]| {
            let name = String::from_utf8_lossy(guard.name(cell));
            let near = || name.len() >= NEAR_CHARS_MIN && nearest(name.trim(), Field::names()).is_some();
            claimed(name.trim(), &renamed).is_some() || near()
        };
        let complete = Columns::from_header(cells.clone(), reading).is_ok();
        Fit { complete, known: if complete { cells.len() } else { cells.iter().filter(|cell| known(cell)).count() } }
    }
}

/// Where the columns that make an id are: by their names, else by the fields that they are.
fn id_cells(names: &[String], fields: &[Option<Field>], id: &[String]) -> Result<Vec<usize>, InputError> {
    let place = |column: &String| {
        let by_name = names.iter().position(|name| name == column);
        let by_field = || fields.iter().position(|field| field.is_some_and(|field| field.name() == column));
        let missing = || InputError::Column { column: column.clone(), reason: "of --id is not in the header" };
        by_name.or_else(by_field).ok_or_else(missing)
    };
    id.iter().map(place).collect()
}

/// The id that several columns make, each with its text.
fn made_id(columns: &[String], texts: Vec<Cow<'_, str>>) -> Result<Box<str>, FieldError> {
    let mut parts = columns.iter().zip(&texts).map(|(column, text)| (column.as_str(), text.as_ref()));
    let Some(first) = parts.next() else { return Ok(Box::default()) };
    joined(first, &parts.collect::<Vec<_>>()).map_err(|error| FieldError { field: error.field, detail: error.detail })
}

/// A part of an id as it was sent, and the field that it is.
type Part<'a> = (Option<Field>, Cow<'a, str>);

/// What a record has read of a column, as a part of an id: the same however it was written.
fn part<'a>(record: &'a ConversionRecord, field: Option<Field>, raw: &'a str) -> Cow<'a, str> {
    match field {
        Some(Field::ConversionId) => Cow::Borrowed(&record.conversion_id),
        Some(Field::AffiliateId) => record.affiliate_id.map_or_else(String::new, |id| id.to_string()).into(),
        Some(Field::OfferId) => record.offer_id.map_or_else(String::new, |id| id.to_string()).into(),
        Some(Field::AdvertiserId) => record.advertiser_id.map_or_else(String::new, |id| id.to_string()).into(),
        Some(Field::Text(place)) => record.texts[place].as_deref().unwrap_or_default().into(),
        _ => raw.trim().into(),
    }
}

/// How the rows of an input are to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Columns that are fields under another name.
    pub renamed: Vec<(String, Field)>,
    /// The columns, or fields, that make the id of a conversion, where it has no column of its own.
    pub id: Vec<String>,
    /// Where they come from, where that was said.
    pub source: Option<Arc<Source>>,
    /// What stands before the decimals of amounts in texts, where that was said; else as the source has it.
    pub decimal: Option<Decimal>,
}

impl Reading {
    /// The columns that are fields under another name, those of the source after those that were named.
    #[must_use]
    pub fn columns(&self) -> Vec<(String, Field)> {
        let of_source = self.source.iter().flat_map(|source| source.columns.iter());
        self.renamed.iter().chain(of_source).cloned().collect()
    }
}

/// Turns raw rows into conversion records.
#[derive(Debug, Clone)]
pub struct RowParser {
    zone: Zone,
    /// The columns of a CSV input.
    pub columns: Columns,
    renamed: Vec<(String, Field)>,
    /// The columns that make an id.
    id: Vec<String>,
    source: Option<Arc<Source>>,
    decimal: Decimal,
}

impl RowParser {
    /// A parser for rows whose local times are in this zone.
    #[must_use]
    pub fn new(zone: Zone, reading: &Reading) -> RowParser {
        let decimal = reading.decimal.or_else(|| Some(reading.source.as_ref()?.decimal)).unwrap_or_default();
        let (renamed, id, source) = (reading.columns(), reading.id.clone(), reading.source.clone());
        RowParser { zone, columns: Columns::default(), renamed, id, source, decimal }
    }

    fn manner(&self) -> Manner<'_> {
        Manner { zone: &self.zone, source: self.source.as_deref(), decimal: self.decimal, whole_ids: false }
    }

    /// One row as a record.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn parse(&mut self, row: &Raw) -> Result<ConversionRecord, FieldError> {
        let record = match row {
            Raw::Csv(cells) => self.parse_cells(cells)?,
            Raw::Json(text) => self.parse_object(text)?,
        };
        if record.conversion_id.is_empty() {
            return Err(FieldError { field: "conversion_id", detail: "conversion_id is missing or empty".into() });
        }
        Ok(record)
    }

    fn parse_cells(&self, cells: &csv::ByteRecord) -> Result<ConversionRecord, FieldError> {
        if cells.len() != self.columns.fields.len() {
            let (found, expected) = (cells.len(), self.columns.fields.len());
            let detail = format!("the row has {found} cells, the header has {expected}");
            return Err(FieldError { field: "", detail });
        }
        let Columns { header, fields, guard, .. } = &self.columns;
        let (mut record, manner) = (ConversionRecord::default(), self.manner());
        for (column, (cell, field)) in cells.iter().zip(fields).enumerate() {
            let Some(field) = field else { continue };
            let cell = if *guard == Guard::None { cell } else { guard.text(header, cells, column) };
            let text = std::str::from_utf8(cell).map_err(|_| FieldError {
                field: field.name(),
                detail: format!("{}: {} is not UTF-8", field.name(), shown(&String::from_utf8_lossy(cell))),
            })?;
            field.read_as(&mut record, text, manner)?;
        }
        if !self.id.is_empty() {
            let text = |place: &usize| {
                let raw = std::str::from_utf8(guard.text(header, cells, *place)).unwrap_or_default();
                part(&record, fields.get(*place).copied().flatten(), raw)
            };
            record.conversion_id = made_id(&self.id, self.columns.id.iter().map(text).collect())?;
        }
        Ok(record)
    }

    fn parse_object(&mut self, text: &str) -> Result<ConversionRecord, FieldError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let members = json.deserialize_any(Members).and_then(|members| json.end().map(|()| members));
        let members = members.map_err(|error| {
            // The line is told with the row; the column inside it is what helps.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            FieldError { field: "", detail: format!("no JSON object: {reason} at column {}", error.column()) }
        })?;
        let mut record = ConversionRecord::default();
        let mut seen: Vec<Field> = Vec::with_capacity(members.len());
        let mut parts: Vec<Option<Part<'_>>> = vec![None; self.id.len()];
        for (name, value) in members {
            let place = self.id.iter().position(|column| *column == *name);
            if let Some(place) = place {
                let field = claimed(&name, &self.renamed);
                parts[place] = scalar(field.unwrap_or(Field::ConversionId), value.get())?.map(|text| (field, text));
                if field.is_none() {
                    continue;
                }
            }
            let Some(field) = claimed(&name, &self.renamed) else {
                self.remember_unknown(&name);
                continue;
            };
            if seen.contains(&field) {
                let detail = format!("{} is given twice", field.name());
                return Err(FieldError { field: field.name(), detail });
            }
            seen.push(field);
            if let Some(text) = scalar(field, value.get())? {
                // A number has a point before its decimals, whatever texts have.
                let number = matches!(text, Cow::Borrowed(_));
                let decimal = if number { Decimal::Point } else { self.decimal };
                field.read_as(&mut record, &text, Manner { decimal, ..self.manner() })?;
            }
        }
        if !self.id.is_empty() {
            let text = |(column, given): (&String, &Option<Part<'_>>)| match given {
                Some((field, raw)) => part(&record, *field, raw).into_owned().into(),
                // A field that the object calls otherwise.
                None => part(&record, Field::named(column), "").into_owned().into(),
            };
            record.conversion_id = made_id(&self.id, self.id.iter().zip(&parts).map(text).collect())?;
        }
        Ok(record)
    }

    fn remember_unknown(&mut self, name: &str) {
        let unknown = &mut self.columns.unknown;
        if unknown.len() < UNKNOWN_MAX && !unknown.iter().any(|(known, _)| known == name) {
            unknown.push((name.to_owned(), nearest(name, Field::names())));
        }
    }
}

/// The text of a JSON string or number; `None` for null.
fn scalar(field: Field, raw: &str) -> Result<Option<Cow<'_, str>>, FieldError> {
    let wrong = || FieldError {
        field: field.name(),
        detail: format!("{}: {} is neither text nor number", field.name(), shown(raw)),
    };
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).map(|s| Some(s.into())).map_err(|_| wrong()),
        Some(b'n') => Ok(None),
        Some(b'-' | b'0'..=b'9') => match refused_number(raw).filter(|_| field == Field::ConversionId) {
            None => Ok(Some(raw.into())),
            Some(detail) => Err(FieldError { field: field.name(), detail: format!("{}: {detail}", field.name()) }),
        },
        _ => Err(wrong()),
    }
}

/// Reads a JSON object's members in order, values as raw text: an amount never becomes a float.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// Fails once more was read than a row may have since the count was set back.
struct Limited<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.count.get() > ROW_BYTES_MAX {
            return Err(std::io::Error::other(format!(
                "a row is longer than {ROW_BYTES_MAX} bytes; is a quote not closed?"
            )));
        }
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Reads a text row by row. `header` gets a table's header before the first row; it is found by the names of fields and of
/// columns that the reading names.
///
/// # Errors
/// The input cannot be read any further, or `header` or `each` stops it.
pub fn read_rows(
    input: &mut dyn BufRead,
    format: Format,
    reading: &Reading,
    header: &mut Header<'_>,
    each: &mut EachRow<'_>,
) -> Result<(), InputError> {
    match format {
        Format::Csv => read_csv(input, reading, header, each),
        Format::JsonLines => read_lines(input, each),
        Format::JsonArray => read_array(input, each),
    }
}

fn read_csv(
    input: &mut dyn BufRead,
    reading: &Reading,
    header: &mut Header<'_>,
    each: &mut EachRow<'_>,
) -> Result<(), InputError> {
    let failed = |line: u64, error: csv::Error| InputError::Read {
        place: format!("after line {line}"),
        reason: match error.into_kind() {
            csv::ErrorKind::Io(error) => error.to_string(),
            other => format!("{other:?}"),
        },
    };
    let found = Layout::read(input, &|cells| Columns::fit(cells, reading));
    let (layout, inner) = found.map_err(|error| failed(0, error.into()))?;
    let count = Rc::new(Cell::new(0));
    let limited = Limited { inner, count: Rc::clone(&count) };
    let mut builder = csv::ReaderBuilder::new();
    builder.flexible(true).delimiter(layout.separator).buffer_capacity(64 * 1024);
    let mut reader = builder.from_reader(limited);
    let cells = reader.byte_headers().map_err(|e| failed(0, e))?.clone();
    header(cells.clone()).map_err(|error| with_layout(error, &layout, &cells))?;
    let mut line = 1 + layout.lines_above;
    loop {
        count.set(0);
        let mut cells = csv::ByteRecord::with_capacity(160, 16);
        if !reader.read_byte_record(&mut cells).map_err(|e| failed(line, e))? {
            return Ok(());
        }
        // Lines that end with a carriage return alone are not counted by the reader: there each row counts as one.
        line = cells.position().map_or(line + 1, |at| (at.line() + layout.lines_above).max(line + 1));
        each(RawRow { line, raw: Raw::Csv(cells) })?;
    }
}

/// Says of a header that lacks columns how it was read.
fn with_layout(error: InputError, layout: &Layout, header: &csv::ByteRecord) -> InputError {
    match error {
        InputError::MissingColumn { column, hint, .. } => {
            InputError::MissingColumn { column, hint, read: format!("; {}", layout.told(header)) }
        }
        other => other,
    }
}

fn read_lines(input: &mut dyn BufRead, each: &mut EachRow<'_>) -> Result<(), InputError> {
    for line in 1.. {
        let mut text = Vec::new();
        let read = input.take(ROW_BYTES_MAX).read_until(b'\n', &mut text);
        let failed = |reason: String| InputError::Read { place: format!("line {line}"), reason };
        if read.map_err(|error| failed(error.to_string()))? == 0 {
            return Ok(());
        }
        if text.len() as u64 == ROW_BYTES_MAX {
            return Err(failed(format!("the line is longer than {ROW_BYTES_MAX} bytes")));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        // What is not UTF-8 is no JSON: the replacement character marks the place, and the row is refused.
        let raw = match String::from_utf8(text) {
            Ok(text) => Raw::Json(text.trim_end().to_owned()),
            Err(error) => Raw::Json(format!("\u{fffd} not UTF-8: {}", String::from_utf8_lossy(error.as_bytes()))),
        };
        each(RawRow { line, raw })?;
    }
    Ok(())
}

/// Hands over the elements of a JSON array one by one.
struct Elements<'a> {
    each: &'a mut EachRow<'a>,
    count: u64,
    stopped: Option<InputError>,
}

impl<'de> Visitor<'de> for &mut Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            self.count += 1;
            let row = RawRow { line: self.count, raw: Raw::Json(Box::<str>::from(element).into()) };
            if let Err(stop) = (self.each)(row) {
                self.stopped = Some(stop);
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
        }
        Ok(())
    }
}

fn read_array(input: &mut dyn BufRead, each: &mut EachRow<'_>) -> Result<(), InputError> {
    let mut start = Vec::new();
    let read = (&mut *input).take(WHOLE_BYTES_MAX).read_to_end(&mut start);
    read.map_err(|error| InputError::Read { place: "record 1".into(), reason: error.to_string() })?;
    if (start.len() as u64) < WHOLE_BYTES_MAX {
        return read_elements(serde_json::Deserializer::from_slice(&start), each);
    }
    read_elements(serde_json::Deserializer::from_reader(start.as_slice().chain(input)), each)
}

fn read_elements<'de, R: serde_json::de::Read<'de>>(
    mut json: serde_json::Deserializer<R>,
    each: &mut EachRow<'_>,
) -> Result<(), InputError> {
    let mut elements = Elements { each, count: 0, stopped: None };
    let read = json.deserialize_seq(&mut elements).and_then(|()| json.end());
    if let Some(stop) = elements.stopped {
        return Err(stop);
    }
    read.map_err(|error| InputError::Syntax {
        place: format!("after record {}", elements.count),
        reason: error.to_string(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    /// What is read of an array: each row's place and text, and how it ended.
    fn read(array: &str) -> (Vec<(u64, String)>, Result<(), String>) {
        let mut rows = Vec::new();
        let mut each = |row: RawRow| {
            let Raw::Json(text) = row.raw else { panic!("no JSON") };
            rows.push((row.line, text));
            Ok(())
        };
        let done = read_array(&mut array.as_bytes(), &mut each);
        (rows, done.map_err(|error| error.to_string()))
    }

    #[test]
    fn an_array_is_read_alike_below_and_above_the_size_that_is_read_whole() {
        for count in [3, 60_000] {
            let row = |n: u64| {
                format!("{{\"conversion_id\":\"c{n}\",\"comment\":\"], [\\\" and so on, for some bytes more\"}}")
            };
            let expected: Vec<(u64, String)> = (1..=count).map(|n| (n, row(n))).collect();
            let rows: Vec<String> = (1..=count).map(row).collect();
            let array = format!("[{}]", rows.join(" ,\n"));
            assert_eq!(array.len() as u64 >= WHOLE_BYTES_MAX, count > 3);
            assert_eq!(read(&array), (expected.clone(), Ok(())));
            let (seen, broken) = read(&array[..array.len() - 1]);
            assert_eq!(seen, expected, "what came before the break is handed over");
            assert!(broken.unwrap_err().contains(&format!("after record {count}")));
            assert!(read(&format!("{array}x")).1.is_err(), "nothing may follow");
        }
    }
}
