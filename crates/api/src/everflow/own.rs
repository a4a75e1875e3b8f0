//! A partner's own view: its visible invoices that are not deleted, without what is the network's affair.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_engine::invoices::{InvoiceFind, Standing};
use quittance_engine::keys::Actor;
use quittance_http::idempotency::Answer;
use quittance_http::scope::visible;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::from_wire::{Fields, Page, invoice_id, plain_filters, query, side};
use super::invoices::{parts, shown};
use super::partner_billing::main_system;
use super::to_wire::{own_row, own_single, payment_type, summary};
use super::wire::{amount, paging};

/// What a partner looks for among its own.
fn find(actor: &Actor, body: &Fields) -> Result<InvoiceFind, Problem> {
    let filters = body.object("filters")?;
    let mut search = plain_filters(&filters, side("affiliates")?, &["affiliate_invoice_status", "status"])?;
    if search.standings.contains(&Standing::Void) {
        return Err(filters.invalid("affiliate_invoice_status", "\"deleted\" is neither \"paid\" nor \"unpaid\""));
    }
    search.hidden = Some(false);
    search.parties = Some(vec![actor.party_id.unwrap_or(0)]);
    Ok(InvoiceFind { search, managers: None, words: Vec::new() })
}

pub(super) async fn table(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
    body: Bytes,
) -> Result<Answer, Problem> {
    let side = side("affiliates")?;
    let body = Fields::of_body(&body)?;
    let page = Page::read(&query(&uri)?, &body)?;
    let find = find(&actor, &body)?;
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let found = engine.search_invoices(&call, &find, (page.offset(), page.size))?;
        let shown = shown(engine, &call)?;
        let rows: Vec<Value> = found.invoices.iter().map(|listed| own_row(shown, side, listed)).collect();
        Ok(json!({ "invoices": rows, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

pub(super) async fn sums(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let find = find(&actor, &Fields::of_body(&body)?)?;
    let call = actor.call((state.clock)());
    let sums = state.run(move |engine| engine.sum_invoices(&call, &find)).await?;
    Ok(Answer::json(StatusCode::OK, &summary(&sums)))
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let (side, id) = (side("affiliates")?, invoice_id(&id)?);
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let invoice = visible(engine, &actor, &call, id)?;
        if invoice.standing() == Standing::Void {
            return Err(quittance_engine::Error::NotFound(format!("there is no invoice {id}")));
        }
        let parts = parts(engine, &call, &invoice, false)?;
        Ok(own_single(shown(engine, &call)?, side, &invoice, &parts))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

/// How the partner is paid.
pub(super) async fn billing(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
) -> Result<Answer, Problem> {
    let call = actor.call((state.clock)());
    let id = actor.party_id.unwrap_or(0);
    let found = state.run(move |engine| {
        let party = engine.party(&call, PartyKind::Affiliate, id)?.row.party;
        let methods = engine.party_methods(&call, PartyKind::Affiliate, &[id])?;
        let system = main_system(methods.get(&id).map_or(&[], Vec::as_slice));
        Ok(json!({
            "payment_method": payment_type(system.map(|system| system.payment_type.as_str())),
            "payment_terms": party.payment_terms_days.unwrap_or(0),
            "minimum_payout": amount(Money::new(party.minimum_units.unwrap_or(0), party.currency)),
            "currency_id": party.currency.code(),
        }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}
