//! What commands print on standard output: lines, aligned tables, JSON.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// What was printed so far, where it is kept for a repeat of the command.
static KEPT: Mutex<Option<String>> = Mutex::new(None);

/// Keeps what is printed from now on.
pub(crate) fn keep() {
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(String::new());
}

/// What was printed since.
pub(crate) fn kept() -> String {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

fn note_printed(text: &str) {
    if let Some(kept) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        kept.push_str(text);
    }
}

/// Prints a text as it is.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    note_printed(text);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Whether a terminal would obey a character instead of showing it, or show what is around it in another order. Names,
/// notes and what other servers say may hold such.
fn is_unsafe(c: char) -> bool {
    let turns_round =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || turns_round
}

/// A text that a terminal only shows: what it would obey is written out, as `\u{1b}`.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    without(text, is_unsafe, |c| c.escape_default().to_string())
}

/// The same of a text of several lines.
fn shown_lines(text: &str) -> Cow<'_, str> {
    without(text, |c| c != '\n' && is_unsafe(c), |c| c.escape_default().to_string())
}

fn without(text: &str, bad: impl Fn(char) -> bool, instead: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.chars().any(&bad) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) { safe.push_str(&instead(c)) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Prints a text for people, which ends with its last line.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    self::text(&format!("{}\n", shown_lines(text)))
}

/// Prints data for other programs as it is, unless a terminal is there to read it.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() {
        return line(text);
    }
    self::text(&format!("{text}\n"))
}

/// Prints a line that a repeat of the command is not to print: it prints the other one.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn line_once(text: &str, kept: &str) -> anyhow::Result<()> {
    note_printed(&format!("{kept}\n"));
    let text = shown_lines(text);
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Prints a JSON document on one line.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&shown_json(&serde_json::to_string(value)?))
}

/// A JSON document in which nothing is left that a terminal would obey: such characters are only within texts.
fn shown_json(document: &str) -> Cow<'_, str> {
    without(document, is_unsafe, |c| format!("\\u{:04x}", u32::from(c)))
}

/// Which side of its column a cell is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A table with a header, as wide as its cells.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns, without rows.
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| shown(&cell).into_owned()).collect());
    }

    /// Prints it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        text(&self.to_text())
    }

    /// Whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn to_text(&self) -> String {
        let header: Vec<String> = self.columns.iter().map(|(name, _)| name.replace('_', " ").to_uppercase()).collect();
        let mut widths = vec![0; self.columns.len()];
        for row in std::iter::once(&header).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, side)) in row.iter().zip(&widths).zip(&self.columns) {
                match side {
                    Side::Left => line.push_str(&format!("{cell:<width$}  ")),
                    Side::Right => line.push_str(&format!("{cell:>width$}  ")),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// How many of a thing: `1 invoice`, `1,200 invoices`.
pub(crate) fn counted(number: impl std::fmt::Display, thing: &str) -> String {
    let number = grouped(number);
    if number == "1" { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A number with groups of three digits: `50,000`.
pub(crate) fn grouped(number: impl std::fmt::Display) -> String {
    let text = number.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A progress bar over bytes on a terminal; nothing elsewhere.
pub(crate) fn bytes_bar(total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:40.cyan/blue} {bytes}/{total_bytes} {bytes_per_sec} {msg}";
    match total {
        Some(total) => ProgressBar::new(total).with_style(bar_style(style)),
        None => ProgressBar::new_spinner().with_style(bar_style("{spinner} {bytes} {bytes_per_sec} {msg}")),
    }
}

fn bar_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A spinner with a message on a terminal; nothing elsewhere.
pub(crate) fn spinner() -> ProgressBar {
    if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let mut table = Table::new(&[("id", Side::Right), ("name", Side::Left), ("amount", Side::Right)]);
        table.row(["7".to_owned(), "Zoë".to_owned(), "1.00".to_owned()]);
        table.row(["12345".to_owned(), String::new(), "12345.00".to_owned()]);
        let expected = "   ID  NAME    AMOUNT\n    7  Zoë       1.00\n12345        12345.00\n";
        assert_eq!(table.to_text(), expected);
    }

    /// A sequence that clears the screen, one that C1 starts, a carriage return, and an order of reading turned round.
    #[test]
    fn nothing_is_printed_that_a_terminal_obeys() {
        let foreign = "a\u{1b}[2Jb\u{9b}1mc\rd\u{202e}e\tf\u{7f}";
        assert_eq!(shown(foreign), r"a\u{1b}[2Jb\u{9b}1mc\rd\u{202e}e\tf\u{7f}");
        assert_eq!(shown_lines("x\n\u{1b}y"), "x\n\\u{1b}y");
        assert_eq!(shown("Zoë, 株式会社"), "Zoë, 株式会社");
        let mut table = Table::new(&[("name", Side::Left)]);
        table.row(["a\nforged \u{1b}[1m".to_owned()]);
        assert_eq!(table.to_text(), "NAME\na\\nforged \\u{1b}[1m\n");
        let document = serde_json::to_string(foreign).unwrap();
        let safe = shown_json(&document);
        assert!(!safe.chars().any(is_unsafe), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), foreign);
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        for (plain, shown) in [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567.50", "-1,234,567.50")] {
            assert_eq!(grouped(plain), shown);
        }
    }
}
