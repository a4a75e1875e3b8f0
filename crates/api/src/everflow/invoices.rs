//! The network's invoices with partners and advertisers: found, summed up, read, made and changed.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_domain::period::Period;
use quittance_domain::time::Day;
use quittance_engine::billing::AskedInvoice;
use quittance_engine::invoices::{Invoice, InvoiceEdit, InvoiceFind, Revision, Standing, TOGETHER_MAX};
use quittance_engine::keys::{Actor, Role};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::scope::visible;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::error::{absent, bad};
use super::from_wire::{Fields, Page, find, invoice_id, is_same, query, relationships, side, standing};
use super::quirks::NO_BATCHES;
use super::to_wire::{Parts, Shown, row, single, summary};
use super::wire::{Side, amount, paging, status};
use super::zones;

/// What of the network invoices show.
pub(super) fn shown(engine: &Engine, call: &Call) -> quittance_engine::Result<Shown> {
    let network = engine.network(call.network)?;
    Ok(Shown { network_id: network.network_id.get(), timezone_id: zones::id_of(&network.time_zone) })
}

/// What the key may find: a manager's only what is of the parties that it looks after.
fn within(actor: &Actor, find: InvoiceFind) -> InvoiceFind {
    if actor.role != Role::Manager {
        return find;
    }
    let own = actor.party_id.unwrap_or(0);
    let asked = find.managers.as_ref().is_none_or(|managers| managers.contains(&own));
    InvoiceFind { managers: Some(if asked { vec![own] } else { Vec::new() }), ..find }
}

