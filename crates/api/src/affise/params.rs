//! What a request says, whichever way it is written: a query, a form, parts, a JSON object; lists and maps with or without
//! brackets.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::body::Bytes;
use quittance_domain::currency::Currency;
use quittance_domain::time::{Day, Zone};
use quittance_http::known::Said;
use quittance_http::{Problem, json};
use serde_json::Value;

use super::quirks;

/// The most values of a request.
const VALUES_MAX: usize = 50_000;
/// The most brackets after a name, and the most levels of a JSON object.
const LEVELS_MAX: usize = 6;

/// A value: a text, or others by their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Text(String),
    Branch(Params),
}

/// Values by their names, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params {
    nodes: Vec<(String, Node)>,
    places: HashMap<String, usize>,
}

impl Params {
    /// Reads pairs such as `ids[0]=1`, `ids[]=1`, `ids=1&ids=2`, `list[0][pid]=3`.
    pub(super) fn of_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Params, Problem> {
        let mut params = Params::default();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            if count >= VALUES_MAX {
                return Err(Problem::bad_request("", format!("there are more than {VALUES_MAX} parameters")));
            }
            let path = path(&name)?;
            params.put(&path, value);
        }
        Ok(params)
    }

    /// Reads a JSON object. Its lists become maps by place; null counts as not given.
    pub(super) fn of_json(body: &[u8]) -> Result<Params, Problem> {
        match node(json::read(body)?, LEVELS_MAX, &mut 0)? {
            Some(Node::Branch(params)) => Ok(params),
            _ => Err(Problem::bad_request("", "the body is no JSON object")),
        }
    }

    fn set(&mut self, key: String, node: Node) {
        match self.places.get(&key) {
            Some(place) => self.nodes[*place].1 = node,
            None => {
                self.places.insert(key.clone(), self.nodes.len());
                self.nodes.push((key, node));
            }
        }
    }

    fn put(&mut self, path: &[String], value: String) {
        let Some((key, rest)) = path.split_first() else { return };
        // An empty key is a place of its own: `ids[]`.
        let key = if key.is_empty() { format!("[{}]", self.nodes.len()) } else { key.clone() };
        let place = self.places.get(&key).copied();
        if rest.is_empty() {
            match place {
                None => self.set(key, Node::Text(value)),
                // The same name once more makes a list of it.
                Some(place) => self.nodes[place].1.push(value),
            }
            return;
        }
        let place = place.unwrap_or_else(|| {
            self.set(key.clone(), Node::Branch(Params::default()));
            self.nodes.len() - 1
        });
        self.nodes[place].1.branch_mut().put(rest, value);
    }

    /// These, with what others say in place of what these do.
    pub(super) fn under(mut self, others: Params) -> Params {
        for (key, node) in others.nodes {
            self.set(key, node);
        }
        self
    }

    /// What tells one request from another, for an `Idempotency-Key`.
    pub(super) fn compared(&self) -> Bytes {
        Bytes::from(format!("{:?}", self.nodes))
    }

    fn node(&self, name: &str) -> Option<&Node> {
        self.places.get(name).map(|place| &self.nodes[*place].1)
    }

    /// Whether something stands under a name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The values under a name by their keys; of a plain value none.
    pub(super) fn branch(&self, name: &str) -> Option<&Params> {
        match self.node(name) {
            Some(Node::Branch(params)) => Some(params),
            _ => None,
        }
    }

    /// The keys and values of a level.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(key, node)| (key.as_str(), node))
    }

    /// The rows of a list of maps: `list[0][pid]`.
    pub(super) fn rows(&self, name: &str) -> Result<Option<Vec<&Params>>, Problem> {
        let row = |node: &'_ Node| match node {
            Node::Branch(_) => Ok(()),
            Node::Text(_) => Err(wrong(name, "a list of objects")),
        };
        match self.node(name) {
            None => Ok(None),
            Some(Node::Text(text)) if text.trim().is_empty() => Ok(Some(Vec::new())),
            Some(Node::Text(_)) => Err(wrong(name, "a list of objects")),
            Some(Node::Branch(params)) => {
                params.nodes.iter().try_for_each(|(_, node)| row(node))?;
                Ok(Some(
                    params
                        .nodes
                        .iter()
                        .filter_map(|(_, node)| match node {
                            Node::Branch(row) => Some(row),
                            Node::Text(_) => None,
                        })
                        .collect(),
                ))
            }
        }
    }

    /// A text without the white space around it; an empty one too, where the client sent it.
    pub(super) fn given(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.node(name) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text.trim())),
            Some(Node::Branch(_)) => Err(wrong(name, "one value")),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        Ok(self.given(name)?.filter(|text| !text.is_empty()))
    }

    fn parsed<T>(&self, name: &str, form: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| not(name, text, form))
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    pub(super) fn day(&self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, "a date such as 2026-01-31", |text| Day::parse(text).ok())
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
        Ok(self.parsed(name, "true, false, 1 or 0", parse)?.unwrap_or(false))
    }

    /// A list of texts, also where one alone was sent as a plain value. Empty ones do not count.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&str>, Problem> {
        let found = match self.node(name) {
            None => return Ok(Vec::new()),
            Some(Node::Text(text)) => vec![text.trim()],
            Some(Node::Branch(params)) => {
                let text = |(_, node): &'_ (String, Node)| match node {
                    Node::Text(_) => Ok(()),
                    Node::Branch(_) => Err(wrong(name, "a list of values")),
                };
                params.nodes.iter().try_for_each(text)?;
                params
                    .nodes
                    .iter()
                    .filter_map(|(_, node)| match node {
                        Node::Text(text) => Some(text.trim()),
                        Node::Branch(_) => None,
                    })
                    .collect()
            }
        };
        Ok(found.into_iter().filter(|text| !text.is_empty()).collect())
    }

    pub(super) fn ints(&self, name: &str) -> Result<Vec<i64>, Problem> {
        let parse = |text: &str| text.parse().map_err(|_| not(name, text, "a whole number"));
        self.texts(name)?.into_iter().map(parse).collect()
    }

    /// A list that filters: `None` where nothing is asked for.
    pub(super) fn ids(&self, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        Ok(Some(self.ints(name)?).filter(|ids| !ids.is_empty()))
    }

    /// Refuses what a list does not know: to leave out a filter would show too much. `page` and `limit` every list knows.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown = |name: &&str| !known.contains(name) && !["page", "limit"].contains(name);
        match self.nodes().map(|(name, _)| name).find(unknown) {
            Some(name) => Err(Problem::bad_request(name, format!("{name}: Method does not allow this filter."))),
            None => Ok(()),
        }
    }

    /// A currency by its id or its code.
    pub(super) fn currency(&self, name: &str) -> Result<Option<Currency>, Problem> {
        self.parsed(name, "the id or the code of a currency", quirks::currency_named)
    }

    /// A list of currencies by their ids or codes; `None` where nothing is asked for.
    pub(super) fn currencies(&self, name: &str) -> Result<Option<Vec<Currency>>, Problem> {
        let read = |text: &str| {
            quirks::currency_named(text).ok_or_else(|| not(name, text, "the id or the code of a currency"))
        };
        let found: Vec<Currency> = self.texts(name)?.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Some(found).filter(|found| !found.is_empty()))
    }

    /// A zone of days by its name.
    pub(super) fn zone(&self, name: &str) -> Result<Option<Zone>, Problem> {
        self.parsed(name, "a time zone such as Europe/Berlin", |text| Zone::parse(text).ok())
    }

    /// `page` and `limit`: which rows to leave out, and how many to show at most.
    pub(super) fn page(&self, (default, most): (i64, i64)) -> Result<Page, Problem> {
        let page = self.int("page")?.unwrap_or(1);
        let limit = self.int("limit")?.unwrap_or(default);
        if page < 1 {
            return Err(wrong("page", "a whole number from 1"));
        }
        let limit = if limit < 1 { default } else { limit.min(most) };
        Ok(Page { page, limit, offset: (page - 1).saturating_mul(limit) })
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// From 1.
    pub(super) page: i64,
    pub(super) limit: i64,
    pub(super) offset: i64,
}

