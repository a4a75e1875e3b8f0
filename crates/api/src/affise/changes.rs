//! Payments changed: updated, corrected, deleted, with conversions taken off.

use axum::extract::Path;
use quittance_domain::ids::{InvoiceId, OfferId};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_engine::invoices::{DestinationEdit, Invoice, InvoiceEdit, Step, TakeOffRequest, WholeRevision};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::known::{Known, any, full};

use super::error::{of_state, renamed};
use super::params::{not, required};
use super::payments::{id, payment};
use super::scope::Scope;
use super::sent::Asked;
use super::wire::Named;
use super::{quirks, to_wire};

/// The names of what an invoice has, and of the parameters that set it.
const NAMES: &[(&str, &str)] = &[
    ("amount", "revenue"),
    ("comment", "comment"),
    ("account", "payment_account"),
    ("public_notes", "comment"),
    ("internal_notes", "note"),
];

/// What an update takes.
pub(super) const UPDATE: &[Known] = &[any("payment_account"), any("status"), any("comment"), any("note")];
/// What a correction takes.
pub(super) const CORRECTION: &[Known] = &[full("revenue"), any("comment")];
/// What a deletion of several takes.
pub(super) const IDS: &[Known] = &[full("ids")];
/// What takes conversions off.
pub(super) const TAKE_OFF: &[Known] = &[full("conversion_ids"), full("offer_ids")];

/// What an update asks for.
struct Update {
    account: Option<String>,
    status: Option<i64>,
    notes: InvoiceEdit,
}

pub(super) async fn update(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let number = id(&text)?;
    let params = &asked.params;
    let given = |name: &str| Ok::<_, Problem>(params.given(name)?.map(str::to_owned));
    let update = Update {
        account: given("payment_account")?,
        status: params.int("status")?,
        notes: InvoiceEdit {
            public_notes: given("comment")?,
            internal_notes: given("note")?,
            ..InvoiceEdit::default()
        },
    };
    if let Some(code) = update.status.filter(|code| quirks::status_of(*code).is_none()) {
        return Err(not("status", &code.to_string(), "one of -1, 1, 2, 3, 4"));
    }
    if update.account.is_none() && update.status.is_none() && update.notes == InvoiceEdit::default() {
        let detail = "payment_account, status, comment, note: give at least one of them";
        return Err(Problem::bad_request("", detail));
    }
    let done = move |engine: &Engine, call: &Call| {
        let invoice = payment(engine, call, scope, number)?;
        engine
            .revise_whole(call, invoice.invoice_id, &|invoice| update.of(invoice))
            .map_err(|error| again(engine, call, &invoice, error))?;
        to_wire::answer("result", true)
    };
    asked.write("POST /3.1/payments/{id}", &text, done).await
}

/// A failure in the words of clients, by where the invoice stands now: it may have moved since it was read.
fn again(engine: &Engine, call: &Call, invoice: &Invoice, error: Error) -> Error {
    let present = engine.invoice(call, invoice.invoice_id);
    of_state(renamed(error, NAMES), present.as_ref().unwrap_or(invoice))
}

/// Refuses what is paid.
fn open(invoice: &Invoice) -> quittance_engine::Result<()> {
    if invoice.status == InvoiceStatus::Paid {
        return Err(of_state(Error::Conflict(String::new()), invoice));
    }
    Ok(())
}

impl Update {
    /// What becomes of an invoice as it stands now.
    fn of(&self, invoice: &Invoice) -> quittance_engine::Result<WholeRevision> {
        open(invoice)?;
        self.check(invoice)?;
        let step = match (self.status, invoice.status) {
            (Some(quirks::WAITING), InvoiceStatus::Pending) => Some(Step::Approve),
            (Some(quirks::PENDING), InvoiceStatus::Approved) => Some(Step::Unapprove),
            (Some(quirks::COMPLETED), _) => Some(Step::Pay),
            (Some(quirks::DECLINED), InvoiceStatus::Void) => None,
            (Some(quirks::DECLINED), _) => Some(Step::Void(VoidReason::Declined)),
            _ => None,
        };
        let destination = DestinationEdit { account: self.account.clone(), in_part: self.mark(invoice) };
        Ok(WholeRevision { destination, edit: self.notes.clone(), step })
    }

    /// Refuses a status that cannot be reached.
    fn check(&self, invoice: &Invoice) -> quittance_engine::Result<()> {
        let refused = |word: &str| Err(Error::Conflict(format!("Payment has status {word}")));
        match (self.status, invoice.status) {
            (Some(quirks::DECLINED) | None, InvoiceStatus::Void) => Ok(()),
            (Some(_), InvoiceStatus::Void) => refused("declined"),
            (Some(quirks::WAITING | quirks::PENDING), InvoiceStatus::PartlyPaid) => refused("paid partly"),
            _ => Ok(()),
        }
    }

