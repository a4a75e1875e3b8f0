//! Answers compared with the OpenAPI document: the status, the content type and the body must be described. Members that
//! are not described are refused, too.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use axum::http::{HeaderMap, StatusCode};
use jsonschema::Validator;
use quittance_api::reference;
use serde_json::{Value, json};

/// The document, whose objects have no other members than the described ones.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = reference::openapi();
    close(&mut document["components"]["schemas"]);
    document
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Closes every object that has members.
fn close(schema: &mut Value) {
    if schema.get("properties").is_some_and(Value::is_object) {
        schema["additionalProperties"] = false.into();
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(close),
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// What a reference within the document leads to, else the value itself.
fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(to) => DOCUMENT.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to} leads nowhere")),
        None => value,
    }
}

/// The described address that a request's address is one of.
fn template(path: &str) -> Option<&'static str> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        let same = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
        wanted.len() == segments.len() && wanted.iter().zip(&segments).all(same)
    };
    let found: Vec<&String> = paths.keys().filter(|template| fits(template)).collect();
    // An address that is described itself goes before one with a place for an id.
    found.iter().find(|template| !template.contains('{')).or(found.first()).map(|template| template.as_str())
}

/// Asserts that an answer is as it is described.
pub(crate) fn check(method: &str, uri: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let path = uri.split('?').next().expect("a path");
    let Some(template) = template(path) else { return };
    let operation = &DOCUMENT["paths"][template][method.to_lowercase()];
    if operation.is_null() {
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {uri}");
        return;
    }
    let place = format!("{method} {template} {status}");
    let described = resolved(&operation["responses"][status.as_str()]);
    assert!(!described.is_null(), "{place} is not described: {}", String::from_utf8_lossy(body));
    let content_type = headers.get("content-type").map_or("", |value| value.to_str().unwrap());
    let media = content_type.split(';').next().unwrap();
    let content = &described["content"][media];
    assert!(content.is_object(), "{place}: {media:?} is not described");
    if !matches!(media, "application/json" | "application/problem+json") {
        return;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{place}: {error}"));
    let validator = validator(&place, &content["schema"]);
    let errors: Vec<String> =
        validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{place} is not as described: {errors:#?} in {body}");
}

fn validator(place: &str, schema: &Value) -> Arc<Validator> {
    let mut known = VALIDATORS.lock().expect("a lock");
    let made = known.entry(place.to_owned()).or_insert_with(|| {
        let mut root = schema.clone();
        root["components"] = json!({ "schemas": DOCUMENT["components"]["schemas"] });
        Arc::new(jsonschema::draft202012::new(&root).expect("a schema"))
    });
    Arc::clone(made)
}

/// Whether the document allows a request with this body, or without one.
pub(crate) fn allows(method: &str, uri: &str, body: Option<&Value>) -> bool {
    let template = template(uri).unwrap_or_else(|| panic!("{uri} is not described"));
    let request = &DOCUMENT["paths"][template][method.to_lowercase()]["requestBody"];
    let Some(body) = body else { return request["required"] != true };
    let schema = &request["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {template} has no JSON body");
    validator(&format!("{method} {template}"), schema).is_valid(body)
}
