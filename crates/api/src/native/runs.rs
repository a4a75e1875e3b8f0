//! Billing runs.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_engine::billing::{Parties, RunRequest};
use quittance_engine::keys::Actor;
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};

use super::params::Body;
use super::wire;

const MEMBERS: &[&str] = &["through", "from", "kind", "affiliates", "advertisers", "exclude", "offers", "dry_run"];

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
    Ok(RunRequest {
        kind,
        through: Body::required("through", members.day("through")?)?,
        from: members.day("from")?,
        parties,
        offers: Some(members.ids("offers")?).filter(|offers| !offers.is_empty()),
    })
}

pub(super) async fn start(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let members = Body::read(&body, MEMBERS)?;
    let request = request(&members)?;
    let dry_run = members.flag("dry_run")?.unwrap_or(false);
    let call = actor.call((state.clock)());
    once(&state, &actor, "POST billing-runs", &headers, &body, |_| async {
        let report = state.run(move |engine| {
            if dry_run { engine.preview(&call, &request) } else { engine.bill(&call, &request, &mut |_| {}) }
        });
        let report = report.await?;
        metrics::counter!("quittance_invoices_issued_total").increment(if dry_run {
            0
        } else {
            u64::try_from(report.invoices()).unwrap_or(0)
        });
        let status = if dry_run { StatusCode::OK } else { StatusCode::CREATED };
        Ok(Answer::json(status, &wire::run(&report)))
    })
    .await
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no billing run {id:?}"));
    let id = id.parse().map(RunId::new).map_err(|_| absent())?;
    let call = actor.call((state.clock)());
    let report = state.run(move |engine| engine.run_report(&call, id)).await?;
    Ok(Answer::json(StatusCode::OK, &wire::run(&report)))
}
