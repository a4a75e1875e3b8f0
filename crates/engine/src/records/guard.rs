//! The apostrophe that keeps a spreadsheet from taking a text for a formula: put before cells of every CSV that leaves,
//! taken off again where a file of ours comes back.
//!
//! A text that begins with an apostrophe of its own gets one, too, so that in a file of ours each cell that begins with an
//! apostrophe has exactly one that is not its own. Which files are ours is told by columns that no other file has, since a
//! spreadsheet that saves a file keeps these and nothing else: an export's column [`GUARDED`] names the columns of the row
//! whose text has the apostrophe, and a file of refused rows ends with the columns [`REFUSED`]. In any other file a leading
//! apostrophe is part of the text.

use std::borrow::Cow;

/// The column of an export that names, with blanks between, the columns of its row that have the apostrophe.
pub const GUARDED: &str = "guarded";
/// The last columns of a file of refused rows: where each row was in its input, and why it was refused.
pub const REFUSED: [&str; 2] = ["line", "reason"];

/// What is put before a text.
const APOSTROPHE: u8 = b'\'';
/// What a spreadsheet takes for the beginning of a formula, or skips before one.
const FORMULA: [&str; 11] = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"];
/// Columns of an export that no field claims, and that are no surprise there.
const OF_EXPORTS: [&str; 5] = [GUARDED, "revision", "received_at", "settled", "entries"];

/// A text for a cell of a CSV file: behind an apostrophe where a spreadsheet would take it for a formula, or where it
/// begins with an apostrophe. A number is no formula, also below zero.
#[must_use]
pub fn guarded(text: &str) -> Cow<'_, str> {
    if needs_guard(text.as_bytes()) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The same for a cell that may be no UTF-8.
#[must_use]
pub fn guarded_bytes(cell: &[u8]) -> Cow<'_, [u8]> {
    if needs_guard(cell) { Cow::Owned([b"'", cell].concat()) } else { Cow::Borrowed(cell) }
}

fn needs_guard(cell: &[u8]) -> bool {
    if cell.first() == Some(&APOSTROPHE) {
        return true;
    }
    // A spreadsheet skips blanks before a formula.
    let blanks = cell.iter().take_while(|byte| **byte == b' ').count();
    let text = &cell[blanks..];
    let number = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let number = !number.is_empty() && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    !number && FORMULA.iter().any(|start| text.starts_with(start.as_bytes()))
}

/// Which cells of a file have an apostrophe of ours, as its header tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guard {
    /// It is no file of ours: none.
    #[default]
    None,
    /// An export: those that this column of the row names.
    Named(usize),
    /// A file of refused rows: each that begins with one.
    Refused,
}

impl Guard {
    /// That of a header.
    #[must_use]
    pub fn of(header: &csv::ByteRecord) -> Guard {
        let names = header.iter().map(<[u8]>::trim_ascii);
        if names.rev().take(2).eq(REFUSED.iter().rev().map(|name| name.as_bytes())) {
            return Guard::Refused;
        }
        let named = header.iter().position(|name| name.trim_ascii() == GUARDED.as_bytes());
        named.map_or(Guard::None, Guard::Named)
    }

    /// A column's name without an apostrophe of ours.
    #[must_use]
    pub fn name(self, name: &[u8]) -> &[u8] {
        if self == Guard::Refused { opened(name) } else { name }
    }

