//! What a vendor's dialect says of its lists.

use quittance_domain::time::Day;
use quittance_engine::records::Field;
use serde_json::{Map, Value};

use super::Resource;

/// A request to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The account's address and the path; without the query, so that it can be shown.
    pub url: String,
    /// The parameters of the query. The key may be among them.
    pub query: Vec<(&'static str, String)>,
    /// The headers. The key may be among them.
    pub headers: Vec<(&'static str, String)>,
    /// A body of JSON.
    pub body: Option<String>,
}

impl Request {
    /// A GET of a path.
    pub(crate) fn get(path: &str) -> Request {
        Request { method: "GET", url: path.to_owned(), ..Request::default() }
    }

    /// A POST of a JSON body to a path.
    pub(crate) fn post(path: &str, body: &Value) -> Request {
        Request { method: "POST", url: path.to_owned(), body: Some(body.to_string()), ..Request::default() }
    }

    /// The same with a parameter.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Request {
        self.query.push((name, value.to_string()));
        self
    }

    /// The same with a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Request {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The whole address, with its query. It may hold the key: never show it.
    #[must_use]
    pub fn address(&self) -> String {
        if self.query.is_empty() {
            return self.url.clone();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.url)
    }
}

/// The rows that are asked for next.
#[derive(Debug, Clone)]
pub(crate) struct Want<'a> {
    /// Of which list.
    pub(crate) resource: Resource,
    /// The page, from 1.
    pub(crate) page: u64,
    /// How many rows of the list, or of the window, were read before.
    pub(crate) read: u64,
    /// How many rows at most.
    pub(crate) rows: u64,
    /// Of conversions: the days on which they happened, both inclusive.
    pub(crate) days: (Day, Day),
    /// Of conversions, where the vendor can tell: changed on this day or later.
    pub(crate) changed_from: Option<Day>,
    /// The account's key.
    pub(crate) key: &'a str,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Page {
    /// The rows as they were sent.
    pub(crate) rows: Vec<Value>,
    /// How many there are in all, where the account says so.
    pub(crate) total: Option<u64>,
}

impl Page {
    /// The rows under a name, and the total where there is one.
    pub(crate) fn of(rows: Option<&Value>, total: Option<&Value>) -> std::result::Result<Page, String> {
        let rows = rows.ok_or("it has no list of rows")?;
        let rows = rows.as_array().ok_or("its rows are no list")?;
        Ok(Page { rows: rows.clone(), total: total.and_then(Value::as_u64) })
    }
}

/// How the end of a list is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// By the number of the page. The list ends when as many rows were read as there are.
    Numbered,
    /// By the number of rows to leave out; whether the first one has the number 0 or 1 is not certain, so that a row may
    /// come twice. The list ends behind the last row.
    Counted,
}

/// How late changes of conversions are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The account can be asked for what was changed since a day.
    pub(crate) by_change: bool,
    /// How many days before the last pull conversions are looked at again.
    pub(crate) window_days: i32,
}

/// An entry of a party or an offer, as a network file has it.
pub(crate) type Entry = Map<String, Value>;
/// What a record says, by field; a field that it does not say is left out.
pub(crate) type Fields = Vec<(Field, String)>;

/// A vendor whose accounts can be read.
#[derive(Clone, Copy)]
pub struct Source(pub(crate) &'static dyn Dialect);

impl Source {
    /// The vendor's word on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// A vendor's requests and records, translated in its dialect's folder.
pub(crate) trait Dialect: Sync {
    /// The vendor's word on the command line.
    fn name(&self) -> &'static str;

    /// What may stand at the end of an account's address and belongs to the paths: `/v1`.
    fn trailing(&self) -> &'static str {
        ""
    }

    /// The lists that the account has.
    fn resources(&self) -> &'static [Resource];

    /// How many rows of a list it gives at most in one answer.
    fn rows(&self, resource: Resource) -> u64;

    /// How the end of its lists is found.
    fn paging(&self) -> Paging;

    /// How late changes are found.
    fn reach(&self) -> Reach;

    /// The request for some rows; the path alone is its address.
    fn request(&self, want: &Want<'_>) -> Request;

    /// The rows of an answer. The error says what is wrong with it.
    fn page(&self, resource: Resource, body: &Value) -> std::result::Result<Page, String>;

    /// A party or an offer as a network file has it.
    fn entry(&self, resource: Resource, row: &Value) -> Entry;

    /// A conversion by field.
    fn conversion(&self, row: &Value) -> Fields;

    /// What the account says of a failure.
    fn refusal(&self, body: &Value) -> Option<String>;
}
