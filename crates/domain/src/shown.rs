//! How a refused text is named in a message: quoted, on one line, and never long.

/// The longest part of a text that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// The text in single quotes, control characters escaped, cut off after [`SHOWN_CHARS_MAX`] characters.
pub(crate) fn shown(text: &str) -> String {
    let mut quoted = String::from("'");
    let mut chars = text.chars();
    for c in chars.by_ref().take(SHOWN_CHARS_MAX) {
        if c.is_control() { quoted.extend(c.escape_default()) } else { quoted.push(c) }
    }
    quoted.push_str(if chars.next().is_some() { "…'" } else { "'" });
    quoted
}
