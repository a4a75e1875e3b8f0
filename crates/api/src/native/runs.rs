//! Billing runs.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::money::Money;
use quittance_engine::billing::{FirstDay, Parties, RunFilter, RunRequest};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::Listed;
use super::list::{Asked, List, Window};
use super::params::{Body, Form, Param, param};
use super::wire;

/// A day, or `last_invoice`.
fn from(members: &Body) -> Result<FirstDay, Problem> {
    match members.text("from")?.as_deref() {
        None => Ok(FirstDay::FirstUnbilled),
        Some("last_invoice") => Ok(FirstDay::LastInvoice),
        Some(_) => Ok(members.day("from")?.map_or(FirstDay::FirstUnbilled, FirstDay::Day)),
    }
}

fn currencies(members: &Body) -> Result<Vec<Currency>, Problem> {
    let parse = |code: &String| {
        Currency::parse(code).map_err(|error| Problem::bad_request("/currencies", format!("currencies: {error}")))
    };
    members.texts("currencies")?.iter().map(parse).collect()
}

/// An amount in the only currency that is asked for.
fn sum(members: &Body, currencies: &[Currency]) -> Result<Option<Money>, Problem> {
    let Some(text) = members.amount("sum")? else { return Ok(None) };
    let bad = |detail: String| Problem::bad_request("/sum", format!("sum: {detail}"));
    match currencies {
        [currency] => Money::parse(&text, *currency).map(Some).map_err(|error| bad(error.to_string())),
        _ => Err(bad("it is for one party and one currency: name both".to_owned())),
    }
}

fn request(members: &Body) -> Result<RunRequest, Problem> {
    let kind = members.text("kind")?.unwrap_or_else(|| "payable".to_owned());
    let kind = InvoiceKind::parse(&kind)
        .ok_or_else(|| Problem::bad_request("/kind", format!("kind: {kind:?} is not payable or receivable")))?;
    let (affiliates, advertisers) = (members.ids("affiliates")?, members.ids("advertisers")?);
    let (only, other, named) = match kind {
        InvoiceKind::Payable => (affiliates, advertisers, "advertisers"),
        InvoiceKind::Receivable => (advertisers, affiliates, "affiliates"),
    };
    if !other.is_empty() {
        let detail = format!("{named}: the invoices of a {kind} run are with {}s", kind.party_kind());
        return Err(Problem::bad_request(&format!("/{named}"), detail));
    }
    let except = members.ids("exclude")?;
    let parties = match (only.is_empty(), except.is_empty()) {
        (true, true) => Parties::All,
        (false, true) => Parties::Only(only),
        (true, false) => Parties::Except(except),
        (false, false) => {
            return Err(Problem::bad_request(
                "/exclude",
                "exclude: it cannot be given together with the parties to bill",
            ));
        }
    };
    let given = |list: Vec<i64>| Some(list).filter(|list| !list.is_empty());
    let currencies = currencies(members)?;
    Ok(RunRequest {
        kind,
        through: Body::required("through", members.day("through")?)?,
        from: from(members)?,
        parties,
        offers: given(members.ids("offers")?),
        advertisers: given(members.ids("conversion_advertisers")?),
        sum: sum(members, &currencies)?,
        currencies: Some(currencies).filter(|list| !list.is_empty()),
        countries: Some(members.texts("countries")?).filter(|list| !list.is_empty()),
        unbound: members.flag("final")?.unwrap_or(false),
        positive: false,
        approve: false,
        internal_notes: String::new(),
        scheduled: false,
    })
}

/// Makes a billing run, or shows what it would do.
#[utoipa::path(post, path = "/billing-runs", tag = "Billing runs", request_body = wire::BillingRunRequest,
    responses(
        (status = 201, description = "What the run did.", body = wire::Run),
        (status = 200, description = "What the run would do.", body = wire::Run),
    ))]
pub(super) async fn start(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let members = Body::of::<wire::BillingRunRequest>(&body)?;
    let request = request(&members)?;
    let dry_run = members.flag("dry_run")?.unwrap_or(false);
    let call = actor.call((state.clock)());
    once(&state, &actor, "POST billing-runs", &headers, &body, |_| async {
        let report = state.run(move |engine| {
            if dry_run { engine.preview(&call, &request) } else { engine.bill(&call, &request, &mut |_| {}) }
        });
        let report = report.await?;
        let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
        Answer::of(status, &wire::run(&report))
    })
    .await
}

/// Makes what is due by schedule, or shows it.
#[utoipa::path(post, path = "/billing-runs:due", tag = "Billing runs", request_body = Option<wire::DueRequest>,
    responses((status = 200, description = "The runs that were due.", body = wire::DueRuns)))]
pub(super) async fn due(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let dry_run = Body::of::<wire::DueRequest>(&body)?.flag("dry_run")?.unwrap_or(false);
    let call = actor.call((state.clock)());
    once(&state, &actor, "POST billing-runs:due", &headers, &body, |_| async {
        let report = state.run(move |engine| match dry_run {
            true => engine.preview_due(&call),
            false => engine.bill_due(&call, &mut |_| {}),
        });
        Answer::of(StatusCode::OK, &wire::schedule(&report.await?))
    })
    .await
}

/// The list of billing runs.
pub(super) struct Runs(RunFilter);

impl List for Runs {
    type Row = wire::ListedRun;
    type Key = i64;
    const NAME: &'static str = "billing_runs";
    const SORTS: &'static [&'static str] = &["-run_id", "run_id"];
    const FILTERS: &'static [Param] = &[
        param("kind", Form::Word(&["payable", "receivable"]), "Only payable, or only receivable ones."),
        param("status", Form::Word(&["running", "done"]), "Only those under way, or only those at their end."),
    ];

    fn page(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> Result<Vec<(i64, wire::ListedRun)>, Error> {
        let filter = RunFilter { backwards: window.descending(), ..self.0 };
        let runs = engine.runs(call, &filter, window.after.unwrap_or(0), window.limit)?;
        Ok(runs.iter().map(|listed| (listed.run.run_id.get(), wire::listed_run(listed))).collect())
    }
}

/// Lists billing runs, the newest first.
#[utoipa::path(get, path = "/billing-runs", tag = "Billing runs", params(Listed<Runs>),
    responses((status = 200, description = "A page of runs.", body = wire::RunPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Runs>()?;
    let done = query.parsed("status", "running or done", |word| match word {
        "done" => Some(true),
        "running" => Some(false),
        _ => None,
    })?;
    let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
    asked.answer(&query, Runs(RunFilter { kind, done, backwards: false })).await
}

/// The address of a run.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct RunPath {
    /// The run's id.
    id: i64,
}

/// Shows what a billing run did, or how far it is.
#[utoipa::path(get, path = "/billing-runs/{id}", tag = "Billing runs", params(RunPath),
    responses((status = 200, description = "The run.", body = wire::Run)))]
pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no billing run {id:?}"));
    let id = id.parse().map(RunId::new).map_err(|_| absent())?;
    let call = actor.call((state.clock)());
    let report = state.run(move |engine| engine.run_report(&call, id)).await?;
    Answer::of(StatusCode::OK, &wire::run(&report))
}
