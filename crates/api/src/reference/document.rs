//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use std::collections::BTreeSet;

use quittance_http::Rule;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::{native, postback};

/// The statuses of problems, each with what it means.
const PROBLEMS: [(&str, &str); 13] = [
    ("400", "The request cannot be read: a parameter, header or member is unknown, or its value has the wrong form."),
    ("401", "There is no key, or it is unknown, expired, revoked or of a disabled user."),
    ("403", "The key's role may not do this, or not with this object."),
    ("404", "There is no such object."),
    ("408", "The request did not arrive in time."),
    ("409", "The state of things does not allow it, or a request with the same `Idempotency-Key` is under way."),
    ("412", "The object has changed: its `ETag` is not the one of `If-Match`."),
    ("413", "The body is larger than the server takes."),
    ("415", "The body is compressed in a way that is not known here."),
    ("422", "A value makes no sense here, or the `Idempotency-Key` was used with another body."),
    ("429", "The key has made too many requests; `Retry-After` says when to try again."),
    ("500", "A defect; the server's log has it under the id in the answer."),
    ("503", "The server is busy or stopping; `Retry-After` says when to try again."),
];

/// The groups of the routes.
const TAGS: [(&str, &str); 10] = [
    ("Conversions", "What trackers tell, and what is accrued from it."),
    ("Billing runs", "Invoices for what is unbilled."),
    ("Invoices", "What is owed for a period, and what becomes of it."),
    ("Parties", "Affiliates and advertisers."),
    ("Reference", "Offers, managers, payment systems, currencies."),
    ("Rates", "Rates of exchange."),
    ("Reports", "Figures of the books."),
    ("Events", "What has happened, and who is told of it."),
    ("Keys", "Who may use the interfaces: people and keys."),
    ("Network", "The network itself, its history and its ledger."),
];

const ABOUT: &str = "Billing for affiliate networks: from approved conversions to settled invoices.\n\n\
    **Keys.** `Authorization: Bearer KEY`; each operation says which roles may call it. **Errors** are problem details \
    (RFC 9457) with a JSON pointer for each field at fault. **Amounts** are decimal texts beside their currency, days are \
    `2026-01-31` in the network's time zone, instants are UTC. **Lists** have `limit` and `cursor`; `fields` and `sort` \
    choose from what there is. With `Accept: application/x-ndjson` or `text/csv` a list comes whole, however long it is, and \
    `limit` counts for nothing. **Changes**: `If-Match` with the `ETag` of what was read guards against lost updates; a POST \
    with an `Idempotency-Key` happens once, and a repeat within 24 hours gets the same answer. Bodies may be compressed by \
    gzip or zstd, answers are where that is accepted.";

/// The document.
pub(super) fn document() -> Value {
    let mut api = native::description();
    api.merge(postback::description());
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    document["openapi"] = "3.1.0".into();
    document["info"] = json!({
        "title": "Quittance",
        "version": env!("CARGO_PKG_VERSION"),
        "description": ABOUT,
        "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
    });
    document["servers"] = json!([{ "url": "/", "description": "This server." }]);
    document["tags"] = TAGS.iter().map(|(name, told)| json!({ "name": name, "description": told })).collect();
    components(&mut document);
    let rules: Vec<&Rule> = native::RULES.iter().chain(postback::RULES).collect();
    let paths = document["paths"].as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut schemas = document["components"]["schemas"].as_object_mut().map(std::mem::take).unwrap_or_default();
    let finished = paths.into_iter().map(|(path, item)| {
        let item = finished_item(&path, item, &rules, &mut schemas);
        (path, item)
    });
    let finished: Map<String, Value> = finished.collect();
    document["paths"] = Value::Object(finished);
    document["components"]["schemas"] = Value::Object(schemas);
    without_unused(document)
}

/// The names of the components of a kind that something refers to.
fn referred(value: &Value, kind: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(kind));
            names.extend(name.map(str::to_owned));
            members.values().for_each(|value| referred(value, kind, names));
        }
        Value::Array(items) => items.iter().for_each(|value| referred(value, kind, names)),
        _ => {}
    }
}

/// The document without components that nothing refers to; one may have been referred to by another such alone.
fn without_unused(mut document: Value) -> Value {
    for kind in ["responses", "schemas"] {
        let prefix = format!("#/components/{kind}/");
        loop {
            let mut names = BTreeSet::new();
            referred(&document, &prefix, &mut names);
            let Some(known) = document["components"][kind].as_object_mut() else { break };
            let before = known.len();
            known.retain(|name, _| names.contains(name));
            if known.len() == before {
                break;
            }
        }
    }
    document
}

fn components(document: &mut Value) {
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "A key, as `quittance keys create` makes it." },
        "query": { "type": "apiKey", "in": "query", "name": "key", "description": "The same key, of a postback." },
    });
    let of = |media: &str, schema: Value| {
        let response = |(status, told): &(&str, &str)| {
            let mut response = json!({ "description": told, "content": { media: { "schema": schema } } });
            if matches!(*status, "429" | "503") {
                let seconds = json!({ "description": "Seconds.", "schema": { "type": "integer" } });
                response["headers"] = json!({ "Retry-After": seconds });
            }
            ((*status).to_owned(), response)
        };
        PROBLEMS.iter().map(response).collect::<Vec<_>>()
    };
    let problem = of("application/problem+json", json!({ "$ref": "#/components/schemas/Problem" }));
    let line =
        of("text/plain", json!({ "type": "string" })).into_iter().map(|(status, told)| (format!("{status}Text"), told));
    document["components"]["responses"] = problem.into_iter().chain(line).collect::<Map<_, _>>().into();
    let mut described = vec![("Problem".to_owned(), native::wire::Problem::schema())];
    native::wire::Problem::schemas(&mut described);
    for (name, schema) in described {
        document["components"]["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
    }
}

