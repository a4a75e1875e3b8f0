//! What comes with a request: read once, before anybody looks who calls, since a key may be in the body.

use axum::http::request::Parts;
use quittance_http::Problem;
use quittance_http::access::SentKey;
use quittance_http::sent::{self, Content, Encoding, Reading};

use super::params::{Params, json_members};
use super::quirks::KEY;

/// How the parameters came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// In the query.
    Query,
    /// In a form.
    Form,
    /// In a JSON object.
    Json,
}

/// A request as it is handled.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) params: Params,
    /// What the query says where the parameters came in a body.
    pub(super) beside: Params,
    pub(super) transport: Transport,
}

/// How this interface reads what is sent.
pub(super) const READING: Reading = Reading { encoding, keep };

/// A body that says that it is a form is one; any other is JSON, whatever it says: clients are careless about it.
fn encoding(kind: &str, _: &[u8]) -> Encoding {
    if kind == "application/x-www-form-urlencoded" { Encoding::Form } else { Encoding::Json }
}

fn keep(sent: sent::Sent, parts: &mut Parts) -> Result<(), Problem> {
    let mut query = Params::of(sent.query)?;
    let (transport, mut params) = match sent.content {
        Content::Nothing => (Transport::Query, query.clone()),
        Content::Json(bytes) => (Transport::Json, Params::of(json_members(&bytes)?)?),
        Content::Pairs(pairs) => (Transport::Form, Params::of(pairs)?),
    };
    let keys = (query.take(KEY), params.take(KEY));
    if let Some(key) = one_key(keys)? {
        parts.extensions.insert(SentKey(key));
    }
    let beside = if matches!(transport, Transport::Query) { Params::default() } else { query };
    parts.extensions.insert(Sent { params, beside, transport });
    Ok(())
}

/// The key that is sent. Two places may repeat it, and not contradict each other.
fn one_key((query, body): (Option<String>, Option<String>)) -> Result<Option<String>, Problem> {
    match (query, body) {
        (Some(query), Some(body)) if query != body => {
            Err(Problem::bad_request(KEY, format!("{KEY}: the query has one key and the body another")))
        }
        (query, body) => Ok(query.or(body)),
    }
}
