//! Lists: pages with a cursor, `fields` and `sort` from what there is, and whole exports as lines of JSON or CSV that take
//! no more memory than one page.
//!
//! To add a list: a type of its filters that is a [`List`], a page type in `wire`, and a handler of three lines.

mod table;

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, Query as Pairs};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::Answer;
use quittance_http::pages::{self, Page};
use quittance_http::{AppState, Problem};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{PartialSchema, ToSchema};

use self::table::Table;
use super::params::{Param, Query, members};

/// How many rows of an export are read at a time.
const EXPORT_ROWS: i64 = 500;
/// The parameters that every list has.
const COMMON: [&str; 4] = ["limit", "cursor", "fields", "sort"];

/// A list that can be asked for: its filters, and how a page of it is read.
pub(super) trait List: Send + Sync + 'static {
    /// A row as it is shown.
    type Row: Serialize + ToSchema + Send + 'static;
    /// Where a row stands in the list. Its text is the cursor, and needs no escaping in an address.
    type Key: Display + FromStr + PartialEq + Clone + Send + Sync + 'static;

    /// The member of the answer that holds the rows.
    const NAME: &'static str;
    /// The orders in which it can be asked for; the first where none is. A `-` before a name turns the order round.
    const SORTS: &'static [&'static str];
    /// The filters.
    const FILTERS: &'static [Param];
    /// An import reads its CSV: a last column names the columns of a row that have an apostrophe of ours.
    const READ_AGAIN: bool = false;

    /// At most `limit` rows from a place on, with their keys.
    ///
    /// # Errors
    /// What the engine says.
    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<Self::Key>,
    ) -> quittance_engine::Result<Vec<(Self::Key, Self::Row)>> {
        Ok(self.part(engine, call, window)?.0)
    }

    /// The same of a list in which what is asked for may be rare: a search ends after a bounded number of rows, and says
    /// where it has stopped. Either this or [`List::page`] is to be written.
    ///
    /// # Errors
    /// What the engine says.
    fn part(&self, engine: &Engine, call: &Call, window: &Window<Self::Key>) -> quittance_engine::Result<Part<Self>> {
        Ok((self.page(engine, call, window)?, None))
    }

    /// The key of the present last row, where the list grows at its end: an export ends there.
    ///
    /// # Errors
    /// What the engine says.
    fn end(&self, _engine: &Engine, _call: &Call) -> quittance_engine::Result<Option<Self::Key>> {
        Ok(None)
    }
}

/// Rows with their keys, and after which key to read on, where they are fewer than was asked for and there may be more.
pub(super) type Part<L> = (Vec<(<L as List>::Key, <L as List>::Row)>, Option<<L as List>::Key>);

/// What part of a list is to be read.
#[derive(Debug, Clone)]
pub(super) struct Window<K> {
    /// After the row with this key; `None`: from the start.
    pub(super) after: Option<K>,
    /// How many rows.
    pub(super) limit: i64,
    /// One of [`List::SORTS`].
    pub(super) sort: &'static str,
}

impl<K> Window<K> {
    /// The order is turned round.
    pub(super) fn descending(&self) -> bool {
        self.sort.starts_with('-')
    }
}

impl<K: PartialEq> Window<K> {
    /// The part of a list that is short enough to be read whole, in its order.
    pub(super) fn of_whole<R>(&self, rows: Vec<(K, R)>) -> Vec<(K, R)> {
        let start = match &self.after {
            None => 0,
            Some(after) => rows.iter().position(|(key, _)| key == after).map_or(rows.len(), |at| at + 1),
        };
        rows.into_iter().skip(start).take(usize::try_from(self.limit).unwrap_or(0)).collect()
    }
}

/// The form in which a client wants a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A page as JSON.
    Page,
    /// Everything, a JSON object a line.
    Lines,
    /// Everything, as CSV with a header line.
    Csv,
}

