//! Texts in UTF-16, as spreadsheets and some networks write them: told by their first bytes, and read as UTF-8.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

const UTF_8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16; the first byte of each pair is the lower one.
    Utf16LittleEndian,
    /// UTF-16; the first byte of each pair is the higher one.
    Utf16BigEndian,
}

impl Encoding {
    /// That of a text, by its first bytes, and how many of these are a mark and no text. Without a mark UTF-16 is told by
    /// a zero: what is read here begins with a plain letter or sign, and has no zeros in UTF-8.
    pub(crate) fn told_by(start: &[u8]) -> (Encoding, usize) {
        match start {
            [0xff, 0xfe, ..] => (Encoding::Utf16LittleEndian, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16BigEndian, 2),
            [1..=255, 0, ..] => (Encoding::Utf16LittleEndian, 0),
            [0, 1..=255, ..] => (Encoding::Utf16BigEndian, 0),
            _ if start.starts_with(UTF_8_MARK) => (Encoding::Utf8, UTF_8_MARK.len()),
            _ => (Encoding::Utf8, 0),
        }
    }
}

/// A text in UTF-16, read as UTF-8.
pub(crate) struct Utf16<R> {
    inner: R,
    big_endian: bool,
    /// The first byte of a pair whose second one is still to come.
    odd: Option<u8>,
    /// The first half of a character of two pairs.
    high: Option<u16>,
    /// What was decoded, and how much of it was handed over.
    decoded: String,
    given: usize,
}

impl<R: BufRead> Utf16<R> {
    pub(crate) fn new(inner: R, encoding: Encoding) -> Utf16<R> {
        let big_endian = encoding == Encoding::Utf16BigEndian;
        Utf16 { inner, big_endian, odd: None, high: None, decoded: String::new(), given: 0 }
    }

    /// Decodes what the reader below has at hand.
    fn decode(&mut self) -> Result<()> {
        self.decoded.clear();
        self.given = 0;
        while self.decoded.is_empty() {
            let bytes = self.inner.fill_buf()?;
            if bytes.is_empty() {
                let whole = self.odd.is_none() && self.high.is_none();
                return if whole { Ok(()) } else { Err(wrong("ends in the middle of a character")) };
            }
            let (count, mut units) = (bytes.len(), Vec::with_capacity(bytes.len() / 2 + 2));
            units.extend(self.high.take());
            for byte in bytes {
                match self.odd.take() {
                    None => self.odd = Some(*byte),
                    Some(first) if self.big_endian => units.push(u16::from_be_bytes([first, *byte])),
                    Some(first) => units.push(u16::from_le_bytes([first, *byte])),
                }
            }
            self.inner.consume(count);
            self.high = units.pop_if(|unit| (0xd800..0xdc00).contains(unit));
            for character in char::decode_utf16(units) {
                self.decoded.push(character.map_err(|_| wrong("has half a character"))?);
            }
        }
        Ok(())
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("it is no text in UTF-16: it {what}"))
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.given == self.decoded.len() {
            self.decode()?;
        }
        let rest = &self.decoded.as_bytes()[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

/// A whole text as UTF-8, without a mark at its beginning.
///
/// # Errors
/// It is not what its first bytes tell.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String> {
    let (encoding, mark) = Encoding::told_by(&bytes);
    if encoding == Encoding::Utf8 {
        let text =
            String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))?;
        return Ok(text[mark..].to_owned());
    }
    let mut text = String::new();
    Utf16::new(&bytes[mark..], encoding).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn encoded(text: &str, big_endian: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn both_orders_are_read_with_and_without_a_mark_and_in_pieces_of_any_size() {
        let words = "conversion_id;comment\n1;Größe 日本 🙂\n";
        for (big_endian, marked) in [(false, true), (false, false), (true, true), (true, false)] {
            let bytes = encoded(&format!("{}{words}", if marked { "\u{feff}" } else { "" }), big_endian);
            assert_eq!(text(bytes.clone()).unwrap(), words);
            let (encoding, mark) = Encoding::told_by(&bytes);
            for piece in [1, 2, 3, 7, 64] {
                let mut read = String::new();
                let mut reader = Utf16::new(BufReader::with_capacity(piece, &bytes[mark..]), encoding);
                reader.read_to_string(&mut read).unwrap();
                assert_eq!(read, words, "{piece}");
            }
        }
        assert_eq!(text("\u{feff}a".into()).unwrap(), "a");
    }

    #[test]
    fn what_is_cut_or_broken_is_told() {
        let whole = encoded("a🙂", false);
        for cut in 1..4 {
            let error = text(whole[..whole.len() - cut].to_vec()).unwrap_err();
            assert!(error.to_string().contains("in the middle of a character"), "{error}");
        }
        // The second half of a character alone.
        assert!(text(vec![b'a', 0, 0x42, 0xde]).unwrap_err().to_string().contains("half a character"));
    }
}
