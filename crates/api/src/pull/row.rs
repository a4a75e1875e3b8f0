//! Values of a row: texts and numbers as they are written, never as floats.

use serde_json::Value;

/// The text or number at a path, without white space around it; `None` where it is not there, null or empty. A number is
/// its own text.
pub(crate) fn text(row: &Value, path: &[&str]) -> Option<String> {
    let value = path.iter().try_fold(row, |value, name| value.get(*name))?;
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The positive whole number at a path, written as a number or a text.
pub(crate) fn number(row: &Value, path: &[&str]) -> Option<i64> {
    text(row, path)?.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        let row: Value =
            serde_json::from_str(r#"{"a":{"b":12.345678901234567890},"c":" x ","d":null,"e":"","n":"7","z":0}"#)
                .unwrap();
        assert_eq!(text(&row, &["a", "b"]).unwrap(), "12.345678901234567890");
        assert_eq!(text(&row, &["c"]).unwrap(), "x");
        assert_eq!(
            (text(&row, &["d"]), text(&row, &["e"]), text(&row, &["a"]), text(&row, &["x"])),
            (None, None, None, None)
        );
        assert_eq!((number(&row, &["n"]), number(&row, &["z"]), number(&row, &["c"])), (Some(7), None, None));
    }
}