    /// The mark that the status sets or takes away.
    fn mark(&self, invoice: &Invoice) -> Option<bool> {
        match (self.status?, invoice.status) {
            (quirks::PAID_PARTLY, InvoiceStatus::Pending | InvoiceStatus::Approved) => Some(true),
            (quirks::WAITING | quirks::PENDING, InvoiceStatus::Pending | InvoiceStatus::Approved) => Some(false),
            _ => None,
        }
    }
}

pub(super) async fn correct(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let number = id(&text)?;
    let revenue = required("revenue", asked.params.text("revenue")?)?.to_owned();
    let comment = required("comment", asked.params.text("comment")?)?.to_owned();
    let done = move |engine: &Engine, call: &Call| {
        let invoice = payment(engine, call, scope, number)?;
        open(&invoice)?;
        engine
            .correct(call, invoice.invoice_id, None, &revenue, &comment)
            .map_err(|error| again(engine, call, &invoice, error))?;
        to_wire::answer("result", true)
    };
    asked.write("POST /3.1/payments/{id}/add-correction", &text, done).await
}

pub(super) async fn remove_correction(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let (number, line) = quirks::correction_of(id(&text)?);
    let done = move |engine: &Engine, call: &Call| {
        let invoice = payment(engine, call, scope, number)?;
        open(&invoice)?;
        engine
            .remove_correction(call, invoice.invoice_id, None, line)
            .map_err(|error| again(engine, call, &invoice, error))?;
        to_wire::answer("result", true)
    };
    asked.write("DELETE /3.1/payments/del-correction/{id}", &text, done).await
}

fn delete(engine: &Engine, call: &Call, scope: Scope, number: i64) -> quittance_engine::Result<()> {
    let invoice = payment(engine, call, scope, number)?;
    open(&invoice)?;
    let id = invoice.invoice_id;
    let deleted = match invoice.status {
        InvoiceStatus::Void => engine.delete_void(call, id),
        _ => engine.void(call, id, None, VoidReason::Deleted, ""),
    };
    deleted.map(|_| ()).map_err(|error| again(engine, call, &invoice, error))
}

pub(super) async fn remove(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let number = id(&text)?;
    let done = move |engine: &Engine, call: &Call| {
        delete(engine, call, scope, number)?;
        to_wire::answer("result", true)
    };
    asked.write("DELETE /3.1/payments/delete/{id}", &text, done).await
}

/// Deletes one after another. Where none can be deleted, the first one's reason is the answer.
fn delete_each(engine: &Engine, call: &Call, scope: Scope, ids: &[i64]) -> quittance_engine::Result<Answer> {
    let (mut done, mut first) = (Vec::with_capacity(ids.len()), None);
    for id in ids {
        let deleted = match delete(engine, call, scope, *id) {
            Ok(()) => true,
            Err(error)
                if matches!(
                    error.kind(),
                    quittance_engine::ErrorKind::NotFound | quittance_engine::ErrorKind::Conflict
                ) =>
            {
                first.get_or_insert(error);
                false
            }
            Err(error) => return Err(error),
        };
        done.push((id.to_string(), deleted));
    }
    match first {
        Some(error) if done.iter().all(|(_, deleted)| !deleted) => Err(error),
        _ => to_wire::answer("result", Named(done)),
    }
}

pub(super) async fn remove_several(asked: Asked) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let ids = required("ids", asked.params.ids("ids")?)?;
    asked
        .write("POST /3.1/payments/bulk-delete", "", move |engine, call| delete_each(engine, call, scope, &once(ids)))
        .await
}

/// Clients of the public collection delete several through this address; the ids in the body go before its own.
pub(super) async fn remove_several_by_alias(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let ids = match asked.params.ids("ids")? {
        Some(ids) => ids,
        None => vec![id(&text)?],
    };
    let route = "POST /3.1/payments/delete/{id}";
    asked.write(route, &text, move |engine, call| delete_each(engine, call, scope, &once(ids))).await
}

/// Each id once, in the order in which they came.
fn once(ids: Vec<i64>) -> Vec<i64> {
    let mut seen = std::collections::HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

pub(super) async fn take_off(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let number = id(&text)?;
    let params = &asked.params;
    let conversions: Vec<String> = params.texts("conversion_ids")?.into_iter().map(str::to_owned).collect();
    let offers: Vec<OfferId> = params.ints("offer_ids")?.into_iter().map(OfferId::new).collect();
    if conversions.is_empty() && offers.is_empty() {
        return Err(Problem::bad_request("conversion_ids", "conversion_ids, offer_ids: give one of them"));
    }
    let done = move |engine: &Engine, call: &Call| {
        let invoice = payment(engine, call, scope, number)?;
        open(&invoice)?;
        let id: InvoiceId = invoice.invoice_id;
        let mut requests = Vec::new();
        if !conversions.is_empty() {
            requests.push(TakeOffRequest::Conversions(conversions));
        }
        if !offers.is_empty() {
            requests.push(TakeOffRequest::Offers(offers));
        }
        engine.take_off_all(call, id, &requests).map_err(|error| again(engine, call, &invoice, error))?;
        to_wire::answer("message", quirks::TAKEN_OFF)
    };
    asked.write("POST /3.1/payments/{id}/conversions/delete", &text, done).await
}
