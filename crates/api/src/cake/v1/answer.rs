//! In which form version 1 answers, and how it says that something failed: with status 200, in the form of a success.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::problem::in_problem_form;
use serde::Serialize;

use super::tree::{self, Value};
use crate::cake::params::Params;
use crate::cake::quirks;
use crate::cake::sent::{Sent, Transport};

/// What is known of a method besides what it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// The last part of its address.
    pub(super) name: &'static str,
    /// The root element of its XML.
    pub(super) root: &'static str,
    /// The name space of that.
    pub(super) name_space: &'static str,
    /// What it says of a bad key.
    pub(super) invalid_key: &'static str,
    /// The parameter that only clients of the pages of 2026 send, or that they send alone.
    pub(super) new_form: NewForm,
}

/// How a request of the pages of 2026 is told from an old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewForm {
    /// There are none.
    Never,
    /// It has a `start_date`.
    StartDate,
    /// It has the id of a bill, and nothing else.
    BillAlone,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An XML document.
    Xml,
    /// An object under `d`.
    UnderD,
    /// The JSON of the pages of 2026.
    New,
}

impl Service {
    /// The form that a request is answered in.
    pub(super) fn form(&self, sent: &Sent) -> Form {
        match sent.transport {
            Transport::Json => Form::UnderD,
            _ if self.is_new(&sent.params) => Form::New,
            Transport::Form | Transport::Query => Form::Xml,
        }
    }

    fn is_new(&self, params: &Params) -> bool {
        match self.new_form {
            NewForm::Never => false,
            NewForm::StartDate => params.text("start_date").is_some(),
            NewForm::BillAlone => params.names().eq(["bill_id"]),
        }
    }

    /// An answer in its form.
    pub(super) fn answer(&self, form: Form, value: &Value) -> Result<Answer, Problem> {
        let internal = |error: &dyn std::fmt::Display| Problem::internal(error);
        let body = match form {
            Form::Xml => tree::xml(self.root, self.name_space, value).map_err(|error| internal(&error))?,
            Form::UnderD => under_d(value).map_err(|error| internal(&error))?,
            Form::New => serde_json::to_string(value).map_err(|error| internal(&error))?,
        };
        Ok(Answer { status: StatusCode::OK, body })
    }

    fn failure(&self, form: Form, problem: &Problem) -> Response {
        let message = match problem.status {
            StatusCode::UNAUTHORIZED => self.invalid_key.to_owned(),
            // The word that clients wait upon and try again.
            StatusCode::TOO_MANY_REQUESTS => "Restricted".to_owned(),
            _ => problem.detail.clone(),
        };
        let value = match form {
            Form::New => Value::Object(vec![
                ("request_status", Value::text(quirks::ERROR)),
                ("success", Value::Bool(false)),
                ("message", Value::Text(message)),
            ]),
            Form::Xml | Form::UnderD => failed(message),
        };
        match self.answer(form, &value) {
            Ok(answer) => typed(form, answer.body),
            Err(problem) => problem.into_response(),
        }
    }
}

#[derive(Serialize)]
struct UnderD<'a> {
    d: &'a Value,
}

/// A failure in the form of a success, as the old services have it.
pub(super) fn failed(message: String) -> Value {
    let success = ("success", Value::Bool(false));
    Value::Object(vec![success, ("message", Value::Text(message)), ("row_count", Value::Int(0))])
}

/// A value under `d`.
pub(super) fn under_d(value: &Value) -> serde_json::Result<String> {
    serde_json::to_string(&UnderD { d: value })
}

/// An answer with the type of its form: its status is always that of a success.
pub(super) fn typed(form: Form, body: String) -> Response {
    let kind = if form == Form::Xml { "text/xml; charset=utf-8" } else { "application/json; charset=utf-8" };
    (StatusCode::OK, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

/// The request as far as it can be told before it is read: what fails before that is answered in this form.
fn guess(service: &Service, request: &Request) -> Form {
    if *request.method() == Method::POST {
        return if is_form(request.headers()) { Form::Xml } else { Form::UnderD };
    }
    let pairs = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()).into_owned();
    let pairs = pairs.filter(|(name, _)| name != quirks::KEY).collect();
    let params = Params::of(pairs).unwrap_or_default();
    if service.is_new(&params) { Form::New } else { Form::Xml }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded"))
}

/// A layer that answers problems as version 1 does.
pub(super) async fn in_own_form(request: Request, next: Next) -> Response {
    let name = request.uri().path().rsplit('/').next().unwrap_or("").to_owned();
    let Some(service) = super::SERVICES.iter().find(|service| service.name == name) else {
        return in_problem_form(next.run(request).await).await;
    };
    let form = guess(service, &request);
    let response = in_problem_form(next.run(request).await).await;
    match response.extensions().get::<Problem>() {
        Some(problem) if problem.status != StatusCode::INTERNAL_SERVER_ERROR => service.failure(form, problem),
        _ => response,
    }
}
