//! Where the header of a table of text is, and what stands between its cells.
//!
//! The header is found by its names: the first line that has the columns which are needed, with one of the separators. So
//! nothing is taken for a separator because it is frequent, and titles above the header are passed over.

use std::io::{BufRead, Read, Result};

/// What may stand between cells, and its name.
const SEPARATORS: [(u8, &str); 4] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")];
/// How many bytes are looked at.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// How many lines of titles may stand above a header.
const TITLES_MAX: usize = 20;
/// How many names of columns a message shows.
const NAMES_SHOWN: usize = 12;

/// How well the cells of a line are a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fit {
    /// It has all columns that are needed.
    pub(crate) complete: bool,
    /// How many names are known, or nearly so.
    pub(crate) known: usize,
}

/// How a table is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What stands between cells.
    pub(crate) separator: u8,
    /// The place of the header, in bytes.
    pub(crate) start: usize,
    /// How many lines are above it.
    pub(crate) lines_above: u64,
    /// The file itself says what stands between cells.
    stated: bool,
}

impl Layout {
    /// That of a text by its beginning. Where no line has all columns that are needed it is the one with the most known
    /// names, so that the message about it is about the header.
    pub(crate) fn of(head: &[u8], fit: &dyn Fn(&csv::ByteRecord) -> Fit) -> Layout {
        let stated = lines(head).next().and_then(|(start, end)| separator_line(&head[start..end]));
        let separators = match stated {
            Some(separator) => vec![separator],
            None => SEPARATORS.iter().map(|(separator, _)| *separator).collect(),
        };
        let mut best: Option<((usize, usize), Layout)> = None;
        for (start, end) in lines(head).skip(usize::from(stated.is_some())).take(TITLES_MAX + 1) {
            let lines_above = head[..start].iter().filter(|byte| **byte == b'\n').count() as u64;
            for separator in &separators {
                let cells = cells(&head[start..end], *separator);
                let Fit { complete, known } = fit(&cells);
                let layout = Layout { separator: *separator, start, lines_above, stated: stated.is_some() };
                if complete {
                    return layout;
                }
                // Of lines without any known name the first is the header, read into as many cells as there can be.
                let score = (known, if best.is_none_or(|(_, best)| best.start == start) { cells.len() } else { 0 });
                if best.is_none_or(|(known_best, _)| score > known_best) {
                    best = Some((score, layout));
                }
            }
        }
        best.map_or(Layout { separator: b',', start: 0, lines_above: 0, stated: false }, |(_, layout)| layout)
    }

    /// Finds the layout of a text that is read on, and a reader of it from its header on.
    pub(crate) fn read<'a>(
        input: &'a mut dyn BufRead,
        fit: &dyn Fn(&csv::ByteRecord) -> Fit,
    ) -> Result<(Layout, impl Read + 'a)> {
        let mut head = Vec::new();
        Read::take(&mut *input, HEAD_BYTES_MAX).read_to_end(&mut head)?;
        let layout = Layout::of(&head, fit);
        head.drain(..layout.start);
        Ok((layout, std::io::Cursor::new(head).chain(input)))
    }

    /// What a message says of how a header was read.
    pub(crate) fn told(&self, header: &csv::ByteRecord) -> String {
        let name = |separator: u8| SEPARATORS.iter().find(|(known, _)| *known == separator).map(|(_, name)| *name);
        let between = name(self.separator).map_or_else(|| format!("{:?}", self.separator as char), str::to_owned);
        let others: Vec<&str> =
            SEPARATORS.iter().filter(|(known, _)| *known != self.separator).map(|(_, name)| *name).collect();
        let tried = if self.stated {
            "as its first line says".to_owned()
        } else {
            format!("{} give no better one", others.join(", "))
        };
        let mut names: Vec<String> =
            header.iter().take(NAMES_SHOWN).map(|name| format!("{:?}", String::from_utf8_lossy(name).trim())).collect();
        if header.len() > NAMES_SHOWN {
            names.push("…".to_owned());
        }
        let line = self.lines_above + 1;
        format!("line {line} was read with {between} between its columns ({tried}): {}", names.join(", "))
    }
}

/// The separator that a line of a spreadsheet states: `sep=;`.
fn separator_line(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] => {
            (separator.is_ascii() && !separator.is_ascii_alphanumeric() && *separator != b'"').then_some(*separator)
        }
        _ => None,
    }
}

/// Where the lines of a text start and end, without what ends them. A quoted cell may go over several; empty lines are left
/// out.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while from < text.len() {
            let (start, mut quoted) = (from, false);
            let ends = |byte: &u8| {
                quoted ^= *byte == b'"';
                !quoted && matches!(*byte, b'\n' | b'\r')
            };
            let end = text[start..].iter().position(ends).map_or(text.len(), |length| start + length);
            from = end + 1;
            if end > start {
                return Some((start, end));
            }
        }
        None
    })
}

fn cells(line: &[u8], separator: u8) -> csv::ByteRecord {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(separator).buffer_capacity(line.len().max(1));
    let mut cells = csv::ByteRecord::new();
    // A line in memory can be read; what is no table has no cells.
    let _ = builder.from_reader(line).read_byte_record(&mut cells);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (char, usize, u64) {
        let fit = |cells: &csv::ByteRecord| {
            let known = cells.iter().filter(|cell| [&b"id"[..], b"status"].contains(cell)).count();
            Fit { complete: known == 2, known }
        };
        let layout = Layout::of(text.as_bytes(), &fit);
        (layout.separator as char, layout.start, layout.lines_above)
    }

    #[test]
    fn the_header_is_found_by_its_names() {
        for (text, expected) in [
            ("id,status\n1,x\n", (',', 0, 0)),
            ("id;status\n1;x\n", (';', 0, 0)),
            ("id\tstatus\r\n1\tx\r\n", ('\t', 0, 0)),
            ("id|status\n", ('|', 0, 0)),
            ("sep=;\nid;status\n", (';', 6, 1)),
            ("\"sep=\t\"\r\nid\tstatus\n", ('\t', 9, 1)),
            ("sep=:\nid:status\n", (':', 6, 1)),
            ("October, all; of it\n\nid;\"status\"\n", (';', 21, 2)),
            ("\"a title\nof two, lines\"\nid,status\n", (',', 24, 2)),
            ("id,a;status,b\n", (',', 0, 0)),
            ("one;two;three\nid,stat\n", (',', 14, 1)),
            ("one;two;three\n", (';', 0, 0)),
            ("", (',', 0, 0)),
        ] {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_message_says_what_was_tried() {
        let header = csv::ByteRecord::from(vec!["a", "b"]);
        let layout = Layout { separator: b';', start: 0, lines_above: 2, stated: false };
        let told =
            "line 3 was read with semicolons between its columns (commas, tabs, bars give no better one): \"a\", \"b\"";
        assert_eq!(layout.told(&header), told);
        let layout = Layout { separator: b':', stated: true, ..layout };
        assert!(layout.told(&header).contains("with ':' between its columns (as its first line says)"));
    }
}
