//! The sources of records that the configuration names: tables `[import.NAME]`.

use quittance_engine::records::{Decimal, Field, Meaning, Source, Sources, nearest};
use quittance_engine::settings::meant;
use toml::{Table, Value};

/// The keys of a source.
const KEYS: [&str; 5] = ["like", "status", "map", "decimal", "whole_ids"];

/// Reads the tables of all sources.
///
/// # Errors
/// What is wrong, beginning with the name of the source.
pub(crate) fn read(tables: &Table, sources: &mut Sources) -> Result<(), String> {
    for (name, table) in tables {
        let table = table.as_table().ok_or_else(|| format!("{name}: a table is expected, [import.{name}]"))?;
        let source = source(table, sources).map_err(|detail| format!("{name}.{detail}"))?;
        sources.add(name, source);
    }
    Ok(())
}

fn source(table: &Table, known: &Sources) -> Result<Source, String> {
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{key}: there is no such key: {}", meant(key, &KEYS)));
    }
    // What it is like comes first, whatever the order of the keys: the others change it.
    let mut source = match text(table, "like")? {
        Some(name) => (*known.named(name).map_err(|detail| format!("like: {detail}"))?).clone(),
        None => Source::default(),
    };
    for (word, meaning) in pairs(table, "status")? {
        let known = Meaning::named(meaning);
        let known =
            known.ok_or_else(|| format!("status: {meaning:?} is none of approved, pending, hold, rejected, paid"))?;
        source.add_word(word, known);
    }
    for (column, name) in pairs(table, "map")? {
        let hint = || nearest(name, Field::names()).map_or(String::new(), |near| format!("; is {near} meant?"));
        let field = Field::named(name).ok_or_else(|| format!("map: {name:?} is no field{}", hint()))?;
        source.columns.push((column.to_owned(), field));
    }
    if let Some(sign) = text(table, "decimal")? {
        source.decimal = Decimal::parse(sign)?;
    }
    if let Some(whole) = table.get("whole_ids") {
        source.whole_ids = whole.as_bool().ok_or("whole_ids: true or false is expected")?;
    }
    Ok(source)
}

fn text<'a>(table: &'a Table, key: &str) -> Result<Option<&'a str>, String> {
    let text = |value: &'a Value| value.as_str().ok_or_else(|| format!("{key}: a text in quotes is expected"));
    table.get(key).map(text).transpose()
}

/// The members of a table, all texts.
fn pairs<'a>(table: &'a Table, key: &str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let table = value.as_table().ok_or_else(|| format!("{key}: a table is expected, {{ \"from\" = \"to\" }}"))?;
    let pair = |(name, value): (&'a String, &'a Value)| {
        let to = value.as_str().ok_or_else(|| format!("{key}: {name:?}: a text in quotes is expected"))?;
        Ok((name.as_str(), to))
    };
    table.iter().map(pair).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<Sources, String> {
        let mut sources = Sources::default();
        read(&text.parse::<Table>().unwrap(), &mut sources).map(|()| sources)
    }

    #[test]
    fn a_source_is_like_another_with_words_of_its_own() {
        let text = "[ours]\nstatus = { won = \"approved\" }\nlike = \"affise\"\ndecimal = \",\"\nwhole_ids = true\n\
                    map = { \"Conv ID\" = \"conversion_id\" }\n";
        let source = told(text).unwrap().named("OURS").unwrap();
        assert_eq!((source.decimal, source.whole_ids), (Decimal::Comma, true));
        assert_eq!(source.columns, [("Conv ID".to_owned(), Field::ConversionId)]);
        let affise = Sources::default().named("affise").unwrap();
        let mut expected = (*affise).clone();
        expected.add_word("WON", Meaning::named("approved").unwrap());
        expected.columns.clone_from(&source.columns);
        (expected.decimal, expected.whole_ids) = (Decimal::Comma, true);
        assert_eq!(*source, expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, detail) in [
            ("x = 1", "x: a table is expected"),
            ("[x]\nstatu = {}", "x.statu: there is no such key: did you mean status?"),
            ("[x]\nstatus = { won = \"aproved\" }", "x.status: \"aproved\" is none of"),
            ("[x]\nmap = { a = \"payot\" }", "x.map: \"payot\" is no field; is payout meant?"),
            ("[x]\nlike = \"afise\"", "x.like: source: there is no source"),
            ("[x]\ndecimal = \"'\"", "x.decimal: "),
            ("[x]\nwhole_ids = \"yes\"", "x.whole_ids: true or false"),
        ] {
            let error = told(text).unwrap_err();
            assert!(error.starts_with(detail), "{error}");
        }
    }
}