pub(super) async fn table(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(word): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Answer, Problem> {
    let side = side(&word)?;
    let body = Fields::of_body(&body)?;
    let page = Page::read(&query(&uri)?, &body)?;
    let find = within(&actor, find(&body, side)?);
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let found = engine.search_invoices(&call, &find, (page.offset(), page.size))?;
        let shown = shown(engine, &call)?;
        let rows: Vec<Value> = found.invoices.iter().map(|listed| row(shown, side, listed)).collect();
        Ok(json!({ "invoices": rows, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

pub(super) async fn sums(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let find = within(&actor, find(&Fields::of_body(&body)?, side(&word)?)?);
    let call = actor.call((state.clock)());
    let sums = state.run(move |engine| engine.sum_invoices(&call, &find)).await?;
    Ok(Answer::json(StatusCode::OK, &summary(&sums)))
}

/// What belongs to an invoice besides its row.
pub(super) fn parts(engine: &Engine, call: &Call, invoice: &Invoice, party: bool) -> quittance_engine::Result<Parts> {
    let lines = engine.invoice_lines(call, invoice.invoice_id)?;
    let mut offers: Vec<i64> = lines.iter().filter_map(|line| line.offer_id.map(|offer| offer.get())).collect();
    offers.sort_unstable();
    offers.dedup();
    let offers = engine.offers_by_ids(call, &offers)?.into_iter().map(|offer| (offer.offer_id, offer.name));
    let party = match party {
        true => Some(engine.party(call, invoice.book.kind.party_kind(), invoice.book.party_id)?.row.party),
        false => None,
    };
    let payments = engine.invoice_payments(call, invoice.invoice_id)?;
    Ok(Parts { lines, payments, offers: offers.collect(), party })
}

fn whole(engine: &Engine, call: &Call, side: Side, invoice: &Invoice, party: bool) -> quittance_engine::Result<Value> {
    let parts = parts(engine, call, invoice, party)?;
    Ok(single(shown(engine, call)?, side, invoice, &parts))
}

fn no_invoice(id: InvoiceId) -> quittance_engine::Error {
    quittance_engine::Error::NotFound(format!("there is no invoice {id}"))
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path((word, id)): Path<(String, String)>,
    uri: Uri,
) -> Result<Answer, Problem> {
    let (side, id) = (side(&word)?, invoice_id(&id)?);
    let pairs = query(&uri)?;
    let party = relationships(&pairs).iter().any(|asked| *asked == "all" || *asked == side.word);
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let invoice = visible(engine, &actor, &call, id)?;
        if invoice.book.kind != side.kind {
            return Err(no_invoice(id));
        }
        whole(engine, &call, side, &invoice, party)
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

/// The period of a body.
fn period(body: &Fields) -> Result<Option<Period>, Problem> {
    let (start, end) = (body.day(&["start_time"])?, body.day(&["end_time"])?);
    match (start, end) {
        (None, None) => Ok(None),
        (start, end) => {
            let (start, end) = (body.required("start_time", start)?, body.required("end_time", end)?);
            if end < start {
                return Err(body.invalid("end_time", &format!("{end} is before start_time, {start}")));
            }
            Ok(Some(Period { start, end }))
        }
    }
}

/// The status of a body.
fn wanted(body: &Fields) -> Result<Option<Standing>, Problem> {
    let Some(word) = body.text(&["status"])?.filter(|word| !word.is_empty()) else { return Ok(None) };
    let detail = || format!("{word:?} is none of \"paid\", \"unpaid\" and \"deleted\"");
    standing(&word).map(Some).ok_or_else(|| body.invalid("status", &detail()))
}

/// A line that is given beside those of the conversions.
struct Correction {
    amount: String,
    notes: String,
    /// What the amount is in, where the line says it, and the line's place in the body.
    currency: Option<(Currency, String)>,
}

/// Lines that are given beside those of the conversions: amounts with comments.
fn corrections(body: &Fields) -> Result<Vec<Correction>, Problem> {
    let correction = |line: Fields| {
        let amount = line.amount(&["amount", "invoice_currency_amount"])?;
        let currency = line.currency(&["currency_id"])?;
        Ok(Correction {
            amount: line.required("amount", amount)?,
            notes: line.text(&["notes"])?.unwrap_or_default(),
            currency: currency.map(|currency| (currency, line.named("currency_id"))),
        })
    };
    body.objects("details")?.into_iter().map(correction).collect()
}

/// Refuses lines in another currency than the invoice's: their amounts would be taken for its own.
fn check_currencies(
    engine: &Engine,
    call: &Call,
    asked: &AskedInvoice,
    corrections: &[Correction],
) -> quittance_engine::Result<()> {
    let own = match asked.currency {
        Some(currency) => currency,
        None if corrections.iter().all(|line| line.currency.is_none()) => return Ok(()),
        None => engine.party(call, asked.kind.party_kind(), asked.party_id)?.row.party.currency,
    };
    let other = |line: &&Correction| line.currency.as_ref().is_some_and(|(currency, _)| *currency != own);
    match corrections.iter().find(other).and_then(|line| line.currency.as_ref()) {
        Some((currency, place)) => {
            let detail = format!("{place}: {currency} is not the invoice's currency, {own}");
            Err(quittance_engine::Error::invalid(place, detail))
        }
        None => Ok(()),
    }
}

fn asked(body: &Fields, side: Side, corrections: &[Correction]) -> Result<AskedInvoice, Problem> {
    let key = side.party_key();
    let party = body.int(&[&key])?;
    let party_id = body.required(&key, party)?;
    let period = period(body)?;
    let standing = wanted(body)?;
    if standing == Some(Standing::Void) {
        return Err(body.invalid("status", "an invoice is not made deleted"));
    }
    if body.has("extra_periods") && !body.objects("extra_periods")?.is_empty() {
        let detail = "earlier periods are found by themselves: what is unbilled of them is on lines of their own";
        return Err(body.invalid("extra_periods", detail));
    }
    Ok(AskedInvoice {
        kind: side.kind,
        party_id,
        currency: body.currency(&["currency_id"])?,
        period: body.required("start_time", period)?,
        edit: InvoiceEdit {
            public_notes: body.text(&["public_notes"])?,
            internal_notes: body.text(&["internal_notes"])?,
            hidden: body.flag(&[&format!("is_hidden_{}", side.word)])?,
            payment_terms_days: body.int(&["payment_terms"])?,
            ..InvoiceEdit::default()
        },
        corrections: corrections.iter().map(|line| (line.amount.clone(), line.notes.clone())).collect(),
        settled: standing == Some(Standing::Settled),
    })
}

pub(super) async fn create(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(word): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let side = side(&word)?;
    let fields = Fields::of_body(&body)?;
    let corrections = corrections(&fields)?;
    let asked = asked(&fields, side, &corrections)?;
    let call = actor.call((state.clock)());
    let compared: Bytes = [word.as_bytes(), b"\n", &body].concat().into();
    once(&state, &actor, "POST /v1/networks/billings/invoices", &headers, &compared, |claimed| async {
        let call = Call { claimed, ..call };
        let made = state.run(move |engine| {
            check_currencies(engine, &call, &asked, &corrections)?;
            let invoice = engine.issue_asked(&call, &asked)?;
            whole(engine, &call, side, &invoice, false)
        });
        Ok(Answer::json(StatusCode::OK, &made.await?))
    })
    .await
}

/// Refuses a body that is about another party or other days than the invoice.
fn same(body: &Fields, side: Side, invoice: &Invoice) -> Result<(), Problem> {
    let other = |name: &str, own: &dyn std::fmt::Display| {
        body.invalid(name, &format!("the invoice's is {own}, and cannot change; delete it and make another"))
    };
    let key = side.party_key();
    let book = invoice.book;
    let differs = |given: Option<Day>, own: Day| given.is_some_and(|given| given != own);
    if body.int(&[&key])?.is_some_and(|given| given != book.party_id) {
        return Err(other(&key, &book.party_id));
    }
    if differs(body.day(&["start_time"])?, invoice.period.start) {
        return Err(other("start_time", &invoice.period.start));
    }
    if differs(body.day(&["end_time"])?, invoice.period.end) {
        return Err(other("end_time", &invoice.period.end));
    }
    if body.currency(&["currency_id"])?.is_some_and(|given| given != book.currency) {
        return Err(other("currency_id", &book.currency));
    }
    if !body.objects("details")?.is_empty() {
        return Err(body.invalid("details", "lines are given when an invoice is made"));
    }
    Ok(())
}

/// Refuses amounts and a status that were sent back as something else than the invoice has: none of them can be set so.
fn unchanged(body: &Fields, side: Side, invoice: &Invoice, shown: &Value) -> Result<(), Problem> {
    let amount = |units| amount(Money::new(units, invoice.book.currency));
    let mut present = vec![(side.invoice_key(), Value::from(invoice.invoice_id.get()))];
    present.push(("billed".to_owned(), amount(invoice.billed_units)));
    // Of one that is settled already, the body may be from before: the same request once more.
    let open = invoice.standing() == Standing::Open;
    if open {
        present.push(("balance".to_owned(), amount(invoice.balance_units())));
        present.push(("paid".to_owned(), amount(invoice.paid_units)));
    }
    if !body.has("status") {
        present.push((format!("{}_invoice_status", side.word), status(invoice.standing()).into()));
    }
    for (name, own) in present {
        let given = body.value(&name);
        if !given.is_null() && !is_same(&given, &own) {
            return Err(body.invalid(&name, &format!("the invoice's is {own}, and is not set here")));
        }
    }
    let lists: &[&str] = if open { &["details", "payments"] } else { &["details"] };
    let relationship = body.object("relationship")?;
    for list in lists {
        let amounts = |rows: Value| match rows {
            Value::Array(rows) => Some(rows.iter().map(|row| row["amount"].clone()).collect::<Vec<_>>()),
            _ => None,
        };
        let (given, own) = (amounts(relationship.value(list)), amounts(shown["relationship"][*list].clone()));
        let same = |(one, other): (&Value, &Value)| is_same(one, other);
        if let (Some(given), Some(own)) = (given, own)
            && (given.len() != own.len() || !given.iter().zip(&own).all(same))
        {
            return Err(relationship.invalid(list, "they are not those of the invoice, and are not set here"));
        }
    }
    Ok(())
}

/// What a whole invoice that was sent makes of the one there is: what is left out has its default.
fn revision(body: &Fields, side: Side, invoice: &Invoice) -> Result<Revision, Problem> {
    let closed = matches!(invoice.status, InvoiceStatus::Paid | InvoiceStatus::Void);
    let terms = body.int(&["payment_terms"])?;
    let kept = invoice.payment_terms_days.unwrap_or(0);
    // The terms of a paid invoice are as they are; sent back unchanged they are no change.
    let terms = if closed { terms.filter(|days| *days != kept) } else { Some(terms.unwrap_or(0)) };
    Ok(Revision {
        edit: InvoiceEdit {
            public_notes: Some(body.text(&["public_notes"])?.unwrap_or_default()),
            internal_notes: Some(body.text(&["internal_notes"])?.unwrap_or_default()),
            hidden: Some(body.flag(&[&format!("is_hidden_{}", side.word)])?.unwrap_or(false)),
            payment_terms_days: terms.filter(|days| Some(*days) != invoice.payment_terms_days),
            ..InvoiceEdit::default()
        },
        standing: wanted(body)?,
    })
}

pub(super) async fn update(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path((word, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let (side, id) = (side(&word)?, invoice_id(&id)?);
    let body = Fields::of_body(&body)?;
    let call = actor.call((state.clock)());
    let (before, shown) = {
        let call = call.clone();
        let read = state.run(move |engine| {
            let before = visible(engine, &actor, &call, id)?;
            let shown = whole(engine, &call, side, &before, false)?;
            Ok((before, shown))
        });
        read.await?
    };
    if before.book.kind != side.kind {
        return Err(absent(format!("there is no invoice {id}")));
    }
    same(&body, side, &before)?;
    unchanged(&body, side, &before, &shown)?;
    let revision = revision(&body, side, &before)?;
    let changed = state.run(move |engine| {
        let revised = engine.revise(&call, side.kind, &[id], &revision)?;
        let invoice = revised.into_iter().next().ok_or_else(|| no_invoice(id))?;
        whole(engine, &call, side, &invoice, false)
    });
    Ok(Answer::json(StatusCode::OK, &changed.await?))
}

/// The invoices that a bulk change names.
fn named(body: &Fields, side: Side) -> Result<Vec<InvoiceId>, Problem> {
    let key = format!("{}s", side.invoice_key());
    let ids = body.ids(&["invoice_ids", &key])?;
    let ids = body.required("invoice_ids", ids)?;
    if ids.len() > TOGETHER_MAX {
        return Err(body.invalid("invoice_ids", &format!("at most {TOGETHER_MAX} are changed at a time")));
    }
    Ok(ids.into_iter().map(InvoiceId::new).collect())
}

pub(super) async fn bulk(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(word): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let side = side(&word)?;
    let body = Fields::of_body(&body)?;
    let ids = named(&body, side)?;
    let status = wanted(&body)?;
    let standing = Some(body.required("status", status)?);
    let call = actor.call((state.clock)());
    let revision = Revision { standing, ..Revision::default() };
    state.run(move |engine| engine.revise(&call, side.kind, &ids, &revision)).await?;
    Ok(Answer::json(StatusCode::OK, &json!({ "result": true })))
}

pub(super) async fn pay(Path(word): Path<String>, body: Bytes) -> Result<Answer, Problem> {
    named(&Fields::of_body(&body)?, side(&word)?)?;
    Err(bad("invoice_ids", NO_BATCHES))
}