/// A parameter that must be there.
pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::bad_request(name, format!("{name}: This value should not be blank.")))
}

fn wrong(name: &str, form: &str) -> Problem {
    Problem::bad_request(name, format!("{name}: This value is not valid: {form} is expected."))
}

/// The refusal of a value.
pub(super) fn not(name: &str, value: &str, form: &str) -> Problem {
    let shown: String = value.chars().take(60).collect();
    Problem::bad_request(name, format!("{name}: This value is not valid: {shown:?} is not {form}."))
}

impl Said for Node {
    fn members(&self) -> Option<Vec<(Cow<'_, str>, &Node)>> {
        match self {
            Node::Text(_) => None,
            Node::Branch(params) => Some(params.nodes().map(|(name, node)| (name.into(), node)).collect()),
        }
    }

    fn is_blank(&self) -> bool {
        matches!(self, Node::Text(text) if text.trim().is_empty())
    }

    fn is_null(&self) -> bool {
        false
    }

    fn is_absence(&self) -> bool {
        matches!(self, Node::Text(text) if text.trim() == "0" || text.trim().eq_ignore_ascii_case("false"))
    }

    fn within(place: &str, key: &str) -> String {
        format!("{place}[{}]", key.trim_matches(['[', ']']))
    }
}

impl Node {
    fn push(&mut self, value: String) {
        if let Node::Text(first) = self {
            let first = std::mem::take(first);
            let mut list = Params::default();
            list.put(&[String::new()], first);
            *self = Node::Branch(list);
        }
        self.branch_mut().put(&[String::new()], value);
    }