/// An address with what holds for all its methods.
fn finished_item(path: &str, item: Value, rules: &[&Rule], schemas: &mut Map<String, Value>) -> Value {
    let Value::Object(methods) = item else { return item };
    let editable = methods.values().any(|operation| has_parameter(operation, "If-Match"));
    let finished = methods.into_iter().map(|(method, mut operation)| {
        finish(path, &method, &mut operation, rules);
        if editable && method != "delete" {
            tag_answers(&mut operation);
        }
        list_answers(&mut operation, schemas);
        (method, operation)
    });
    Value::Object(finished.collect())
}

fn has_parameter(operation: &Value, name: &str) -> bool {
    operation["parameters"].as_array().is_some_and(|all| all.iter().any(|parameter| parameter["name"] == name))
}

/// The id of an operation: `postInvoicesByIdPayments`.
fn operation_id(path: &str, method: &str) -> String {
    let path = path.trim_start_matches("/billing/v1");
    let words = path.split(['/', ':', '-', '{', '}']).filter(|word| !word.is_empty());
    let mut id = method.to_owned();
    for word in words {
        let by = if path.contains(&format!("{{{word}}}")) { "By" } else { "" };
        let (first, rest) = word.split_at(1);
        id = format!("{id}{by}{}{rest}", first.to_uppercase());
    }
    id
}

fn finish(path: &str, method: &str, operation: &mut Value, rules: &[&Rule]) {
    let native = path.starts_with("/billing/v1");
    operation["operationId"] = operation_id(path, method).into();
    operation["security"] = if native { json!([{ "bearer": [] }]) } else { json!([{ "query": [] }, { "bearer": [] }]) };
    let rule = rules.iter().find(|rule| rule.route == path && rule.method.eq_ignore_ascii_case(method));
    let roles: Vec<&str> = rule.map_or(&[][..], |rule| rule.roles).iter().map(|role| role.as_str()).collect();
    let told = operation["description"].as_str().map_or_else(String::new, |told| format!("{told}\n\n"));
    operation["description"] = format!("{told}Roles: {}.", roles.join(", ")).into();
    if native && method == "post" {
        let told = "A name of this request, of at most 255 characters: a repeat with it is not done again.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        let header = json!({ "name": "Idempotency-Key", "in": "header", "description": told, "schema": schema });
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(header),
            None => operation["parameters"] = json!([header]),
        }
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        give_example(parameter);
    }
    let suffix = if native { "" } else { "Text" };
    for (status, _) in PROBLEMS {
        if possible(status, path, method, operation) && operation["responses"].get(status).is_none() {
            operation["responses"][status] = json!({ "$ref": format!("#/components/responses/{status}{suffix}") });
        }
    }
}

/// An example for a part of the address: something that a small network has.
fn give_example(parameter: &mut Value) {
    if parameter["in"] != "path" {
        return;
    }
    let name = parameter["name"].as_str().unwrap_or_default();
    let example = match (name, parameter["schema"]["type"].as_str()) {
        ("code", _) => json!("EUR"),
        ("name", _) => json!("unbilled"),
        (_, Some("integer")) => json!(1),
        _ => json!("a1"),
    };
    parameter["example"] = example;
}

/// Whether a problem of a status can be the answer of an operation.
fn possible(status: &str, path: &str, method: &str, operation: &Value) -> bool {
    match status {
        "404" => path.contains('{'),
        "409" => method != "get",
        "412" => has_parameter(operation, "If-Match"),
        _ => true,
    }
}

/// The `ETag` of what can be edited.
fn tag_answers(operation: &mut Value) {
    for status in ["200", "201"] {
        if let Some(answer) = operation["responses"].get_mut(status) {
            let told = "The version, for `If-Match`.";
            answer["headers"] = json!({ "ETag": { "description": told, "schema": { "type": "string" } } });
        }
    }
}

/// What a list answers: its rows have only the members that were asked for, and it can be had as lines and CSV.
fn list_answers(operation: &mut Value, schemas: &mut Map<String, Value>) {
    if !has_parameter(operation, "fields") {
        return;
    }
    let content = &mut operation["responses"]["200"]["content"];
    content["application/x-ndjson"] = json!({ "schema": { "type": "string", "description": "A row a line." } });
    content["text/csv"] = json!({ "schema": { "type": "string", "description": "A header line, and a row a line." } });
    let page = content["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
    let page = page.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(properties) = schemas.get_mut(&page).and_then(|page| page["properties"].as_object_mut()) else { return };
    let Some(rows) = properties.values_mut().find_map(|property| property.get_mut("items")) else { return };
    let row = rows["$ref"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default().to_owned();
    let listed = format!("{row}Listed");
    rows["$ref"] = format!("#/components/schemas/{listed}").into();
    let Some(mut whole) = schemas.get(&row).cloned() else { return };
    if let Some(members) = whole.as_object_mut() {
        members.remove("required");
    }
    schemas.insert(listed, whole);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_by_what_they_do() {
        assert_eq!(operation_id("/billing/v1/invoices/{id}/payments", "post"), "postInvoicesByIdPayments");
        assert_eq!(operation_id("/billing/v1/billing-runs:due", "post"), "postBillingRunsDue");
        assert_eq!(operation_id("/postback", "get"), "getPostback");
    }
}
