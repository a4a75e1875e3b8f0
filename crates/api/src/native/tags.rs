//! `ETag` and `If-Match` of what has no version: the tag is made from what is shown, and compared in the transaction that
//! changes it.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use quittance_http::Problem;
use quittance_http::idempotency::{Answer, digest};
use serde::Serialize;

/// How much of the digest is in a tag: enough to tell any two apart.
const TAG_CHARS: usize = 32;

fn tag(json: &str) -> String {
    let digest = digest(json.as_bytes());
    format!("\"{}\"", digest.get(..TAG_CHARS).unwrap_or(&digest))
}

/// An answer with the `ETag` of what it shows.
pub(super) fn tagged(answer: Answer) -> Response {
    let tag = tag(&answer.body);
    with_tag(answer, &tag)
}

/// An answer with the `ETag` of a part of what it shows: of what somebody sets, not of what happens by itself.
pub(super) fn tagged_by(answer: Answer, part: &impl Serialize) -> Response {
    let tag = tag(&serde_json::to_string(part).unwrap_or_default());
    with_tag(answer, &tag)
}

fn with_tag(answer: Answer, tag: &str) -> Response {
    let tag = HeaderValue::from_str(tag);
    let mut response = answer.into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What an `If-Match` insists on.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected(Option<Vec<String>>);

impl Expected {
    /// Reads the header; `*` and none insist on nothing.
    pub(super) fn of(headers: &HeaderMap) -> Result<Expected, Problem> {
        let Some(value) = headers.get(header::IF_MATCH) else { return Ok(Expected(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Expected(None));
        }
        let tags: Vec<String> = text.split(',').map(|tag| tag.trim().trim_start_matches("W/").to_owned()).collect();
        let quoted = |tag: &String| tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"');
        if tags.iter().all(quoted) {
            return Ok(Expected(Some(tags)));
        }
        Err(Problem::bad_request("If-Match", format!("If-Match: {text:?} is no ETag of this interface")))
    }

    /// Whether what is shown is what was insisted on.
    pub(super) fn holds(&self, shown: &impl Serialize) -> bool {
        let Expected(Some(tags)) = self else { return true };
        serde_json::to_string(shown).is_ok_and(|json| tags.contains(&tag(&json)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(text: &'static str) -> Result<Expected, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_static(text));
        Expected::of(&headers)
    }

    #[test]
    fn a_tag_holds_for_what_it_was_made_from() {
        let present = tag("[1,2]");
        let expected_tags = Expected(Some(vec!["\"other\"".to_owned(), present]));
        assert!(expected_tags.holds(&[1, 2]));
        assert!(!expected_tags.holds(&[1, 3]));
        assert!(expected("*").unwrap().holds(&[1, 3]));
        assert!(!expected("\"a\", W/\"b\"").unwrap().holds(&[1]));
        assert!(expected("a").is_err());
    }
}
