//! The columns of a list as CSV: the members of its rows, those of a member that is an object each in a column of its own.

use std::borrow::Cow;
use std::collections::HashMap;

use quittance_engine::records::{GUARDED, guarded};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use utoipa::openapi::{RefOr, Schema};

/// How deep members of members become columns; what lies deeper is JSON in one cell.
const DEPTH_MAX: usize = 3;

/// The columns, each by the names that lead to it.
pub(super) struct Table {
    columns: Vec<Vec<String>>,
    /// What an import reads again has a last column, which names the columns of the row that were guarded.
    names_guarded: bool,
}

impl Table {
    /// The columns of a type, or those of its members that are asked for; with `names_guarded` a last one more.
    pub(super) fn of<R: ToSchema>(fields: Option<&[String]>, names_guarded: bool) -> Table {
        let mut known = Vec::new();
        R::schemas(&mut known);
        let known: HashMap<String, RefOr<Schema>> = known.into_iter().collect();
        let mut columns = Vec::new();
        if let Some(object) = object(&R::schema(), &known) {
            add(object, &known, &mut Vec::new(), &mut columns);
        }
        columns.retain(|path| fields.is_none_or(|fields| path.first().is_some_and(|name| fields.contains(name))));
        Table { columns, names_guarded }
    }

    /// The header line.
    pub(super) fn head(&self) -> csv::Result<String> {
        let last = self.names_guarded.then(|| GUARDED.to_owned());
        line(self.columns.iter().map(|path| path.join(".")).chain(last))
    }

    /// A row's line.
    pub(super) fn line(&self, row: &Map<String, Value>) -> csv::Result<String> {
        let mut cells = Vec::with_capacity(self.columns.len() + 1);
        let mut names = Vec::new();
        for path in &self.columns {
            let text = text(path, row);
            let cell = guarded(&text);
            if matches!(cell, Cow::Owned(_)) {
                names.push(path.join("."));
            }
            cells.push(cell.into_owned());
        }
        line(cells.into_iter().chain(self.names_guarded.then(|| names.join(" "))))
    }
}

fn add(
    object: &Object,
    known: &HashMap<String, RefOr<Schema>>,
    path: &mut Vec<String>,
    columns: &mut Vec<Vec<String>>,
) {
    for (name, schema) in &object.properties {
        path.push(name.clone());
        match self::object(schema, known).filter(|_| path.len() < DEPTH_MAX) {
            Some(member) => add(member, known, path, columns),
            None => columns.push(path.clone()),
        }
        path.pop();
    }
}

/// The object that a schema is, or that it is where it is not null.
fn object<'a>(schema: &'a RefOr<Schema>, known: &'a HashMap<String, RefOr<Schema>>) -> Option<&'a Object> {
    match schema {
        RefOr::Ref(to) => object(known.get(to.ref_location.rsplit('/').next()?)?, known),
        RefOr::T(Schema::Object(object)) => Some(object).filter(|object| !object.properties.is_empty()),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().find_map(|item| object(item, known)),
        RefOr::T(_) => None,
    }
}

fn text<'a>(path: &[String], row: &'a Map<String, Value>) -> Cow<'a, str> {
    let Some((first, rest)) = path.split_first() else { return "".into() };
    let value = rest.iter().try_fold(row.get(first), |value, name| value.map(|value| value.get(name)));
    match value.flatten() {
        None | Some(Value::Null) => "".into(),
        Some(Value::String(text)) => text.into(),
        Some(value) => value.to_string().into(),
    }
}

fn line(cells: impl Iterator<Item = String>) -> csv::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