impl Wanted {
    /// The first form of the `Accept` header that there is.
    fn of(headers: &HeaderMap) -> Wanted {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut types =
            accept.flat_map(|value| value.split(',')).map(|part| part.split(';').next().unwrap_or("").trim());
        let form = types.find_map(|name| match name {
            "application/json" | "*/*" => Some(Wanted::Page),
            "application/x-ndjson" | "application/jsonl" => Some(Wanted::Lines),
            "text/csv" => Some(Wanted::Csv),
            _ => None,
        });
        form.unwrap_or(Wanted::Page)
    }
}

/// A request to a list.
pub(super) struct Asked {
    pub(super) state: AppState,
    pub(super) actor: Actor,
    pairs: Vec<(String, String)>,
    wanted: Wanted,
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Asked, Response> {
        let Extension(actor) =
            Extension::<Actor>::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Asked { state: state.clone(), actor, pairs, wanted: Wanted::of(&parts.headers) })
    }
}

impl Asked {
    /// The parameters of a list.
    pub(super) fn query<L: List>(&self) -> Result<Query, Problem> {
        let known: Vec<&str> = L::FILTERS.iter().map(|param| param.name).chain(COMMON).collect();
        Query::read(self.pairs.clone(), &known)
    }

    /// Answers a page of a list, or all of it.
    pub(super) async fn answer<L: List>(self, query: &Query, list: L) -> Result<Response, Problem> {
        let call = self.actor.call((self.state.clock)());
        let export =
            Arc::new(Export { state: self.state, call, list, fields: fields::<L>(query)?, sort: sort::<L>(query)? });
        let limit = query.limit()?;
        let after = query.parsed("cursor", "a cursor of this list", |text| text.parse().ok())?;
        match self.wanted {
            Wanted::Page => export.page(after, limit).await,
            Wanted::Lines => export.all(after, Lines::Json, "application/x-ndjson").await,
            Wanted::Csv => {
                let table = Table::of::<L::Row>(export.fields.as_deref(), L::READ_AGAIN);
                export.all(after, Lines::Csv(Arc::new(table)), "text/csv; charset=utf-8").await
            }
        }
    }
}

/// The members that are asked for; `None`: all.
fn fields<L: List>(query: &Query) -> Result<Option<Vec<String>>, Problem> {
    let Some(text) = query.text("fields") else { return Ok(None) };
    let schema = L::Row::schema();
    let known: Vec<&String> = members(&schema).collect();
    let named: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    match named.iter().find(|name| !known.contains(name)) {
        None => Ok(Some(named)),
        Some(name) => {
            let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
            let detail = format!("fields: there is no {name:?}; there are {}", known.join(", "));
            Err(Problem::bad_request("fields", detail))
        }
    }
}

fn sort<L: List>(query: &Query) -> Result<&'static str, Problem> {
    let Some(text) = query.text("sort") else { return Ok(L::SORTS.first().copied().unwrap_or_default()) };
    L::SORTS.iter().copied().find(|sort| *sort == text).ok_or_else(|| {
        let detail = format!("sort: there is no {text:?}; there are {}", L::SORTS.join(", "));
        Problem::bad_request("sort", detail)
    })
}

/// How the rows of an export are written.
#[derive(Clone)]
enum Lines {
    Json,
    Csv(Arc<Table>),
}

/// A list that is being read. Its rows are written on the thread that reads them.
struct Export<L: List> {
    state: AppState,
    call: Call,
    list: L,
    fields: Option<Vec<String>>,
    sort: &'static str,
}

/// Where an export stands: after which row the next page starts, and with which one it ends.
struct Place<K> {
    after: Option<K>,
    end: Option<K>,
}

impl<L: List> Export<L> {
    /// A row with the members that are asked for.
    fn row(&self, row: &L::Row) -> Result<Map<String, Value>, Problem> {
        let value = serde_json::to_value(row).map_err(|error| Problem::internal(&error))?;
        let Value::Object(mut members) = value else { return Err(Problem::internal(&"a row is no object")) };
        if let Some(fields) = &self.fields {
            members.retain(|name, _| fields.contains(name));
        }
        Ok(members)
    }

