//! An answer of version 1: one tree, written as XML or as JSON.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesStart, BytesText, Event};
use quittance_domain::time::Day;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

/// What an XML declaration of these services says.
const ENCODING: &str = "utf-8";
/// The name space of the children of a pair of an id and a name (recorded).
const ID_AND_NAME: &str = "API:id_name_store";

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing: an empty element, JSON's null.
    Nothing,
    Text(String),
    Int(i64),
    Bool(bool),
    /// A decimal as it is written: in JSON a number.
    Decimal(String),
    /// Members in their order.
    Object(Vec<(&'static str, Value)>),
    /// A pair of an id and a name, whose elements have a name space of their own.
    IdAndName([(&'static str, Box<Value>); 2]),
    /// Elements of one name.
    List(&'static str, Vec<Value>),
}

impl Value {
    /// A text, or nothing.
    pub(super) fn text(text: impl Into<String>) -> Value {
        Some(text.into()).filter(|text| !text.is_empty()).map_or(Value::Nothing, Value::Text)
    }

    /// The first instant of a day: `2026-01-31T00:00:00`.
    pub(super) fn day(day: Option<Day>) -> Value {
        day.map_or(Value::Nothing, |day| Value::Text(format!("{day}T00:00:00")))
    }

    /// A pair of an id and a name.
    pub(super) fn pair(id: (&'static str, i64), name: (&'static str, &str)) -> Value {
        Value::IdAndName([(id.0, Box::new(Value::Int(id.1))), (name.0, Box::new(Value::text(name.1)))])
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nothing => serializer.serialize_unit(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Decimal(text) => match RawValue::from_string(text.clone()) {
                Ok(number) => number.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
            Value::IdAndName(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
            Value::List(_, values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(value))?;
                list.end()
            }
        }
    }
}

/// The tree as an XML document with a root element in a name space.
pub(super) fn xml(root: &str, name_space: &str, value: &Value) -> std::io::Result<String> {
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some(ENCODING), None)))?;
    let mut start = BytesStart::new(root);
    start.push_attribute(("xmlns", name_space));
    element(&mut writer, start, value)?;
    String::from_utf8(writer.into_inner()).map_err(std::io::Error::other)
}

fn element(writer: &mut Writer<Vec<u8>>, start: BytesStart<'_>, value: &Value) -> std::io::Result<()> {
    if matches!(value, Value::Nothing) {
        return writer.write_event(Event::Empty(start));
    }
    let end = start.to_end().into_owned();
    writer.write_event(Event::Start(start))?;
    content(writer, value)?;
    writer.write_event(Event::End(end))
}

fn content(writer: &mut Writer<Vec<u8>>, value: &Value) -> std::io::Result<()> {
    let mut text = |text: &str| writer.write_event(Event::Text(BytesText::new(&printable(text))));
    match value {
        Value::Nothing => Ok(()),
        Value::Text(value) | Value::Decimal(value) => text(value),
        Value::Int(number) => text(&number.to_string()),
        Value::Bool(flag) => text(if *flag { "true" } else { "false" }),
        Value::Object(members) => {
            members.iter().try_for_each(|(name, value)| element(writer, BytesStart::new(*name), value))
        }
        Value::IdAndName(members) => members.iter().try_for_each(|(name, value)| {
            let mut start = BytesStart::new(*name);
            start.push_attribute(("xmlns", ID_AND_NAME));
            element(writer, start, value)
        }),
        Value::List(name, values) => values.iter().try_for_each(|value| element(writer, BytesStart::new(*name), value)),
    }
}

/// The text without what no XML document can hold.
fn printable(text: &str) -> String {
    let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars().map(|c| if allowed(c) && !matches!(c, '\u{fffe}' | '\u{ffff}') { c } else { ' ' }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn one_tree_has_two_forms() {
        let pair = Value::pair(("a_id", 7), ("a_name", "A & <B>\u{1}"));
        let row = Value::Object(vec![
            ("a", pair),
            ("amount", Value::Decimal("5.0000".into())),
            ("none", Value::text("")),
            ("day", Value::day(Day::from_ymd(2026, 2, 1))),
        ]);
        let tree = Value::Object(vec![("success", Value::Bool(true)), ("rows", Value::List("row", vec![row]))]);
        assert_eq!(
            xml("root", "urn:x", &tree).unwrap(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><root xmlns=\"urn:x\"><success>true</success><rows><row>\
             <a><a_id xmlns=\"API:id_name_store\">7</a_id><a_name xmlns=\"API:id_name_store\">A &amp; &lt;B&gt; </a_name></a>\
             <amount>5.0000</amount><none/><day>2026-02-01T00:00:00</day></row></rows></root>"
        );
        assert_eq!(
            serde_json::to_string(&tree).unwrap(),
            r#"{"success":true,"rows":[{"a":{"a_id":7,"a_name":"A & <B>\u0001"},"amount":5.0000,"none":null,"day":"2026-02-01T00:00:00"}]}"#
        );
    }
}
