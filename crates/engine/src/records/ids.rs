//! Ids of conversions that are none: numbers that a spreadsheet has shortened, and macros that nobody has filled in. Many
//! conversions share such an id, and each would overwrite the last.

use super::fields::shown;

/// How many digits of a number a spreadsheet keeps.
const SHEET_DIGITS: usize = 15;
/// How long a number is of which a spreadsheet has surely left out digits that were not zeros: of one digit less one in ten
/// ends with a zero of its own.
const LONG_DIGITS: usize = 17;
/// The signs that trackers put around a macro: what still stands between them was not filled in.
const MACROS: [(&str, &str); 9] = [
    ("{{", "}}"),
    ("${", "}"),
    ("{", "}"),
    ("[", "]"),
    ("%", "%"),
    ("#", "#"),
    ("!!!", "!!!"),
    ("<", ">"),
    ("__", "__"),
];
/// Words that programs and templates put where there is no value.
const FILLERS: [&str; 5] = ["null", "undefined", "replace", "optional", "placeholder"];
/// Names of macros have few digits; ids in braces have many.
const MACRO_DIGITS_MAX: usize = 4;

/// Whether a value is a macro that the tracker had nothing to put in for.
#[must_use]
pub fn is_macro(value: &str) -> bool {
    let value = value.trim();
    if value.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return false;
    }
    MACROS.iter().any(|(open, close)| {
        let inside = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inside.is_some_and(|inside| {
            let digits = inside.bytes().filter(u8::is_ascii_digit).count();
            inside.bytes().any(|byte| byte.is_ascii_alphabetic())
                && digits <= MACRO_DIGITS_MAX
                && inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
        })
    })
}

/// Why a text is no id of a conversion; `None` where it may be one. With `exact` the source vouches for its numbers.
#[must_use]
pub fn refused_id(text: &str, exact: bool) -> Option<String> {
    let filler = || FILLERS.iter().any(|filler| filler.eq_ignore_ascii_case(text));
    if is_macro(text) || filler() {
        return Some(format!(
            "{} stands where nothing was filled in, so that conversion_id is missing: set the tracker's macro for its own id",
            shown(text)
        ));
    }
    let (what, otherwise) = if is_scientific(text) {
        ("is a number of which only the first digits are left", "")
    } else if !exact && ends_in_lost_digits(text) {
        let otherwise = " (where a source's ids do end so: whole_ids = true under its [import.NAME])";
        ("has zeros for all digits behind the 15th", otherwise)
    } else {
        return None;
    };
    Some(format!(
        "{} {what}: a spreadsheet has shortened the id, and others with it to the same. Export the ids once more and \
         whole, without opening the file in a spreadsheet, or with their column as text{otherwise}",
        shown(text)
    ))
}

/// Why a JSON number is no id.
pub(super) fn refused_number(raw: &str) -> Option<String> {
    let written = raw.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    written.then(|| {
        format!("{raw} is a number of which only the first digits are left: write ids whole, as texts in quotes")
    })
}

/// A number as spreadsheets and programs write large ones: `9.91214E+16`, `9,91214E+16`, `1E+16`, `9.91214E16`. Without
/// point and sign it is as likely an id of letters and digits: `1e16`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    match mantissa.split_once(['.', ',']) {
        Some((whole, decimals)) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            digits(whole) && digits(decimals) && digits(exponent)
        }
        None => mantissa.len() == 1 && digits(mantissa) && exponent.strip_prefix('+').is_some_and(digits),
    }
}

/// A long whole number without any digit behind those that a spreadsheet keeps.
fn ends_in_lost_digits(text: &str) -> bool {
    let digits = text.as_bytes();
    digits.len() >= LONG_DIGITS
        && digits.iter().all(u8::is_ascii_digit)
        && digits[SHEET_DIGITS..].iter().all(|digit| *digit == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_has_shortened_is_no_id() {
        for text in [
            "9.91214E+16",
            "9,91214E+16",
            "9.91214e+16",
            "1E+16",
            "1e+16",
            "9.91214E16",
            "-1.5E+20",
            "99121400000000000",
            "12345678901234500",
            "123123123123201000000",
        ] {
            let refusal = refused_id(text, false).unwrap_or_default();
            assert!(refusal.contains("spreadsheet has shortened"), "{text}: {refusal}");
        }
        for text in [
            // 16 digits; a digit behind the 15th; hexadecimal digits; numbers with points.
            "9912140000000000",
            "99121400000000010",
            "12312312312320100605",
            "123456789012345678901e23",
            "1e16",
            "5e10",
            "3E-17",
            "1000.4636.158133",
            "E+16",
            "a.5E+3",
        ] {
            assert_eq!(refused_id(text, false), None, "{text}");
        }
        assert_eq!(refused_id("99121400000000000", true), None);
        assert!(refused_id("9.91214E+16", true).is_some());
        assert!(refused_number("1e16").is_some() && refused_number("991214").is_none());
    }

    #[test]
    fn what_nobody_has_filled_in_is_no_id() {
        for text in [
            "{tid}",
            "{{tid}}",
            "${TID}",
            "!!!tid!!!",
            "<tid>",
            "__TID__",
            "%tid%",
            "#tid#",
            "[sub_id_15]",
            "null",
            "NULL",
            "undefined",
            "REPLACE",
            "OPTIONAL",
            "PLACEHOLDER",
        ] {
            let refusal = refused_id(text, true).unwrap_or_default();
            assert!(refusal.contains("nothing was filled in"), "{text}: {refusal}");
        }
        for text in ["{6F9619FF-8B86-D011-B42D-00CF4FC964FF}", "[1234567]", "nullable", "_tid_", "<a b>", "-", "'x'"] {
            assert_eq!(refused_id(text, false), None, "{text}");
        }
    }
}