    /// The text of a row's cell without an apostrophe of ours.
    #[must_use]
    pub fn text<'a>(self, header: &csv::ByteRecord, row: &'a csv::ByteRecord, column: usize) -> &'a [u8] {
        let cell = row.get(column).unwrap_or_default();
        let ours = match self {
            Guard::None => false,
            Guard::Named(named) => {
                let names = row.get(named).unwrap_or_default();
                let name = header.get(column).unwrap_or_default().trim_ascii();
                names.split(u8::is_ascii_whitespace).any(|guarded| guarded == name)
            }
            // A row that somebody has added to such a file says neither where it was nor why it was refused.
            Guard::Refused => is_refused(header, row),
        };
        if ours { opened(cell) } else { cell }
    }

    /// Whether a column that no field claims belongs to a file of ours.
    #[must_use]
    pub fn explains(self, name: &str) -> bool {
        match self {
            Guard::None => false,
            Guard::Named(_) => OF_EXPORTS.contains(&name),
            Guard::Refused => REFUSED.contains(&name) || OF_EXPORTS.contains(&name),
        }
    }

    /// A header, or a row, as it goes into a file of refused rows, without the columns that are put behind it: texts as
    /// they were, each guarded.
    #[must_use]
    pub fn refused(self, header: &csv::ByteRecord, row: Option<&csv::ByteRecord>) -> csv::ByteRecord {
        let cells = row.unwrap_or(header);
        // What was refused before is refused for a reason of today.
        let told_before = self == Guard::Refused && cells.len() == header.len();
        let count = if told_before { cells.len().saturating_sub(REFUSED.len()) } else { cells.len() };
        let text = |column: usize| match row {
            Some(row) => self.text(header, row, column),
            None => self.name(header.get(column).unwrap_or_default()),
        };
        (0..count).map(|column| guarded_bytes(text(column))).collect()
    }
}

fn is_refused(header: &csv::ByteRecord, row: &csv::ByteRecord) -> bool {
    let cell = |from_end: usize| row.len().checked_sub(from_end).and_then(|at| row.get(at)).unwrap_or_default();
    let line = cell(2);
    row.len() == header.len() && !line.is_empty() && line.iter().all(u8::is_ascii_digit) && !cell(1).is_empty()
}

fn opened(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(&[APOSTROPHE]).unwrap_or(cell)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_looks_like_a_formula_is_told_to_be_none() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("  =1", "'  =1"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠x", "'＠x"),
            ("-12.50", "-12.50"),
            ("+49", "+49"),
            ("-", "'-"),
            ("'", "''"),
            ("'quoted'", "''quoted'"),
            ("'=1", "''=1"),
            ("Acme = good", "Acme = good"),
            ("ｘ＝", "ｘ＝"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), cell);
            assert_eq!(&*guarded_bytes(text.as_bytes()), cell.as_bytes());
        }
    }

    #[test]
    fn the_apostrophe_is_taken_off_where_we_put_it_on_and_nowhere_else() {
        let record = |cells: &[&str]| csv::ByteRecord::from(cells.to_vec());
        let foreign = record(&["id", "note"]);
        assert_eq!(Guard::of(&foreign).text(&foreign, &record(&["'=1", "x"]), 0), b"'=1");
        let export = record(&["id", "note", "guarded"]);
        let row = record(&["'=1", "'own", "id"]);
        let texts = [0, 1].map(|column| Guard::of(&export).text(&export, &row, column).to_vec());
        assert_eq!(texts, [b"=1".to_vec(), b"'own".to_vec()]);
        let refused = record(&["id", "note", "line", "reason"]);
        let text = |row: &csv::ByteRecord| Guard::of(&refused).text(&refused, row, 0).to_vec();
        assert_eq!(text(&record(&["''own", "", "7", "why"])), b"'own");
        assert_eq!(text(&record(&["'own", "", "", ""])), b"'own", "a row that was added by hand");
    }

    #[test]
    fn a_row_that_is_refused_again_is_as_it_was() {
        let record = |cells: &[&str]| csv::ByteRecord::from(cells.to_vec());
        let (header, row) = (record(&["=id", "note"]), record(&["=1", "'own"]));
        let first = [Guard::None.refused(&header, None), Guard::None.refused(&header, Some(&row))];
        assert_eq!(first, [record(&["'=id", "note"]), record(&["'=1", "''own"])]);
        let with = |cells: &csv::ByteRecord, more: [&str; 2]| {
            cells.iter().chain(more.iter().map(|cell| cell.as_bytes())).collect::<csv::ByteRecord>()
        };
        let (header, row) = (with(&first[0], REFUSED), with(&first[1], ["7", "why"]));
        let guard = Guard::of(&header);
        assert_eq!(guard.name(header.get(0).unwrap()), b"=id");
        assert_eq!([guard.refused(&header, None), guard.refused(&header, Some(&row))], first);
    }
}