    fn branch_mut(&mut self) -> &mut Params {
        if let Node::Text(text) = self {
            let text = std::mem::take(text);
            let mut list = Params::default();
            if !text.is_empty() {
                list.put(&[String::new()], text);
            }
            *self = Node::Branch(list);
        }
        match self {
            Node::Branch(params) => params,
            Node::Text(_) => unreachable!("it was made a branch above"),
        }
    }
}

/// The keys of a name: `list[0][pid]` has three.
fn path(name: &str) -> Result<Vec<String>, Problem> {
    let shown: String = name.chars().take(60).collect();
    let bad = || Problem::bad_request("", format!("{shown:?} is no name of a parameter"));
    let Some((first, mut rest)) = name.split_once('[') else { return Ok(vec![name.to_owned()]) };
    let mut path = vec![first.to_owned()];
    loop {
        let (key, after) = rest.split_once(']').ok_or_else(bad)?;
        path.push(key.to_owned());
        if path.len() > LEVELS_MAX {
            return Err(bad());
        }
        if after.is_empty() {
            return Ok(path);
        }
        rest = after.strip_prefix('[').ok_or_else(bad)?;
    }
}

fn node(value: Value, levels: usize, count: &mut usize) -> Result<Option<Node>, Problem> {
    *count += 1;
    if *count > VALUES_MAX || levels == 0 {
        return Err(Problem::bad_request(
            "",
            format!("the body has more than {VALUES_MAX} values or is nested too deep"),
        ));
    }
    let branch = |members: &mut dyn Iterator<Item = (String, Value)>, count: &mut usize| {
        let mut params = Params::default();
        for (key, value) in members {
            if let Some(node) = node(value, levels - 1, count)? {
                params.set(key, node);
            }
        }
        Ok(Some(Node::Branch(params)))
    };
    Ok(match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Node::Text(flag.to_string())),
        Value::Number(number) => Some(Node::Text(number.to_string())),
        Value::String(text) => Some(Node::Text(text)),
        Value::Array(list) => {
            let mut members = list.into_iter().enumerate().map(|(place, value)| (place.to_string(), value));
            branch(&mut members, count)?
        }
        Value::Object(members) => branch(&mut members.into_iter(), count)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn form(text: &str) -> Params {
        Params::of_pairs(form_urlencoded::parse(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn every_spelling_of_a_list_is_the_same_list() {
        for spelling in
            ["ids[0]=1&ids[1]=2", "ids[]=1&ids[]=2", "ids=1&ids=2", "ids[7]=1&ids[3]=2", "ids%5B%5D=1&ids%5B%5D=2"]
        {
            assert_eq!(form(spelling).ints("ids").unwrap(), [1, 2], "{spelling}");
        }
        assert_eq!(Params::of_json(br#"{"ids":[1,"2"]}"#).unwrap().ints("ids").unwrap(), [1, 2]);
        assert_eq!(form("ids=15").ints("ids").unwrap(), [15]);
        assert_eq!(form("ids=").ints("ids").unwrap(), [0; 0]);
    }

    #[test]
    fn maps_are_nested() {
        let params =
            form("payment_systems[0][system_id]=13&payment_systems[0][fields][4]=x&params[date_from]=2026-01-01");
        let rows = params.rows("payment_systems").unwrap().unwrap();
        assert_eq!(rows[0].int("system_id").unwrap(), Some(13));
        assert_eq!(rows[0].branch("fields").unwrap().text("4").unwrap(), Some("x"));
        assert_eq!(params.branch("params").unwrap().day("date_from").unwrap().unwrap().to_string(), "2026-01-01");
    }

    #[test]
    fn the_body_goes_before_the_query() {
        let params = form("a=1&b=2").under(form("b=3"));
        assert_eq!((params.text("a").unwrap(), params.text("b").unwrap()), (Some("1"), Some("3")));
    }

    #[test]
    fn a_wrong_value_names_its_parameter() {
        assert!(form("aid=x").int("aid").unwrap_err().detail.starts_with("aid: "));
        assert!(form("aid=1&aid=2").int("aid").unwrap_err().detail.starts_with("aid: "));
        assert!(Params::of_pairs([("a[b".to_owned(), String::new())]).is_err());
        assert!(Params::of_pairs([("a[b][c][d][e][f][g]".to_owned(), String::new())]).is_err());
        assert!(Params::of_json(b"[1]").unwrap().text("0").is_ok());
        assert!(Params::of_json(b"1").is_err());
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let params = Params::of_json(br#"{"sum":12.345678901234567890}"#).unwrap();
        assert_eq!(params.text("sum").unwrap(), Some("12.345678901234567890"));
    }
}
