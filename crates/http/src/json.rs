//! JSON as clients send it, in which no member of an object stands twice: of two values, one would be obeyed and the other
//! ignored, and nobody could say which.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::problem::Problem;

/// Reads JSON, each member at most once.
///
/// # Errors
/// It is no JSON; or a member stands twice, named by its JSON pointer.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let wrong = |error: serde_json::Error| Problem::bad_request("", format!("the body is no JSON: {error}"));
    let value = serde_json::from_slice(bytes).map_err(wrong)?;
    match given_twice(bytes) {
        None => Ok(value),
        Some(pointer) => {
            let name = pointer.trim_start_matches('/').replace('/', ".");
            Err(Problem::bad_request(&pointer, format!("{name} is given twice")))
        }
    }
}

/// The first member that stands twice in an object.
fn given_twice(bytes: &[u8]) -> Option<String> {
    let mut walk = Walk { place: String::new(), twice: None };
    // What is no JSON was refused before.
    let _ = Within(&mut walk).deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    walk.twice
}

/// Where the walk through a document is, and what it has found.
struct Walk {
    place: String,
    twice: Option<String>,
}

/// A value that is walked through.
struct Within<'a>(&'a mut Walk);

impl Within<'_> {
    /// Goes into a member or an item.
    fn at<T, E>(&mut self, name: &str, go: impl FnOnce(&mut Within<'_>) -> Result<T, E>) -> Result<T, E> {
        let length = self.0.place.len();
        self.0.place.push('/');
        self.0.place.push_str(name);
        let gone = go(&mut Within(self.0));
        self.0.place.truncate(length);
        gone
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Plain values hold nothing.
macro_rules! plain {
    ($($method:ident $type:ty,)*) => {
        $(fn $method<E>(self, _: $type) -> Result<(), E> {
            Ok(())
        })*
    };
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    plain! { visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str, }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        for place in 0.. {
            let next = self.at(&place.to_string(), |within| items.next_element_seed(Within(within.0)))?;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.at(&name, |within| {
                if !seen.insert(name.clone()) {
                    within.0.twice = Some(within.0.place.clone());
                    return Err(A::Error::custom("given twice"));
                }
                members.next_value_seed(Within(within.0))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_member_stands_once_at_whatever_depth() {
        for (text, pointer) in [
            (r#"{"a":1,"b":2,"a":3}"#, "/a"),
            (r#"{"a":null,"a":1}"#, "/a"),
            (r#"{"a":1,"\u0061":1}"#, "/a"),
            (r#"{"list":[{"x":1},{"y":{"z":1.5,"z":"1.5"}}]}"#, "/list/1/y/z"),
        ] {
            let problem = read(text.as_bytes()).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.fields[0].0.as_str()), (400, pointer), "{text}");
            assert!(problem.detail.ends_with(" is given twice"), "{}", problem.detail);
        }
    }

    #[test]
    fn what_stands_once_is_read_as_it_is_written() {
        let text = r#"{"a":[{"x":1},{"x":1}],"b":{"a":12.345678901234567890,"b":-0,"c":true,"d":null},"c":"x"}"#;
        assert_eq!(read(text.as_bytes()).unwrap().to_string(), text);
        assert_eq!(read(b"[]").unwrap(), serde_json::json!([]));
    }

    #[test]
    fn what_is_no_json_is_told() {
        for text in ["", "{", "{\"a\":1", "{} {}", &"[".repeat(10_000)] {
            assert!(read(text.as_bytes()).unwrap_err().detail.starts_with("the body is no JSON: "), "{text:.20}");
        }
    }
}
