//! Marks on bills. A mark that is made already changes nothing and succeeds: clients repeat a call when they do not find the
//! answer that they look for.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::{InvoiceStatus, PaymentSource};
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_engine::invoices::{InvoiceEdit, ListedInvoice, PaymentRequest};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::once;
use quittance_http::sent::kept;
use quittance_http::{AppState, Problem};

use super::answer::{Form, typed};
use super::bills::{four_decimals, status, succeeded};
use super::named;
use super::tree::Value;
use crate::cake::params::Params;
use crate::cake::quirks;
use crate::cake::sent::Sent;

/// The longest invoice number and notes (v1), in characters.
const NUMBER_CHARS_MAX: usize = 50;
const NOTES_CHARS_MAX: usize = 250;
/// How a text is erased (v1).
const ERASED: &str = "NULL";

/// A request for a mark.
pub(super) struct Asked {
    state: AppState,
    actor: Actor,
    sent: Sent,
    headers: HeaderMap,
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Asked, Problem> {
        Ok(Asked { state: state.clone(), actor: kept(parts)?, sent: kept(parts)?, headers: parts.headers.clone() })
    }
}

/// A mark with what it says of a bill.
struct Mark {
    service: &'static str,
    kind: InvoiceKind,
    bill: InvoiceId,
    edit: InvoiceEdit,
    /// What the affiliate's own paper says: it is not kept, so it has to be what the bill says.
    invoiced: Option<String>,
    /// The payment, of the marks that say that one was made.
    payment: Option<Payment>,
    /// What it says where it is new, and where it was made already.
    messages: [&'static str; 2],
}

/// A payment as a mark says it.
struct Payment {
    request: PaymentRequest,
    /// The answer tells the amounts.
    told: bool,
}

/// What the names of one mark's parameters are.
struct Names {
    /// The day of the paper or of the payment, and how it is changed.
    day: &'static str,
    modification: &'static str,
}

fn refused(message: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-request", message)
}

/// A text of a limited length: absent, erased, or this.
fn text(params: &Params, name: &str, chars_max: usize, message: &str) -> Result<Option<String>, Problem> {
    match params.text(name) {
        Some(text) if text.chars().count() > chars_max => Err(refused(message)),
        Some(ERASED) => Ok(Some(String::new())),
        text => Ok(text.map(str::to_owned)),
    }
}

/// A decimal as it is written: what is none must not count as no amount, which is the whole balance.
fn decimal(text: &str) -> Option<String> {
    let size = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = size.split_once('.').unwrap_or((size, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| text.to_owned())
}

/// An amount that a parameter says. One below zero skips it, and so does nothing (v1).
fn amount(params: &Params, name: &str) -> Result<Option<String>, Problem> {
    let amount = params.parsed(name, "a decimal such as 12.50", decimal)?;
    Ok(amount.filter(|text| !text.starts_with('-') && text.bytes().any(|byte| matches!(byte, b'1'..=b'9'))))
}

fn bill(params: &Params, message: &str) -> Result<InvoiceId, Problem> {
    let id = params.text("bill_id").and_then(|text| text.parse().ok()).filter(|id| *id > 0);
    id.map(InvoiceId::new).ok_or_else(|| refused(message))
}

/// The change of a day: `change`, `remove` or `do_not_change`; a day alone is a change.
fn day_change(params: &Params, names: &Names) -> Result<Option<Option<Day>>, Problem> {
    let known = |word: &str| ["change", "remove", "do_not_change"].into_iter().find(|k| k.eq_ignore_ascii_case(word));
    let how = params.parsed(names.modification, "change, remove or do_not_change", known)?;
    let day = params.day_in_either_order(names.day)?;
    match how {
        Some("remove") => Ok(Some(None)),
        Some("do_not_change") => Ok(None),
        Some(_) if day.is_none() => {
            Params::required(names.day, day)?;
            Ok(None)
        }
        _ => Ok(day.map(Some)),
    }
}

fn edit(params: &Params) -> Result<InvoiceEdit, Problem> {
    Ok(InvoiceEdit {
        document_number: text(params, "invoice_number", NUMBER_CHARS_MAX, "Invalid Invoice Number")?,
        internal_notes: text(params, "notes", NOTES_CHARS_MAX, "Invalid Notes")?,
        ..InvoiceEdit::default()
    })
}

fn payment(params: &Params, day: Option<Day>, amount: Option<String>) -> Result<PaymentRequest, Problem> {
    let rail = match params.int("payment_type_id")? {
        None | Some(0) => None,
        Some(id) => {
            let known = quirks::TYPES.iter().find(|(known, _, _)| *known == id);
            Some(known.ok_or_else(|| refused("Payment Type ID does not exist"))?.1.to_owned())
        }
    };
    let reference = text(params, "verification_code", NOTES_CHARS_MAX, "Invalid Verification Code")?;
    Ok(PaymentRequest { amount, day, rail, reference: reference.unwrap_or_default(), ..PaymentRequest::default() })
}

pub(super) async fn affiliate_received(asked: Asked) -> Result<Response, Problem> {
    let params = &asked.sent.params;
    let names = Names { day: "date_invoice_received", modification: "date_invoice_received_modification_type" };
    let mark = Mark {
        service: "MarkAffiliateBillAsReceived",
        kind: InvoiceKind::Payable,
        bill: bill(params, "Invalid Bill ID")?,
        edit: InvoiceEdit { document_day: day_change(params, &names)?, ..edit(params)? },
        invoiced: amount(params, "invoiced_amount")?,
        payment: None,
        messages: ["Bill Marked As Received", "Bill Successfully Updated"],
    };
    mark.make(&asked).await
}

pub(super) async fn affiliate_paid(asked: Asked) -> Result<Response, Problem> {
    let params = &asked.sent.params;
    let request = payment(params, params.day_in_either_order("payment_date")?, None)?;
    let mark = Mark {
        service: "MarkAffiliateBillAsPaid",
        kind: InvoiceKind::Payable,
        bill: bill(params, "Billing ID does not exist")?,
        edit: edit(params)?,
        invoiced: None,
        payment: Some(Payment { request, told: false }),
        messages: ["Affiliate Payment Added", "Affiliate Payment Updated"],
    };
    mark.make(&asked).await
}

pub(super) async fn advertiser_sent(asked: Asked) -> Result<Response, Problem> {
    let params = &asked.sent.params;
    let names = Names { day: "date_sent_invoice", modification: "date_sent_invoice_modification_type" };
    let mark = Mark {
        service: "MarkAdvertiserBillAsSent",
        kind: InvoiceKind::Receivable,
        bill: bill(params, "Invalid Bill ID")?,
        edit: InvoiceEdit { document_day: day_change(params, &names)?, ..edit(params)? },
        invoiced: None,
        payment: None,
        messages: ["Bill Marked As Invoice Sent", "Bill Successfully Updated"],
    };
    mark.make(&asked).await
}

pub(super) async fn advertiser_received(asked: Asked) -> Result<Response, Problem> {
    let params = &asked.sent.params;
    let names = Names { day: "date_payment_received", modification: "date_payment_received_modification_type" };
    let day = match day_change(params, &names)? {
        // What was paid stays paid: a payment is taken back by its own action, with a reason.
        Some(None) => return Err(refused("date_payment_received: a payment that was recorded is not removed here")),
        day => day.flatten(),
    };
    // Without one the whole balance was paid.
    let amount = amount(params, "payment_amount")?;
    let mark = Mark {
        service: "MarkAdvertiserBillAsReceived",
        kind: InvoiceKind::Receivable,
        bill: bill(params, "Invalid Bill ID")?,
        edit: edit(params)?,
        invoiced: None,
        payment: Some(Payment { request: payment(params, day, amount)?, told: true }),
        messages: ["Bill Marked As Received", "Bill Successfully Updated"],
    };
    mark.make(&asked).await
}

impl Mark {
    async fn make(self, asked: &Asked) -> Result<Response, Problem> {
        let Asked { state, actor, sent, headers } = asked;
        let service = named(self.service);
        let form = service.form(sent);
        let call = actor.call((state.clock)());
        let compared = sent.params.compared();
        let answer = once(state, actor, self.service, headers, &compared, |claimed| async {
            let made = state.run(move |engine| self.apply(engine, &Call { claimed, ..call }, form));
            service.answer(form, &made.await?)
        });
        Ok(typed(form, answer.await?.body))
    }

    fn unknown(&self) -> Error {
        let paid = self.service == "MarkAffiliateBillAsPaid";
        Error::NotFound(if paid { "Billing ID does not exist" } else { "Invalid Bill ID" }.to_owned())
    }

    /// The bill, where there is one of this kind.
    fn find(&self, engine: &Engine, call: &Call) -> quittance_engine::Result<ListedInvoice> {
        let bill = engine.listed_invoice(call, self.bill).map_err(|error| match error {
            Error::NotFound(_) => self.unknown(),
            error => error,
        })?;
        let invoice = &bill.invoice;
        if invoice.book.kind != self.kind || invoice.status == InvoiceStatus::Void {
            return Err(self.unknown());
        }
        Ok(bill)
    }

    fn apply(&self, engine: &Engine, call: &Call, form: Form) -> quittance_engine::Result<Value> {
        let before = self.find(engine, call)?;
        self.check_invoiced(&before)?;
        let new = match &self.payment {
            Some(payment) => self.pay(engine, call, &before, &payment.request)?,
            None if before.invoice.status == InvoiceStatus::Pending => {
                engine.approve(call, self.bill, None)?;
                true
            }
            None => false,
        };
        if self.edit != InvoiceEdit::default() {
            engine.edit(&Call { claimed: None, ..call.clone() }, self.bill, None, &self.edit)?;
        }
        let after = self.find(engine, call)?;
        Ok(match form {
            Form::New => succeeded(Value::Object(vec![
                ("bill_id", Value::Int(self.bill.get())),
                ("bill_status", Value::text(status(self.kind, after.invoice.status))),
                ("updated", Value::Bool(true)),
            ])),
            Form::Xml | Form::UnderD => self.told(new, &after),
        })
    }

    /// Refuses a paper that says another amount than the bill: nothing here would tell of the difference.
    fn check_invoiced(&self, bill: &ListedInvoice) -> quittance_engine::Result<()> {
        let Some(text) = &self.invoiced else { return Ok(()) };
        let billed = Money::new(bill.invoice.billed_units, bill.invoice.book.currency);
        let wrong = |why: String| Err(Error::invalid("invoiced_amount", format!("invoiced_amount: {why}")));
        match Money::parse(text, billed.currency()) {
            Ok(invoiced) if invoiced == billed => Ok(()),
            Ok(_) => wrong(format!("{text} is not the amount of the bill, {}", billed.to_decimal())),
            Err(error) => wrong(error.to_string()),
        }
    }

    /// Pays a bill, unless that was done; answers whether it is new.
    fn pay(
        &self,
        engine: &Engine,
        call: &Call,
        bill: &ListedInvoice,
        request: &PaymentRequest,
    ) -> quittance_engine::Result<bool> {
        if bill.payment_type.as_deref() == Some("tipalti") {
            return Err(Error::Conflict("Bills processed by Tipalti may not be updated".to_owned()));
        }
        if bill.invoice.status == InvoiceStatus::Paid || self.is_known(engine, call, bill, request)? {
            return Ok(false);
        }
        engine.pay(call, self.bill, None, request)?;
        Ok(true)
    }

    /// Whether a payment of this amount, day and reference is recorded: the same mark once more.
    fn is_known(
        &self,
        engine: &Engine,
        call: &Call,
        bill: &ListedInvoice,
        request: &PaymentRequest,
    ) -> quittance_engine::Result<bool> {
        let Some(amount) = &request.amount else { return Ok(false) };
        let currency = bill.invoice.book.currency;
        let wanted = Money::parse(amount, currency)
            .map_err(|error| Error::invalid("payment_amount", format!("payment_amount: {error}")))?;
        let day = request.day.map_or_else(|| Ok(engine.zone_of(call)?.day_of(call.now)), Ok::<_, Error>)?;
        let payments = engine.invoice_payments(call, self.bill)?;
        Ok(payments.iter().any(|payment| {
            payment.source == PaymentSource::Money
                && payment.units == wanted.units()
                && payment.paid_day == day
                && payment.reference == request.reference
        }))
    }

    fn told(&self, new: bool, after: &ListedInvoice) -> Value {
        let message = self.messages[usize::from(!new)];
        let mut members = vec![("success", Value::Bool(true)), ("message", Value::text(message))];
        if self.payment.as_ref().is_some_and(|payment| payment.told) {
            let amount = |units| {
                let money = Money::new(units, after.invoice.book.currency);
                Value::Decimal(four_decimals(&money.to_decimal()))
            };
            members.push(("payment_amount", amount(after.invoice.paid_units)));
            members.push(("bill_amount", amount(after.invoice.billed_units)));
        }
        Value::Object(members)
    }
}