    /// Writes a row as JSON.
    fn write_json(&self, row: &L::Row, out: &mut Vec<u8>) -> Result<(), Problem> {
        let written = match &self.fields {
            None => serde_json::to_writer(out, row),
            Some(_) => serde_json::to_writer(out, &self.row(row)?),
        };
        written.map_err(|error| Problem::internal(&error))
    }

    /// Reads rows, and makes of them what is to be sent.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        after: Option<L::Key>,
        limit: i64,
        write: impl FnOnce(&Self, Part<L>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let export = Arc::clone(self);
        let window = Window { after, limit, sort: self.sort };
        let written = self.state.run_list(move |engine| {
            let part = export.list.part(engine, &export.call, &window)?;
            Ok(write(&export, part))
        });
        written.await?
    }

    async fn page(self: Arc<Self>, after: Option<L::Key>, limit: i64) -> Result<Response, Problem> {
        // One more than is shown tells whether there are more.
        let body = self.read(after, limit + 1, move |export, (mut rows, goes_on)| {
            let shown = usize::try_from(limit).unwrap_or(0);
            let more = rows.len() > shown;
            rows.truncate(shown);
            let last = rows.last().filter(|_| more).map(|(key, _)| key.clone());
            let next = last.or(goes_on).map(|key| key.to_string());
            let mut body = format!("{{\"{}\":[", L::NAME).into_bytes();
            for (place, (_, row)) in rows.iter().enumerate() {
                if place > 0 {
                    body.push(b',');
                }
                export.write_json(row, &mut body)?;
            }
            body.extend_from_slice(format!("],\"next_cursor\":{}}}", Value::from(next)).as_bytes());
            text(body)
        });
        Ok(Answer { status: StatusCode::OK, body: body.await? }.into_response())
    }

    /// All rows from a place on, up to the one that is the last now.
    async fn all(
        self: Arc<Self>,
        after: Option<L::Key>,
        lines: Lines,
        content_type: &'static str,
    ) -> Result<Response, Problem> {
        let export = Arc::clone(&self);
        let end = self.state.run_list(move |engine| export.list.end(engine, &export.call)).await?;
        // An order that is turned round starts at the end: what is new comes before it.
        let end = end.filter(|_| !self.sort.starts_with('-'));
        let head = match &lines {
            Lines::Json => String::new(),
            Lines::Csv(table) => table.head().map_err(|error| Problem::internal(&error))?,
        };
        let first = self.part(Place { after, end }, &lines).await?;
        let read = move |place| {
            let (export, lines) = (Arc::clone(&self), lines.clone());
            async move { export.part(place, &lines).await }
        };
        let mut response = Response::new(pages::body(head, first, String::new(), read));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(response)
    }

    async fn part(self: &Arc<Self>, place: Place<L::Key>, lines: &Lines) -> Result<Page<Place<L::Key>>, Problem> {
        let Place { after, end } = place;
        let lines = lines.clone();
        let written = self.read(after, EXPORT_ROWS, move |export, (rows, goes_on)| {
            let full = i64::try_from(rows.len()).is_ok_and(|count| count == EXPORT_ROWS);
            let mut written = Vec::new();
            for (key, row) in &rows {
                export.write_line(row, &lines, &mut written)?;
                if end.as_ref() == Some(key) {
                    return Ok(Page { text: text(written)?, next: None });
                }
            }
            let after = rows.into_iter().last().map(|(key, _)| key).filter(|_| full).or(goes_on);
            Ok(Page { text: text(written)?, next: after.map(|key| Place { after: Some(key), end }) })
        });
        written.await
    }

    /// Writes a row as a line of an export.
    fn write_line(&self, row: &L::Row, lines: &Lines, out: &mut Vec<u8>) -> Result<(), Problem> {
        match lines {
            Lines::Json => {
                self.write_json(row, out)?;
                out.push(b'\n');
            }
            Lines::Csv(table) => {
                let line = table.line(&self.row(row)?).map_err(|error| Problem::internal(&error))?;
                out.extend_from_slice(line.as_bytes());
            }
        }
        Ok(())
    }
}

/// What was written, as text.
fn text(written: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(written).map_err(|error| Problem::internal(&error))
}
